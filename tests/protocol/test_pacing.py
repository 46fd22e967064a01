"""How fast a throttled group is asked: it finds the server's limit, and stays below it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudplatform_async._protocol.pacing import (
    EASING,
    LONGEST_CLOSURE,
    QUICK_GROWTH,
    QUIET,
    START_RATE,
    Pace,
)


def ask(limit: float, burst: float, seconds: float) -> tuple[int, int]:
    """Ask as fast as the pace allows a server with a leaky bucket; count answers and refusals."""
    pace, now, level, seen, passed, refused = Pace(), 0.0, 0.0, 0.0, 0, 0
    pace.refuse(now, 0.2, now)
    while (now := max(now + 1e-9, now + pace.wait(now))) < seconds:
        pace.take(now)
        level, seen = max(0.0, level - limit * (now - seen)), now
        if level > burst:
            refused += 1
            pace.refuse(now, 0.2, now)
        else:
            level, passed = level + 1, passed + 1
            pace.deliver()
    return passed, refused


@pytest.mark.parametrize("limit", [5.0, 50.0, 200.0])
def test_an_unknown_limit_is_found_and_nearly_used_up_with_next_to_no_refusals(limit: float) -> None:
    """Whatever it is: at least 70 % of it over the first 20 s, and few refusals."""
    passed, refused = ask(limit, 10, 20.0)
    assert passed >= 0.7 * limit * 20
    assert refused <= 10


def test_nobody_asks_while_it_is_closed() -> None:
    """The longest closure counts, and a refusal that came late does not shorten it."""
    pace = Pace()
    pace.refuse(100.0, 10.0, 99.0)
    pace.close(101.0, 2.0)
    assert (pace.closure(101.0), pace.wait(101.0)) == (9.0, 9.0)
    assert (pace.closure(110.0), pace.wait(110.0)) == (0.0, 0.0)


def test_it_reopens_one_by_one() -> None:
    """Not with a burst of all who waited."""
    pace = Pace()
    pace.refuse(100.0, 1.0, 99.0)
    pace.take(101.0)
    assert pace.wait(101.0) == pytest.approx(1 / START_RATE)


def test_successes_that_overlap_with_a_refusal_do_not_prove_a_high_limit() -> None:
    """Ten of the first wave come back a moment after its first refusal: no second wave follows."""
    pace = Pace()
    pace.refuse(100.0, 0.001, 99.0)
    for _ in range(10):
        pace.deliver()
    pace.take(100.002)
    assert pace.rate == START_RATE


def test_a_pause_that_was_too_short_does_not_end_the_search_for_the_limit() -> None:
    """The first request after it is refused: that shows no limit, and the next pace still grows quickly."""
    pace = Pace()
    pace.refuse(100.0, 0.001, 99.0)
    pace.take(100.002)
    pace.refuse(100.002, 1.0, 100.002)
    pace.take(101.1)
    slow = pace.rate
    pace.take(101.35)
    assert pace.rate == pytest.approx(slow * QUICK_GROWTH**0.25)


def test_refusals_of_requests_from_before_the_last_one_do_not_slow_down_further() -> None:
    """They answer a pace that is no more."""
    pace = Pace()
    pace.refuse(100.0, 1.0, 99.0)
    pace.take(101.0)
    before = pace.rate
    pace.refuse(101.1, 0.0, 99.5)
    assert pace.rate == before
    pace.refuse(101.2, 0.0, 101.0)
    assert pace.rate <= EASING * before


def test_a_contented_server_is_forgotten() -> None:
    """After some quiet; not while it is closed."""
    pace = Pace()
    pace.refuse(100.0, 50.0, 99.0)
    assert not pace.is_forgotten(150.0 + QUIET)
    assert pace.is_forgotten(150.1 + QUIET)


def test_idle_time_is_no_proof_of_a_higher_limit() -> None:
    """The rate grows with what is sent, not with the clock."""
    pace = Pace()
    pace.refuse(100.0, 0.0, 99.0)
    pace.take(100.0)
    pace.take(129.0)
    assert pace.rate < 2 * START_RATE


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["take", "deliver", "refuse", "close"]),
            st.floats(0, 1e3),
            st.floats(0, 1e300),
        )
    )
)
def test_whatever_the_server_does_waits_are_finite(events: list[tuple[str, float, float]]) -> None:
    """No history makes a wait negative, endless or longer than the longest closure."""
    pace, now = Pace(), 0.0
    for event, passed, seconds in events:
        now += passed
        if event == "take":
            pace.take(now)
        elif event == "deliver":
            pace.deliver()
        elif event == "refuse":
            pace.refuse(now, seconds, now - passed / 2)
        else:
            pace.close(now, seconds)
        assert 0.0 <= pace.wait(now) <= LONGEST_CLOSURE + 1e-6
