"""Servers on real sockets that behave well, badly or not at all, in a thread of their own."""

import asyncio
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from types import TracebackType
from typing import Any, Self

import anyio
import anyio.to_thread
import httpx
import pytest
import trustme

from cloudplatform_async._connections.messages import Origin, Request
from cloudplatform_async._connections.transport import PooledTransport
from cloudplatform_async.settings import Timeouts
from tests.tiers import slow

Transport = PooledTransport
Behaviour = Callable[["Peer", bytes], None]

CLOSED = getattr(select, "POLLRDHUP", select.POLLHUP)
OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"data": 1}'
HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf of it"


class HttpxTransport(PooledTransport):
    """The pool as it is where httptools is not installed: all of its connections are httpx's."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._has_parser = False


everywhere = pytest.mark.parametrize(
    ("anyio_backend", "transport_class"),
    [("asyncio", PooledTransport), ("asyncio", HttpxTransport), ("trio", PooledTransport)],
    ids=["native", "httpx-asyncio", "httpx-trio"],
)
"""Runs a test on each kind of connection and each event loop that it supports."""
natively_when_quick = pytest.mark.parametrize(
    ("anyio_backend", "transport_class"),
    [("asyncio", PooledTransport), *slow(("asyncio", HttpxTransport), ("trio", PooledTransport))],
    ids=["native", "httpx-asyncio", "httpx-trio"],
)
"""The same for a test that takes long: httpx's connections in the whole suite alone."""


class Peer(asyncio.Protocol):
    """The server's end of one connection; each whole request goes to the server's behaviour."""

    def __init__(self, server: "Server") -> None:
        self.server = server
        self.requests = 0
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.server.peers.add(self)
        self.server.accepted += 1
        self.server.peak = max(self.server.peak, sum(peer.is_open() for peer in self.server.peers))
        self.server.notify()

    def connection_lost(self, exc: Exception | None) -> None:
        # asyncio calls this first and closes the socket then: the client has not heard of it yet.
        self.server.loop.call_soon(self.is_gone)

    def is_gone(self) -> None:
        self.server.peers.discard(self)
        self.server.notify()

    def data_received(self, data: bytes) -> None:
        self.server.received += data
        self.buffer += data
        while (end := self.request_end()) is not None:
            request, self.buffer = self.buffer[:end], self.buffer[end:]
            self.requests += 1
            self.server.requests += 1
            self.server.notify()
            self.server.behaviour(self, request)

    def request_end(self) -> int | None:
        head, blank, _ = self.buffer.partition(b"\r\n\r\n")
        if not blank:
            return None
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        end = len(head) + 4 + int(length or 0)
        return end if len(self.buffer) >= end else None

    def is_open(self) -> bool:
        """Whether the client's end is open: its close may have come without the loop having seen it."""
        sock = self.transport.get_extra_info("socket")
        if sock is None or sock.fileno() < 0:  # it is about to say so
            return False
        poll = select.poll()
        poll.register(sock, CLOSED)
        return not poll.poll(0)

    def reset(self) -> None:
        """End the connection with RST instead of FIN."""
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


