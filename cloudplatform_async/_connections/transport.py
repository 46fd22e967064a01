"""The default transport: a pool of native connections, and of httpx's wherever the native one does not go."""

import ssl
import sys
from collections.abc import AsyncIterator
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from operator import is_
from pathlib import Path
from types import FunctionType
from typing import cast

import httpx

from cloudplatform_async._connections.connection import Connection, Route
from cloudplatform_async._connections.messages import HIGHEST_PORT, Origin, Request
from cloudplatform_async._connections.pool import Pool, PooledLease
from cloudplatform_async._connections.proxies import Proxies
from cloudplatform_async._connections.tls import TLSSettings
from cloudplatform_async._runtime.event_loop import (
    Leftovers,
    current_event_loop,
    has_ended,
    running_asyncio_loop,
)
from cloudplatform_async.errors import ClientStateError
from cloudplatform_async.settings import PoolLimits, Timeouts

_SHORTEST = 1e-6  # seconds: httpx takes zero for a timeout


class PooledTransport(httpx.AsyncBaseTransport):
    """An httpx transport for asyncio and trio whose cost hardly grows with the requests in flight.

    On asyncio a request travels on a native connection: one socket, HTTP/1.1 read by httptools. On trio,
    through a proxy, without httptools, and for as long as anybody has replaced a part of httpx or httpcore
    (respx, pytest-httpx, vcrpy, OpenTelemetry), it travels on a connection of httpx, so that mocks,
    recorders and tracers see the traffic. Requests wait in a fair queue, the connection used last is used
    first, and one whose request was interrupted is closed, never used again. Where its event loop has
    ended, it starts afresh on the next one.

    A request's ``extensions`` may hold ``timeout`` (seconds for ``connect``, ``read``, ``write`` and
    ``pool``; ``pool`` bounds the wait in the queue).

    Args:
        limits: How many sockets there may be, and how long an idle one is kept.
        verify: ``True``, ``False``, a file or folder of trusted certificates, or an ``ssl.SSLContext``.
        proxy: The URL of a proxy for every request.
        trust_env: Whether to follow HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY (not for the loopback),
            SSL_CERT_FILE and SSL_CERT_DIR.

    Raises:
        cloudplatform_async.ConfigurationError: A proxy or a path cannot be used.

    Example:
        >>> transport = PooledTransport(limits=PoolLimits(max_connections=20))
        >>> transport.connections
        0
    """

    def __init__(
        self,
        *,
        limits: PoolLimits = PoolLimits(),  # noqa: B008 - frozen
        verify: bool | str | Path | ssl.SSLContext = True,
        proxy: str | httpx.URL | None = None,
        trust_env: bool = True,
    ) -> None:
        self._tls = TLSSettings(verify, trust_env=trust_env)
        self._proxies = Proxies(proxy, trust_env=trust_env)
        self.pool: Pool = Pool(limits, self._route, self._connect)
        self._has_parser = sys.implementation.name == "cpython" and find_spec("httptools") is not None
        self._own_functions: tuple[object, ...] = (None, None, None)
        self._leftovers = Leftovers()
        self._loop: object = None  # of the last request that came by `handle_async_request`
        # Loads httpcore and, where it may be wanted, the native connection: now, and not while calls wait.
        import_module("cloudplatform_async._connections.httpx_connection")
        if self._has_parser and "asyncio" in sys.modules:
            import_module("cloudplatform_async._connections.native")

    @property
    def connections(self) -> int:
        """Connections open or being opened, idle ones included."""
        return self.pool.count()[0]

    @property
    def waiting(self) -> int:
        """Requests in the queue for a connection."""
        return self.pool.count()[1]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; the response's stream gives the raw bytes, still compressed.

        Raises:
            cloudplatform_async.ClientStateError: It belongs to another event loop, which still runs.
            StaleConnectionError: A kept connection broke before the answer's header was there.
            httpx.PoolTimeout: No connection came free in time; nothing was sent.
            httpx.TransportError: Any other failure of the network, or of a transport that is closed.
        """
        lease: PooledLease | None = None
        body: _Body | None = None
        if current_event_loop() is not self._loop:
            await self._move()
        try:
            message = _message(request)
            lease = await self.pool.acquire(message.timeouts.pool)
            response = await lease.open(message)
            body = _Body(lease, request)
        except httpx.TransportError as error:
            error.request = request
            raise
        finally:
            if lease is not None and body is None:
                await lease.release()
        return httpx.Response(response.status, headers=list(response.headers), stream=body, request=request)

    async def aclose(self) -> None:
        """Close all connections at once; requests in flight or queued end with ``httpx.CloseError``."""
        self._leftovers.add(self._loop, self.pool.aclose, self.pool.abandon)
        await self._leftovers.close()

    async def _move(self) -> None:
        """Begin anew where the last event loop has ended, as a client does that has the pool itself."""
        before, loop = self._loop, current_event_loop()
        if before is not None and not has_ended(before):
            raise ClientStateError("This transport belongs to another event loop; make one for each.")
        self._loop = loop
        if before is not None:
            left = self.pool.renew()
            self._leftovers.add(before, left.aclose, left.abandon)
            await self._leftovers.close()

    def _route(self, origin: Origin) -> Route:
        proxy = self._proxies.find(origin) if self._proxies.are_there else None
        if proxy is None and self._has_parser and running_asyncio_loop() and not self._is_patched():
            return Route(origin, None)
        return Route(origin, proxy or "httpx")

    def _is_patched(self) -> bool:
        """Tell whether somebody has put a function of their own in the place of httpx's or httpcore's.

        A function is a library's own if it was written in one of its modules, so that it does not matter
        who was there first. Asked for each request: an attribute comparison, where nothing has changed.
        """
        import httpcore

        found = (
            httpx.AsyncHTTPTransport.handle_async_request,
            httpcore.AsyncConnectionPool.handle_async_request,
            httpcore.AsyncHTTPConnection.handle_async_request,
        )
        # By identity: a wrapper may say that it equals what it wraps.
        if not all(map(is_, found, self._own_functions)):
            if not all(map(_is_own, found)):
                return True
            self._own_functions = found
        return False

    def _connect(self, route: Route) -> Connection:
        origin, kind = route
        if origin.port > HIGHEST_PORT:  # httpx lets it pass, and the sockets raise what nobody expects
            raise httpx.ConnectError(f"There is no port {origin.port}.")
        if kind is None:
            from cloudplatform_async._connections.native import NativeConnection

            return NativeConnection(route, self._tls)
        from cloudplatform_async._connections.httpx_connection import HttpxConnection

        proxy = None
        if isinstance(kind, httpx.URL):
            proxy = httpx.Proxy(kind, ssl_context=self._tls.context if kind.scheme == "https" else None)
        tls = self._tls.context if origin.scheme == "https" else self._tls.unused
        return HttpxConnection(route, tls, proxy)


def _is_own(function: object) -> bool:
    if type(function) is not FunctionType:
        return False
    module: str = function.__globals__.get("__name__", "")
    return module.partition(".")[0] in {"httpx", "httpcore", "httpx2", "httpcore2"}


class _Body(httpx.AsyncByteStream):
    """The raw bytes of an answer; read to the end it gives the connection back, closed earlier it ends it.

    An iterator rather than a generator: one that is dropped half-way leaves nothing to be finalized.
    """

    def __init__(self, lease: PooledLease, request: httpx.Request) -> None:
        self._lease = lease
        self._request = request
        self._is_read = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._is_read:
            raise StopAsyncIteration
        try:
            chunk = await self._lease.read()
        except httpx.TransportError as error:
            error.request = self._request
            raise
        if not chunk:
            self._is_read = True
            await self._lease.release()
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        """Let go of the connection; only the first call does anything."""
        await self._lease.release()


def _message(request: httpx.Request) -> Request:
    is_whole = isinstance(request.stream, httpx.ByteStream)
    body = request.read() if is_whole else cast("httpx.AsyncByteStream", request.stream)
    return Request(
        method=request.method.encode("ascii"),
        origin=Origin.of(request.url),
        target=request.url.raw_path,
        headers=request.headers.raw,
        timeouts=_timeouts(**request.extensions.get("timeout", {})),
        body=body,
        extensions=request.extensions,
    )


@lru_cache(maxsize=64)
def _timeouts(**given: float | None) -> Timeouts:
    seconds = {name: given.get(name) for name in ("connect", "read", "write", "pool")}
    bounds = {name: None if each is None else max(each, _SHORTEST) for name, each in seconds.items()}
    return Timeouts(total=None, **bounds)
