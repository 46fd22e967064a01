"""Where aiohttp opens a connection and where it reads an answer: failures there mean different things."""

import asyncio

import aiohttp
import httpx
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from cloudplatform_async._transport.aiohttp_errors import ERRORS, connect_failure, read_failure
from cloudplatform_async._transport.departure import leave


class Connector(aiohttp.TCPConnector):
    """Opens one connection, and remembers it.

    Attributes:
        reused: Whether the last request got a connection that had carried another before.
        request: On its way, to be told when its connection is there.
    """

    reused = False
    request: httpx.Request | None = None
    _wire: asyncio.Transport | None = None
    _protocol: ResponseHandler | None = None

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
