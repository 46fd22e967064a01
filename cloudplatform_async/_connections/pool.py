"""The default transport: httpx's own connections, at a cost per request that hardly grows."""

import importlib.util
import ssl
from pathlib import Path

import httpx

from cloudplatform_async._connections.admission import Admission
from cloudplatform_async._connections.httpx_slot import HttpxSlot
from cloudplatform_async._connections.proxies import Proxies
from cloudplatform_async._connections.slot_pool import SlotPool
from cloudplatform_async._connections.slots import Origin, Slot
from cloudplatform_async._connections.tls import TLSSettings
from cloudplatform_async.settings import PoolLimits


class PooledTransport(httpx.AsyncBaseTransport):
    """An httpx transport for asyncio and trio whose cost hardly grows with the requests in flight.

    Each connection is an ``httpx.AsyncHTTPTransport`` of its own, so that httpx's instrumentation and
    mocks see the traffic. Requests wait in a fair queue, the connection used last is used first, and a
    connection whose request was interrupted is closed, never used again.

    A request's ``extensions`` may hold ``timeout`` (seconds for ``connect``, ``read``, ``write`` and
    ``pool``; ``pool`` bounds the wait in the queue) and ``fresh`` (true: use no kept connection).

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

    announces_departures = True

    def __init__(
        self,
        *,
        limits: PoolLimits = PoolLimits(),  # noqa: B008 - frozen
        verify: bool | str | Path | ssl.SSLContext = True,
        proxy: str | httpx.URL | None = None,
        trust_env: bool = True,
    ) -> None:
        self._tls = TLSSettings(verify, trust_env=trust_env)
        self._proxies = Proxies(proxy, trust_env=trust_env, schemes=_proxy_schemes())
        self._pool = SlotPool(limits, self._open_slot)
        # httpx loads httpcore with its first transport: now, and not while calls wait.
        httpx.AsyncHTTPTransport(verify=self._tls.context_for("http"))

    @property
    def admission(self) -> Admission:
        """The queue for connections, in which the client's calls wait before their requests are made."""
        return self._pool.admission

    @property
    def connections(self) -> int:
        """Connections open or being opened, idle ones included."""
        return self._pool.connections

    @property
    def waiting(self) -> int:
        """Requests in the queue for a connection."""
        return self._pool.waiting

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; the response's stream gives the raw bytes, still compressed.

        Raises:
            StaleConnectionError: A kept connection broke before the answer's header was there.
            httpx.PoolTimeout: No connection came free in time; nothing was sent.
            httpx.TransportError: Any other failure of the network, or of a transport that is closed.
        """
        return await self._pool.send(request)

    async def aclose(self) -> None:
        """Close all connections at once; requests in flight or queued end with ``httpx.CloseError``."""
        await self._pool.aclose()

    def _open_slot(self, url: httpx.URL, origin: Origin) -> Slot:
        tls = self._tls.context_for(url.scheme)
        return HttpxSlot(origin, tls, self._proxy_for(url))

    def _proxy_for(self, url: httpx.URL) -> httpx.Proxy | None:
        proxy = self._proxies.find(url)
        if proxy is None:
            return None
        return httpx.Proxy(proxy, ssl_context=self._tls.context if proxy.scheme == "https" else None)


def _proxy_schemes() -> frozenset[str]:
    socks = ("socks5", "socks5h") if importlib.util.find_spec("socksio") else ()
    return frozenset(("http", "https", *socks))
