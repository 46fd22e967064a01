"""Hands each event to the log and to the observers that have a method for it."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from inspect import iscoroutinefunction
from typing import Any

from cloudplatform_async._protocol.encoding import OWN_HEADERS, checked_headers
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
from cloudplatform_async.observability.logging import is_logged, log, log_observer

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

_OF_EVERY_CALL = frozenset({CallStarted, AttemptStarted, AttemptFinished, CallFinished})


class Tracer:
    """An observer whose spans stand for all requests of a call, so that nobody else is to trace them."""

    def around_token_request(self) -> AbstractContextManager[object]:
        """Give what the request for a token is made within."""
        return nullcontext()


class Dispatch:
    """The observers of a client; one that raises is said once, and goes on to be told.

    Attributes:
        handlers: The methods that there are, by the event that they take.
        followers: The observers of what happens in every call, each with its ``enabled`` if it has one.
        around_token_request: Gives what a token request is made within, so that it is not traced by others.

    Args:
        observers: Objects with any subset of the methods of ``Observer``.

    Raises:
        ConfigurationError: For one that has none of them, or an async one, or is not in a list.
    """

    __slots__ = ("_failed", "around_token_request", "followers", "handlers")

    def __init__(self, observers: Iterable[object] = ()) -> None:
        # What it returns is headers, of one event alone.
        self.handlers: dict[type[CallEvent], list[tuple[object, Callable[[Any], Any]]]] = {}
        self.followers: list[tuple[object, Callable[[], object] | None]] = []
        self.around_token_request: Callable[[], AbstractContextManager[object]] = nullcontext
        self._failed: set[int] = set()
        if not hasattr(observers, "__iter__"):
            kind = type(observers).__name__
            raise ConfigurationError(f"observers must be a list of observers, not a {kind}.")
        for observer in observers:
            if isinstance(observer, Tracer):
                self.around_token_request = observer.around_token_request
            found = [event for event in _EVENTS if callable(getattr(observer, event.handler, None))]
            if not found:
                kind = type(observer).__name__
                raise ConfigurationError(
                    f"observers: {kind} has no method of an Observer, such as call_finished."
                )
            for event in found:
                if iscoroutinefunction(getattr(observer, event.handler)):
                    kind = type(observer).__name__
                    raise ConfigurationError(
                        f"observers: {kind}.{event.handler} is async, and nobody would await it; make it a "
                        "plain function."
                    )
                self.handlers.setdefault(event, []).append((observer, getattr(observer, event.handler)))
            if not _OF_EVERY_CALL.isdisjoint(found):
                enabled = getattr(observer, "enabled", None)
                self.followers.append((observer, enabled if callable(enabled) else None))

    def is_followed(self) -> bool:
        """Tell whether anybody wants to be told of a call that begins now, and not only of what is rare."""
        for observer, enabled in self.followers:
            if enabled is None:
                return True
            try:
                if enabled():
                    return True
            except Exception:  # noqa: BLE001 - as below
                self._say_once(observer, "enabled")
                return True
        return False

    def takes(self, kind: type[CallEvent]) -> bool:
        """Tell whether an event of this kind is worth making now: for an observer, or for the log."""
        return kind in self.handlers or is_logged(kind)

    def tell(self, event: CallEvent) -> list[tuple[bytes, bytes]]:
        """Log an event, hand it out, and give the headers that observers want to go with an attempt."""
        log(event)
        headers: list[tuple[bytes, bytes]] = []
        for observer, handle in self.handlers.get(type(event), ()):
            try:
                given = handle(event)
                if given and isinstance(event, AttemptStarted):
                    headers += tuple(_sendable(given))
            # Whoever watches a call must not be able to break it (API contract §8).
            except Exception:  # noqa: BLE001
                self._say_once(observer, event.handler)
        return headers

    def _say_once(self, observer: object, method: str) -> None:
        if id(observer) not in self._failed:
            self._failed.add(id(observer))
            log_observer(observer, method)


def _sendable(headers: Iterable[tuple[str, str]]) -> Iterable[tuple[bytes, bytes]]:
    """Encode headers, without the names that are the client's own; what cannot be one is a mistake."""
    for name, value in headers:
        if name.lower() not in OWN_HEADERS:
            ((sent, text),) = checked_headers({name: value})
            yield sent.encode(), text.encode()
