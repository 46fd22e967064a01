"""tenacity's loop round one attempt: whether and how long it waits stands on the failure."""

from collections.abc import Awaitable, Callable
from typing import cast

from tenacity import AsyncRetrying, RetryCallState, retry_if_result, stop_never

from cloudplatform_async._protocol.responses import Answer
from cloudplatform_async._protocol.retries import Failure

Outcome = Answer | Failure


def is_retried(outcome: Outcome) -> bool:
    """Tell whether an attempt is followed by another."""
    return isinstance(outcome, Failure) and outcome.wait is not None


def seconds_to_wait(state: RetryCallState) -> float:
    """Give the wait that was decided on."""
    failure = cast("Failure", state.outcome.result()) if state.outcome else None
    return failure.wait or 0.0 if failure else 0.0


async def until_settled(
    failure: Failure, attempt: Callable[[], Awaitable[Outcome]], sleep: Callable[[float], Awaitable[None]]
) -> Outcome:
    """Go on after a failure that is worth another attempt, until one succeeds, or fails for good."""

    async def pause(seconds: float | None) -> None:
        if seconds:
            await sleep(seconds)

    await pause(failure.wait)
    retrying = AsyncRetrying(
        retry=retry_if_result(is_retried), wait=seconds_to_wait, stop=stop_never, sleep=pause
    )
    return await retrying(attempt)
