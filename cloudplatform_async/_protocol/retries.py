"""Whether and when a call is sent again (API contract §7)."""

from collections.abc import Iterable

from msgspec import Struct

from cloudplatform_async.errors import APIStatusError, CloudPlatformError, Outcome
from cloudplatform_async.settings import RetryPolicy

RETRYABLE_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
_HONOURED = frozenset({429, 503})  # and the 409 of a write that is still under way
_LONGEST_EXPONENT = 64  # 2.0**64 seconds is past every cap, and far from overflow


class Failure(Struct, frozen=True):
    """What an attempt came to when it was not a success.

    Attributes:
        error: What the caller gets if the call ends here; its ``outcome`` is this attempt's.
        transient: Another attempt could succeed.
        immediate: The next attempt may start at once and costs nothing: the connection was stale, or
            the token has just been renewed.
        wait: Seconds until the next attempt, once that is decided; ``None`` where there is none.
    """

    error: CloudPlatformError
    transient: bool
    immediate: bool = False
    wait: float | None = None


class Wait(Struct, frozen=True):
    """Send again after a number of seconds."""

    seconds: float


class Stop(Struct, frozen=True):
    """Do not send again; the note says why where the error alone does not."""

    note: str | None = None


def is_in_progress(error: CloudPlatformError) -> bool:
    """Tell whether the first request with this idempotency key is still being worked on."""
    return error.status_code == 409 and error.code == "idempotency_in_progress"


def is_transient(error: APIStatusError) -> bool:
    """Tell whether an answer is worth trying again."""
    return error.status_code in RETRYABLE_STATUSES or is_in_progress(error)


def may_repeat(error: CloudPlatformError, *, repeatable: bool) -> bool:
    """Tell whether sending again cannot do a write twice.

    Args:
        error: Of this attempt.
        repeatable: The call is a read, or carries an idempotency key.
    """
    return repeatable or error.outcome == "not_sent"


def honoured_wait(error: CloudPlatformError) -> float | None:
    """Tell the least wait that the server asked for, where its word counts; zero asks for none."""
    counts = error.status_code in _HONOURED or is_in_progress(error)
    return error.retry_after or None if counts else None


def backoff(policy: RetryPolicy, number: int) -> float:
    """Compute the longest wait before retry ``number`` (0 for the first), in seconds."""
    return min(policy.cap, policy.base * 2.0 ** min(number, _LONGEST_EXPONENT))


def decide(
    failure: Failure, policy: RetryPolicy, *, number: int, repeatable: bool, remaining: float, jitter: float
) -> Wait | Stop:
    """Decide what follows a failed attempt.

    Args:
        failure: Of the last attempt.
        policy: The caller's.
        number: Retries already made for this call.
        repeatable: The call is a read, or carries an idempotency key.
        remaining: Seconds until the deadline of the call.
        jitter: A draw from 0 to 1, uniform.
    """
    error = failure.error
    if not failure.transient or not may_repeat(error, repeatable=repeatable):
        return Stop()
    if number >= policy.max_retries:
        return Stop()
    asked = honoured_wait(error)
    if asked is not None and asked > policy.max_retry_after:
        return Stop(f"Not tried again: the server asks for {asked:g} s, above max_retry_after.")
    seconds = backoff(policy, number) * jitter if asked is None else asked * (1 + jitter / 10)
    if seconds >= remaining:
        return Stop(f"Not tried again: the next wait of {seconds:.2f} s would pass the deadline.")
    return Wait(seconds)


def whole_outcome(outcomes: Iterable[Outcome]) -> Outcome:
    """Tell what became of a whole call from what became of its attempts.

    ``"unknown"`` once any attempt may have been processed, whatever came after; else ``"rejected"``
    if the server refused one; else nothing was sent.
    """
    met = set(outcomes)
    return "unknown" if "unknown" in met else "rejected" if "rejected" in met else "not_sent"


def was_deleted(method: str, error: CloudPlatformError, so_far: Outcome) -> bool:
    """Tell whether a 404 means that an earlier attempt, whose answer was lost, has deleted."""
    return method == "DELETE" and error.status_code == 404 and so_far == "unknown"
