"""Random bad answers and random arguments, in numbers; ``tests/fuzz`` goes on for hours."""

from collections import Counter
from random import Random

import pytest

from tests.security.judge import one_round
from tests.tiers import slow

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("seed", [0, *slow(1, 2, 3)])
async def test_a_random_answer_gives_a_typed_error_or_a_right_value(seed: int) -> None:
    """Only errors of the package come out, and no value of a wrong type."""
    dice = Random(seed)
    met = Counter([await one_round(dice) for _ in range(500)])
    assert {"Project", "ResponseDecodeError", "ServerError"} <= met.keys()
