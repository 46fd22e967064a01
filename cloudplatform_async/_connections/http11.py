"""HTTP/1.1 without a socket: a request's head as bytes, and bytes as an answer (RFC 9112)."""

import httptools
import httpx

from cloudplatform_async._connections.messages import Request, Response

_MOST_HEADERS = 256
_MOST_HEADER_BYTES = 64 * 1024
_MOST_INFORMATIONAL = 16  # answers 1xx before the one that counts
_FRAMING = 32  # bytes of chunk sizes, extensions and trailers that may come with each byte of a body


def head_of(request: Request) -> bytes:
    """Write the request line and the headers.

    Raises:
        httpx.LocalProtocolError: A part of them would end its line.
    """
    lines = [b"%b %b HTTP/1.1\r\n" % (request.method, request.target)]
    lines += map(b"%b: %b\r\n".__mod__, request.headers)
    head = b"".join((*lines, b"\r\n"))
    breaks = len(lines) + 1
    if head.count(b"\n") != breaks or head.count(b"\r") != breaks or b"\0" in head:
        raise httpx.LocalProtocolError("The URL or a header holds what HTTP cannot carry.")
    return head


class ResponseReader:
    """Reads answers, one after another, with llhttp in its strict mode.

    Attributes:
        response: The beginning of the answer, once its headers are there.
        chunks: Of the body, until somebody takes them.
        is_complete: The answer is there to its end; so it is before the first one.
        is_reusable: Both sides keep the connection, and nothing came behind the answer.
        size: Bytes of the answer that have come.
    """

    __slots__ = (
        "_before", "_body_size", "_header_size", "_headers", "_informational", "_is_head", "_is_surplus",
        "_parser", "chunks", "is_complete", "is_reusable", "response", "size",
    )  # fmt: skip

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.begin(b"")
        self.is_complete = True

    def begin(self, method: bytes) -> None:
        """Expect the answer to a request."""
        self.response: Response | None = None
        self.chunks: list[bytes] = []
        self.is_complete = self.is_reusable = self._is_surplus = False
        self._before = b""
        self._is_head = method == b"HEAD"
        self._headers: list[tuple[bytes, bytes]] = []
        self._header_size = self._body_size = self.size = self._informational = 0

    def feed(self, data: bytes) -> None:
        """Take in what came.

        Raises:
            httpx.RemoteProtocolError: It is not valid HTTP, or more headers than anybody needs.
        """
        was_complete = self.is_complete
        if was_complete:
            self.is_reusable = False
            return
        self.size += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            raise _malformed("It changes the protocol, which nobody asked for.") from None
        except httptools.HttpParserError as error:
            if self.is_complete:  # bytes behind an answer, which stands
                self.is_reusable = False
                return
            raise _malformed(error) from None
        if self.is_complete:
            if self.is_reusable and data[-1] in b"\r\n":  # which llhttp skips in silence
                self.is_reusable = self._ends_as_it_should(data)
            return
        self._before = (self._before + data[-4:])[-4:]
        if self.size > _MOST_HEADER_BYTES + _FRAMING * self._body_size:
            raise _malformed("Its headers do not end.")

    def _ends_as_it_should(self, data: bytes) -> bool:
        """Tell whether no line breaks stand behind an answer; where that cannot be told, they may."""
        if self._body_size and not self._has_header(b"transfer-encoding"):
            last = self.chunks[-1]
            return data == last or (data.endswith(last) and bool(last.strip(b"\r\n")))
        end = self._before + data
        return end[len(end.rstrip(b"\r\n")) :] == b"\r\n\r\n"

    def end(self) -> None:
        """Take in that the peer has closed the connection.

        Raises:
            httpx.RemoteProtocolError: The answer is not complete.
        """
        if self.response is None or self._has_header(b"content-length", b"transfer-encoding"):
            raise httpx.RemoteProtocolError("The server closed the connection before the whole answer came.")
        self.is_complete = True

    def _has_header(self, *names: bytes) -> bool:
        return any(name.lower() in names for name, _ in self._headers)

    # What httptools calls; an exception here comes out of `feed` as a malformed answer.

    def on_message_begin(self) -> None:
        if self.is_complete:
            self.is_reusable = False
            self._is_surplus = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_surplus:
            return
        self._header_size += len(name) + len(value)
        if len(self._headers) >= _MOST_HEADERS or self._header_size > _MOST_HEADER_BYTES:
            raise ValueError("too many headers")
        if self.response is None:  # later ones are trailers, which nobody asked for
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if self._is_surplus:
            return
        if 100 <= status < 200:
            self._informational += 1
            if self._informational > _MOST_INFORMATIONAL:
                raise ValueError("too many informational answers")
            self._headers = []
            return
        self.response = Response(status, self._headers)
        self.is_complete = self._is_head  # the parser would wait for a body of the length that is told

    def on_body(self, data: bytes) -> None:
        if not self.is_complete:
            self._body_size += len(data)
            self.chunks.append(data)

    def on_message_complete(self) -> None:
        if self.response is None or self.is_complete:  # informational; behind the answer
            return
        self.is_complete = True
        parser = self._parser
        self.is_reusable = parser.should_keep_alive() and parser.get_http_version() == "1.1"


def _malformed(reason: object) -> httpx.RemoteProtocolError:
    return httpx.RemoteProtocolError(f"The answer is not valid HTTP. {reason}")
