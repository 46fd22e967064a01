"""httpx's connection: an ``httpx.AsyncHTTPTransport`` limited to one socket, for all that is not native."""

import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from importlib import import_module
from math import inf
from typing import Any, cast

import h11
import httpcore
import httpx
from anyio import CancelScope, current_time

from cloudplatform_async._connections.connection import Connection, Route
from cloudplatform_async._connections.exceptions import (
    ProxyRefusalError,
    StaleConnectionError,
    caused_by,
    chain,
)
from cloudplatform_async._connections.messages import Pieces, Request, Response, httpx_request
from cloudplatform_async._protocol.retries import RETRYABLE_STATUSES

_ONE_CONNECTION = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=None)
_MOST_BUFFERED_CHUNKS = 64
# In httpcore's words: what a SOCKS proxy refuses now it refuses again, unlike a host that it does not reach.
_SOCKS_REFUSAL = re.compile(r"but got|Invalid username|not allowed by ruleset|not supported")
# The TLS layer of asyncio lets an alert of the peer out as it is, and the resolver a name too long.
_ERRORS = (httpx.TransportError, ssl.SSLError, UnicodeError)

_Trace = Callable[[str, dict[str, Any]], Awaitable[None]]  # Any: the values differ from event to event


class HttpxConnection(Connection):
    """Goes wherever httpx goes: on trio too, through proxies, and past mocks, recorders and tracers.

    Args:
        route: Whom it leads to.
        tls: For an https origin.
        proxy: To go through.
    """

    __slots__ = (
        "_chunks", "_error", "_errors", "_proxy", "_proxy_status", "_response", "_scope", "_stream",
        "_transport",
    )  # fmt: skip

    def __init__(self, route: Route, tls: ssl.SSLContext, proxy: httpx.Proxy | None) -> None:
        super().__init__(route)
        self._proxy = proxy
        self._errors = _errors_through(proxy)
        self._transport = httpx.AsyncHTTPTransport(
            verify=tls, trust_env=False, limits=_ONE_CONNECTION, proxy=proxy
        )
        self._response: httpx.Response | None = None
        self._chunks: AsyncIterator[bytes] | None = None
        self._stream: httpcore.AsyncNetworkStream | None = None
        self._scope: CancelScope | None = None
        self._error: httpx.TransportError | None = None
        self._proxy_status: int | None = None

    async def open(self, request: Request) -> None:
        """Nothing: httpx opens it with the first request."""

    async def send(self, request: Request) -> Response:
        self.is_reusable, self.sent, self._chunks = False, self.used, None
        sending: httpx.Request = httpx_request(request)
        if isinstance(request.body, bytes):
            sending.stream = Pieces(request.body)
        sending.extensions["trace"] = self._watching(request.extensions.get("trace"))
        response: httpx.Response | None = None
        deadline, seconds = inf, request.timeouts.connect
        if self._proxy is not None and not self.used and seconds is not None:
            deadline = current_time() + seconds  # a proxy's word: httpx waits for it as for an answer
        try:
            with CancelScope(deadline=deadline) as self._scope:
                response = await self._transport.handle_async_request(sending)
        except self._errors as error:
            failure = self._failure(error)
            raise failure from failure.__cause__
        finally:
            self._scope = None
        if response is None or self._error is not None:
            raise self._error or httpx.ConnectTimeout(
                f"The {self._name_of_proxy} did not open a way in time."
            )
        self.used, self._response = True, response
        self._chunks = aiter(cast("httpx.AsyncByteStream", response.stream))
        if response.status_code == 407 and self._proxy is not None and request.origin.scheme == "http":
            # No origin does (RFC 9110 §15.5.8).
            raise ProxyRefusalError(f"The {self._name_of_proxy} answered 407.")
        return Response(response.status_code, response.headers.raw)

    async def read(self) -> bytes:
        response, chunks = self._response, self._chunks
        if response is None or chunks is None:
            return b""
        if self._error is not None:  # nothing was read when it was interrupted
            raise self._error
        try:
            with CancelScope() as self._scope:
                return await anext(chunks)
        except StopAsyncIteration:
            self._chunks = None
            await response.aclose()
            self.is_reusable = _keeps_alive(response) and not (self._has_left_bytes() or self._has_records())
            return b""
        except _ERRORS as error:
            failure = self._failure(error)
            raise failure from failure.__cause__
        finally:
            self._scope = None
        raise self._error or httpx.ReadError("The connection is closed.")

    def is_usable(self) -> bool:
        if self._stream is None:  # somebody answers in the place of the network
            return True
        try:
            return not self._stream.get_extra_info("is_readable")
        except ValueError:  # trio's word for a socket that httpcore has closed
            return False

    def interrupt(self, error: httpx.TransportError) -> None:
        self._error = error
        if self._scope is not None:
            self._scope.cancel()

    def abandon(self) -> None:
        sock = None if self._stream is None else self._stream.get_extra_info("socket")
        if sock is not None and hasattr(sock, "detach"):  # trio's, which can only be closed within trio
            socket.socket(fileno=sock.detach()).close()

    async def aclose(self) -> None:
        """Close the socket, also one that httpx lost hold of when a TLS handshake was cancelled."""
        with CancelScope(shield=True):
            try:
                await self._transport.aclose()
            finally:
                if self._stream is not None:
                    await self._stream.aclose()
            # The generators below run into the closed socket: trio warns of those that are abandoned.
            with suppress(*_ERRORS, StopAsyncIteration):
                for _ in range(_MOST_BUFFERED_CHUNKS if self._chunks else 0):
                    await anext(cast("AsyncIterator[bytes]", self._chunks))

    def _watching(self, trace: _Trace | None) -> _Trace:
        """Note the socket, a proxy's answer and the departure of the first byte, for a caller's trace too."""

        async def watch(event: str, info: dict[str, Any]) -> None:
            request, value = info.get("request"), info.get("return_value")
            if isinstance(value, httpcore.AsyncNetworkStream):
                self._stream = value
            elif request is not None and request.method != b"CONNECT":
                if self.enter is not None and event.endswith("headers.started"):
                    self.enter("wait" if "receive" in event else "send")
                self.sent = True
                if self._scope is not None:
                    self._scope.deadline = inf
            elif not self.sent and isinstance(value, tuple):
                self._proxy_status = value[1]
            if trace is not None:
                await trace(event, info)

        return watch

    @property
    def _name_of_proxy(self) -> str:
        url = self._proxy.url if self._proxy is not None else httpx.URL()
        return f"proxy {url.netloc.decode('ascii')}"  # without user name and password

    def _failure(self, error: Exception) -> httpx.TransportError:
        """Give httpx's error for what came out of it, with a reason, and with the proxy's name."""
        failure = _transport_error(error)
        if self._proxy is not None and not self.sent:
            return self._failure_of_proxy(failure)
        if self.used and self._chunks is None and _is_disconnect(failure):
            return caused_by(failure, StaleConnectionError(str(failure)))
        return failure

    def _failure_of_proxy(self, error: httpx.TransportError) -> httpx.TransportError:
        name, status, reason = self._name_of_proxy, self._proxy_status, _reason(error)
        named: httpx.TransportError
        if isinstance(error, httpx.TimeoutException):
            named = httpx.ConnectTimeout(f"The {name} was silent for too long.")
        elif status is not None and not 200 <= status < 300 and status not in RETRYABLE_STATUSES:
            named = ProxyRefusalError(f"The {name} answered {status}.")
        elif _SOCKS_REFUSAL.search(reason):
            named = ProxyRefusalError(f"The {name} refused: {reason}")
        else:
            named = httpx.ProxyError(f"The {name}: {reason}")
        return caused_by(error.__cause__, named)

    def _has_left_bytes(self) -> bool:
        """Tell whether something came behind the answer; h11 has read it, and tells nobody else."""
        transport: Any = self._transport
        link: Any = next(iter(transport._pool.connections), None)  # noqa: SLF001
        while hasattr(link, "_connection"):
            link = link._connection  # noqa: SLF001
        return link is not None and bool(link._h11_state.trailing_data[0])  # noqa: SLF001

    def _has_records(self) -> bool:
        """Tell whether the TLS layer holds more than the answer: what it has read, no socket shows."""
        tls: ssl.SSLObject | None = (
            None if self._stream is None else self._stream.get_extra_info("ssl_object")
        )
        if tls is None:
            return False
        try:
            tls.read(1)
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError:  # the peer has said that it will send no more
            return True
        return True


