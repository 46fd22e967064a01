"""Spans and metrics equal what was expected, with OpenTelemetry's instrumentation of httpx on and off."""

import contextvars
from collections.abc import Iterator
from typing import Any

import anyio
import httpx
import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Decision, SamplingResult, StaticSampler
from opentelemetry.trace import NoOpTracerProvider

from cloudplatform_async import AsyncClient, OAuthClientCredentials
from cloudplatform_async.observability import OpenTelemetryObserver
from cloudplatform_async.sandbox import Sandbox
from cloudplatform_async.testing import no_waiting

pytestmark = pytest.mark.anyio


class Dropping(StaticSampler):
    """Drops each span, and keeps the names that it was asked about."""

    def __init__(self) -> None:
        super().__init__(Decision.DROP)
        self.asked: list[str] = []

    def should_sample(self, *given: Any, **named: Any) -> SamplingResult:
        """Note the name, the third argument."""
        self.asked.append(given[2])
        return super().should_sample(*given, **named)


class Telemetry:
    """Exporters in memory, and an observer that feeds them."""

    def __init__(self) -> None:
        self.spans = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.spans))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider([self.reader])
        self.observer = OpenTelemetryObserver(self.tracers, self.meters)

    def named(self) -> list[str]:
        """Names of the spans, in the order in which they ended."""
        return [span.name for span in self.spans.get_finished_spans()]

    def metrics(self) -> dict[str, Any]:
        """The points of each metric."""
        data = self.reader.get_metrics_data()
        assert data is not None
        return {
            metric.name: metric.data.data_points
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    """Of one test."""
    telemetry = Telemetry()
    yield telemetry
    telemetry.tracers.shutdown()
    telemetry.meters.shutdown()


@pytest.fixture(params=[False, True], ids=["alone", "httpx-instrumented"])
def instrumented(request: pytest.FixtureRequest, telemetry: Telemetry) -> Iterator[bool]:
    """With the instrumentor of httpx, and without."""
    if request.param:
        HTTPXClientInstrumentor().instrument(tracer_provider=telemetry.tracers)
    yield request.param
    if request.param:
        HTTPXClientInstrumentor().uninstrument()


def attributes(span: ReadableSpan) -> dict[str, Any]:
    """Those of a span, without what differs from run to run."""
    own = dict(span.attributes or {})
    return {name: own[name] for name in own if name not in {"cloudplatform.request_id", "server.port"}}


@pytest.mark.usefixtures("instrumented")
async def test_a_call_with_two_retries_is_a_span_over_three(telemetry: Telemetry) -> None:
    """The same with httpx instrumented: no span is doubled."""
    with Sandbox(projects=1) as sandbox, no_waiting():
        async with AsyncClient(
            base_url=sandbox.base_url, api_key=sandbox.api_key, observers=[telemetry.observer]
        ) as client:
            sandbox.faults.add(status=503, times=2)
            await client.projects.get("prj_000001")
            sent = [request.headers["traceparent"] for request in sandbox.requests]
    first, second, third, call = telemetry.spans.get_finished_spans()
    shared = {"http.request.method": "GET", "server.address": "127.0.0.1", "network.protocol.version": "1.1"}
    failed = {"http.response.status_code": 503, "error.type": "503"}
    assert [attributes(first), attributes(second), attributes(third)] == [
        {**shared, **failed},
        {**shared, **failed, "http.request.resend_count": 1},
        {**shared, "http.response.status_code": 200, "http.request.resend_count": 2},
    ]
    assert (call.name, call.kind) == ("GET /projects/{id}", trace.SpanKind.INTERNAL)
    assert attributes(call) == {
        "cloudplatform.group": "projects",
        "cloudplatform.attempts": 3,
        "cloudplatform.outcome": "done",
    }
    for span, header in zip((first, second, third), sent, strict=True):
        assert span.kind is trace.SpanKind.CLIENT
        assert span.parent is not None
        assert call.context is not None
        assert span.context is not None
        assert span.parent.span_id == call.context.span_id
        assert header.split("-")[1:3] == [f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}"]


async def test_a_refresh_is_an_event_of_its_call_and_no_span_more_with_the_instrumentor(
    telemetry: Telemetry, instrumented: bool
) -> None:
    """Two retries and a refresh are as many spans with and without it, and the caller's context stays."""
    before = context.get_current()
    with Sandbox(projects=1) as sandbox, no_waiting():
        token = OAuthClientCredentials(sandbox.token_url, sandbox.client_id, sandbox.client_secret)
        async with AsyncClient(
            base_url=sandbox.base_url, access_token=token, observers=[telemetry.observer]
        ) as client:
            sandbox.faults.add(status=503, times=2, path="/v1/*")
            await client.projects.get("prj_000001")
    assert context.get_current() == before
    assert telemetry.named() == ["GET", "GET", "GET", "GET /projects/{id}"]
    events = [event.name for event in telemetry.spans.get_finished_spans()[-1].events]
    assert events == ["token refresh", "retry", "retry"]


async def test_pages_fetched_ahead_are_children_of_the_readers_span(telemetry: Telemetry) -> None:
    """Though they are fetched by tasks of their own."""
    sandbox = Sandbox(projects=5)
    async with AsyncClient(
        base_url=sandbox.base_url,
        api_key=sandbox.api_key,
        transport=sandbox.transport(),
        observers=[telemetry.observer],
    ) as client:
        tracer = telemetry.tracers.get_tracer("test")
        with tracer.start_as_current_span("reader") as reader:
            await client.projects.iter_all(page_size=1, ahead=3).collect()
    calls = [span for span in telemetry.spans.get_finished_spans() if span.name == "GET /projects"]
    assert len(calls) == 5
    assert {span.parent.span_id if span.parent else 0 for span in calls} == {
        reader.get_span_context().span_id
    }


async def test_metrics_say_how_calls_went(telemetry: Telemetry) -> None:
    """Durations, retries, queue, connections and what is left of the limit."""
    with Sandbox(projects=1) as sandbox, no_waiting():
        async with AsyncClient(
            base_url=sandbox.base_url, api_key=sandbox.api_key, observers=[telemetry.observer]
        ) as client:
            sandbox.faults.add(status=503, times=1)
            await client.projects.list()
    metrics = telemetry.metrics()
    assert set(metrics) == {
        "cloudplatform.client.call.duration",
        "cloudplatform.client.connections",
        "cloudplatform.client.queue.duration",
        "cloudplatform.client.rate_limit.remaining",
        "cloudplatform.client.retries",
    }
    (call,) = metrics["cloudplatform.client.call.duration"]
    assert (call.count, call.attributes["cloudplatform.outcome"]) == (1, "done")
    (retries,) = metrics["cloudplatform.client.retries"]
    assert (retries.value, retries.attributes["error.type"]) == (1, "503")
    assert metrics["cloudplatform.client.connections"][0].value == 1
    assert metrics["cloudplatform.client.rate_limit.remaining"][0].value == 599


async def test_durations_fall_into_buckets_of_seconds_with_what_the_conventions_require(
    telemetry: Telemetry,
) -> None:
    """What an SDK has by itself is for milliseconds: all calls would be in its first bucket."""
    sandbox = Sandbox(projects=1)
    async with AsyncClient(
        base_url=sandbox.base_url,
        api_key=sandbox.api_key,
        transport=sandbox.transport(),
        observers=[OpenTelemetryObserver(telemetry.tracers, telemetry.meters, request_duration=True)],
    ) as client:
        await client.projects.list()
    metrics = telemetry.metrics()
    (attempt,) = metrics["http.client.request.duration"]
    assert attempt.explicit_bounds[:2] == (0.005, 0.01)
    assert attempt.explicit_bounds[-1] == 10
    assert metrics["cloudplatform.client.queue.duration"][0].explicit_bounds == attempt.explicit_bounds
    assert metrics["cloudplatform.client.call.duration"][0].explicit_bounds[-1] == 120
    assert dict(attempt.attributes) == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "server.address": "127.0.0.1",
        "server.port": 80,
    }