class Server:
    """A server on a loopback port, with the counters that tests look at.

    Attributes:
        accepted: Connections so far.
        peak: Most connections at one time.
        requests: Whole requests so far.
        received: Every byte so far.
    """

    def __init__(self, behaviour: Behaviour, *, tls: ssl.SSLContext | None = None) -> None:
        self.behaviour = behaviour
        self.tls = tls
        self.peers: set[Peer] = set()
        self.greetings: dict[asyncio.Task[None], socket.socket] = {}
        self.accepted = self.peak = self.requests = 0
        self.received = bytearray()
        self.changed = threading.Condition()

    def __enter__(self) -> Self:
        ready = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)))
        self.thread.start()
        ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        self.loop.call_soon_threadsafe(self.stop.set)
        self.thread.join()

    async def _serve(self, ready: threading.Event) -> None:
        self.loop = asyncio.get_running_loop()
        self.stop = asyncio.Event()
        with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener:
            listener.setblocking(False)
            self.port = listener.getsockname()[1]
            self.url = f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"
            self.loop.add_reader(listener, self._accept, listener)
            ready.set()
            await self.stop.wait()
            self.loop.remove_reader(listener)
        await self._end_greetings()
        while self.peers:
            for peer in list(self.peers):
                peer.transport.abort()
            await asyncio.sleep(0)

    def _accept(self, listener: socket.socket) -> None:
        # Not `loop.sock_accept`: cancelled in the wrong turn, it loses the socket that it has accepted.
        with suppress(BlockingIOError, ConnectionAbortedError):
            sock, _ = listener.accept()
            task = self.loop.create_task(self._greet(sock))
            self.greetings[task] = sock
            task.add_done_callback(self.greetings.pop)

    async def _greet(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        with suppress(OSError):  # a TLS handshake that the client refuses
            await self.loop.connect_accepted_socket(lambda: Peer(self), sock, ssl=self.tls)

    async def _end_greetings(self) -> None:
        # Not by cancelling: a task that is cancelled before it begins leaves its socket open.
        for sock in self.greetings.values():
            with suppress(OSError):  # the client has left
                sock.shutdown(socket.SHUT_RDWR)
        await asyncio.gather(*self.greetings)

    async def has_requests(self, count: int) -> None:
        """Wait until so many whole requests have come."""
        await anyio.to_thread.run_sync(self.wait_for_requests, count)

    def wait_for_requests(self, count: int) -> None:
        """Wait for so many whole requests without giving way to anything else in this thread."""
        self._wait_for(lambda: self.requests >= count)

    async def has_peers(self, count: int) -> None:
        """Wait until the server has so many connections."""
        await anyio.to_thread.run_sync(self._wait_for, lambda: len(self.peers) == count)

    async def run(self, function: Callable[..., object], *arguments: object) -> None:
        """Run a function in the server's thread, and wait for that."""
        done = threading.Event()
        self.loop.call_soon_threadsafe(function, *arguments)
        self.loop.call_soon_threadsafe(done.set)
        await anyio.to_thread.run_sync(done.wait)

    def _wait_for(self, condition: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, timeout=20)

    def notify(self) -> None:
        """Wake those who wait for a counter."""
        with self.changed:
            self.changed.notify_all()


def answer(peer: Peer, request: bytes) -> None:
    """Answer, and keep the connection."""
    peer.transport.write(OK)


def hang(peer: Peer, request: bytes) -> None:
    """Never answer."""


def close_on_second(peer: Peer, request: bytes) -> None:
    """Answer a connection's first request, close it at the second."""
    if peer.requests == 1:
        answer(peer, request)
    else:
        peer.transport.close()


def reset_on_second(peer: Peer, request: bytes) -> None:
    """Answer a connection's first request, reset it at the second."""
    if peer.requests == 1:
        answer(peer, request)
    else:
        peer.reset()


def reset(peer: Peer, request: bytes) -> None:
    """Reset the connection once the request is there."""
    peer.reset()


def send(data: bytes, *, close: bool = False) -> Behaviour:
    """Send these bytes as the answer, and maybe close."""

    def behave(peer: Peer, request: bytes) -> None:
        peer.transport.write(data)
        if close:
            peer.transport.close()

    return behave


@cache
def authority() -> trustme.CA:
    """The certificate authority of these tests."""
    return trustme.CA()


def trusting() -> ssl.SSLContext:
    """A client's context that trusts the authority of these tests."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # to load the usual authorities takes 20 ms
    authority().configure_trust(context)
    return context


@cache
def certificate(host: str, *, expired: bool) -> trustme.LeafCert:
    """A certificate for a host."""
    now = datetime.now(UTC)
    not_after = now - timedelta(days=1) if expired else now + timedelta(days=1)
    return authority().issue_cert(host, not_before=now - timedelta(days=9), not_after=not_after)


def identified(host: str = "127.0.0.1", *, expired: bool = False) -> ssl.SSLContext:
    """A server's context with a certificate for a host."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate(host, expired=expired).configure_cert(context)
    return context


def request_for(
    url: str, *, method: str = "GET", content: bytes | None = None, **extensions: object
) -> httpx.Request:
    """A request that carries a secret, with generous timeouts."""
    timeout = {"connect": 5.0, "read": 30.0, "write": 30.0, "pool": 30.0}
    headers = {"Authorization": "Bearer secret-token"}
    return httpx.Request(
        method, url, headers=headers, content=content, extensions={"timeout": timeout, **extensions}
    )


async def fetch(transport: Transport, request: httpx.Request) -> bytes:
    """Send a request and read the raw body to its end."""
    response = await transport.handle_async_request(request)
    try:
        assert isinstance(response.stream, httpx.AsyncByteStream)
        return b"".join([chunk async for chunk in response.stream])
    finally:
        await response.aclose()


async def get(transport: Transport, url: str, *, fresh: bool = False, **extensions: object) -> bytes:
    """Get a URL's raw body, over a connection of its own if it is to be fresh."""
    if fresh:
        return await get_fresh(transport, url)
    request = request_for(url)
    request.extensions.update(extensions)
    return await fetch(transport, request)


async def get_fresh(transport: Transport, url: str) -> bytes:
    """Get a URL's raw body over a connection that carried nothing before."""
    address = httpx.URL(url)
    lease = await transport.pool.acquire(30.0, fresh=True)
    try:
        request = Request(
            method=b"GET",
            origin=Origin.of(address),
            target=address.raw_path,
            headers=[(b"host", address.netloc)],
            timeouts=Timeouts(),
        )
        return (await lease.exchange(request, 2**20)).body
    finally:
        await lease.release()
