"""A transport that is written for httpx2 carries calls as one of httpx does."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import httpx2
import pytest

from cloudplatform_async import APIConnectionError, APITimeoutError, AsyncClient, RetryPolicy
from tests.connections.servers import Server, send

pytestmark = pytest.mark.anyio

PROJECT = {"id": "prj", "name": "n"}


def client_over(transport: Any, base_url: str = "https://api.example/v1") -> AsyncClient:
    return AsyncClient(
        base_url=base_url, api_key="k", transport=transport, retries=RetryPolicy(max_retries=0)
    )


async def test_a_mock_of_httpx2_answers() -> None:
    """It is given httpx2's own request, and its response is read."""
    seen: list[Any] = []

    def handle(request: Any) -> Any:
        seen.append(request)
        return httpx2.Response(200, json=PROJECT)

    async with client_over(httpx2.MockTransport(handle)) as client:
        assert (await client.projects.get("prj")).id == "prj"
    assert isinstance(seen[0], httpx2.Request)
    assert (seen[0].url.path, seen[0].headers["x-api-key"]) == ("/v1/projects/prj", "k")


@pytest.mark.parametrize(
    ("name", "error", "outcome"),
    [
        ("ConnectError", APIConnectionError, "not_sent"),
        ("ConnectTimeout", APITimeoutError, "not_sent"),
        ("ReadTimeout", APITimeoutError, "unknown"),
        ("RemoteProtocolError", APIConnectionError, "unknown"),
    ],
)
async def test_its_errors_are_told_as_httpxs_are(name: str, error: type[Exception], outcome: str) -> None:
    """With what is certain about the request."""

    def handle(request: Any) -> Any:
        raise getattr(httpx2, name)("no")

    async with client_over(httpx2.MockTransport(handle)) as client:
        with pytest.raises(error) as caught:
            await client.projects.create(name="n", slug="s")
    assert caught.value.outcome == outcome  # type: ignore[attr-defined]
    assert isinstance(caught.value.__cause__, getattr(httpx, name))


async def test_an_error_within_the_body_is_one_of_the_connection() -> None:
    """It is mapped while the body is read, too."""

    class Broken(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"{"
            raise httpx2.ReadError("reset")

    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, stream=Broken()))
    async with client_over(transport) as client:
        with pytest.raises(APIConnectionError, match="broke"):
            await client.projects.get("prj")


async def test_its_real_transport_goes_over_real_sockets() -> None:
    """As it is, with its own pool."""
    body = b'{"id": "prj", "name": "n"}'
    with Server(send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))) as server:
        async with client_over(httpx2.AsyncHTTPTransport(), f"{server.url}/v1") as client:
            assert [(await client.projects.get("prj")).id for _ in range(2)] == ["prj"] * 2
