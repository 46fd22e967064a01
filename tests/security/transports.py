"""Transports that play a server which means no good."""

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import httpx
from attrs import define, field

from cloudplatform_async import AsyncClient, RetryPolicy

BASE_URL = "https://api.cloudplatform.dev/v1"


@define
class Answer:
    """What the server sends: raw headers, and the body's bytes as they come off the wire."""

    status: int = 200
    headers: list[tuple[bytes, bytes]] = field(factory=list)
    chunks: Iterable[bytes] = ()


class Chunks(httpx.AsyncByteStream):
    """A body in pieces, made as they are read."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk


class Hostile(httpx.AsyncBaseTransport):
    """Answers whatever it is told to, and keeps what it was sent."""

    def __init__(self, answer: Answer | Callable[[httpx.Request], Answer]) -> None:
        self.requests: list[httpx.Request] = []
        self._answer = answer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answer if isinstance(self._answer, Answer) else self._answer(request)
        return httpx.Response(answer.status, headers=answer.headers, stream=Chunks(answer.chunks))


def client_of(transport: httpx.AsyncBaseTransport, **options: Any) -> AsyncClient:
    """A client that gives up at the first failure."""
    options = {
        "api_key": "cp_test_key",
        "base_url": BASE_URL,
        "retries": RetryPolicy(max_retries=0),
    } | options
    return AsyncClient(transport=transport, **options)
