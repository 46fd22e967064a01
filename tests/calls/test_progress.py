"""What a call has met so far, and what that means for its next step."""

import math
from typing import Any

import pytest

from cloudplatform_async import APIConnectionError, PoolLimits, RetryPolicy, ServerError, Timeouts
from cloudplatform_async._calls.progress import Progress
from cloudplatform_async._connections.permits import Permits
from cloudplatform_async._connections.pool import Pool, PooledLease
from cloudplatform_async._protocol.budget import CAPACITY, RetryBudget
from cloudplatform_async._protocol.calls import Call
from cloudplatform_async._protocol.retries import Failure
from cloudplatform_async._runtime.clock import Clock
from tests.tiers import quick_on_asyncio

pytestmark = pytest.mark.anyio


def flight(
    method: str = "POST", *, key: str | None = "key-1", clock: Clock | None = None, **changes: Any
) -> Progress:
    options = {"policy": RetryPolicy(), "timeouts": Timeouts(), "started": 0.0, **changes}
    clock = clock or Clock(monotonic=lambda: 0.0, uniform=lambda least, most: most)
    call: Call[object] = Call(
        method=method, target="/projects", group="projects", decode=lambda answer: answer
    )
    return Progress(call=call, identity=object(), clock=clock, key=key, request_id="r-1", **options)


def lease(*, reused: bool = False, sent: bool = False) -> PooledLease:
    permit = PooledLease(Pool(PoolLimits(), unused, unused), Permits(1), fresh=False)
    permit.reused, permit.sent = reused, sent
    return permit


def unused(_: object) -> Any:
    raise NotImplementedError


def failed(*, immediate: bool = False) -> Failure:
    error = APIConnectionError("lost", outcome="unknown")
    return Failure(error, transient=True, immediate=immediate)


@pytest.mark.parametrize(
    ("method", "key", "repeatable"), [("GET", None, True), ("POST", "k", True), ("POST", None, False)]
)
def test_reads_and_writes_with_a_key_are_repeatable(method: str, key: str | None, repeatable: bool) -> None:
    """Sending them twice does them once."""
    assert flight(method, key=key).is_repeatable is repeatable


async def test_backoff_doubles_up_to_its_cap() -> None:
    """With the highest draw: base, twice that, and so on; then the cap."""
    call, budget = flight(policy=RetryPolicy(max_retries=8), timeouts=Timeouts(total=None)), RetryBudget()
    waits: list[float] = []
    for _ in range(6):
        wait = call.settle(failed(), budget).wait
        assert wait is not None
        waits.append(wait)
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0]


@quick_on_asyncio
async def test_the_draws_of_the_jitter_are_uniform() -> None:
    """10,000 first waits: each tenth of the range gets its tenth, give or take six deviations."""
    deciles = [0] * 10
    for _ in range(10_000):
        wait = flight(clock=Clock(monotonic=lambda: 0.0)).settle(failed(), RetryBudget()).wait
        assert wait is not None
        deciles[min(9, int(wait / 0.05))] += 1
    deviation = math.sqrt(10_000 * 0.1 * 0.9)
    assert max(abs(count - 1_000) for count in deciles) < 6 * deviation


async def test_a_failure_beyond_the_budget_is_retried_only_if_successes_make_up_for_it() -> None:
    """When many fail at once, what comes back during the wait tells whether this is an outage."""
    budget = RetryBudget(tokens=0.0)
    unlucky, lucky = flight(), flight()
    for call in (unlucky, lucky):
        assert call.settle(failed(), budget).wait is not None
    last = unlucky.unaffordable(budget)
    assert last is not None
    assert last.error is unlucky.failures[-1].error
    assert last.wait is None
    assert "budget is spent" in last.error.__notes__[0]
    for _ in range(3):
        budget.succeed(0.0)
    assert lucky.unaffordable(budget) is None


async def test_in_a_certain_outage_nobody_waits_in_vain() -> None:
    """With the budget at its floor the error comes at once."""
    failure = flight().settle(failed(), RetryBudget(tokens=-CAPACITY))
    assert failure.wait is None
    assert failure.error.__notes__ == [
        "Not tried again: the client's retry budget is spent, as in an outage."
    ]


@pytest.mark.parametrize(("reused", "broken"), [(True, True), (True, False), (False, True)])
def test_only_a_kept_connection_that_broke_asks_for_a_fresh_one(reused: bool, broken: bool) -> None:
    """A renewed token is sent on the connection there is."""
    call = flight()
    call.begin_attempt(lease(reused=reused))
    call.end_attempt(broken=broken)
    assert call.wants_fresh is (reused and broken)


async def test_what_may_be_sent_again_at_once_waits_for_nothing_and_costs_nothing() -> None:
    """A stale connection, a renewed token; but not where the write could be done twice."""
    budget = RetryBudget()
    assert flight().settle(failed(immediate=True), budget).wait == 0.0
    assert budget.tokens == CAPACITY
    assert flight(key=None).settle(failed(immediate=True), budget).wait is None


async def test_what_remains_is_bounded_by_the_timeout() -> None:
    """Time that has passed is gone."""
    call = flight(clock=Clock(monotonic=lambda: 7.0), timeouts=Timeouts(total=10))
    assert call.remaining == 3.0
    assert flight(timeouts=Timeouts(total=None)).remaining == math.inf


def test_an_error_after_the_first_byte_left_is_signed_unknown() -> None:
    """Whatever ended the call, the request may have arrived."""
    call, error = flight(), APIConnectionError("ended")
    call.begin_attempt(lease(sent=True))
    call.sign(error)
    assert (error.outcome, error.idempotency_key, error.request_id) == ("unknown", "key-1", "r-1")


def test_an_error_of_an_answer_keeps_the_servers_request_id() -> None:
    """It is the one that the platform's support can look up."""
    error = ServerError("no", status_code=500, request_id="theirs", outcome="unknown")
    flight().sign(error)
    assert error.request_id == "theirs"
