"""A URL of which only the path is new: the base was parsed once, when the client was made."""

from typing import Any

import httpx
from msgspec import Struct


class ParsedBase(Struct, frozen=True, eq=False):
    """A base URL, and the parts of it that every request is asked for."""

    url: httpx.URL
    scheme: str
    raw_scheme: bytes
    host: str
    raw_host: bytes
    port: int | None
    netloc: bytes

    @classmethod
    def of(cls, text: str) -> "ParsedBase":
        """Parse a base URL.

        Raises:
            httpx.InvalidURL: It is none.
        """
        url = httpx.URL(text)
        return cls(url, url.scheme, url.raw_scheme, url.host, url.raw_host, url.port, url.netloc)


class TargetURL(httpx.URL):
    """What a transport asks of a URL, without parsing; the rest is parsed if anyone ever asks.

    Args:
        base: The client's base URL.
        raw_path: Path and query, percent-encoded, from the root.
    """

    def __init__(self, base: ParsedBase, raw_path: bytes) -> None:
        self._base = base
        self._raw_path = raw_path

    def __getattr__(self, name: str) -> Any:
        # httpx keeps a parsed URL in one private attribute; whoever reaches for it gets it here.
        if name != "_uri_reference":
            raise AttributeError(name)
        parsed: Any = self._base.url.copy_with(raw_path=self._raw_path)
        self._uri_reference = parsed._uri_reference  # noqa: SLF001 - of the same class
        return self._uri_reference

    @property
    def scheme(self) -> str:
        return self._base.scheme

    @property
    def raw_scheme(self) -> bytes:
        return self._base.raw_scheme

    @property
    def host(self) -> str:
        return self._base.host

    @property
    def raw_host(self) -> bytes:
        return self._base.raw_host

    @property
    def port(self) -> int | None:
        return self._base.port

    @property
    def netloc(self) -> bytes:
        return self._base.netloc

    @property
    def raw_path(self) -> bytes:
        return self._raw_path
