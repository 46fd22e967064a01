"""What travels: a request as it stands on the wire, and its answer."""

from collections.abc import AsyncIterable, Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import httpx
from msgspec import Struct

from cloudplatform_async.settings import Timeouts

RawHeaders = Sequence[tuple[bytes, bytes]]
"""Names and values as they stand on the wire, in their order."""

HIGHEST_PORT = 65_535
PIECE = 64 * 1024  # bytes of a request's body that are written at once: about a socket's buffer
_PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """Whom a connection leads to: requests with the same origin may share one (RFC 9110 §4.3.1).

    Attributes:
        scheme: ``"http"`` or ``"https"``.
        host: Name or address, without the brackets of IPv6.
        port: Of the scheme, where the URL names none.
    """

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: httpx.URL) -> "Origin":
        """Take the origin from a URL.

        Raises:
            httpx.UnsupportedProtocol: It has another scheme than these two.
        """
        if url.scheme not in _PORTS:
            raise httpx.UnsupportedProtocol("The URL has neither http nor https as its scheme.")
        return cls(url.scheme, url.raw_host.decode("ascii"), url.port or _PORTS[url.scheme])


class Request(Struct, frozen=True, eq=False, kw_only=True):
    """One request; nothing is added to it.

    Attributes:
        method: Upper case.
        origin: Where it goes.
        target: Path and query, percent-encoded.
        headers: All of them, ``Host`` and the framing of the body included.
        body: Bytes, or pieces that come as they are asked for.
        timeouts: Of the steps; ``total`` is not looked at.
        extensions: Of httpx, for the connections that are httpx's.
    """

    method: bytes
    origin: Origin
    target: bytes
    headers: RawHeaders
    timeouts: Timeouts
    body: bytes | AsyncIterable[bytes] = b""
    extensions: Mapping[str, Any] = {}  # Any: as httpx has them

    def __repr__(self) -> str:  # headers, target and body may hold secrets
        return f"Request({self.method.decode('latin-1')} {self.origin.host})"


class Response(Struct, frozen=True, eq=False):
    """An answer.

    Attributes:
        status: HTTP status code.
        headers: As they came.
        body: Its raw bytes, where they were read with it.
    """

    status: int
    headers: RawHeaders
    body: bytes = b""

    def __repr__(self) -> str:  # headers may hold secrets
        return f"Response({self.status})"


class Pieces(httpx.AsyncByteStream):
    """A large body in pieces, so that ``write`` bounds the silence and not the whole upload.

    No generator: one that is dropped half-way, with the upload, is a task on asyncio, a warning on trio.
    """

    def __init__(self, content: bytes) -> None:
        self._content, self._start = content, 0

    def __aiter__(self) -> "Pieces":
        self._start = 0
        return self

    async def __anext__(self) -> bytes:
        piece = self._content[self._start : self._start + PIECE]
        self._start += PIECE
        if not piece:
            raise StopAsyncIteration
        return piece


def httpx_request(request: Request, library: ModuleType = httpx) -> Any:
    """Write a request as one of httpx, or of its fork."""
    origin, seconds = request.origin, request.timeouts
    url = library.URL(scheme=origin.scheme, host=origin.host, port=origin.port, raw_path=request.target)
    timeout = {"connect": seconds.connect, "read": seconds.read, "write": seconds.write, "pool": seconds.pool}
    return library.Request(
        request.method.decode("latin-1"),
        url,
        headers=list(request.headers),
        content=request.body or None,
        extensions={**request.extensions, "timeout": timeout},
    )
