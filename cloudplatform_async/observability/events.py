"""What happens in a call, as values without secrets; and the protocol of those who want to be told."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Literal, Protocol

from msgspec import Struct

Outcome = Literal["done", "not_sent", "rejected", "unknown"]
"""What became of a call or an attempt: ``"done"`` is a success, the others are those of an error."""

PARTS: tuple[str, ...] = (
    "queue",
    "rate_limit",
    "token",
    "connect",
    "send",
    "wait",
    "read",
    "backoff",
    "decode",
)
"""Where the time of a call goes, in the order in which it does."""


class CallEvent(Struct, frozen=True, kw_only=True):
    """What all events say; no header value, query value, id or body is in any of them.

    Each event has an ``attempt`` too, the latest one (0 before the first), and a ``status_code``, which is
    ``None`` where no answer is told of.

    Attributes:
        request_id: Of the call: the same on all of its events.
        method: Upper case.
        path_template: Path below the version with ``{id}`` in place of each id, such as ``/projects/{id}``.
        group: Endpoint group that rate limits are counted in.
    """

    handler: ClassVar[str]

    request_id: str
    method: str
    path_template: str
    group: str


class CallStarted(CallEvent, frozen=True, kw_only=True):
    """A call begins: nothing has been waited for yet."""

    handler: ClassVar[str] = "call_started"
    attempt: ClassVar[int] = 0
    status_code: ClassVar[None] = None


class AttemptStarted(CallEvent, frozen=True, kw_only=True):
    """An attempt is about to be sent: it has its connection, its turn and its credentials.

    Attributes:
        attempt: From 1 up.
        server_address: Host of the base URL.
        server_port: Its port.
    """

    handler: ClassVar[str] = "attempt_started"
    status_code: ClassVar[None] = None

    attempt: int
    server_address: str
    server_port: int


class AttemptFinished(CallEvent, frozen=True, kw_only=True):
    """An attempt has its answer, or has none to expect any more.

    Attributes:
        attempt: From 1 up.
        status_code: Of the answer; ``None`` where none came.
        cause: Name of the error's class; ``None`` after a success.
        elapsed: Seconds since it was started.
        server_address: Host of the base URL.
        server_port: Its port.
        remaining: Requests that the group's limit still allows, where the answer says so.
        connections: Open connections of the client, where its transport knows.
    """

    handler: ClassVar[str] = "attempt_finished"

    attempt: int
    status_code: int | None
    cause: str | None
    elapsed: float
    server_address: str
    server_port: int
    remaining: int | None = None
    connections: int | None = None


class RetryScheduled(CallEvent, frozen=True, kw_only=True):
    """An attempt failed, and another will be made.

    Attributes:
        attempt: The one that failed, from 1 up.
        delay: Seconds until the next may begin.
        cause: Name of the error's class.
        status_code: Of the answer; ``None`` where none came.
    """

    handler: ClassVar[str] = "retry_scheduled"

    attempt: int
    delay: float
    cause: str
    status_code: int | None


class RateLimited(CallEvent, frozen=True, kw_only=True):
    """The server refused a call for its rate, and the whole group of that credential waits.

    Attributes:
        attempt: The one that was refused, from 1 up.
        seconds: For how long, from now.
    """

    handler: ClassVar[str] = "rate_limited"
    status_code: ClassVar[int] = 429

    attempt: int
    seconds: float


class TokenRefreshed(CallEvent, frozen=True, kw_only=True):
    """The call waited for another access token, and has it.

    Attributes:
        attempt: The latest one; the next is sent with the new token.
        elapsed: Seconds that it waited.
    """

    handler: ClassVar[str] = "token_refreshed"
    status_code: ClassVar[None] = None

    attempt: int
    elapsed: float


class EndpointDeprecated(CallEvent, frozen=True, kw_only=True):
    """The server says that an endpoint will go (RFC 9745, RFC 8594); told once an endpoint and client.

    Attributes:
        attempt: Whose answer says so, from 1 up.
        status_code: Of that answer.
        since: When it was, or will be, deprecated.
        sunset: When it will stop to answer.
        link: Where to read about it: an URL, as the server sent it.
    """

    handler: ClassVar[str] = "endpoint_deprecated"

    attempt: int
    status_code: int
    since: datetime | None
    sunset: datetime | None
    link: str | None


class CallFinished(CallEvent, frozen=True, kw_only=True):
    """A call is over, whichever way; told exactly once, after a cancellation too.

    Attributes:
        attempts: That were sent, or begun.
        elapsed: Seconds since the call was started.
        outcome: ``"done"`` after a success, else what the error says; ``"unknown"`` where a call was
            cancelled after something may have been sent.
        status_code: Of the last answer; ``None`` where none came.
        cause: Name of the error's class; ``None`` after a success.
        breakdown: Seconds by part (see ``PARTS``); they sum to ``elapsed``.
    """

    handler: ClassVar[str] = "call_finished"

    attempts: int
    elapsed: float
    outcome: Outcome
    status_code: int | None
    cause: str | None
    breakdown: Mapping[str, float]

    @property
    def attempt(self) -> int:
        """The latest attempt; 0 where none began."""
        return self.attempts


class Observer(Protocol):
    """Who is told; an object may have any subset of these methods, all of them quick and synchronous.

    What an observer raises is logged once and changes nothing for the call. Pass observers as
    ``AsyncClient(observers=[…])``.

    Example:
        >>> class Slow:
        ...     def call_finished(self, event: CallFinished) -> None:
        ...         if event.elapsed > 1:
        ...             print(event.path_template, dict(event.breakdown))
    """

    def enabled(self) -> bool:
        """Tell whether it wants to be told of the call that begins now; one without this method always does.

        Where nobody does, the call costs no more than without observers; what is rare in it (a retry, a
        closed group, a new token, a deprecated endpoint) is told all the same.
        """
        return True

    def call_started(self, event: CallStarted) -> None:
        """Take in that a call begins."""

    def attempt_started(self, event: AttemptStarted) -> "Sequence[tuple[str, str]] | None":
        """Take in that an attempt is about to be sent; headers that are returned go with it.

        Names that the client sends itself are passed over; of one name that several give the first is sent,
        and before all what the user gave as ``headers=``.
        """

    def attempt_finished(self, event: AttemptFinished) -> None:
        """Take in what became of an attempt."""

    def retry_scheduled(self, event: RetryScheduled) -> None:
        """Take in that another attempt follows."""

    def rate_limited(self, event: RateLimited) -> None:
        """Take in that a group waits."""

    def token_refreshed(self, event: TokenRefreshed) -> None:
        """Take in that an access token was replaced."""

    def endpoint_deprecated(self, event: EndpointDeprecated) -> None:
        """Take in that an endpoint will go."""

    def call_finished(self, event: CallFinished) -> None:
        """Take in that a call is over."""
