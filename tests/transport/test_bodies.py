"""Bodies are read whole, inflated within a bound, and always closed."""

import gzip
import tracemalloc
from collections.abc import AsyncIterator

import httpx
import pytest

from cloudplatform_async import ResponseDecodeError, ResponseTooLargeError
from cloudplatform_async._connections.bodies import read_body

pytestmark = pytest.mark.anyio


class Stream(httpx.AsyncByteStream):
    """A body in pieces, as it comes from the wire."""

    def __init__(self, *chunks: bytes, error: Exception | None = None) -> None:
        self.chunks, self.error, self.closed = chunks, error, False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            yield chunk
        if self.error:
            raise self.error

    async def aclose(self) -> None:
        self.closed = True


async def read(stream: Stream, coding: str | None = None, limit: int = 1000) -> bytes:
    return await read_body(stream, limit, coding)


@pytest.mark.parametrize("coding", [None, "", "identity", "Identity"])
async def test_a_plain_body_is_joined(coding: str | None) -> None:
    """In the order in which it came."""
    assert await read(Stream(b"one", b"two"), coding) == b"onetwo"


@pytest.mark.parametrize("coding", ["gzip", "GZIP", " x-gzip "])
async def test_gzip_is_inflated_however_it_is_cut(coding: str) -> None:
    """Also byte by byte."""
    packed = gzip.compress(b"hello" * 20)
    assert await read(Stream(*[packed[at : at + 1] for at in range(len(packed))]), coding) == b"hello" * 20


async def test_several_gzip_members_are_one_body() -> None:
    """RFC 1952 §2.2."""
    assert await read(Stream(gzip.compress(b"one") + gzip.compress(b"two")), "gzip") == b"onetwo"


@pytest.mark.parametrize("coding", ["br", "deflate", "gzip, gzip", "zstd"])
async def test_any_other_coding_is_refused(coding: str) -> None:
    """Only gzip was asked for, and only once."""
    stream = Stream(b"x")
    with pytest.raises(ResponseDecodeError):
        await read(stream, coding)
    assert stream.closed


@pytest.mark.parametrize(
    "packed",
    [b"no gzip", gzip.compress(b"hello" * 50)[:-12], gzip.compress(b"a") + b"zz"],
    ids=["none", "cut", "followed by more"],
)
async def test_broken_gzip_is_a_decode_error(packed: bytes) -> None:
    """Never half of a body."""
    with pytest.raises(ResponseDecodeError):
        await read(Stream(packed), "gzip")


async def test_an_empty_gzip_body_is_empty() -> None:
    """A 204 may name a coding."""
    assert await read(Stream(), "gzip") == b""


@pytest.mark.parametrize("coding", [None, "gzip"])
async def test_the_bound_is_exact(coding: str | None) -> None:
    """As many bytes as allowed pass, one more does not; the stream is closed either way."""
    for size, passes in ((1000, True), (1001, False)):
        body = b"x" * size
        stream = Stream(gzip.compress(body) if coding else body)
        if passes:
            assert await read(stream, coding) == body
        else:
            with pytest.raises(ResponseTooLargeError):
                await read(stream, coding)
        assert stream.closed


async def test_a_gzip_bomb_takes_no_more_memory_than_the_bound() -> None:
    """A small chunk that would inflate to 64 MiB stops at 1 MiB."""
    bomb = gzip.compress(bytes(64 * 2**20))
    tracemalloc.start()
    try:
        with pytest.raises(ResponseTooLargeError):
            await read(Stream(bomb), "gzip", limit=2**20)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * 2**20


async def test_a_connection_that_breaks_closes_the_body_and_passes_through() -> None:
    """The retry loop judges it."""
    stream = Stream(b"half", error=httpx.ReadError("reset"))
    with pytest.raises(httpx.ReadError):
        await read(stream)
    assert stream.closed
