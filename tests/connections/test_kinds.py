"""Mocks, recorders and tracers of httpx see the traffic of a client that has real connections already."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import respx
import vcr
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pytest_httpx import HTTPXMock

from cloudplatform_async import AsyncClient
from tests.connections.servers import Server, send

pytestmark = pytest.mark.anyio

MOCKED = {"id": "mocked", "name": "two"}


@pytest.fixture
async def client() -> AsyncIterator[AsyncClient]:
    """A client with an open connection to a server."""
    body = b'{"id": "real", "name": "one"}'
    with Server(send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))) as server:
        async with AsyncClient(base_url=f"{server.url}/v1", api_key="k") as client:
            assert await got(client) == "real"
            yield client
            assert await got(client) == "real"


async def got(client: AsyncClient) -> str:
    return (await client.projects.get("prj")).id


async def test_respx_answers_and_real_traffic_flows_again(client: AsyncClient) -> None:
    """Its mocks take the place of httpcore's connections."""
    with respx.mock(using="httpcore") as router:
        route = router.get(path="/v1/projects/prj").respond(json=MOCKED)
        assert [await got(client) for _ in range(3)] == ["mocked"] * 3
    assert route.call_count == 3
    assert await got(client) == "real"


async def test_pytest_httpx_answers(client: AsyncClient, httpx_mock: HTTPXMock) -> None:
    """Real traffic flows again in the end: its fixture goes first, then the client makes one more call."""
    for _ in range(2):
        httpx_mock.add_response(json=MOCKED)
    assert [await got(client) for _ in range(2)] == ["mocked"] * 2
    assert len(httpx_mock.get_requests()) == 2


async def test_a_patch_of_httpxs_transport_is_followed(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As pytest-httpx and vcrpy put theirs in its place."""

    async def answered(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        assert await request.aread() == b""
        return httpx.Response(200, json=MOCKED)

    with monkeypatch.context() as patch:
        patch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", answered)
        assert await got(client) == "mocked"
    assert await got(client) == "real"


@pytest.mark.httpx_alone
async def test_vcrpy_records_and_plays(client: AsyncClient, tmp_path: Path) -> None:
    """The second time the server is not asked."""
    cassette = str(tmp_path / "cassette.yaml")
    for _ in range(2):
        with vcr.use_cassette(cassette, record_mode="once") as tape:
            assert await got(client) == "real"
    assert tape.play_count == 1


async def test_opentelemetrys_instrumentor_sees_each_request(client: AsyncClient) -> None:
    """One span a request, with the call's own context in its headers; none once it is gone."""
    spans, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    instrumentor = HTTPXClientInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    try:
        assert [await got(client) for _ in range(2)] == ["real"] * 2
    finally:
        instrumentor.uninstrument()
    assert await got(client) == "real"
    methods = [(span.attributes or {})["http.method"] for span in spans.get_finished_spans()]
    assert methods == ["GET", "GET"]
