"""One call on its way: what it carries, what it has met so far, and what that means for the next step."""

from math import inf
from typing import Any

import anyio
from msgspec import Struct
from msgspec.structs import replace

from cloudplatform_async._protocol.budget import RetryBudget, cost_of
from cloudplatform_async._protocol.calls import Call
from cloudplatform_async._protocol.idempotency import is_write
from cloudplatform_async._protocol.retries import Failure, Stop, Wait, decide, whole_outcome
from cloudplatform_async._runtime.clock import Clock
from cloudplatform_async.errors import CloudPlatformError, Outcome
from cloudplatform_async.settings import RetryPolicy, Timeouts

_BUDGET_SPENT = "Not tried again: the client's retry budget is spent, as in an outage."


class Flight(Struct, eq=False, kw_only=True):
    """The state of one call; it lives from its first attempt to its last.

    Attributes:
        call: What is sent.
        identity: The credentials object that the gate knows it by.
        clock: Time and dice.
        policy: When to try again.
        timeouts: Bounds of the call and of each step.
        started: Monotonic seconds.
        key: Idempotency key, the same on every attempt.
        request_id: The same on every attempt.
        lane: That it passed, if its group was throttled.
        attempts: Requests sent so far, or at least tried to send.
        under_way: A request may be on the wire now.
        renewed: Its token was refreshed after a 401.
        failures: Of the attempts so far.
        departed: When its last request was let go, in monotonic seconds.
        spent: What its failures took from the budget.
    """

    call: Call[Any]
    identity: object
    clock: Clock
    policy: RetryPolicy
    timeouts: Timeouts
    started: float
    key: str | None
    request_id: str
    lane: object = None
    attempts: int = 0
    under_way: bool = False
    renewed: bool = False
    failures: tuple[Failure, ...] = ()
    departed: float = -inf
    spent: float = 0.0
    _retries: int = 0
    _covered: bool = True

    @property
    def is_repeatable(self) -> bool:
        """Tell whether sending the call twice does it once."""
        return self.key is not None or not is_write(self.call.method)

    @property
    def wants_fresh(self) -> bool:
        """Tell whether the last attempt met a stale connection, so that the next must not meet another."""
        last = self.failures[-1] if self.failures else None
        return last is not None and last.immediate and last.error.status_code is None

    @property
    def remaining(self) -> float:
        """Seconds until the call's deadline, or an enclosing one that comes sooner."""
        enclosing = anyio.current_effective_deadline()
        outer = enclosing - anyio.current_time() if enclosing < inf else inf
        total = inf if self.timeouts.total is None else self.timeouts.total
        return min(self.started + total - self.clock.monotonic(), outer)

    @property
    def outcome(self) -> Outcome:
        """What became of the attempts so far."""
        return whole_outcome(failure.error.outcome for failure in self.failures)

    def leave(self) -> None:
        """Take in that the first byte is about to be written."""
        self.under_way = True

    def note(self, failure: Failure) -> Failure:
        """Take in a failed attempt; what may not be repeated is not sent again at once either."""
        if failure.immediate and not self.is_repeatable:
            failure = replace(failure, immediate=False)
        self.failures += (failure,)
        return failure

    def decide(self, budget: RetryBudget, failure: Failure) -> Wait | Stop:
        """Say what follows a failed attempt, and charge it to the budget."""
        decision = decide(
            failure,
            self.policy,
            number=self._retries,
            repeatable=self.is_repeatable,
            remaining=self.remaining,
            jitter=self.clock.uniform(0.0, 1.0),
        )
        if isinstance(decision, Wait) and self.policy.budget:
            decision = self._charge(budget, cost_of(failure.error), decision)
        if isinstance(decision, Stop) and decision.note:
            failure.error.add_note(decision.note)
        self._retries += isinstance(decision, Wait)
        return decision

    def _charge(self, budget: RetryBudget, cost: float, decision: Wait) -> Wait | Stop:
        self._covered = budget.fail(cost)
        self.spent += cost
        return Stop(_BUDGET_SPENT) if budget.is_exhausted else decision

    def unaffordable(self, budget: RetryBudget) -> Failure | None:
        """Give the last failure, as final, where the budget has nothing for the next attempt."""
        if self._covered or budget.has_recovered:
            return None
        last = self.failures[-1]
        last.error.add_note(_BUDGET_SPENT)
        return replace(last, transient=False)

    def sign(self, error: CloudPlatformError) -> None:
        """Write on an error what is known about the whole call."""
        lost = self.under_way and error.status_code is None
        last: Outcome = "unknown" if lost else error.outcome
        error.outcome = whole_outcome([*(failure.error.outcome for failure in self.failures), last])
        error.attempts = self.attempts
        error.idempotency_key = self.key
        error.request_id = error.request_id or self.request_id
        if self.attempts > 1:
            met = ", ".join(_short(failure.error) for failure in self.failures)
            error.add_note(f"{self.attempts} attempts, which met: {met}.")


def _short(error: CloudPlatformError) -> str:
    return f"{error.status_code}" if error.status_code else type(error).__name__
