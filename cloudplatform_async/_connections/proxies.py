"""Decides which proxy, if any, a request goes through (API contract §8)."""

import re
from fnmatch import fnmatchcase
from importlib.util import find_spec
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.request import getproxies

import httpx

from cloudplatform_async._connections.messages import HIGHEST_PORT, Origin
from cloudplatform_async.errors import ConfigurationError

_SOCKS = "socks5"
_SCHEMES = ("http", "https", _SOCKS)
_MAPPED = 96  # bits before an IPv4 address in an IPv6 one (RFC 4291 §2.5.5.2)
_MOST_REMEMBERED = 256  # origins


class Proxies:
    """The proxy given, or those of the environment as it was at construction.

    An explicit proxy takes every request. Those of the environment (HTTP_PROXY, HTTPS_PROXY and
    ALL_PROXY) leave out the hosts of NO_PROXY, and always the loopback; each is judged when a request
    would go through it.

    Args:
        proxy: A proxy's URL, or ``None``.
        trust_env: Whether to read the environment when ``proxy`` is ``None``.

    Attributes:
        are_there: One was given, or the environment names some.

    Raises:
        cloudplatform_async.ConfigurationError: ``proxy`` cannot be used. The message holds no credentials.
    """

    __slots__ = ("_environment", "_explicit", "_known", "_no_proxy", "are_there")

    def __init__(self, proxy: str | httpx.URL | None, *, trust_env: bool) -> None:
        self._explicit = None if proxy is None else _parsed(proxy, "proxy")
        self._environment = getproxies() if proxy is None and trust_env else {}
        self._no_proxy = re.split(r"[,\s]+", self._environment.get("no", "").lower().strip(", \t"))
        self.are_there = self._explicit is not None or bool(self._environment)
        self._known: dict[Origin, httpx.URL | None] = {}

    def find(self, origin: Origin) -> httpx.URL | None:
        """Give the URL of the proxy for a request, credentials included, or ``None`` to go there directly.

        Raises:
            cloudplatform_async.ConfigurationError: A proxy of the environment cannot be used.
        """
        if self._explicit is not None or not self._environment:
            return self._explicit
        if origin not in self._known:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[origin] = self._found(origin)
        return self._known[origin]

    def _found(self, origin: Origin) -> httpx.URL | None:
        if is_loopback(origin.host) or any(_names(entry, origin) for entry in self._no_proxy):
            return None
        for name in (origin.scheme, "all"):
            if text := self._environment.get(name, "").strip():
                return _parsed(text, f"{name.upper()}_PROXY")
        return None


def _names(entry: str, origin: Origin) -> bool:
    """Tell whether an entry of NO_PROXY names an origin, in any of the forms that are in use."""
    scheme, mark, rest = entry.partition("://")  # as httpx reads it
    if mark and scheme not in (origin.scheme, "all"):
        return False
    entry = rest.partition("/")[0] if mark else entry
    if re.match(r"\[.*\](:|$)", entry) or entry.count(":") == 1:
        entry, port = _split(entry)
        if port not in (None, origin.port):
            return False
    if entry == "*":
        return True
    if "*" in entry[1:]:  # 10.1.2.*, as Windows and Java have it
        return fnmatchcase(origin.host.lower(), entry)
    if (address := _address(origin.host)) is not None:
        return _holds(entry, address)
    name = entry.removeprefix("*").strip(".")
    return bool(name) and f".{origin.host.lower().rstrip('.')}".endswith(f".{name}")


def _split(entry: str) -> tuple[str, int | None]:
    host, _, port = entry.removeprefix("[").replace("]", "").rpartition(":") if not entry.endswith("]") else (
        entry.strip("[]"), "", ""
    )  # fmt: skip
    return host, int(port) if port.isdecimal() else None


def _holds(entry: str, address: IPv4Address | IPv6Address) -> bool:
    try:
        network = ip_network(re.sub(r"[\[\]]", "", entry), strict=False)
    except ValueError:
        return address == _address(entry)
    if isinstance(network, IPv6Network) and isinstance(address, IPv4Address):
        return network.prefixlen >= _MAPPED and IPv6Address(f"::ffff:{address}") in network
    return address in network


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its name alone (RFC 6761 §6.3, RFC 5735 §3, RFC 4291 §2.5.3)."""
    if (address := _address(host)) is not None:
        return address.is_loopback
    name = host.lower().rstrip(".")
    return name == "localhost" or name.endswith(".localhost")


def _parsed(url_or_text: object, option: str) -> httpx.URL:
    text = str(url_or_text) if isinstance(url_or_text, (str, httpx.URL)) else ""
    text = text if "://" in text else f"http://{text}"
    # GNOME writes socks://; socks5h:// says what httpx does anyway, and its old versions do not know it.
    text = re.sub("^socks(5h)?://", "socks5://", text, flags=re.IGNORECASE)
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in _SCHEMES or not url.host or (url.port or 0) > HIGHEST_PORT:
        raise ConfigurationError(
            f"{option}: not the URL of a proxy; write one such as http://host:3128, with a scheme of "
            f"{', '.join(_SCHEMES)}."
        )
    if url.scheme == _SOCKS and find_spec("socksio") is None:
        raise ConfigurationError(
            f'{option}: a SOCKS proxy needs socksio: pip install "httpx[socks]"; or name an HTTP proxy.'
        )
    return url