async def test_two_observers_of_one_client_have_all_spans_each(
    telemetry: Telemetry, instrumented: bool
) -> None:
    """Each its own, below its own; one trace is sent on, and nothing is left in the caller's context."""
    other = Telemetry()
    before = context.get_current()
    with Sandbox(projects=1) as sandbox, no_waiting():
        async with AsyncClient(
            base_url=sandbox.base_url,
            api_key=sandbox.api_key,
            observers=[telemetry.observer, other.observer],
        ) as client:
            sandbox.faults.add(status=503, times=1)
            await client.projects.get("prj_000001")
        sent = sandbox.requests[-1].headers["traceparent"]
    assert context.get_current() == before
    assert telemetry.named() == other.named() == ["GET", "GET", "GET /projects/{id}"]
    for each in (telemetry, other):
        *attempts, call = each.spans.get_finished_spans()
        assert call.context is not None
        assert call.parent is None
        assert {span.parent.span_id if span.parent else 0 for span in attempts} == {call.context.span_id}
        each.tracers.shutdown()
        each.meters.shutdown()
    last = telemetry.spans.get_finished_spans()[1].context
    assert last is not None
    assert sent.split("-")[1:3] == [f"{last.trace_id:032x}", f"{last.span_id:016x}"]


def test_an_observer_that_is_no_longer_needed_is_forgotten(telemetry: Telemetry) -> None:
    """Nothing of its calls is kept in the context of who made them."""
    sandbox = Sandbox(projects=1)
    before = len(contextvars.copy_context())

    async def call() -> None:
        observer = OpenTelemetryObserver(telemetry.tracers, telemetry.meters)
        async with AsyncClient(
            base_url=sandbox.base_url,
            api_key=sandbox.api_key,
            transport=sandbox.transport(),
            observers=[observer],
        ) as client:
            await client.projects.list()
            within = len(contextvars.copy_context())
            await client.projects.list()
            assert len(contextvars.copy_context()) == within

    anyio.run(call)
    assert len(contextvars.copy_context()) == before


