"""A request of parts that are ready is httpx's request in every other respect."""

import pickle

import httpx
import pytest

from cloudplatform_async._connections.wire_headers import WireHeaders
from cloudplatform_async._connections.wire_request import WireRequest

pytestmark = pytest.mark.anyio

URL = httpx.URL("https://api.example/v1/projects?limit=1")
RAW = ((b"Host", b"api.example"), (b"content-length", b"2"))


@pytest.mark.parametrize("content", [b"", b"{}"])
async def test_it_reads_like_httpxs_own(content: bytes) -> None:
    """Its parts, and its body: at once, read, and as a stream that may be read again."""
    own = httpx.Request("POST", URL, headers=list(RAW), content=content)
    request = WireRequest("POST", URL, WireHeaders(RAW), content, {"fresh": False})
    assert (request.method, request.url, request.headers) == (own.method, own.url, own.headers)
    assert request.content == request.read() == await request.aread() == content
    for _ in range(2):
        assert isinstance(request.stream, httpx.AsyncByteStream)
        assert b"".join([chunk async for chunk in request.stream]) == content
    assert request.extensions == {"fresh": False}


def test_it_can_be_pickled_like_httpxs_own() -> None:
    """Without its extensions, as httpx does it."""
    request = WireRequest("POST", URL, WireHeaders(RAW), b"{}", {"fresh": False})
    copy = pickle.loads(pickle.dumps(request))
    assert (copy.method, copy.url, copy.headers.raw, copy.content) == ("POST", URL, list(RAW), b"{}")
    assert copy.extensions == {}
