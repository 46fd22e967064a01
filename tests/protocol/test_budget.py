"""The retry budget: heavy loss never starves, an outage drains it."""

from random import Random

import pytest

from cloudplatform_async import APIConnectionError, ConflictError, RateLimitError, ServerError
from cloudplatform_async._protocol.budget import CAPACITY, RetryBudget, cost_of
from cloudplatform_async.errors import CloudPlatformError


def test_in_an_outage_a_bounded_number_of_retries_is_covered() -> None:
    """Whatever the number of failures; at the floor the outage is certain."""
    budget = RetryBudget()
    assert sum(budget.fail(1.0) for _ in range(1000)) == CAPACITY
    assert budget.is_exhausted
    assert not budget.has_recovered


@pytest.mark.parametrize("seed", range(20))
def test_loss_of_a_third_never_starves(seed: int) -> None:
    """Though failures and successes come in any order."""
    dice, budget = Random(seed), RetryBudget()
    for _ in range(10_000):
        if dice.random() < 1 / 3:
            assert budget.fail(1.0)
        else:
            budget.succeed(0.0)


def test_failures_that_come_first_are_made_up_for_by_the_successes_after_them() -> None:
    """A wave of calls whose failures are quicker than its successes."""
    budget = RetryBudget()
    covered = [budget.fail(1.0) for _ in range(200)]
    assert not all(covered)
    assert not budget.has_recovered
    for _ in range(100):
        budget.succeed(0.0)
    assert budget.has_recovered


def test_a_retried_call_that_succeeds_gives_its_cost_back_and_more() -> None:
    """So that loss with eventual success costs nothing in the end."""
    budget = RetryBudget(tokens=50.0)
    budget.fail(1.0)
    budget.fail(1.0)
    budget.succeed(2.0)
    assert budget.tokens == 51.0


def test_it_never_holds_more_than_its_capacity_nor_owes_more() -> None:
    """A long good time does not pay for a long outage, nor the other way round."""
    budget = RetryBudget()
    budget.succeed(1e9)
    assert budget.tokens == CAPACITY
    for _ in range(10_000):
        budget.fail(1.0)
    assert budget.tokens == -CAPACITY


@pytest.mark.parametrize(
    ("dearer", "cheaper"),
    [
        (ServerError(status_code=503), RateLimitError(status_code=429)),
        (APIConnectionError(), ConflictError(status_code=409)),
    ],
)
def test_throttling_costs_less_than_failure(dearer: CloudPlatformError, cheaper: CloudPlatformError) -> None:
    """The server is up, and the gate already slows the group down."""
    assert cost_of(cheaper) < cost_of(dearer)
