"""Decides which proxy, if any, a request goes through."""

import ipaddress
from urllib.request import getproxies
from urllib.request import proxy_bypass_environment as is_bypassed  # type: ignore[attr-defined]  # not in typeshed

import httpx

from cloudplatform_async._connections.slots import HIGHEST_PORT


class Proxies:
    """The proxy given, or those of the environment as it was at construction.

    An explicit proxy takes every request. Those of the environment (HTTP_PROXY, HTTPS_PROXY and
    ALL_PROXY) leave out the hosts of NO_PROXY, and always the loopback.

    Args:
        proxy: A proxy's URL, or ``None``.
        trust_env: Whether to read the environment when ``proxy`` is ``None``.
        schemes: The proxy schemes that the transport can speak.

    Raises:
        cloudplatform_async.ConfigurationError: A URL cannot be used. The message holds no credentials.
    """

    __slots__ = ("_by_scheme", "_explicit", "_no_proxy")

    def __init__(self, proxy: str | httpx.URL | None, *, trust_env: bool, schemes: frozenset[str]) -> None:
        self._explicit = None if proxy is None else _parse(proxy, "proxy", schemes)
        found = getproxies() if proxy is None and trust_env else {}
        self._no_proxy = {"no": found.get("no", "")}
        self._by_scheme = {
            scheme: _parse(found[scheme], f"{scheme.upper()}_PROXY", schemes)
            for scheme in ("http", "https", "all")
            if found.get(scheme)
        }

    def find(self, url: httpx.URL) -> httpx.URL | None:
        """The URL of the proxy for a request, credentials included, or ``None`` to go there directly."""
        if self._explicit is not None or not self._by_scheme:
            return self._explicit
        if is_loopback(url.host) or is_bypassed(url.netloc.decode("ascii"), self._no_proxy):
            return None
        return self._by_scheme.get(url.scheme) or self._by_scheme.get("all")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its name alone (RFC 6761 §6.3, RFC 5735 §3, RFC 4291 §2.5.3)."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _parse(proxy: str | httpx.URL, option: str, schemes: frozenset[str]) -> httpx.URL:
    text = str(proxy)
    try:
        url = httpx.URL(text if "://" in text else f"http://{text}")
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme in schemes and url.host and (url.port or 0) <= HIGHEST_PORT:
        return url
    from cloudplatform_async.errors import ConfigurationError

    raise ConfigurationError(
        f"{option}: not the URL of a proxy with a scheme of {', '.join(sorted(schemes))}."
    )
