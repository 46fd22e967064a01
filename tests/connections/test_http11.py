"""HTTP/1.1 without a socket: what is read, what is refused, and what ends a connection."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudplatform_async._connections.http11 import ResponseReader, head_of
from cloudplatform_async._connections.messages import Origin, Request
from cloudplatform_async.settings import Timeouts

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
READABLE = {
    "by length": (HEAD + b"ok", "GET", 200, b"ok", True),
    "in chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n", "GET", 200, b"ok", True),
    "chunks with a trailer": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n", "GET", 200, b"ok", True,
    ),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", "GET", 204, b"", True),
    "not modified": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "GET", 304, b"", True),
    "to HEAD": (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "HEAD", 200, b"", False),
    "behind two informational ones": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" + HEAD + b"ok", "POST", 200, b"ok", True,
    ),
    "with a word of farewell": (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", "GET", 200, b"ok", False),
    "of HTTP/1.0": (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", "GET", 200, b"ok", False),
    "with more behind it": (HEAD + b"ok" + HEAD + b"ok", "GET", 200, b"ok", False),
    "with nonsense behind it": (HEAD + b"ok\x00\x01", "GET", 200, b"ok", False),
    "that ends with line breaks": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nok\r\n\r\n", "GET", 200, b"ok\r\n\r\n", True,
    ),
    "with a line break behind it": (HEAD + b"ok\r\n", "GET", 200, b"ok", False),
    "with a line feed behind one of its own": (HEAD + b"o\n\n", "GET", 200, b"o\n", False),
    "with a line break behind its chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n\r\n", "GET", 200, b"ok", False,
    ),
    "with a line break behind no content": (b"HTTP/1.1 204 No Content\r\n\r\n\r\n", "GET", 204, b"", False),
}  # fmt: skip


def read(data: bytes, method: bytes, size: int) -> ResponseReader:
    reader = ResponseReader()
    reader.begin(method)
    for start in range(0, len(data), size):
        reader.feed(data[start : start + size])
    return reader


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize(("data", "method", "status", "body", "reusable"), READABLE.values(), ids=READABLE)
def test_an_answer_is_read_however_it_is_cut(
    data: bytes, method: str, status: int, body: bytes, reusable: bool, size: int
) -> None:
    """Its connection is kept only if both sides keep it, and nothing came behind."""
    reader = read(data, method.encode(), size)
    assert reader.response is not None
    assert reader.is_complete
    assert (reader.response.status, b"".join(reader.chunks), reader.is_reusable) == (status, body, reusable)


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    """And with nothing else (RFC 9112 §6.3)."""
    reader = read(b"HTTP/1.1 200 OK\r\n\r\npart", b"GET", 9)
    assert not reader.is_complete
    reader.end()
    assert (reader.is_complete, reader.is_reusable, b"".join(reader.chunks)) == (True, False, b"part")


@pytest.mark.parametrize(
    "data",
    [b"", b"HTTP/1.1 200", HEAD + b"o", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"],
)
def test_an_answer_that_ends_early_is_an_error(data: bytes) -> None:
    """It is never taken for a whole one."""
    reader = read(data, b"GET", 100)
    with pytest.raises(httpx.RemoteProtocolError, match="closed"):
        reader.end()


REFUSED = {
    "nonsense": b"this is not HTTP\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a header without a name": b"HTTP/1.1 200 OK\r\n: x\r\n\r\n",
    "a folded header": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
    "a bare line feed": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
    "too many headers": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 257 + b"\r\n",
    "too large headers": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
    "a header without end": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000,
    "a reason without end": b"HTTP/1.1 200 " + b"y" * 200_000,
    "informational ones without end": b"HTTP/1.1 100 Continue\r\n\r\n" * 20,
    "a trailer without end": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"y" * 200_000,
    "a chunk's size without end": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 200_000,
}  # fmt: skip


@pytest.mark.parametrize("size", [1000, 1_000_000])
@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_what_is_not_http_or_has_no_end_is_refused(data: bytes, size: int) -> None:
    """With httpx's error, after a bounded number of bytes."""
    with pytest.raises(httpx.RemoteProtocolError):
        read(data, b"GET", size)


@given(
    st.lists(
        st.sampled_from([HEAD, b"ok", b"\r\n", b"0", b"HTTP/1.1 ", b"204 x", b"\x00", b"a: b"])
        | st.binary(max_size=9),
        max_size=9,
    )
)
def test_any_bytes_give_an_answer_or_a_typed_error(pieces: list[bytes]) -> None:
    """And never another exception, of httptools or ours."""
    reader = ResponseReader()
    reader.begin(b"GET")
    try:
        for piece in pieces:
            reader.feed(piece)
        if not reader.is_complete:
            reader.end()
    except httpx.RemoteProtocolError:
        return
    assert reader.response is not None
    assert reader.is_complete


def request(**changes: object) -> Request:
    parts = {"method": b"GET", "target": b"/v1", "headers": [(b"host", b"a")], **changes}
    return Request(origin=Origin("http", "a", 80), timeouts=Timeouts(), **parts)  # type: ignore[arg-type]  # parts


def test_a_head_is_written_once_and_as_it_is() -> None:
    """Nothing is added."""
    headers = [(b"host", b"a"), (b"x-key", b"k")]
    assert head_of(request(headers=headers)) == b"GET /v1 HTTP/1.1\r\nhost: a\r\nx-key: k\r\n\r\n"


@pytest.mark.parametrize(
    "changes",
    [
        {"headers": [(b"x", b"two\r\nlines: 1")]},
        {"headers": [(b"x\n", b"1")]},
        {"headers": [(b"x", b"\0")]},
        {"target": b"/v1 HTTP/1.1\r\nx: y\r\n"},
        {"target": b"/\r"},
    ],
)
def test_a_part_that_would_end_its_line_is_refused(changes: dict[str, object]) -> None:
    """Nothing is sent."""
    with pytest.raises(httpx.LocalProtocolError):
        head_of(request(**changes))
