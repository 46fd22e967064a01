"""Bodies are inflated within a bound."""

import gzip
import tracemalloc

import pytest

from cloudplatform_async import ResponseDecodeError, ResponseTooLargeError
from cloudplatform_async._protocol.decoding.content_coding import inflated


def read(packed: bytes, coding: str | None = None, limit: int = 1000) -> bytes:
    return inflated(packed, coding, limit)


@pytest.mark.parametrize("coding", [None, "", "identity", "Identity"])
def test_a_plain_body_stays_as_it_is(coding: str | None) -> None:
    """Nothing is to be undone."""
    assert read(b"onetwo", coding) == b"onetwo"


@pytest.mark.parametrize("coding", ["gzip", "GZIP", " x-gzip "])
def test_gzip_is_inflated_by_whichever_name(coding: str) -> None:
    """RFC 9110 §8.4.1.3."""
    packed = gzip.compress(b"hello" * 20)
    assert read(packed, coding) == b"hello" * 20


def test_several_gzip_members_are_one_body() -> None:
    """RFC 1952 §2.2."""
    assert read(gzip.compress(b"one") + gzip.compress(b"two"), "gzip") == b"onetwo"


@pytest.mark.parametrize("coding", ["br", "deflate", "gzip, gzip", "zstd"])
def test_any_other_coding_is_refused(coding: str) -> None:
    """Only gzip was asked for, and only once."""
    with pytest.raises(ResponseDecodeError):
        read(b"x", coding)


@pytest.mark.parametrize(
    "packed",
    [b"no gzip", gzip.compress(b"hello" * 50)[:-12], gzip.compress(b"a") + b"zz"],
    ids=["none", "cut", "followed by more"],
)
def test_broken_gzip_is_a_decode_error(packed: bytes) -> None:
    """Never half of a body."""
    with pytest.raises(ResponseDecodeError):
        read(packed, "gzip")


def test_an_empty_gzip_body_is_empty() -> None:
    """A 204 may name a coding."""
    assert read(b"", "gzip") == b""


@pytest.mark.parametrize("coding", [None, "gzip"])
def test_the_bound_is_exact(coding: str | None) -> None:
    """As many bytes as allowed pass, one more does not."""
    for size, passes in ((1000, True), (1001, False)):
        body = b"x" * size
        packed = gzip.compress(body) if coding else body
        if passes:
            assert read(packed, coding) == body
        else:
            with pytest.raises(ResponseTooLargeError):
                read(packed, coding)


def test_a_gzip_bomb_takes_no_more_memory_than_the_bound() -> None:
    """A small chunk that would inflate to 64 MiB stops at 1 MiB."""
    bomb = gzip.compress(bytes(64 * 2**20))
    tracemalloc.start()
    try:
        with pytest.raises(ResponseTooLargeError):
            read(bomb, "gzip", limit=2**20)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * 2**20
