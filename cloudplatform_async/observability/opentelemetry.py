"""Traces and metrics by OpenTelemetry (extra `otel`): a span a call, a span an attempt, and six instruments.

Names follow the stable HTTP conventions: https://opentelemetry.io/docs/specs/semconv/http/
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar, Token
from typing import Any

from msgspec import Struct

from cloudplatform_async.errors import ConfigurationError
from cloudplatform_async.observability.dispatch import Tracer
from cloudplatform_async.observability.events import (
    AttemptFinished,
    AttemptStarted,
    CallFinished,
    CallStarted,
    RateLimited,
    RetryScheduled,
    TokenRefreshed,
)
from cloudplatform_async.version import __version__

try:
    from opentelemetry import context, metrics, propagate, trace
except ImportError:
    raise ConfigurationError(
        'OpenTelemetryObserver needs the extra `otel`: pip install "cloudplatform-async[otel]"'
    ) from None

_SCOPE = "cloudplatform_async"
# As the conventions have it: those that an SDK would choose are meant for milliseconds.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_Suppress = Callable[[], AbstractContextManager[None]]


class _Open(Struct):
    """The spans of one call that are not ended yet."""

    call: trace.Span
    token: "Token[_Open | None] | None" = None
    attempt: trace.Span | None = None
    silence: AbstractContextManager[None] | None = None


class OpenTelemetryObserver(Tracer):
    """An observer that makes spans and measurements of calls; pass it as ``observers=[…]``.

    Each call is an INTERNAL span, a child of whatever span is current where it is made (of the reader's,
    for pages that are fetched ahead). Each attempt is a CLIENT span below it, whose ``traceparent`` is
    sent with the attempt. While that one is open, OpenTelemetry's own instrumentation of httpx is
    silent, so that no span is doubled.

    Args:
        tracer_provider: Of spans; the global one by default.
        meter_provider: Of measurements; the global one by default.
        request_duration: Whether to record ``http.client.request.duration`` as well, for each attempt.

    Raises:
        ConfigurationError: The extra ``otel`` is not installed; raised when this module is imported.

    Example:
        ``AsyncClient(observers=[OpenTelemetryObserver()])``
    """

    def __init__(
        self,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
        *,
        request_duration: bool = False,
    ) -> None:
        self._providers = tracer_provider, meter_provider
        self._takes_anything = False
        self._tracer = trace.get_tracer(_SCOPE, __version__, tracer_provider)
        meter = metrics.get_meter(_SCOPE, __version__, meter_provider)
        self._calls = meter.create_histogram(
            "cloudplatform.client.call.duration",
            "s",
            "Time of a call, its retries and waits included.",
            explicit_bucket_boundaries_advisory=(*_SECONDS, 30.0, 60.0, 120.0),
        )
        self._queue = meter.create_histogram(
            "cloudplatform.client.queue.duration",
            "s",
            "Time that a call waited for a connection.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._retries = meter.create_counter(
            "cloudplatform.client.retries", "{retry}", "Attempts after the first."
        )
        self._connections = meter.create_gauge(
            "cloudplatform.client.connections", "{connection}", "Open connections of the client."
        )
        self._remaining = meter.create_gauge(
            "cloudplatform.client.rate_limit.remaining",
            "{request}",
            "Requests that the group's limit allows.",
        )
        self._requests = (
            meter.create_histogram(
                "http.client.request.duration",
                "s",
                "Time of an attempt.",
                explicit_bucket_boundaries_advisory=_SECONDS,
            )
            if request_duration
            else None
        )
        self._suppress = _suppression()
        # Its own: others may follow the same call. It is reset with each call, so that nothing is kept.
        self._open: ContextVar[_Open | None] = ContextVar("cloudplatform_async_open_spans", default=None)

    def enabled(self) -> bool:
        """Tell whether a provider takes spans or measurements, or there is a context to be passed on.

        Without an SDK there is neither; one that the program sets later is noticed.
        """
        if not self._takes_anything:
            tracers, meters = self._providers
            self._takes_anything = not (
                _takes_nothing(tracers, trace.get_tracer_provider)
                and _takes_nothing(meters, metrics.get_meter_provider)
            )
        return self._takes_anything or bool(context.get_current())

    def call_started(self, event: CallStarted) -> None:
        """Begin the span of a call."""
        span = self._tracer.start_span(
            f"{event.method} {event.path_template}",
            kind=trace.SpanKind.INTERNAL,
            attributes={"cloudplatform.group": event.group, "cloudplatform.request_id": event.request_id},
        )
        # Without a tracer there is no span to be ended, to continue or to be doubled.
        if span.get_span_context().is_valid or self._open.get() is not None:
            opened = _Open(span)
            opened.token = self._open.set(opened)

    def attempt_started(self, event: AttemptStarted) -> Sequence[tuple[str, str]]:
        """Begin the span of an attempt, and give the headers that continue the trace on the server."""
        opened = self._open.get()
        if opened is None:
            return _carried(context.get_current())
        within = trace.set_span_in_context(opened.call)
        attributes: dict[str, Any] = {
            "http.request.method": event.method,
            "server.address": event.server_address,
            "server.port": event.server_port,
        }
        if event.attempt > 1:
            attributes["http.request.resend_count"] = event.attempt - 1
        opened.attempt = self._tracer.start_span(event.method, within, trace.SpanKind.CLIENT, attributes)
        carried = _carried(trace.set_span_in_context(opened.attempt))
        opened.silence = self._suppress()
        opened.silence.__enter__()
        return carried

    def attempt_finished(self, event: AttemptFinished) -> None:
        """End the span of an attempt."""
        opened = self._open.get()
        if opened is not None:
            _end_attempt(opened, event)
        shared = {"cloudplatform.group": event.group}
        if event.connections is not None:
            self._connections.set(event.connections)
        if event.remaining is not None:
            self._remaining.set(event.remaining, shared)
        if self._requests is not None:
            attributes: dict[str, Any] = {
                "http.request.method": event.method,
                "server.address": event.server_address,
                "server.port": event.server_port,
            }
            if event.status_code is not None:
                attributes["http.response.status_code"] = event.status_code
            self._requests.record(event.elapsed, attributes | _error(event.cause, event.status_code))

    def retry_scheduled(self, event: RetryScheduled) -> None:
        """Count a retry."""
        attributes = {"cloudplatform.group": event.group} | _error(event.cause, event.status_code)
        self._retries.add(1, attributes)
        self._note("retry", {"delay": event.delay, "attempt": event.attempt})

    def rate_limited(self, event: RateLimited) -> None:
        """Note a pause of the group."""
        self._note("rate limit", {"seconds": event.seconds, "group": event.group})

    def token_refreshed(self, event: TokenRefreshed) -> None:
        """Note a new token."""
        self._note("token refresh", {"seconds": event.elapsed})

    def around_token_request(self) -> AbstractContextManager[None]:
        """Silence OpenTelemetry's own instrumentation for a token that a call of ours waits for.

        The refresh is an event of the call's span, whether that instrumentation is there or not.
        """
        return nullcontext() if self._open.get() is None else self._suppress()

    def call_finished(self, event: CallFinished) -> None:
        """End the span of a call, and measure it."""
        failed = _error(event.cause, event.status_code)
        shared = {"http.request.method": event.method, "cloudplatform.group": event.group}
        self._calls.record(event.elapsed, {**shared, "cloudplatform.outcome": event.outcome, **failed})
        self._queue.record(event.breakdown.get("queue", 0.0), shared)
        opened = self._open.get()
        if opened is None or opened.token is None:
            return
        self._open.reset(opened.token)
        if opened.call.is_recording():
            told = {"cloudplatform.attempts": event.attempts, "cloudplatform.outcome": event.outcome}
            _finish(opened.call, told, failed)
        opened.call.end()

    def _note(self, name: str, attributes: dict[str, Any]) -> None:
        opened = self._open.get()
        if opened is not None:
            opened.call.add_event(name, attributes)


def _end_attempt(opened: _Open, event: AttemptFinished) -> None:
    if opened.silence is not None:
        opened.silence.__exit__(None, None, None)
        opened.silence = None
    if opened.attempt is not None:
        if opened.attempt.is_recording():
            told: dict[str, Any] = {}
            if event.status_code is not None:
                told = {"http.response.status_code": event.status_code, "network.protocol.version": "1.1"}
            _finish(opened.attempt, told, _error(event.cause, event.status_code))
        opened.attempt.end()
        opened.attempt = None


def _error(cause: str | None, status_code: int | None) -> dict[str, str]:
    """Name what went wrong, as ``error.type`` of the conventions: the status, else the error's class."""
    if cause is None:
        return {}
    return {"error.type": cause if status_code is None or status_code < 400 else str(status_code)}


