"""Whether and when a call is sent again (API contract §7)."""

from collections import Counter
from itertools import product
from math import inf, isfinite
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cloudplatform_async._protocol.responses import Answer, status_error
from cloudplatform_async._protocol.retries import (
    Failure,
    Stop,
    Wait,
    backoff,
    decide,
    honoured_wait,
    is_in_progress,
    is_transient,
    may_repeat,
    was_deleted,
    whole_outcome,
)
from cloudplatform_async.errors import APIConnectionError, APIStatusError, APITimeoutError, Outcome
from cloudplatform_async.settings import RetryPolicy
from tests.tiers import slow

RETRIED = {408, 425, 429, 500, 502, 503, 504}
CODES = (None, "slug_taken", "idempotency_in_progress", "internal")
STATUSES = (*range(100, 104), *range(300, 309), *range(400, 600), 999)
POLICY = RetryPolicy()
OUTCOMES: tuple[Outcome, ...] = ("not_sent", "rejected", "unknown")


def refused(status: int, code: str | None = None, **headers: str) -> APIStatusError:
    """The error of an answer."""
    body = b"" if code is None else b'{"error":{"code":"%s","message":"m"}}' % code.encode()
    return status_error(Answer(status, headers, body), now=0.0, secrets=())


def after(
    error: APIStatusError,
    policy: RetryPolicy = POLICY,
    *,
    number: int = 0,
    repeatable: bool = True,
    remaining: float = inf,
    jitter: float = 0.5,
) -> Wait | Stop:
    """What follows an answer that is not a success."""
    failure = Failure(error, transient=is_transient(error))
    return decide(failure, policy, number=number, repeatable=repeatable, remaining=remaining, jitter=jitter)


@pytest.mark.parametrize("repeatable", [True, False], ids=["repeatable", "no key"])
def test_every_status_and_code_is_tried_again_or_not_as_the_contract_says(repeatable: bool) -> None:
    """The whole matrix: these statuses, the 409 in progress, and nothing that could do a write twice."""
    for status, code in product(STATUSES, CODES):
        worth_it = status in RETRIED or (status == 409 and code == "idempotency_in_progress")
        decision = after(refused(status, code), repeatable=repeatable)
        assert isinstance(decision, Wait) is (worth_it and repeatable), (status, code)


@pytest.mark.parametrize("transient", [True, False])
@pytest.mark.parametrize("repeatable", [True, False])
@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("kind", [APIConnectionError, APITimeoutError])
def test_a_lost_answer_is_retried_where_safe(
    kind: type[APIConnectionError], outcome: Outcome, repeatable: bool, transient: bool
) -> None:
    """Without a key a write is sent again only when it cannot have reached the server."""
    failure = Failure(kind("lost", outcome=outcome), transient=transient)
    decision = decide(failure, POLICY, number=0, repeatable=repeatable, remaining=inf, jitter=0.5)
    assert isinstance(decision, Wait) is (transient and (repeatable or outcome == "not_sent"))


def test_a_throttled_write_without_a_key_is_not_sent_again() -> None:
    """A 429 reached the server, and without a key nothing proves what it did."""
    assert not may_repeat(refused(429), repeatable=False)


@pytest.mark.parametrize(("made", "goes_on"), [(0, True), (3, True), (4, False), (400, False)])
def test_retries_are_counted(made: int, goes_on: bool) -> None:
    """Four retries by default, and then the error itself, without a note."""
    assert isinstance(after(refused(503), number=made), Wait) is goes_on
    assert goes_on or after(refused(503), number=made) == Stop()


@pytest.mark.parametrize(
    ("status", "code", "is_honoured"),
    [
        (429, None, True),
        (503, None, True),
        (409, "idempotency_in_progress", True),
        (409, "slug_taken", False),
        (500, None, False),
        (502, None, False),
        (408, None, False),
    ],
)
def test_the_servers_time_counts_on_some_statuses(status: int, code: str | None, is_honoured: bool) -> None:
    """429, 503 and the 409 in progress; a word of others is not believed."""
    assert honoured_wait(refused(status, code, **{"retry-after": "7"})) == (7.0 if is_honoured else None)


@given(st.floats(0, 1), st.floats(1e-3, 60))
def test_the_servers_time_is_the_least_wait(jitter: float, asked: float) -> None:
    """Nothing is sent before it, and at most a tenth after it."""
    error = refused(429)
    error.retry_after = asked
    decision = after(error, jitter=jitter)
    assert isinstance(decision, Wait)
    assert asked <= decision.seconds <= asked * 1.1000001


@pytest.mark.parametrize("value", ["0", "Sun, 06 Nov 1994 08:49:37 GMT", "-1", "nan", "soon"])
def test_no_wait_or_no_sense_leaves_the_normal_backoff(value: str) -> None:
    """Zero and the past are no wish of the server's, and hostile values are ignored."""
    error = status_error(Answer(503, {"retry-after": value}, b""), now=1e9, secrets=())
    assert after(error, jitter=0.5) == Wait(0.25)


