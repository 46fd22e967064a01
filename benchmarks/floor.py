"""The least that a get can cost in Python on asyncio: a protocol, httptools, and 100 connections."""

import asyncio
import json
from typing import Any, Self, cast
from urllib.parse import urlsplit

import httptools


class _Wire(asyncio.Protocol):
    """One connection, for one request at a time."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        if not self._answer.done():
            self._answer.set_result(self._body)

    async def fetch(self, request: bytes) -> bytes:
        self._parser = httptools.HttpResponseParser(self)
        self._body = b""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return cast("bytes", await self._answer)

    def close(self) -> None:
        self._transport.close()


class FloorClient:
    """Asks for one URL again and again."""

    def __init__(self, url: str, *, connections: int = 100) -> None:
        parts = urlsplit(url)
        self._address = (str(parts.hostname), parts.port or 80)
        self._request = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
        self._permits = asyncio.Semaphore(connections)
        self._idle: list[_Wire] = []

    async def get(self) -> Any:  # Any: it is JSON
        async with self._permits:
            wire = self._idle.pop() if self._idle else await self._open()
            body = await wire.fetch(self._request)
            self._idle.append(wire)
        return json.loads(body)

    async def _open(self) -> _Wire:
        _, wire = await asyncio.get_running_loop().create_connection(_Wire, *self._address)
        return wire

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for wire in self._idle:
            wire.close()
