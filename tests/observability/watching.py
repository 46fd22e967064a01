"""An observer that keeps all events, and a client that it watches."""

from collections.abc import Callable

from attrs import define, field

from cloudplatform_async.observability import (
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


@define(eq=False)
class Recorder:
    """Keeps each event, in order."""

    events: list[CallEvent] = field(factory=list[CallEvent])

    def call_started(self, event: CallStarted) -> None:
        """Keep it."""
        self.events.append(event)

    def attempt_started(self, event: AttemptStarted) -> list[tuple[str, str]]:
        """Keep it, and send a header along; one that is the client's own must not pass."""
        self.events.append(event)
        return [("x-trace", f"attempt-{event.attempt}"), ("x-api-key", "stolen")]

    def attempt_finished(self, event: AttemptFinished) -> None:
        """Keep it."""
        self.events.append(event)

    def retry_scheduled(self, event: RetryScheduled) -> None:
        """Keep it."""
        self.events.append(event)

    def rate_limited(self, event: RateLimited) -> None:
        """Keep it."""
        self.events.append(event)

    def token_refreshed(self, event: TokenRefreshed) -> None:
        """Keep it."""
        self.events.append(event)

    def endpoint_deprecated(self, event: EndpointDeprecated) -> None:
        """Keep it."""
        self.events.append(event)

    def call_finished(self, event: CallFinished) -> None:
        """Keep it."""
        self.events.append(event)

    @property
    def kinds(self) -> list[str]:
        """What they are."""
        return [type(event).__name__ for event in self.events]

    def last(self, kind: Callable[..., CallEvent]) -> CallEvent:
        """The latest of a kind."""
        return [event for event in self.events if type(event) is kind][-1]