@pytest.mark.parametrize(("asked", "limit", "goes_on"), [(60, 60, True), (61, 60, False), (1, 0, False)])
def test_a_time_above_max_retry_after_ends_the_call(asked: int, limit: float, goes_on: bool) -> None:
    """The error comes at once, with the time and a note that names the limit."""
    error = refused(429, **{"retry-after": str(asked)})
    decision = after(error, RetryPolicy(max_retry_after=limit))
    assert isinstance(decision, Wait) is goes_on
    assert goes_on or decision == Stop(
        f"Not tried again: the server asks for {asked} s, above max_retry_after."
    )
    assert error.retry_after == asked


@pytest.mark.parametrize(("remaining", "goes_on"), [(0.26, True), (0.25, False), (0.0, False), (-1.0, False)])
def test_a_wait_that_would_pass_the_deadline_is_not_begun(remaining: float, goes_on: bool) -> None:
    """The note names the wait."""
    decision = after(refused(503), remaining=remaining, jitter=0.5)
    assert isinstance(decision, Wait) is goes_on
    assert goes_on or decision == Stop("Not tried again: the next wait of 0.25 s would pass the deadline.")


@given(st.integers(0, 10**30), st.floats(0, 1e300), st.floats(0, 1e300))
@example(2000, 0.5, 8.0)
@example(10**9, 1e300, 1e300)
def test_the_backoff_never_overflows(number: int, base: float, cap: float) -> None:
    """Any number of retries gives a finite wait within the cap."""
    longest = backoff(RetryPolicy(base=base, cap=cap), number)
    assert 0 <= longest <= cap
    assert isfinite(longest)


@given(st.integers(0, 1000), st.floats(0.001, 10), st.floats(0.001, 100))
def test_the_backoff_doubles_up_to_its_cap(number: int, base: float, cap: float) -> None:
    """``min(cap, base * 2**n)`` (API contract §7)."""
    assert backoff(RetryPolicy(base=base, cap=cap), number) == min(cap, base * 2.0**number)


@pytest.mark.parametrize("number", [4, *slow(0, 2, 10)])
def test_jitter_is_full_and_uniform(number: int) -> None:
    """10,000 draws fall evenly into the ten tenths between 0 and the longest wait."""
    policy, dice = RetryPolicy(max_retries=20), Random(number)
    longest, deciles = backoff(policy, number), Counter[int]()
    for _ in range(10_000):
        decision = after(refused(500), policy, number=number, jitter=dice.uniform(0, 1))
        assert isinstance(decision, Wait)
        deciles[min(9, int(10 * decision.seconds / longest))] += 1
    assert all(880 <= deciles[decile] <= 1120 for decile in range(10)), deciles  # 4 standard deviations


@given(
    st.sampled_from(STATUSES),
    st.sampled_from(CODES),
    st.integers(0, 100),
    st.booleans(),
    st.floats(-1e9, 1e9) | st.just(inf),
    st.floats(0, 1),
    st.none() | st.floats(0, 1e15),
)
def test_no_decision_breaks_a_bound(
    status: int,
    code: str | None,
    number: int,
    repeatable: bool,
    remaining: float,
    jitter: float,
    asked: float | None,
) -> None:
    """Whatever came, a wait ends before the deadline, within what the policy allows, and not too early."""
    error = refused(status, code)
    error.retry_after = asked
    decision = after(error, number=number, repeatable=repeatable, remaining=remaining, jitter=jitter)
    if isinstance(decision, Wait):
        least = honoured_wait(error)
        assert 0 <= decision.seconds < remaining
        assert number < POLICY.max_retries
        assert decision.seconds <= (8.0 if least is None else 66.0)
        assert decision.seconds >= (least or 0.0)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (409, "idempotency_in_progress", True),
        (409, "slug_taken", False),
        (409, None, False),
        (429, "idempotency_in_progress", False),
    ],
)
def test_a_write_under_way_is_told_from_other_conflicts(
    status: int, code: str | None, expected: bool
) -> None:
    """Only the 409 with its code is worth another attempt."""
    assert is_in_progress(refused(status, code)) is expected


@given(st.lists(st.sampled_from(OUTCOMES)))
def test_the_outcome_of_a_call_is_the_most_doubtful_of_its_attempts(outcomes: list[Outcome]) -> None:
    """Possibly done beats refused, refused beats surely not sent; no attempt at all sent nothing."""
    assert whole_outcome(outcomes) == max(outcomes, key=OUTCOMES.index, default="not_sent")


@pytest.mark.parametrize(
    ("method", "status", "so_far", "expected"),
    [
        ("DELETE", 404, "unknown", True),
        ("DELETE", 404, "rejected", False),
        ("DELETE", 404, "not_sent", False),
        ("DELETE", 410, "unknown", False),
        ("PATCH", 404, "unknown", False),
    ],
)
def test_a_delete_that_is_gone_after_a_lost_answer_was_done(
    method: str, status: int, so_far: Outcome, expected: bool
) -> None:
    """The 404 of the second attempt tells what the first one did."""
    assert was_deleted(method, refused(status), so_far) is expected
