"""The server of every measure: a raw asyncio protocol in its own process, which counts its sockets."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import cast

import machine
from payloads import body_of

_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ndate: Mon, 23 Nov 2026 12:00:00 GMT\r\n"
    b"x-request-id: 3f1c8d52-64a1-4b9e-9f0e-0c8d2f6f2a11\r\ncontent-length: %d\r\n\r\n"
)


class Sockets:
    """Counts the sockets that are open now, and the most at one time."""

    def __init__(self) -> None:
        self.open = 0
        self.most = 0

    def opened(self) -> None:
        self.open += 1
        self.most = max(self.most, self.open)

    def closed(self) -> None:
        self.open -= 1


class Answering(asyncio.Protocol):
    """One kept-alive connection; requests have no bodies, and each is answered after ``latency`` seconds."""

    def __init__(self, sockets: Sockets, latency: float) -> None:
        self._sockets = sockets
        self._latency = latency
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._sockets.opened()

    def connection_lost(self, _: Exception | None) -> None:
        self._sockets.closed()

    def data_received(self, data: bytes) -> None:
        *requests, self._buffer = (self._buffer + data).split(b"\r\n\r\n")
        for request in requests:
            body = body_of(request.split(b" ", 2)[1].decode())
            self._answer((_HEAD % len(body)) + body)

    def _answer(self, answer: bytes) -> None:
        if self._latency:
            asyncio.get_running_loop().call_later(self._latency, self._transport.write, answer)
        else:
            self._transport.write(answer)


class Server:
    """A running server, seen from the process that started it.

    Attributes:
        url: Scheme, host and port.
    """

    def __init__(self, pipe: "Connection[object, object]") -> None:
        self._pipe = pipe
        self.url = str(pipe.recv())

    def most_sockets(self) -> int:
        """Tell how many sockets were open at most since the last time this was asked."""
        self._pipe.send(None)
        return cast("int", self._pipe.recv())


@contextmanager
def running(*, latency: float = 0.0) -> Iterator[Server]:
    """Run a server that answers each request after ``latency`` seconds."""
    here, there = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=_run, args=(there, latency), daemon=True)
    process.start()
    there.close()
    try:
        yield Server(here)
    finally:
        process.terminate()
        process.join()


def _run(pipe: "Connection[object, object]", latency: float) -> None:
    polling = machine.pin(machine.SERVER) and not latency
    machine.allow_many_sockets()
    asyncio.run(_serve(pipe, latency, polling=polling))


async def _serve(pipe: "Connection[object, object]", latency: float, *, polling: bool) -> None:
    sockets, loop, orphaned = Sockets(), asyncio.get_running_loop(), asyncio.Event()

    def tell() -> None:
        try:
            pipe.recv()
        except EOFError:  # whoever started this process is gone
            loop.remove_reader(pipe.fileno())
            orphaned.set()
            return
        pipe.send(sockets.most)
        sockets.most = sockets.open

    server = await loop.create_server(lambda: Answering(sockets, latency), "127.0.0.1", 0, backlog=4096)
    loop.add_reader(pipe.fileno(), tell)
    host, port = server.sockets[0].getsockname()
    pipe.send(f"http://{host}:{port}")
    if polling:
        _never_sleep(loop)
    await orphaned.wait()
    server.close()


def _never_sleep(loop: asyncio.AbstractEventLoop) -> None:
    """Let the loop poll: waking a server that sleeps is work for the kernel, on the client's account."""
    loop.call_soon(_never_sleep, loop)
