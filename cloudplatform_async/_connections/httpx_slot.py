"""One httpx connection: an ``httpx.AsyncHTTPTransport`` limited to a single socket."""

import ssl
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import httpx

from cloudplatform_async._connections.departure import leave
from cloudplatform_async._connections.quiet import NetworkStream, quiet_check
from cloudplatform_async._connections.request_body import steady
from cloudplatform_async._connections.slots import Origin, Slot
from cloudplatform_async._connections.stale import as_stale

_ONE_CONNECTION = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=None)

Trace = Callable[[str, dict[str, Any]], Awaitable[None]]  # Any: the values differ from event to event


class HttpxSlot(Slot):
    """A slot over httpx: it knows whether its connection is new, and holds the socket beneath.

    Args:
        origin: Whom the connection leads to.
        tls: The context for an https origin.
        proxy: The proxy to go through, or ``None``.
    """

    # The TLS layer of asyncio lets an alert of the peer out as it is, and the resolver a name too long.
    errors: ClassVar[tuple[type[Exception], ...]] = (httpx.TransportError, ssl.SSLError, UnicodeError)

    __slots__ = ("_is_quiet", "_stream", "_transport")

    def __init__(self, origin: Origin, tls: ssl.SSLContext, proxy: httpx.Proxy | None) -> None:
        super().__init__(origin)
        self._transport = httpx.AsyncHTTPTransport(
            verify=tls, trust_env=False, limits=_ONE_CONNECTION, proxy=proxy
        )
        self._stream: NetworkStream | None = None
        self._is_quiet: Callable[[], bool] | None = None

    async def send(self, request: httpx.Request) -> httpx.Response:
        """Send the request, the first one with an eye on the socket that is opened for it."""
        steady(request)
        try:
            if self.used:
                leave(request)
                response = await self._transport.handle_async_request(request)
            else:
                response = await self._send_first(request)
        except self.errors as error:
            failure = as_stale(self.translate(error), reused=self.used)
            raise failure from failure.__cause__
        self.used = True
        self.keep = _keeps_alive(response)
        return response

    def translate(self, error: Exception) -> httpx.TransportError:
        """The httpx error for what broke the body of an answer."""
        if isinstance(error, httpx.TransportError):
            _restore_cause(error)
            return error
        kind = httpx.ReadError if isinstance(error, ssl.SSLError) else httpx.ConnectError
        failure = kind(str(error))
        failure.__cause__ = error
        return failure

    def is_usable(self) -> bool:
        """Whether the socket is quiet: an idle one that can be read from was closed by the peer."""
        if self._stream is None:
            return True
        if self._is_quiet is None:
            self._is_quiet = quiet_check(self._stream)
        return self._is_quiet()

    async def aclose(self) -> None:
        """Close the socket, also one that httpx lost hold of when a TLS handshake was cancelled."""
        try:
            await self._transport.aclose()
        finally:
            if self._stream is not None:
                await self._stream.aclose()

    async def _send_first(self, request: httpx.Request) -> httpx.Response:
        extensions = request.extensions
        request.extensions = {**extensions, "trace": self._watching(request, extensions.get("trace"))}
        try:
            return await self._transport.handle_async_request(request)
        finally:
            request.extensions = extensions

    def _watching(self, request: httpx.Request, trace: Trace | None) -> Trace:
        """A ``trace`` extension that notes the socket and the departure, then calls the caller's own."""

        async def watch(event: str, info: dict[str, Any]) -> None:
            if event.endswith(("connect_tcp.complete", "start_tls.complete")):
                self._stream = info["return_value"]
            elif event.endswith("send_request_headers.started") and info["request"].method != b"CONNECT":
                leave(request)
            if trace is not None:
                await trace(event, info)

        return watch


def _restore_cause(error: httpx.TransportError) -> None:
    # httpcore's pool raises "from None", which hides the socket's or the TLS layer's own error.
    core = error.__cause__
    if core is not None and isinstance(error, httpx.NetworkError | httpx.TimeoutException):
        core.__cause__ = core.__cause__ or core.__context__


def _keeps_alive(response: httpx.Response) -> bool:
    """Whether the connection stays open after this answer (RFC 9112 §9.3)."""
    if response.extensions.get("http_version", b"HTTP/1.1") != b"HTTP/1.1":
        return False
    return not any(
        b"close" in value.lower() for name, value in response.headers.raw if name.lower() == b"connection"
    )
