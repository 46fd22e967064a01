"""The native connection: one asyncio socket, with HTTP/1.1 read by httptools."""

import asyncio
import select
import socket
from contextlib import suppress
from math import inf

import httpx
from anyio import CancelScope

from cloudplatform_async._connections.connection import Connection, Route
from cloudplatform_async._connections.exceptions import StaleConnectionError, caused_by
from cloudplatform_async._connections.http11 import ResponseReader, head_of
from cloudplatform_async._connections.messages import PIECE, Pieces, Request, Response
from cloudplatform_async._connections.opening import open_transport
from cloudplatform_async._connections.tls import TLSSettings
from cloudplatform_async._runtime.event_loop import at_once

_HIGH_WATER = 256 * 1024  # bytes of a body that wait for their reader, before the peer has to wait
_GONE = (httpx.ReadError, httpx.RemoteProtocolError)  # what the end of a connection is told by


class NativeConnection(Connection, asyncio.Protocol):
    """A protocol that wakes the one task that waits here, with one timer for all of its waits.

    Args:
        route: Whom it leads to.
        tls: For an https origin.
    """

    __slots__ = (
        "_deadline", "_error", "_expired", "_is_lost", "_is_reading", "_is_whole", "_is_writable",
        "_loop", "_opening", "_poll", "_read_timeout", "_reader", "_socket", "_timer", "_tls",
        "_transport", "_unread", "_waiter",
    )  # fmt: skip

    def __init__(self, route: Route, tls: TLSSettings) -> None:
        super().__init__(route)
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._reader = ResponseReader()
        self._transport: asyncio.Transport | None = None
        self._socket: socket.socket | None = None
        self._poll: select.poll | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = inf
        self._expired: type[httpx.TimeoutException] = httpx.ReadTimeout
        self._read_timeout: float | None = None
        self._error: httpx.TransportError | None = None
        self._opening: CancelScope | None = None
        self._is_lost = self._is_whole = False
        self._is_writable = self._is_reading = True
        self._unread = 0

    async def open(self, request: Request) -> None:
        origin, connect = self.route.origin, request.timeouts.connect
        context = self._tls.context if origin.scheme == "https" else None
        with CancelScope() as self._opening:
            self._transport, self._socket = await open_transport(self, origin, context, connect)
        self._opening = None
        if self._error is not None or self._socket is None:
            raise self._failure()
        if hasattr(select, "poll"):  # not on Windows
            self._poll = select.poll()
            self._poll.register(self._socket, select.POLLIN)

    async def send(self, request: Request) -> Response:
        reader, transport, body = self._reader, self._transport, request.body
        head = head_of(request)
        self.sent = self.is_reusable = False
        reader.begin(request.method)
        if self._error is not None or transport is None:
            raise self._failure()
        self.sent = True
        if self.enter is not None:
            self.enter("send")
        if isinstance(body, bytes) and len(body) <= PIECE:
            transport.write(head + body if body else head)
            is_whole = True
        else:
            transport.write(head)
            is_whole = await self._upload(transport, request)
        if self.enter is not None:
            self.enter("wait")
        self._read_timeout = request.timeouts.read
        while reader.response is None:
            await self._wait(self._read_timeout, httpx.ReadTimeout)
        self.used, self._is_whole = True, is_whole
        return reader.response

    async def read(self) -> bytes:
        reader = self._reader
        while not reader.chunks:
            if reader.is_complete:
                self.is_reusable = self._is_whole and reader.is_reusable
                return b""
            await self._wait(self._read_timeout, httpx.ReadTimeout)
        chunks, reader.chunks = reader.chunks, []
        self._unread = 0
        if not self._is_reading and self._transport is not None and not self._is_lost:
            self._is_reading = True
            self._transport.resume_reading()
        return b"".join(chunks)

    def is_usable(self) -> bool:
        # What has come may still be with the kernel, where the event loop has not had its turn.
        return not self._is_lost and (self._poll is None or not self._poll.poll(0))

    def interrupt(self, error: httpx.TransportError) -> None:
        if self._error is None:
            self._error = error
        self.abandon()
        if self._opening is not None:
            self._opening.cancel()
        self._wake()

    async def aclose(self) -> None:
        self.abandon()

    def abandon(self) -> None:
        self._is_lost = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._transport is not None and self._socket is not None:
            with suppress(OSError):  # asyncio closes it in a later turn, when there may be another socket
                self._socket.shutdown(socket.SHUT_RDWR)
            with at_once(self._loop):
                self._transport.abort()

    async def _upload(self, transport: asyncio.Transport, request: Request) -> bool:
        """Write a large or streamed body; false where the answer came before its end."""
        is_chunked = any(name.lower() == b"transfer-encoding" for name, _ in request.headers)
        async for piece in Pieces(request.body) if isinstance(request.body, bytes) else request.body:
            if is_chunked and piece:  # an empty chunk would be the last
                transport.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            elif piece:
                transport.write(piece)
            while not self._is_writable and self._reader.response is None:
                await self._wait(request.timeouts.write, httpx.WriteTimeout)
            if self._reader.response is not None:
                return False
        if is_chunked:
            transport.write(b"0\r\n\r\n")
        return True

    async def _wait(self, seconds: float | None, expired: type[httpx.TimeoutException]) -> None:
        """Wait until something happens here."""
        if self._error is not None:
            raise self._failure()
        self._expired = expired
        self._deadline = inf if seconds is None else self._loop.time() + seconds
        if self._timer is None or self._timer.when() > self._deadline:
            self._set_timer()
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if self._deadline == inf else self._loop.call_at(self._deadline, self._on_timer)

    def _on_timer(self) -> None:
        """See whether a wait has lasted too long; one that began since the timer was set has time left."""
        self._timer = None
        if self._waiter is None or self._waiter.done():
            return
        if self._loop.time() < self._deadline:
            self._set_timer()
        else:
            self.interrupt(self._expired("The server was silent for too long."))

    def _failure(self) -> httpx.TransportError:
        error = self._error or httpx.ReadError("The connection is closed.")
        was_gone = self._is_lost and not self._reader.size and isinstance(error, _GONE)
        return caused_by(error, StaleConnectionError(str(error))) if self.used and was_gone else error

    # What the event loop calls.

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        if reader.is_complete:  # nobody asked for it
            self.abandon()
            return
        try:
            reader.feed(data)
        except httpx.RemoteProtocolError as error:
            self.interrupt(error)
            return
        self._unread += len(data)
        if self._unread > _HIGH_WATER and self._is_reading and self._transport is not None:
            self._is_reading = False
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True
        if exc is not None and not self._reader.is_complete and self._error is None:
            self._error = caused_by(exc, httpx.ReadError(str(exc) or type(exc).__name__))
        if not self._reader.is_complete and self._error is None:
            try:
                self._reader.end()
            except httpx.RemoteProtocolError as error:
                self._error = error
        self._wake()

    def pause_writing(self) -> None:
        self._is_writable = False

    def resume_writing(self) -> None:
        self._is_writable = True
        self._wake()
