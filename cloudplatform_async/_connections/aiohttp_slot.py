"""One aiohttp connection: a session whose connector holds a single socket."""

from collections.abc import AsyncIterable, AsyncIterator
from functools import lru_cache
from ssl import SSLContext
from typing import ClassVar

import aiohttp
import httpx
from multidict import CIMultiDict
from yarl import URL

from cloudplatform_async._connections.aiohttp_connection import Answer, Connector
from cloudplatform_async._connections.aiohttp_errors import ERRORS, read_failure, send_failure
from cloudplatform_async._connections.paced_body import PacedBody
from cloudplatform_async._connections.request_body import PIECE, BodyPieces
from cloudplatform_async._connections.slots import Origin, Slot
from cloudplatform_async._connections.stale import as_stale
from cloudplatform_async._connections.wire_headers import WireHeaders

_NOT_ADDED = ("User-Agent", "Accept", "Accept-Encoding")
_TYPED = frozenset({"POST", "PUT", "PATCH"})  # to which aiohttp adds a type, with a body or without


class AiohttpSlot(Slot):
    """A slot over aiohttp: it can break its connection at once, and knows whether it was used before.

    Args:
        origin: Whom the connection leads to.
        tls: The context for an https origin or proxy.
        proxy: The URL of the proxy to go through, credentials included, or ``None``.
    """

    errors: ClassVar[tuple[type[Exception], ...]] = ERRORS

    __slots__ = ("_answer", "_connector", "_proxy", "_session")

    def __init__(self, origin: Origin, tls: SSLContext, proxy: httpx.URL | None) -> None:
        super().__init__(origin)
        self._proxy = None if proxy is None else URL(str(proxy), encoded=True)
        self._answer: aiohttp.ClientResponse | None = None
        self._connector = Connector(tls)
        self._session = aiohttp.ClientSession(
            connector=self._connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            response_class=Answer,
        )

    async def send(self, request: httpx.Request) -> httpx.Response:
        """Send the request; what breaks is raised clear of aiohttp's frames, which hold the headers."""
        body = await self._body_of(request)
        self._connector.request = request
        try:
            headers = _headers(request, streamed=not isinstance(body, bytes | None))
            answer = self._answer = await self._session.request(
                request.method,
                _url(request.url),
                headers=headers,
                skip_auto_headers=_not_to_add(headers, request.method, body),
                data=body,
                allow_redirects=False,
                timeout=_timeout(request),
                proxy=self._proxy,
            )
        except httpx.TransportError as error:
            failure = error
        except ERRORS as error:
            failure = send_failure(error)
        else:
            self.used = True
            return self._response(answer)
        if isinstance(body, PacedBody) and body.stalled:
            raise httpx.WriteTimeout("The server took nothing of the body for too long.")
        raise as_stale(failure.with_traceback(None), reused=self._connector.reused)

    def translate(self, error: Exception) -> httpx.TransportError:
        """The httpx error for what broke the body of an answer."""
        return read_failure(error)

    def is_usable(self) -> bool:
        """Whether the socket is open; aiohttp notices by itself when the peer closes an idle one."""
        return self._connector.is_open

    async def aclose(self) -> None:
        """Break the connection without a TLS farewell, which a silent peer would drag out."""
        if self._answer is not None:
            self._answer.close()
        self._connector.abort()
        await self._session.close()
        await self._connector.wait_aborted()

    def check_end(self) -> None:
        """Tell the end of a body without a length from a reset, which aiohttp takes for the same.

        Raises:
            OSError: The connection was reset.
        """
        if (
            self._answer is not None
            and (error := self._connector.loss) is not None
            and "Content-Length" not in self._answer.headers
            and "Transfer-Encoding" not in self._answer.headers
        ):
            raise error

    def finish(self) -> None:
        """Note after an answer's end whether aiohttp kept the connection."""
        # It keeps hold of a connection on which the request is still being written.
        self.keep = self._answer is not None and self._answer.connection is None and self._connector.is_open
        self._answer = None

    async def _body_of(self, request: httpx.Request) -> "bytes | PacedBody | AsyncIterable[bytes] | None":
        if not isinstance(request.stream, httpx.ByteStream | BodyPieces):
            return request.stream if isinstance(request.stream, AsyncIterable) else None
        content = await request.aread()
        if len(content) <= PIECE:
            return content or None
        return PacedBody(content, request.extensions.get("timeout", {}).get("write"), self._connector.abort)

    def _response(self, answer: aiohttp.ClientResponse) -> httpx.Response:
        response = httpx.Response(
            answer.status,
            stream=_Body(self, answer.content),
            extensions={"reason_phrase": (answer.reason or "").encode("ascii", "replace")},
        )
        response.headers = WireHeaders(answer.raw_headers)
        return response


class _Body(httpx.AsyncByteStream):
    """The raw bytes of an answer, in the pieces in which they came."""

    __slots__ = ("_content", "_slot")

    def __init__(self, slot: AiohttpSlot, content: aiohttp.StreamReader) -> None:
        self._slot = slot
        self._content = content

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        chunk = await self._content.readany()
        if not chunk:
            self._slot.check_end()
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        self._slot.finish()


def _url(url: httpx.URL) -> URL:
    """The URL byte for byte, without user and fragment, from parts that are not parsed again."""
    path, _, query = url.raw_path.decode("ascii").partition("?")
    authority = url.netloc.decode("ascii")
    return URL.build(scheme=url.scheme, authority=authority, path=path, query_string=query, encoded=True)


def _headers(request: httpx.Request, *, streamed: bool) -> CIMultiDict[str]:
    """The headers as text; aiohttp writes them as UTF-8, and does the chunking of a streamed body itself.

    Raises:
        ValueError: A header's bytes are not UTF-8.
    """
    headers = CIMultiDict([(name.decode("ascii"), value.decode()) for name, value in request.headers.raw])
    if streamed:
        headers.popall("Transfer-Encoding", None)
    return headers


def _not_to_add(headers: CIMultiDict[str], method: str, body: object) -> list[str] | None:
    """List the headers that aiohttp would add of its own accord."""
    is_typed = body is not None or method in _TYPED
    names = (*_NOT_ADDED, "Content-Type") if is_typed else _NOT_ADDED
    return [name for name in names if name not in headers] or None


def _timeout(request: httpx.Request) -> aiohttp.ClientTimeout:
    seconds = request.extensions.get("timeout", {})
    return _client_timeout(seconds.get("connect"), seconds.get("read"))


@lru_cache(maxsize=64)
def _client_timeout(connect: float | None, read: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(connect=connect, sock_read=read)
