"""The tenacity loop round one exchange."""

from collections.abc import Awaitable, Callable

from attrs import define, field
from tenacity import AsyncRetrying, RetryCallState, stop_never

from cloudplatform_async._protocol.responses import Answer
from cloudplatform_async._protocol.retries import Failure, Stop, Wait

Attempt = Callable[[], Awaitable[Answer | Failure]]
Decide = Callable[[Failure], Wait | Stop]
Sleep = Callable[[float], Awaitable[None]]


async def until_settled(first: Failure, attempt: Attempt, decide: Decide, sleep: Sleep) -> Answer | Failure:
    """Attempt a call again until it succeeds, or until no further attempt is worth it.

    A call that succeeds at once never comes here, and pays nothing for the loop.

    Args:
        first: What the first attempt came to.
        attempt: Sends once more.
        decide: Says what follows a failed attempt.
        sleep: Waits between attempts, in seconds.
    """
    return await _Loop(attempt, decide, first).run(sleep)


@define(eq=False, repr=False)
class _Loop:
    """Carries the first outcome into tenacity's loop, and each decision from its test to its wait."""

    _attempt: Attempt
    _decide: Decide
    _first: Failure | None
    _wait: float = field(default=0.0, init=False)

    async def run(self, sleep: Sleep) -> Answer | Failure:
        retrying = AsyncRetrying(
            retry=self._is_retried, wait=self._seconds, stop=stop_never, sleep=sleep, reraise=True
        )
        return await retrying(self._step)

    async def _step(self) -> Answer | Failure:
        outcome, self._first = self._first or await self._attempt(), None
        while isinstance(outcome, Failure) and outcome.immediate:
            outcome = await self._attempt()
        return outcome

    def _is_retried(self, state: RetryCallState) -> bool:
        if state.outcome is None or state.outcome.failed:
            return False
        outcome = state.outcome.result()
        decision = self._decide(outcome) if isinstance(outcome, Failure) else None
        if not isinstance(decision, Wait):
            return False
        self._wait = decision.seconds
        return True

    def _seconds(self, _: RetryCallState) -> float:
        return self._wait
