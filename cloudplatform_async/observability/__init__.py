"""What a client does, made visible: events for observers, log lines, traces and metrics."""

from typing import TYPE_CHECKING

from cloudplatform_async.observability.events import (
    AttemptFinished,
    AttemptStarted,
    CallEvent,
    CallFinished,
    CallStarted,
    EndpointDeprecated,
    Observer,
    RateLimited,
    RetryScheduled,
    TokenRefreshed,
)

if TYPE_CHECKING:
    from cloudplatform_async.observability.opentelemetry import OpenTelemetryObserver

__all__ = [
    "AttemptFinished",
    "AttemptStarted",
    "CallEvent",
    "CallFinished",
    "CallStarted",
    "EndpointDeprecated",
    "Observer",
    "OpenTelemetryObserver",
    "RateLimited",
    "RetryScheduled",
    "TokenRefreshed",
]


def __getattr__(name: str) -> object:
    # OpenTelemetry is loaded for those who use it.
    if name != "OpenTelemetryObserver":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from cloudplatform_async.observability.opentelemetry import OpenTelemetryObserver

    return OpenTelemetryObserver
