"""The native connection on real sockets: uploads, early answers and back-pressure."""

from collections.abc import AsyncIterator

import httpx
import pytest

from cloudplatform_async._connections.transport import PooledTransport
from tests.connections.servers import OK, Peer, Server, fetch, get, request_for, send

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ["asyncio"])]


class Hasty(Peer):
    """Answers before the request has ended, and takes no more of it."""

    def data_received(self, data: bytes) -> None:
        if not self.requests:
            self.requests = 1
            self.transport.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
            self.transport.pause_reading()


async def test_an_answer_before_the_end_of_an_upload_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A 413 to a body that is too large is the answer; its connection carries no other request."""
    monkeypatch.setattr("tests.connections.servers.Peer", Hasty)
    transport = PooledTransport()
    with Server(send(OK)) as server:
        request = request_for(server.url, method="POST", content=b"x" * 50_000_000)
        response = await transport.handle_async_request(request)
        assert response.status_code == 413
        assert await response.aread() == b""
        assert transport.connections == 0
        await transport.aclose()


async def test_a_streamed_body_arrives_whole() -> None:
    """In chunks, where its length is not known."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"piece"

    transport = PooledTransport()
    with Server(send(OK)) as server:
        request = httpx.Request("POST", server.url, content=pieces())
        assert await fetch(transport, request) == b'{"data": 1}'
        await transport.aclose()
    assert b"5\r\npiece\r\n" in server.received


async def test_a_reader_that_takes_its_time_makes_the_server_wait() -> None:
    """At most some hundred kilobytes are held, whatever the server would send."""
    size = 30_000_000
    transport = PooledTransport()
    with Server(send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))) as server:
        response = await transport.handle_async_request(request_for(server.url))
        assert isinstance(response.stream, httpx.AsyncByteStream)
        largest = total = 0
        async for chunk in response.stream:
            largest, total = max(largest, len(chunk)), total + len(chunk)
        await response.aclose()
        assert await get(transport, server.url) == bytes(size)
        assert server.accepted == 1
        await transport.aclose()
    assert (total, largest < 2_000_000) == (size, True)
