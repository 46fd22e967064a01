"""Seeing what goes on: an observer that tells each attempt, a transport that shows a request instead."""

import shlex
from typing import NoReturn

import httpx
from attrs import frozen

from cloudplatform_async.cli.errors import NothingSentError
from cloudplatform_async.cli.output.streams import printable, say, write
from cloudplatform_async.observability import (
    AttemptFinished,
    CallEvent,
    CallFinished,
    RateLimited,
    RetryScheduled,
    TokenRefreshed,
)

_CARRIERS = {"x-api-key": "$CLOUD_API_KEY", "authorization": "Bearer $CLOUD_ACCESS_TOKEN"}
_OF_THE_WIRE = frozenset(
    {"host", "content-length", "accept-encoding", "connection", "x-attempt", "user-agent"}
)


class Nowhere(httpx.AsyncBaseTransport):
    """Prints the request that would be sent as a curl command, without secrets."""

    async def handle_async_request(self, request: httpx.Request) -> NoReturn:
        """Print it, and end the command.

        Raises:
            NothingSentError: Always.
        """
        write(f"{await as_curl(request)}\n".encode())
        raise NothingSentError


async def as_curl(request: httpx.Request) -> str:
    """Write a request as a command; a secret stands as the variable that holds it.

    Args:
        request: About to be sent.
    """
    parts = ["curl", "-X", request.method, shlex.quote(str(request.url))]
    for name, value in request.headers.items():
        if name.lower() in _CARRIERS:
            parts += ["-H", f'"{name.lower()}: {_CARRIERS[name.lower()]}"']
        elif name.lower() not in _OF_THE_WIRE:
            parts += ["-H", shlex.quote(f"{name}: {value}")]
    if body := await request.aread():
        parts += ["--data-raw", shlex.quote(body.decode("utf-8", "replace"))]
    return printable(" ".join(parts))


@frozen  # two are equal, so that the shards of one process share a client that has one
class Told:
    """Tells on stderr what became of each attempt, what is waited for, and where the time of each call went.

    The events hold no secret, no id and no query (see ``cloudplatform_async.observability``).
    """

    def attempt_finished(self, event: AttemptFinished) -> None:
        """Tell how an attempt ended."""
        ending = event.cause if event.status_code is None else str(event.status_code)
        left = "" if event.remaining is None else f", {event.remaining} requests left"
        _tell(event, f"attempt {event.attempt}: {ending or 'answered'} after {_ms(event.elapsed)}{left}")

    def retry_scheduled(self, event: RetryScheduled) -> None:
        """Tell how long the next attempt waits."""
        _tell(event, f"attempt {event.attempt + 1} in {_ms(event.delay)}, for {event.cause}")

    def rate_limited(self, event: RateLimited) -> None:
        """Tell how long the group waits."""
        _tell(event, f"rate limit: {event.group} waits for {_ms(event.seconds)}")

    def token_refreshed(self, event: TokenRefreshed) -> None:
        """Tell how long another access token took."""
        _tell(event, f"access token refreshed in {_ms(event.elapsed)}")

    def call_finished(self, event: CallFinished) -> None:
        """Tell where the time of a call went; parts that took none are left out."""
        parts = ", ".join(f"{part} {_ms(spent)}" for part, spent in event.breakdown.items() if spent > 0)
        attempts = f"{event.attempts} attempt{'s' * (event.attempts != 1)}"
        _tell(event, f"{event.outcome} after {attempts}, {_ms(event.elapsed)}: {parts}")


def _tell(event: CallEvent, what: str) -> None:
    say(printable(f"debug: {event.method} {event.path_template} {what}"))


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"
