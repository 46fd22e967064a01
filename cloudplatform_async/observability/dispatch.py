"""Hands each event to the log and to the observers that have a method for it."""

from collections.abc import Callable, Iterable
from typing import Any

from cloudplatform_async.errors import ConfigurationError
from cloudplatform_async.observability.events import (
    AttemptFinished,
    AttemptStarted,
    CallEvent,
    CallFinished,
    CallStarted,
    EndpointDeprecated,
    RateLimited,
    RetryScheduled,
    TokenRefreshed,
)
from cloudplatform_async.observability.logging import log, log_observer

_EVENTS: tuple[type[CallEvent], ...] = (
    CallStarted,
    AttemptStarted,
    AttemptFinished,
    RetryScheduled,
    RateLimited,
    TokenRefreshed,
    EndpointDeprecated,
    CallFinished,
)


class Dispatch:
    """The observers of a client; one that raises is said once, and goes on to be told.

    Attributes:
        handlers: The methods that there are, by the event that they take.

    Args:
        observers: Objects with any subset of the methods of ``Observer``.

    Raises:
        ConfigurationError: For one that has none of them.
    """

    __slots__ = ("_failed", "handlers")

    def __init__(self, observers: Iterable[object] = ()) -> None:
        # What it returns is headers, of one event alone.
        self.handlers: dict[type[CallEvent], list[tuple[object, Callable[[Any], Any]]]] = {}
        self._failed: set[int] = set()
        for observer in observers:
            found = [event for event in _EVENTS if callable(getattr(observer, event.handler, None))]
            if not found:
                kind = type(observer).__name__
                raise ConfigurationError(
                    f"observers: {kind} has no method of an Observer, such as call_finished."
                )
            for event in found:
                self.handlers.setdefault(event, []).append((observer, getattr(observer, event.handler)))

    def tell(self, event: CallEvent) -> list[Any]:
        """Log an event, hand it out, and give what the observers return."""
        log(event)
        returned: list[Any] = []
        for observer, handle in self.handlers.get(type(event), ()):
            try:
                returned.append(handle(event))
            # Whoever watches a call must not be able to break it (API contract §8).
            except Exception:  # noqa: BLE001
                if id(observer) not in self._failed:
                    self._failed.add(id(observer))
                    log_observer(observer, event.handler)
        return returned
