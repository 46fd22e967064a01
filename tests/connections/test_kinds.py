"""Mocks, recorders and tracers of httpx see the traffic of a client that has real connections already."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import respx

from cloudplatform_async import AsyncClient
from tests.transport.servers import Server, send

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


async def test_vcrpy_records_and_plays(client: AsyncClient, tmp_path: Path) -> None:
    """The second time the server is not asked."""
    vcr = pytest.importorskip("vcr")
    cassette = str(tmp_path / "cassette.yaml")
    for _ in range(2):
        with vcr.use_cassette(cassette, record_mode="once") as tape:
            assert await got(client) == "real"
    assert tape.play_count == 1


async def test_opentelemetrys_instrumentor_sees_each_request(client: AsyncClient) -> None:
    """One span a request, with the call's own context in its headers; none once it is gone."""
    instrumentor = pytest.importorskip("opentelemetry.instrumentation.httpx").HTTPXClientInstrumentor()
    export = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    trace = pytest.importorskip("opentelemetry.sdk.trace")
    processors = pytest.importorskip("opentelemetry.sdk.trace.export")
    spans, provider = export.InMemorySpanExporter(), trace.TracerProvider()
    provider.add_span_processor(processors.SimpleSpanProcessor(spans))
    instrumentor.instrument(tracer_provider=provider)
    try:
        assert [await got(client) for _ in range(2)] == ["real"] * 2
    finally:
        instrumentor.uninstrument()
    assert await got(client) == "real"
    assert [span.attributes["http.method"] for span in spans.get_finished_spans()] == ["GET", "GET"]
