"""One request and its whole answer: what is built, and how an answer is judged."""

from collections.abc import Mapping

import httpx
import pytest

from cloudplatform_async import APIConnectionError, RateLimitError, RetryPolicy, ServerError
from cloudplatform_async._calls.failures import refusal
from cloudplatform_async._protocol.responses import Answer
from cloudplatform_async._runtime.clock import Clock
from tests.calls.scripted import Scripted, answer, client_over

pytestmark = pytest.mark.anyio

CLOCK = Clock(wall=lambda: 1_700_000_000.0)


def refused(status: int, headers: Mapping[str, str]) -> float | None:
    return refusal(Answer(status, headers, b""), CLOCK, ()).error.retry_after


async def test_a_request_carries_what_the_contract_says() -> None:
    """Accept always; a content type only where there is a body; the path as it was encoded."""
    transport = Scripted(answer())
    async with client_over(transport) as client:
        await client.projects.get("a b/../c".replace("/", "%2F"))
        await client.projects.create(name="one", slug="one")
    read, write = transport.requests
    assert (read.headers["accept"], read.headers["accept-encoding"]) == ("application/json", "gzip")
    assert read.headers["x-api-key"] == "cp_test_key_1"
    assert read.headers["user-agent"].startswith("cloudplatform-async/")
    assert "content-type" not in read.headers
    assert write.headers["content-type"] == "application/json"
    assert write.headers["content-length"] == str(len(write.content))
    assert read.url.raw_path == b"/v1/projects/a%20b%252F..%252Fc"


async def test_headers_of_view_and_call_are_sent_and_the_last_word_wins() -> None:
    """The call's, then the view's, then ours."""
    transport = Scripted(answer())
    async with client_over(transport) as client:
        view = client.with_options(headers={"X-Team": "blue", "User-Agent": "mine", "X-Request-Id": "req-1"})
        response = await view.request("GET", "/projects/prj_1", headers={"x-team": "green"})
    (request,) = transport.requests
    assert request.headers.get_list("x-team") == ["green"]
    assert request.headers.get_list("user-agent") == ["mine"]
    assert request.headers.get_list("x-request-id") == ["req-1"]
    assert response.request_id == "req-1"


async def test_headers_that_come_twice_are_joined() -> None:
    """RFC 9110 §5.3."""

    async def step(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={}, headers=[("X-Part", "a"), ("x-part", "b")])

    async with client_over(Scripted(step)) as client:
        response = await client.request("GET", "/projects/prj_1")
    assert response.headers["x-part"] == "a, b"


async def test_a_refusal_whose_body_cannot_be_read_is_still_the_error_of_its_status() -> None:
    """The status says enough."""

    async def step(request: httpx.Request) -> httpx.Response:
        return httpx.Response(500, headers={"content-encoding": "br"}, stream=httpx.ByteStream(b"?"))

    async with client_over(Scripted(step)) as client:
        with pytest.raises(ServerError, match="'br'"):
            await client.with_options(retries=RetryPolicy(max_retries=0)).projects.get("prj_1")


async def test_a_foreign_transport_that_fails_may_have_sent() -> None:
    """Of a transport that does not announce departures, nothing is certain once it has the request."""

    class Foreign(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            raise httpx.ReadError("reset")

    async with client_over(Foreign()) as client:
        with pytest.raises(APIConnectionError) as caught:
            await client.projects.create(name="one", slug="one", idempotency_key=None)
        assert client.statistics().attempts == 1
    assert caught.value.outcome == "unknown"


def test_a_429_takes_its_time_from_retry_after_first() -> None:
    """The reset of the whole limit may lie much further."""
    limits = {"ratelimit-remaining": "0", "ratelimit-reset": "60"}
    assert refused(429, {**limits, "retry-after": "1"}) == 1.0
    assert refused(429, limits) == 60.0
    assert refused(429, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1700000009"}) == 9.0
    assert refused(503, limits) is None
    assert refused(429, {"ratelimit-remaining": "3", "ratelimit-reset": "60"}) is None


async def test_secrets_that_the_server_repeats_are_masked() -> None:
    """Credentials, and the values of the user's own headers."""

    async def step(request: httpx.Request) -> httpx.Response:
        text = f"key {request.headers['x-api-key']} cookie {request.headers['cookie']}"
        return httpx.Response(
            429, json={"error": {"code": "c", "message": text}}, headers={"retry-after": "99"}
        )

    async with client_over(Scripted(step)) as client:
        with pytest.raises(RateLimitError) as caught:
            await client.with_options(headers={"Cookie": "session=1234"}).projects.get("prj_1")
    assert caught.value.message == "key *** cookie ***"