def _finish(span: trace.Span, told: dict[str, Any], failed: dict[str, str]) -> None:
    span.set_attributes(told | failed)
    if failed:
        span.set_status(trace.StatusCode.ERROR)


def _carried(of: context.Context) -> tuple[tuple[str, str], ...]:
    """Give the headers that carry a context on: of its span, and its baggage."""
    if not of:  # a propagator has nothing else to take them from
        return ()
    carrier: dict[str, str] = {}
    propagate.inject(carrier, of)
    return tuple(carrier.items())


def _takes_nothing(given: object, current: Callable[[], object]) -> bool:
    """Tell whether a provider is one of the API itself, which take nothing.

    One of them is the no-op provider; the other stands in until the program sets its own for all.
    """
    if given is not None and not _is_of_the_api(given):
        return False
    is_no_op = isinstance(given, trace.NoOpTracerProvider | metrics.NoOpMeterProvider)
    return is_no_op or _is_of_the_api(current())


def _is_of_the_api(provider: object) -> bool:
    return type(provider).__module__.startswith(("opentelemetry.trace", "opentelemetry.metrics"))


def _suppression() -> _Suppress:
    """Find what silences OpenTelemetry's instrumentation of HTTP clients, where that is installed."""
    try:
        from opentelemetry.instrumentation.utils import (
            is_http_instrumentation_enabled,
            suppress_http_instrumentation,
        )
    except ImportError:
        return nullcontext
    # Where another observer has silenced it, one that ends later would bring its silence back.
    return lambda: suppress_http_instrumentation() if is_http_instrumentation_enabled() else nullcontext()
