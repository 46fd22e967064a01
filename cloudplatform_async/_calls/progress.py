"""The progress of one call: what it has met so far, and what that means for the next step."""

from collections.abc import Iterable
from math import inf
from typing import Any

import anyio
from msgspec import Struct
from msgspec.structs import replace

from cloudplatform_async._calls.watch import Watch
from cloudplatform_async._connections.connection import Lease
from cloudplatform_async._protocol.budget import RetryBudget, cost_of
from cloudplatform_async._protocol.calls import Call
from cloudplatform_async._protocol.idempotency import is_write
from cloudplatform_async._protocol.responses import Answer, masked
from cloudplatform_async._protocol.retries import Failure, Stop, Wait, decide, whole_outcome
from cloudplatform_async._runtime.clock import Clock
from cloudplatform_async.errors import CloudPlatformError, Outcome
from cloudplatform_async.responses import RateLimit
from cloudplatform_async.settings import RetryPolicy, Timeouts

_SILENCE = 1.0  # seconds without an answer after which a kept connection may be dead
_BUDGET_SPENT = "Not tried again: the client's retry budget is spent, as in an outage."


class Progress(Struct, eq=False, kw_only=True):
    """The state of one call; it lives from its first attempt to its last.

    Attributes:
        call: What is sent.
        identity: What the gate counts it by: a digest of its credential, or the grant of its token.
        clock: Time and dice.
        policy: When to try again.
        timeouts: Bounds of the call and of each step.
        started: Monotonic seconds.
        key: Idempotency key, the same on every attempt.
        request_id: The same on every attempt.
        lane: That it passed, if its group was throttled.
        attempts: Requests sent so far, or at least tried to send.
        renewed: Its token was refreshed after a 401.
        failures: Of the attempts so far.
        departed: When its last request was let go, in monotonic seconds.
        spent: What its failures took from the budget.
        rate_limit: What its answer said of the limit.
        watch: Told of its steps, where somebody looks.
        unsettled: What the last attempt came to, as long as what follows it is not.
        wants_fresh: The last attempt broke on a connection that was kept; the next must not meet another.
    """

    call: Call[Any]
    identity: object = None
    clock: Clock
    policy: RetryPolicy
    timeouts: Timeouts
    started: float
    key: str | None
    request_id: str
    lane: object = None
    attempts: int = 0
    renewed: bool = False
    failures: tuple[Failure, ...] = ()
    departed: float = -inf
    spent: float = 0.0
    rate_limit: RateLimit | None = None
    watch: Watch | None = None
    unsettled: Answer | Failure | None = None
    wants_fresh: bool = False
    _lease: Lease | None = None
    _retries: int = 0
    _covered: bool = True

    @property
    def is_repeatable(self) -> bool:
        """Tell whether sending the call twice does it once."""
        return self.key is not None or not is_write(self.call.method)

    @property
    def remaining(self) -> float:
        """Seconds until the call's deadline, or an enclosing one that comes sooner."""
        enclosing = anyio.current_effective_deadline()
        outer = enclosing - anyio.current_time() if enclosing < inf else inf
        total = inf if self.timeouts.total is None else self.timeouts.total
        return min(self.started + total - self.clock.monotonic(), outer)

    def outcome_with(self, *last: Outcome) -> Outcome:
        """Tell what became of the attempts so far, and of another one."""
        if self.unsettled is not None:
            answered = self.unsettled.error.outcome if isinstance(self.unsettled, Failure) else "unknown"
            last = (*last, answered)
        return whole_outcome([*(failure.error.outcome for failure in self.failures), *last])

    @property
    def is_sent(self) -> bool:
        """Tell whether the server may be at work on an attempt that has no end yet."""
        return self._lease is not None and self._lease.sent

    def enter(self, part: str) -> None:
        """Tell that another part of the call begins, where somebody looks."""
        if self.watch is not None:
            self.watch.enter(part)

    def begin_attempt(self, lease: Lease) -> None:
        """Take in that a request is about to be sent."""
        self.departed = self.clock.monotonic()
        self.attempts += 1
        self._lease = lease
        if self.watch is not None:
            lease.enter = self.watch.enter

    def end_attempt(self, *, broken: bool) -> None:
        """Take in that an attempt came to an answer, or that its connection broke."""
        self.wants_fresh = broken and self._lease is not None and self._lease.reused
        self._lease = None

    async def distrust(self) -> None:
        """After a wait that was given up, leave no connection that is as old as the kept one it was for.

        Who gives up sooner, for another answer came or a browser has left, knows nothing of the network.
        """
        now, total = self.clock.monotonic(), self.timeouts.total
        is_late = now - self.departed >= _SILENCE or (total is not None and now - self.started >= 0.9 * total)
        if self._lease is not None and self._lease.reused and is_late:
            await self._lease.distrust()

    def settle(self, failure: Failure, budget: RetryBudget) -> Failure:
        """Take in a failed attempt, charge it to the budget, and write on it what follows."""
        if failure.immediate and self.is_repeatable:
            wait: float | None = 0.0
        else:
            wait = self._wait_after(failure, budget)
        failure = replace(failure, wait=wait)
        self.failures, self.unsettled = (*self.failures, failure), None
        return failure

    def _wait_after(self, failure: Failure, budget: RetryBudget) -> float | None:
        decision = decide(
            failure,
            self.policy,
            number=self._retries,
            repeatable=self.is_repeatable,
            remaining=self.remaining,
            jitter=self.clock.uniform(0.0, 1.0),
        )
        if isinstance(decision, Wait) and self.policy.budget:
            cost = cost_of(failure.error)
            self._covered = budget.fail(cost)
            self.spent += cost
            decision = Stop(_BUDGET_SPENT) if budget.is_exhausted else decision
        if isinstance(decision, Wait):
            self._retries += 1
            return decision.seconds
        if decision.note:
            failure.error.add_note(decision.note)
        return None

    def unaffordable(self, budget: RetryBudget) -> Failure | None:
        """Give the last failure, as final, where the budget has nothing for the next attempt."""
        if self._covered or budget.has_recovered:
            return None
        last = self.failures[-1]
        last.error.add_note(_BUDGET_SPENT)
        return replace(last, wait=None)

    def sign(self, error: CloudPlatformError, secrets: Iterable[str] = ()) -> None:
        """Write on an error what is known of the whole call; the server's id may repeat no secret."""
        is_lost = self.is_sent and error.status_code is None
        error.outcome = self.outcome_with("unknown" if is_lost else error.outcome)
        error.attempts = self.attempts
        error.idempotency_key = self.key
        theirs = masked(error.request_id, sorted(filter(None, secrets), key=len, reverse=True))
        error.request_id = theirs or self.request_id
        if self.attempts > 1:
            errors = [failure.error for failure in self.failures]
            met = ", ".join(str(error.status_code or type(error).__name__) for error in errors)
            error.add_note(f"{self.attempts} attempts, which met: {met}.")
