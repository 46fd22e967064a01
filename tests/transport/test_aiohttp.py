"""What is particular to the aiohttp transport: where it runs, and what it keeps to itself."""

import asyncio
import gc
import ssl
import sys
import threading
from collections.abc import AsyncIterator

import aiohttp
import httpx
import pytest
import trio

from cloudplatform_async._connections.aiohttp import AiohttpTransport
from cloudplatform_async._connections.aiohttp_errors import connect_failure, read_failure, send_failure
from cloudplatform_async.errors import ConfigurationError
from tests.transport.servers import (
    Server,
    answer,
    close_on_second,
    fetch,
    get,
    hang,
    identified,
    request_for,
    send,
    trusting,
)

BARE = [b"authorization", b"host"]


def test_trio_is_refused_with_the_name_of_the_other_transport() -> None:
    """The first request says so, and holds no permit afterwards."""
    transport = AiohttpTransport()

    async def first_request() -> None:
        with pytest.raises(RuntimeError, match="PooledTransport"):
            await get(transport, "http://127.0.0.1:1")

    trio.run(first_request)
    assert (transport.connections, transport.waiting) == (0, 0)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message is the command that helps."""
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    monkeypatch.delitem(sys.modules, "cloudplatform_async._connections.aiohttp_slot", raising=False)
    with pytest.raises(ConfigurationError, match=r'pip install "cloudplatform_async\[aiohttp\]"'):
        AiohttpTransport()


@pytest.mark.asyncio
async def test_no_header_is_added() -> None:
    """The wire shows the caller's headers alone."""
    transport = AiohttpTransport()
    with Server(answer) as server:
        await get(transport, server.url)
        await transport.aclose()
    head = bytes(server.received).partition(b"\r\n\r\n")[0]
    assert sorted(line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:]) == BARE


@pytest.mark.asyncio
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_no_type_is_added_to_a_request_without_a_body(method: str) -> None:
    """API contract §1: `Content-Type` only where there is a body."""
    transport = AiohttpTransport()
    with Server(answer) as server:
        response = await transport.handle_async_request(httpx.Request(method, server.url))
        await response.aread()
        await transport.aclose()
    assert b"content-type" not in bytes(server.received).lower()


@pytest.mark.asyncio
async def test_no_cookie_is_kept_and_no_redirect_is_followed() -> None:
    """Both are the caller's to see."""
    moved = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"
    transport = AiohttpTransport()
    with Server(send(moved)) as server:
        for _ in range(2):
            response = await transport.handle_async_request(request_for(server.url))
            assert response.status_code == 302
            assert isinstance(response.stream, httpx.AsyncByteStream)
            assert [chunk async for chunk in response.stream] == []
        await transport.aclose()
    assert server.requests == 2
    assert b"cookie" not in bytes(server.received).lower()


@pytest.mark.asyncio
async def test_aiohttp_sends_nothing_twice_by_itself() -> None:
    """Its own retry on a kept connection would be an attempt that nobody counts."""
    transport = AiohttpTransport()
    with Server(close_on_second) as server:
        await get(transport, server.url)
        with pytest.raises(httpx.ReadError):
            await fetch(transport, request_for(server.url, method="PUT", content=b"{}"))
        await transport.aclose()
    assert (server.requests, server.accepted) == (2, 1)


@pytest.mark.asyncio
async def test_a_streamed_body_arrives_whole() -> None:
    """A body of unknown length is sent in chunks (RFC 9112 §7.1)."""

    async def parts() -> AsyncIterator[bytes]:
        yield b"one,"
        yield b"two"

    transport = AiohttpTransport()
    with Server(answer) as server:
        request = httpx.Request("POST", server.url, content=parts())
        await fetch(transport, request)
        await transport.aclose()
    assert b"transfer-encoding: chunked" in bytes(server.received).lower()
    assert b"one," in server.received
    assert b"two" in server.received


@pytest.mark.asyncio
@pytest.mark.parametrize("value", [b"\xff\xfe", b"two\r\nlines: 1"])
async def test_a_header_that_cannot_be_sent_is_a_local_error(value: bytes) -> None:
    """It names no value, and nothing is sent."""
    transport = AiohttpTransport()
    with Server(answer) as server:
        request = httpx.Request("GET", server.url, headers=[(b"X-Odd", value)])
        with pytest.raises(httpx.LocalProtocolError) as caught:
            await fetch(transport, request)
        await transport.aclose()
    assert caught.value.__cause__ is None
    assert server.requests == 0


@pytest.mark.asyncio
async def test_no_error_carries_aiohttps_frames() -> None:
    """Their locals hold the token: neither an error nor its causes lead there."""
    transport = AiohttpTransport()
    with Server(hang) as server:
        with pytest.raises(httpx.ReadTimeout) as caught:
            await get(transport, server.url, timeout={"read": 0.01})
        await transport.aclose()
    frames = caught.value.__traceback__
    while frames is not None:
        assert "site-packages/aiohttp" not in frames.tb_frame.f_code.co_filename
        frames = frames.tb_next
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_request_cancelled_as_its_tls_handshake_ends_leaves_no_socket() -> None:
    """Not even while the server keeps it waiting for its farewell."""
    released, request = threading.Event(), list[asyncio.Task[bytes]]()

    class Cancelling(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            server.loop.call_soon_threadsafe(released.wait)
            request[0].cancel()

    async def cancel(url: str) -> None:
        context = trusting()
        context.sslobject_class = Cancelling
        transport = AiohttpTransport(verify=context)
        request.append(asyncio.create_task(get(transport, url)))
        with pytest.raises(asyncio.CancelledError):
            await request[0]
        await transport.aclose()

    with Server(hang, tls=identified()) as server:
        try:
            asyncio.run(cancel(server.url))
            gc.collect()
        finally:
            released.set()


def all_errors() -> list[type[Exception]]:
    """Every error class that aiohttp exports."""
    found = [getattr(aiohttp, name) for name in dir(aiohttp)]
    return [each for each in found if isinstance(each, type) and issubclass(each, aiohttp.ClientError)]


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.__name__)
def test_each_aiohttp_error_has_an_httpx_error_for_each_phase(kind: type[Exception]) -> None:
    """Before the connection is open nothing was sent; once it is, no error says that nothing was sent."""
    error = kind.__new__(kind)
    error.status, error.message = 502, "gone"  # type: ignore[attr-defined]  # what some of them carry
    unsent = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError)
    assert isinstance(connect_failure(error), unsent)
    for failure in (read_failure(error), send_failure(error)):
        assert isinstance(failure, httpx.TransportError)
        assert not isinstance(failure, unsent)