def _errors_through(proxy: httpx.Proxy | None) -> tuple[type[Exception], ...]:
    """Name what comes out of httpx: socksio's own error too, for an answer that is no SOCKS."""
    if proxy is None or proxy.url.scheme != "socks5":
        return _ERRORS
    return (*_ERRORS, import_module("socksio").SOCKSError)


def _reason(error: BaseException) -> str:
    """Find words for a failure: trio's TLS layer says nothing itself, its cause does."""
    link: BaseException | None = error
    while link is not None and not str(link):
        link = link.__cause__
    return str(link or type(error).__name__)


def _transport_error(error: Exception) -> httpx.TransportError:
    if isinstance(error, httpx.TransportError):
        # httpcore's pool raises "from None", which hides the socket's or the TLS layer's own error.
        core = error.__cause__
        if core is not None and isinstance(error, httpx.NetworkError | httpx.TimeoutException):
            core.__cause__ = core.__cause__ or core.__context__
        return error
    kind = httpx.ReadError if isinstance(error, ssl.SSLError) else httpx.ConnectError
    return caused_by(error, kind(str(error)))


def _is_disconnect(error: httpx.TransportError) -> bool:
    """Tell the end of a connection from an answer that is malformed, of which h11 is the cause."""
    if not isinstance(error, httpx.RemoteProtocolError):
        return isinstance(error, httpx.ReadError | httpx.WriteError)
    return not any(isinstance(link, h11.RemoteProtocolError) for link in chain(error))


def _keeps_alive(response: httpx.Response) -> bool:
    """Whether the connection stays open after this answer (RFC 9112 §9.3)."""
    if response.extensions.get("http_version", b"HTTP/1.1") != b"HTTP/1.1":
        return False
    return not any(
        b"close" in value.lower() for name, value in response.headers.raw if name.lower() == b"connection"
    )
