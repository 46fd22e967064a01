"""Headers kept as bytes are httpx's headers in every other respect."""

import copy

import httpx
import pytest

from cloudplatform_async._connections.wire_headers import WireHeaders

RAW = ((b"Host", b"api.example"), (b"X-Part", b"a"), (b"x-part", b"b"))


def test_they_go_on_the_wire_as_they_are() -> None:
    """The same bytes in the same order, with the names as they were written."""
    headers = WireHeaders(RAW)
    assert headers.raw == list(RAW)
    assert "_list" not in vars(headers)  # nothing was normalised


def test_they_read_like_httpxs_own() -> None:
    """Case does not count, repeated values are joined, and a copy is a plain one."""
    headers = WireHeaders(RAW)
    assert (headers["HOST"], headers["x-part"], headers.get("absent")) == ("api.example", "a, b", None)
    assert headers == httpx.Headers(RAW)
    assert httpx.Headers(headers).raw == headers.copy().raw == list(RAW)


def test_what_is_added_to_them_is_sent_too() -> None:
    """As instrumentation does with its trace headers."""
    headers = WireHeaders(RAW)
    headers["traceparent"] = "00-1"
    del headers["x-part"]
    assert headers.raw == [(b"Host", b"api.example"), (b"traceparent", b"00-1")]


def test_they_show_their_names_alone() -> None:
    """A value may be a key; httpx masks `authorization` and nothing else."""
    headers = WireHeaders([(b"x-api-key", b"cp_secret")])
    assert repr(headers) == "WireHeaders(x-api-key)"
    headers["authorization"] = "Bearer cp_secret"
    assert repr(headers) == "WireHeaders(x-api-key, authorization)"


def test_another_attribute_is_missing_as_ever() -> None:
    """Copying looks for hooks that are not there."""
    headers = WireHeaders(RAW)
    with pytest.raises(AttributeError, match="nothing"):
        _ = headers.nothing
    assert copy.copy(headers).raw == list(RAW)
