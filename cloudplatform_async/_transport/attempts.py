"""The tenacity loop round one exchange."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from attrs import define, field
from tenacity import AsyncRetrying, RetryCallState, stop_never

from cloudplatform_async._protocol.responses import Answer
from cloudplatform_async._protocol.retries import Failure, Stop, Wait


class Attempts(Protocol):
    """What the loop needs to know of a call."""

    async def attempt(self) -> Answer | Failure:
        """Send once."""
        ...

    def decide(self, failure: Failure) -> Wait | Stop:
        """Say what follows a failed attempt."""
        ...


async def until_settled(call: Attempts, sleep: Callable[[float], Awaitable[None]]) -> Answer | Failure:
    """Attempt a call until it succeeds, or until no further attempt is worth it.

    The first attempt runs bare: a call that succeeds at once pays nothing for the loop.
    """
    outcome = await call.attempt()
    if isinstance(outcome, Answer):
        return outcome
    return await _Loop(call, outcome).run(sleep)


@define
class _Loop:
    """Carries the first outcome into tenacity's loop, and each decision from its test to its wait."""

    _call: Attempts
    _first: Failure | None
    _wait: float = field(default=0.0, init=False)

    async def run(self, sleep: Callable[[float], Awaitable[None]]) -> Answer | Failure:
        retrying = AsyncRetrying(
            retry=self._is_retried, wait=self._seconds, stop=stop_never, sleep=sleep, reraise=True
        )
        return await retrying(self._attempt)

    async def _attempt(self) -> Answer | Failure:
        outcome, self._first = self._first or await self._call.attempt(), None
        while isinstance(outcome, Failure) and outcome.immediate:
            outcome = await self._call.attempt()
        return outcome

    def _is_retried(self, state: RetryCallState) -> bool:
        if state.outcome is None or state.outcome.failed:
            return False
        outcome = state.outcome.result()
        decision = Stop() if isinstance(outcome, Answer) else self._call.decide(outcome)
        if isinstance(decision, Wait):
            self._wait = decision.seconds
        return isinstance(decision, Wait)

    def _seconds(self, _: RetryCallState) -> float:
        return self._wait
