"""The fast transport of the extra `aiohttp`: the same contract on aiohttp's C parser, for asyncio only."""

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from cloudplatform_async._connections.admission import Admission
from cloudplatform_async._connections.proxies import Proxies
from cloudplatform_async._connections.slot_pool import SlotPool
from cloudplatform_async._connections.slots import Origin, Slot
from cloudplatform_async._connections.tls import TLSSettings
from cloudplatform_async._runtime.event_loop import running_asyncio_loop
from cloudplatform_async.errors import ConfigurationError
from cloudplatform_async.settings import PoolLimits

if TYPE_CHECKING:
    from cloudplatform_async._connections.aiohttp_slot import AiohttpSlot


class AiohttpTransport(httpx.AsyncBaseTransport):
    """An httpx transport on aiohttp: about half the cost of `PooledTransport`, on asyncio only.

    Queue, limits, timeouts, proxies and errors are those of `PooledTransport`: only httpx's errors come
    out, and none of them calls a request unsent that may have been sent. No cookie is kept and no
    redirect is followed.

    Args:
        limits: How many sockets there may be, and how long an idle one is kept.
        verify: ``True``, ``False``, a file or folder of trusted certificates, or an ``ssl.SSLContext``.
        proxy: The URL of an HTTP proxy for every request.
        trust_env: Whether to follow HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY (not for the loopback),
            SSL_CERT_FILE and SSL_CERT_DIR.

    Raises:
        cloudplatform_async.ConfigurationError: aiohttp is not installed; a proxy or a path cannot be used.

    Example:
        >>> transport = AiohttpTransport(limits=PoolLimits(max_connections=20))
        >>> transport.connections
        0
    """

    announces_departures = True
    turns_to_send = 1  # of the event loop, until a request is written on an open connection

    def __init__(
        self,
        *,
        limits: PoolLimits = PoolLimits(),  # noqa: B008 - frozen
        verify: bool | str | Path | ssl.SSLContext = True,
        proxy: str | httpx.URL | None = None,
        trust_env: bool = True,
    ) -> None:
        self._slot_class = _import_slot()
        self._tls = TLSSettings(verify, trust_env=trust_env)
        self._proxies = Proxies(proxy, trust_env=trust_env, schemes=frozenset(("http", "https")))
        self._pool = SlotPool(limits, self._open_slot)

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
            RuntimeError: The event loop is not asyncio's.
        """
        return await self._pool.send(request)

    async def aclose(self) -> None:
        """Close all connections at once; requests in flight or queued end with ``httpx.CloseError``."""
        await self._pool.aclose()

    def _open_slot(self, url: httpx.URL, origin: Origin) -> Slot:
        _require_asyncio()
        proxy = self._proxies.find(url)
        secure = url.scheme == "https" or (proxy is not None and proxy.scheme == "https")
        return self._slot_class(origin, self._tls.context_for("https" if secure else "http"), proxy)


def _import_slot() -> "type[AiohttpSlot]":
    try:
        from cloudplatform_async._connections.aiohttp_slot import AiohttpSlot
    except ImportError as error:
        message = 'AiohttpTransport needs aiohttp: pip install "cloudplatform_async[aiohttp]"'
        raise ConfigurationError(message) from error
    return AiohttpSlot


def _require_asyncio() -> None:
    if running_asyncio_loop() is None:
        raise RuntimeError("AiohttpTransport runs on asyncio only; use PooledTransport on trio.")
