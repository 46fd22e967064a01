"""Whatever a server sends, a typed error or a right value comes out, in bounded memory."""

import gzip
import tracemalloc
import zlib

import pytest

from cloudplatform_async import (
    AuthenticationError,
    CloudPlatformError,
    Project,
    ResponseDecodeError,
    ResponseTooLargeError,
    ServerError,
)
from tests.security.transports import Answer, Hostile, client_of

pytestmark = pytest.mark.anyio

GOOD = b'{"id": "prj_01", "name": "core-api"}'
GZIP = [(b"content-encoding", b"gzip")]
MIB = 2**20


def bomb(mebibytes: int) -> bytes:
    """Gzip of so many MiB of zeros: one compressed MiB, repeated; its checksum is never reached."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    first, again = (packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return first + again * (mebibytes - 1)


RIGHT = {
    "plain": Answer(chunks=[GOOD]),
    "in pieces of one byte": Answer(chunks=[GOOD[i : i + 1] for i in range(len(GOOD))]),
    "gzip": Answer(headers=GZIP, chunks=[gzip.compress(GOOD)]),
    "gzip by its old name": Answer(headers=[(b"Content-Encoding", b"X-GZIP")], chunks=[gzip.compress(GOOD)]),
    "gzip of two members": Answer(headers=GZIP, chunks=[gzip.compress(GOOD[:9]) + gzip.compress(GOOD[9:])]),
    "identity": Answer(headers=[(b"content-encoding", b"identity")], chunks=[GOOD]),
    "a wrong content type": Answer(headers=[(b"content-type", b"text/html")], chunks=[GOOD]),
    "a name twice, of which the last counts": Answer(chunks=[b'{"id": "x", "name": "n", "id": "prj_01"}']),
    "thousands of headers": Answer(headers=[(b"x-%d" % i, b"y") for i in range(5000)], chunks=[GOOD]),
    "bytes of latin-1 in a header": Answer(headers=[(b"x-name", b"caf\xe9")], chunks=[GOOD]),
}


@pytest.mark.parametrize("answer", RIGHT.values(), ids=RIGHT)
async def test_an_unusual_answer_that_is_right_is_read(answer: Answer) -> None:
    """What the body says counts, not how it is dressed."""
    async with client_of(Hostile(answer)) as client:
        assert (await client.projects.get("prj_01")).id == "prj_01"


UNREADABLE = {
    "nothing": Answer(),
    "no content": Answer(status=204),
    "no content, and content": Answer(status=204, chunks=[GOOD]),
    "an error dressed as a success": Answer(chunks=[b'{"error": {"code": "x", "message": "y"}}']),
    "a page for people": Answer(headers=[(b"content-type", b"text/html")], chunks=[b"<html>Sign in</html>"]),
    "a byte order mark": Answer(chunks=[b"\xef\xbb\xbf" + GOOD]),
    "UTF-16": Answer(chunks=[GOOD.decode().encode("utf-16")]),
    "invalid UTF-8 in a known field": Answer(chunks=[b'{"id": "\xff", "name": "n"}']),
    "invalid UTF-8 in an unknown name": Answer(chunks=[b'{"id": 5, "\xff": 1}']),
    "brackets without end": Answer(chunks=[b"[" * 200_000]),
    "objects without end": Answer(chunks=[b'{"data":' * 200_000]),
    "depth in an unknown field": Answer(chunks=[b'{"id":"x","name":"n","z":' + b"[" * 200_000]),
    "half of a document": Answer(chunks=[GOOD[:-4]]),
    "two documents": Answer(chunks=[GOOD + GOOD]),
    "not a number": Answer(chunks=[b'{"id": "x", "name": NaN}']),
    "a number for a name": Answer(chunks=[b'{"id": "x", "name": 7}']),
    "a null for an id": Answer(chunks=[b'{"id": null, "name": "n"}']),
    "a naive timestamp": Answer(chunks=[b'{"id": "x", "name": "n", "created_at": "2026-03-17T10:22:14"}']),
    "broken gzip": Answer(headers=GZIP, chunks=[b"\x1f\x8b\x08 this is not gzip"]),
    "gzip cut short": Answer(headers=GZIP, chunks=[gzip.compress(GOOD)[:-9]]),
    "gzip that is none": Answer(headers=GZIP, chunks=[GOOD]),
    "gzip in gzip": Answer(
        headers=[(b"content-encoding", b"gzip, gzip")], chunks=[gzip.compress(gzip.compress(GOOD))]
    ),
    "gzip in gzip, in two headers": Answer(headers=GZIP * 2, chunks=[gzip.compress(gzip.compress(GOOD))]),
    "brotli": Answer(headers=[(b"content-encoding", b"br")], chunks=[GOOD]),
    "deflate": Answer(headers=[(b"content-encoding", b"deflate")], chunks=[zlib.compress(GOOD)]),
}


@pytest.mark.parametrize("answer", UNREADABLE.values(), ids=UNREADABLE)
async def test_a_success_that_cannot_be_read_is_a_decode_error(answer: Answer) -> None:
    """Never a wrong value, never another exception; and the server may have done what was asked."""
    async with client_of(Hostile(answer)) as client:
        with pytest.raises(ResponseDecodeError) as caught:
            await client.projects.get("prj_01")
    assert (caught.value.outcome, caught.value.attempts) == ("unknown", 1)


@pytest.mark.parametrize("answer", UNREADABLE.values(), ids=UNREADABLE)
async def test_an_error_that_cannot_be_read_has_the_class_of_its_status(answer: Answer) -> None:
    """The status says enough."""
    async with client_of(Hostile(Answer(401, answer.headers, answer.chunks))) as client:
        with pytest.raises(AuthenticationError) as caught:
            await client.projects.get("prj_01")
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("status", [200, 400, 503])
@pytest.mark.parametrize("headers", [[], GZIP], ids=["plain", "gzip"])
async def test_a_body_above_the_bound_is_refused_under_any_status(
    status: int, headers: list[tuple[bytes, bytes]]
) -> None:
    """``max_response_bytes`` counts the inflated body."""
    body = bytes(MIB + 1)
    answer = Answer(status, headers, [gzip.compress(body) if headers else body])
    async with client_of(Hostile(answer), max_response_bytes=MIB) as client:
        with pytest.raises(ResponseTooLargeError):
            await client.projects.get("prj_01")


async def test_a_body_at_the_bound_is_read() -> None:
    """The bound itself is allowed, compressed or not."""
    for headers, body in ([], GOOD), (GZIP, gzip.compress(GOOD)):
        async with client_of(Hostile(Answer(200, headers, [body])), max_response_bytes=len(GOOD)) as client:
            assert (await client.projects.get("prj_01")).name == "core-api"


async def test_a_gzip_bomb_costs_less_memory_than_its_bound_and_a_little() -> None:
    """256 MiB in 256 KiB of gzip are refused while they are inflated, not after."""
    packed = bomb(256)
    assert len(packed) < 300_000
    tracemalloc.start()
    try:
        async with client_of(Hostile(Answer(200, GZIP, [packed])), max_response_bytes=16 * MIB) as client:
            with pytest.raises(ResponseTooLargeError):
                await client.projects.get("prj_01")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 64 * MIB


async def test_a_redirect_is_an_error_and_is_not_followed() -> None:
    """No credential travels to where an answer points."""
    transport = Hostile(Answer(307, [(b"location", b"https://evil.example/v1/projects")]))
    async with client_of(transport) as client:
        with pytest.raises(CloudPlatformError, match="redirect"):
            await client.projects.create(name="n", slug="s")
    assert [request.url.host for request in transport.requests] == ["api.cloudplatform.dev"]


async def test_a_cookie_is_neither_kept_nor_sent() -> None:
    """The API has no sessions; what one answer sets, no request carries."""
    transport = Hostile(Answer(200, [(b"set-cookie", b"session=1; Path=/")], [GOOD]))
    async with client_of(transport) as client:
        await client.projects.get("prj_01")
        await client.projects.get("prj_01")
    assert not any("cookie" in request.headers for request in transport.requests)


async def test_a_huge_error_page_is_shown_only_at_its_beginning() -> None:
    """A log line stays a line."""
    page = b"<html>" + b"All our servers are busy. " * 1000
    async with client_of(Hostile(Answer(502, [], [page]))) as client:
        with pytest.raises(ServerError, match="All our servers are busy") as caught:
            await client.projects.get("prj_01")
    assert len(str(caught.value)) < 500


async def test_a_project_is_of_the_right_types_only() -> None:
    """What comes out is what the model says, to the last label."""
    body = b'{"id":"x","name":"n","labels":{"a":"b"},"status":"hibernating","new_field":[1,2]}'
    async with client_of(Hostile(Answer(chunks=[body]))) as client:
        expected = Project(id="x", name="n", labels={"a": "b"}, status="hibernating")
        assert await client.projects.get("x") == expected
