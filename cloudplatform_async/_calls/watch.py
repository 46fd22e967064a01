"""One call as its observers see it: where its time goes, and what it meets."""

import sys

from cloudplatform_async._connections.messages import Origin, RawHeaders
from cloudplatform_async._protocol.calls import Call, path_template
from cloudplatform_async._protocol.deprecation import deprecation_of
from cloudplatform_async._protocol.responses import Answer
from cloudplatform_async._protocol.retries import Failure
from cloudplatform_async._runtime.clock import Clock
from cloudplatform_async.errors import CloudPlatformError
from cloudplatform_async.observability.dispatch import Dispatch
from cloudplatform_async.observability.events import (
    PARTS,
    AttemptFinished,
    AttemptStarted,
    CallFinished,
    CallStarted,
    EndpointDeprecated,
    Outcome,
    RateLimited,
    RetryScheduled,
    TokenRefreshed,
)
from cloudplatform_async.responses import RateLimit

_NO_TIME = dict.fromkeys(PARTS, 0.0)


class Watch:
    """Made for a call only where somebody follows it, or something rare is to be told of it.

    Of what happens in every call an event is made only where somebody takes it. Those are spelt out field
    by field: a mapping of what they share would cost more than the events.

    Args:
        dispatch: Who is told.
        call: The call.
        request_id: Its own.
        clock: That its times are read from.
    """

    __slots__ = (
        "_attempt_began", "_clock", "_dispatch", "_group", "_method", "_now", "_origin", "_part", "_parts",
        "_path_template", "_pause", "_request_id", "_started",
    )  # fmt: skip

    def __init__(self, dispatch: Dispatch, call: Call[object], request_id: str, clock: Clock) -> None:
        self._dispatch = dispatch
        self._clock = clock
        self._request_id = request_id
        self._method = call.method
        self._path_template = path_template(call.target)
        self._group = call.group
        self._started = self._now = self._attempt_began = clock.monotonic()
        self._part = PARTS[0]
        self._parts = _NO_TIME.copy()
        self._pause = "backoff"

    @property
    def _common(self) -> dict[str, str]:
        return {
            "request_id": self._request_id,
            "method": self._method,
            "path_template": self._path_template,
            "group": self._group,
        }

    def enter(self, part: str) -> None:
        """Go on to another part of the call; the time since the last step was the part before."""
        now = self._clock.monotonic()
        self._parts[self._part] += now - self._now
        self._now, self._part = now, part

    async def sleep(self, seconds: float) -> None:
        """Wait for a retry: because of the limit after a 429, else of the backoff."""
        self.enter(self._pause)
        await self._clock.sleep(seconds)

    def call_started(self) -> None:
        """Tell that the call begins."""
        if self._dispatch.takes(CallStarted):
            event = CallStarted(
                request_id=self._request_id,
                method=self._method,
                path_template=self._path_template,
                group=self._group,
            )
            self._dispatch.tell(event)

    def attempt_started(self, attempt: int, origin: Origin) -> RawHeaders:
        """Tell of an attempt, and give the headers that observers want to go with it."""
        self._attempt_began, self._origin = self._clock.monotonic(), origin
        if not self._dispatch.takes(AttemptStarted):
            return ()
        event = AttemptStarted(
            request_id=self._request_id,
            method=self._method,
            path_template=self._path_template,
            group=self._group,
            attempt=attempt,
            server_address=origin.host,
            server_port=origin.port,
        )
        return self._dispatch.tell(event)

    def attempt_finished(
        self,
        attempt: int,
        outcome: Answer | Failure | None,
        limit: RateLimit | None,
        connections: int | None,
    ) -> None:
        """Tell what became of it; nothing did where it was cancelled, or its answer could not be read."""
        if not self._dispatch.takes(AttemptFinished):
            return
        status: int | None = None
        cause: str | None = None
        if isinstance(outcome, Answer):
            status = outcome.status
        else:
            status = outcome.error.status_code if outcome else None
            cause = _name(outcome.error if outcome else sys.exception())
        event = AttemptFinished(
            request_id=self._request_id,
            method=self._method,
            path_template=self._path_template,
            group=self._group,
            attempt=attempt,
            status_code=status,
            cause=cause,
            elapsed=self._clock.monotonic() - self._attempt_began,
            server_address=self._origin.host,
            server_port=self._origin.port,
            remaining=None if limit is None else limit.remaining,
            connections=connections,
        )
        self._dispatch.tell(event)

    def retry_scheduled(self, attempt: int, error: CloudPlatformError, delay: float) -> None:
        """Tell that another attempt follows."""
        self._pause = "rate_limit" if error.status_code == 429 else "backoff"
        event = RetryScheduled(
            **self._common,
            attempt=attempt,
            delay=delay,
            cause=type(error).__name__,
            status_code=error.status_code,
        )
        self._dispatch.tell(event)

    def rate_limited(self, attempt: int, seconds: float) -> None:
        """Tell that the group waits."""
        self._dispatch.tell(RateLimited(**self._common, attempt=attempt, seconds=seconds))

    def token_refreshed(self, attempt: int, elapsed: float) -> None:
        """Tell that the token was replaced."""
        self._dispatch.tell(TokenRefreshed(**self._common, attempt=attempt, elapsed=elapsed))

    def endpoint_deprecated(self, attempt: int, answer: Answer, told: set[tuple[str, str]]) -> None:
        """Tell that the endpoint will go, once an endpoint."""
        endpoint, said = (self._method, self._path_template), deprecation_of(answer.headers)
        if said is not None and endpoint not in told:
            told.add(endpoint)
            event = EndpointDeprecated(
                **self._common,
                attempt=attempt,
                status_code=answer.status,
                since=said.since,
                sunset=said.sunset,
                link=said.link,
            )
            self._dispatch.tell(event)

    def finished(
        self, attempts: int, status: int | None, error: BaseException | None, outcome: Outcome
    ) -> None:
        """Tell that the call is over; an error may know its status and its outcome better."""
        self.enter(self._part)
        if not self._dispatch.takes(CallFinished):
            return
        if isinstance(error, CloudPlatformError):
            status, outcome = error.status_code, error.outcome
        event = CallFinished(
            request_id=self._request_id,
            method=self._method,
            path_template=self._path_template,
            group=self._group,
            attempts=attempts,
            elapsed=self._now - self._started,
            outcome=outcome,
            status_code=status,
            cause=_name(error),
            breakdown=self._parts,
        )
        self._dispatch.tell(event)


def _name(error: BaseException | None) -> str | None:
    return None if error is None else type(error).__name__
