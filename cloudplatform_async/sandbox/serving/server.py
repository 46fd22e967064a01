"""Serves an ASGI application on loopback from a thread of its own, and stops at once, whatever clients do."""

import asyncio
import errno
import logging
import socket
import struct
from contextlib import ExitStack, suppress
from threading import Thread
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

BACKLOG = 2048
KEEP_ALIVE = 120  # seconds: longer than clients keep a connection, so that they are the ones who close it
_NO_IPV6 = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, for 0 seconds: closing sends RST

# A library does not print: uvicorn's warnings go only where the user's logging takes them.
logging.getLogger("uvicorn.error").addHandler(logging.NullHandler())


class SocketConnection:
    """The TCP connection under an exchange, as faults treat it."""

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol

    def reset(self) -> None:
        """Break the connection off with RST; what was not yet sent is lost."""
        transport: asyncio.Transport = self._protocol.transport
        # A client that left first has nothing to be broken off, and its socket is no longer there.
        if not transport.is_closing():
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            transport.abort()

    def close(self) -> None:
        """Close the connection after everything is sent."""
        self._protocol.transport.close()


class Server:
    """A running server: it listens from construction on, until `stop` ends it, its thread and connections."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app = app
        self._sockets = _listen(port)
        self.port: int = self._sockets[0].getsockname()[1]
        self._state = ServerState()
        self._config = uvicorn.Config(
            self._serve,
            interface="asgi3",
            lifespan="off",
            ws="none",
            log_config=None,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=KEEP_ALIVE,
        )
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._thread = Thread(target=self._run, name=f"sandbox :{self.port}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Break off what is under way and end the thread; takes some milliseconds."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._main())

    async def _main(self) -> None:
        self._config.load()
        servers = [
            await self._loop.create_server(self._connection, sock=listening, backlog=BACKLOG)
            for listening in self._sockets
        ]
        await self._stopping.wait()
        # A server that is closed loses the connections that asyncio is just accepting, and leaves them open.
        with suppress(NotImplementedError):  # a loop without readers accepts in one go
            for listening in self._sockets:
                self._loop.remove_reader(listening)
        for _ in range(3):  # turns of the loop in which a connection that was being accepted comes to be
            await asyncio.sleep(0)
        for server in servers:
            server.close()
        await self._break_off()
        await asyncio.sleep(0)  # in which the aborted sockets are closed

    async def _break_off(self) -> None:
        for protocol in list(self._state.connections):
            protocol.transport.abort()
        tasks = list(self._state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)  # also one that was cancelled before it began

    def _connection(self) -> asyncio.Protocol:
        state: dict[str, Any] = {}
        # The class is typed as any `asyncio.Protocol`; uvicorn gives its own these arguments.
        make: Any = self._config.http_protocol_class
        protocol = make(config=self._config, server_state=self._state, app_state=state, _loop=self._loop)
        protocol.access_log = False
        state["connection"] = SocketConnection(protocol)
        return protocol  # type: ignore[no-any-return]  # as `make` above

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Only `stop` cancels a request, and uvicorn would log that as an error.
        with suppress(asyncio.CancelledError):
            await self._app(scope, receive, send)


def _listen(port: int, tries: int = 20) -> list[socket.socket]:
    """Sockets on one port: of 127.0.0.1 and, on a machine that has IPv6, of ::1."""
    first = _bound(socket.AF_INET, "127.0.0.1", port)
    try:
        return [first, _bound(socket.AF_INET6, "::1", first.getsockname()[1])]
    except OSError as error:
        if error.errno in _NO_IPV6:
            return [first]
        first.close()
        # A port that the system picked for one family may be taken in the other.
        if port or tries == 1:
            raise
    return _listen(0, tries - 1)


def _bound(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    # asyncio switches Nagle's algorithm off only where the protocol is named, as `socket.create_server` does
    # not: each answer would wait 40 ms for the client's delayed acknowledgement.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    with ExitStack() as failing:
        failing.callback(listening.close)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
        failing.pop_all()
    return listening