async def test_a_failing_call_marks_its_spans(telemetry: Telemetry) -> None:
    """With the error's class where there was no answer."""

    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no")

    async with AsyncClient(
        api_key="key", transport=httpx.MockTransport(refuse), observers=[telemetry.observer], retries=0
    ) as client:
        with pytest.raises(Exception, match="Could not connect"):
            await client.projects.list()
    attempt, call = telemetry.spans.get_finished_spans()
    assert attributes(attempt)["error.type"] == attributes(call)["error.type"] == "APIConnectionError"
    assert {attempt.status.status_code, call.status.status_code} == {trace.StatusCode.ERROR}
    assert attributes(call)["cloudplatform.outcome"] == "not_sent"


@pytest.mark.parametrize("given", [(None, None), (NoOpTracerProvider(), NoOpMeterProvider())])
async def test_without_an_sdk_no_call_is_followed_until_there_is_one(
    given: tuple[Any, Any], telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No-op providers stay so; the one that stands in for the program's own gives way to it at once."""
    observer = OpenTelemetryObserver(*given)
    assert not observer.enabled()
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: telemetry.tracers)
    assert observer.enabled() is (given == (None, None))


def test_spans_or_measurements_alone_are_reason_enough(telemetry: Telemetry) -> None:
    """A program may have traces and no metrics, or metrics and no traces."""
    assert OpenTelemetryObserver(telemetry.tracers, NoOpMeterProvider()).enabled()
    assert OpenTelemetryObserver(NoOpTracerProvider(), telemetry.meters).enabled()


async def test_measurements_without_traces_are_taken(telemetry: Telemetry) -> None:
    """And no header is sent for a trace that is not there."""
    sandbox = Sandbox(projects=1)
    async with AsyncClient(
        base_url=sandbox.base_url,
        api_key=sandbox.api_key,
        transport=sandbox.transport(),
        observers=[OpenTelemetryObserver(NoOpTracerProvider(), telemetry.meters)],
    ) as client:
        await client.projects.list()
    assert telemetry.metrics()["cloudplatform.client.call.duration"][0].count == 1
    assert "traceparent" not in sandbox.requests[-1].headers


async def test_a_context_is_passed_on_without_an_sdk() -> None:
    """Baggage, and the trace of who called the program: the services behind it may have an SDK."""
    sandbox = Sandbox(projects=1)
    parent = trace.SpanContext(0xA, 0xB, is_remote=True, trace_flags=trace.TraceFlags(1))
    around = baggage.set_baggage("tenant", "t1", trace.set_span_in_context(trace.NonRecordingSpan(parent)))
    async with AsyncClient(
        base_url=sandbox.base_url,
        api_key=sandbox.api_key,
        transport=sandbox.transport(),
        observers=[OpenTelemetryObserver(NoOpTracerProvider(), NoOpMeterProvider())],
    ) as client:
        token = context.attach(around)
        await client.projects.list()
        context.detach(token)
    sent = sandbox.requests[-1].headers
    assert (sent["baggage"], sent["traceparent"]) == ("tenant=t1", f"00-{0xA:032x}-{0xB:016x}-01")


async def test_a_call_that_is_sampled_out_is_one_for_the_server_and_the_instrumentor_too() -> None:
    """Its header says so, and the instrumentation of httpx makes no root span of its own."""
    tracers = TracerProvider(sampler := Dropping())
    HTTPXClientInstrumentor().instrument(tracer_provider=tracers)
    try:
        with Sandbox(projects=1) as sandbox:
            async with AsyncClient(
                base_url=sandbox.base_url,
                api_key=sandbox.api_key,
                observers=[OpenTelemetryObserver(tracers, NoOpMeterProvider())],
            ) as client:
                await client.projects.list()
            sent = sandbox.requests[-1].headers["traceparent"]
    finally:
        HTTPXClientInstrumentor().uninstrument()
    assert sampler.asked == ["GET /projects", "GET"]
    assert int(sent.rpartition("-")[2], 16) & trace.TraceFlags.SAMPLED == 0
