"""One call as its observers see it: where its time goes, and what it meets."""

import sys
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from cloudplatform_async._connections.messages import RawHeaders
from cloudplatform_async._protocol.calls import Call, path_template
from cloudplatform_async._protocol.deprecation import deprecation_of
from cloudplatform_async._protocol.encoding import OWN_HEADERS
from cloudplatform_async._protocol.rate_limits import rate_limit_of
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
from cloudplatform_async.responses import APIResponse
from cloudplatform_async.settings import BaseURL

_PORTS = {"http": 80, "https": 443}


class Watch:
    """Made for a call only where somebody looks.

    Args:
        dispatch: Who is told.
        call: The call.
        request_id: Its own.
        clock: That its times are read from.
    """

    __slots__ = (
        "_attempt_began",
        "_call",
        "_clock",
        "_common",
        "_dispatch",
        "_now",
        "_part",
        "_parts",
        "_pause",
        "_started",
    )

    def __init__(self, dispatch: Dispatch, call: Call[object], request_id: str, clock: Clock) -> None:
        self._dispatch = dispatch
        self._clock = clock
        self._common = {
            "request_id": request_id,
            "method": call.method,
            "path_template": path_template(call.target),
            "group": call.group,
        }
        self._started = self._now = self._attempt_began = clock.monotonic()
        self._part = PARTS[0]
        self._parts = dict.fromkeys(PARTS, 0.0)
        self._pause = "backoff"

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
        self._dispatch.tell(CallStarted(**self._common))

    def attempt_started(self, attempt: int, base: BaseURL) -> RawHeaders:
        """Tell of an attempt, and give the headers that observers want to go with it."""
        self._attempt_began = self._clock.monotonic()
        parts = urlsplit(base.origin)
        event = AttemptStarted(
            **self._common,
            attempt=attempt,
            server_address=parts.hostname or "",
            server_port=parts.port or _PORTS[base.scheme],
        )
        wanted = [pair for pairs in self._dispatch.tell(event) for pair in pairs or ()]
        return tuple(_sendable(wanted))

    def attempt_finished(
        self, attempt: int, outcome: Answer | Failure | None, connections: int | None
    ) -> None:
        """Tell what became of it; nothing did where it was cancelled, or its answer could not be read."""
        status = cause = limit = None
        if isinstance(outcome, Answer):
            status, limit = outcome.status, rate_limit_of(outcome.headers, self._clock.wall())
        else:
            status = outcome.error.status_code if outcome else None
            cause = _name(outcome.error if outcome else sys.exception())
        event = AttemptFinished(
            **self._common,
            attempt=attempt,
            status_code=status,
            cause=cause,
            elapsed=self._clock.monotonic() - self._attempt_began,
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

    def rate_limited(self, seconds: float) -> None:
        """Tell that the group waits."""
        self._dispatch.tell(RateLimited(**self._common, seconds=seconds))

    def token_refreshed(self, elapsed: float) -> None:
        """Tell that the token was replaced."""
        self._dispatch.tell(TokenRefreshed(**self._common, elapsed=elapsed))

    def endpoint_deprecated(self, headers: Mapping[str, str], told: set[tuple[str, str]]) -> None:
        """Tell that the endpoint will go, once an endpoint."""
        endpoint, said = (self._common["method"], self._common["path_template"]), deprecation_of(headers)
        if said is not None and endpoint not in told:
            told.add(endpoint)
            event = EndpointDeprecated(**self._common, since=said.since, sunset=said.sunset, link=said.link)
            self._dispatch.tell(event)

    def finished(
        self,
        attempts: int,
        response: APIResponse[Any] | None,
        error: BaseException | None,
        interrupted: Outcome,
    ) -> None:
        """Tell that the call is over: answered, or left by an error, which may know its outcome itself."""
        self.enter(self._part)
        outcome: Outcome = "done"
        status = None if response is None else response.status_code
        if response is not None:
            error = None
        elif isinstance(error, CloudPlatformError):
            status, outcome = error.status_code, error.outcome
        else:
            outcome = interrupted
        event = CallFinished(
            **self._common,
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


def _sendable(headers: Iterable[tuple[str, str]]) -> Iterable[tuple[bytes, bytes]]:
    """Encode what observers want to be sent, without the names that are the client's own."""
    for name, value in headers:
        if name.lower() not in OWN_HEADERS and (name + value).isascii() and (name + value).isprintable():
            yield name.lower().encode(), value.encode()
