"""Where aiohttp opens a connection and where it reads an answer: failures there mean different things."""

import asyncio
import socket
from contextlib import suppress
from ssl import SSLContext
from typing import Any

import aiohttp
import httpx
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from cloudplatform_async._connections.aiohttp_errors import ERRORS, connect_failure, read_failure
from cloudplatform_async._connections.departure import leave

_NEVER = 10.0**9  # seconds: how long a connection may be idle is the pool's affair
_MOST_TURNS = 10  # of the event loop, in which it closes a socket; it needs one, and a few during a handshake


class Connector(aiohttp.TCPConnector):
    """Opens one connection, and remembers it.

    Args:
        tls: The context for an https origin or proxy.

    Attributes:
        reused: Whether the last request got a connection that had carried another before.
        request: On its way, to be told when its connection is there.
    """

    reused = False
    request: httpx.Request | None = None
    _wire: asyncio.Transport | None = None
    _protocol: ResponseHandler | None = None

    def __init__(self, tls: SSLContext) -> None:
        self._sockets: list[socket.socket] = []
        super().__init__(  # pyright: ignore[reportUnknownMemberType]  # its address is a bare tuple
            ssl=tls,
            limit=0,
            keepalive_timeout=_NEVER,
            use_dns_cache=False,
            socket_factory=self._open_socket,
        )

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        """Open the connection or find it open.

        Raises:
            httpx.TransportError: It cannot be opened; nothing of the request has been sent.
        """
        try:
            connection = await super().connect(req, traces, timeout)
        except ERRORS as error:
            failure = connect_failure(error)
        else:
            self.reused = connection.transport is self._wire
            self._wire = connection.transport
            self._protocol = connection.protocol
            if self.request is not None:
                leave(self.request)
            return connection
        raise failure

    @property
    def is_open(self) -> bool:
        """Whether the connection was opened, and neither side has closed it."""
        return self._wire is not None and not self._wire.is_closing()

    @property
    def loss(self) -> OSError | None:
        """The system's error with which the connection was lost, if it was."""
        error = self._protocol.exception() if self._protocol is not None else None
        return error if isinstance(error, OSError) else None

    def abort(self) -> None:
        """Close the socket at once, with nothing more sent."""
        if self._wire is not None:
            self._wire.abort()
        # A connection that was given up as its TLS handshake ended would wait for the peer's farewell.
        for sock in self._sockets:
            with suppress(OSError):  # it is closed, or was never connected
                sock.shutdown(socket.SHUT_RDWR)

    async def wait_aborted(self) -> None:
        """Let the event loop close what was aborted."""
        for _ in range(_MOST_TURNS):
            await asyncio.sleep(0)
            if all(sock.fileno() < 0 for sock in self._sockets):
                return

    def _open_socket(self, address: tuple[int, int, int, str, Any]) -> socket.socket:
        sock = socket.socket(*address[:3])
        self._sockets.append(sock)
        return sock


class Answer(aiohttp.ClientResponse):
    """An answer whose failures leave aiohttp as httpx's, which keeps aiohttp from sending again by itself."""

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        """Read the header.

        Raises:
            httpx.TransportError: The connection broke, or the answer is malformed.
        """
        try:
            return await super().start(connection)
        except ERRORS as error:
            failure = read_failure(error)
        raise failure
