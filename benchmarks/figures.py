"""What the rounds of one case come to: their median, and the best of them beside it."""

from collections.abc import Iterable
from statistics import median
from typing import Any

Rounds = list[Any]
"""The measurements of one case, ``None`` where one did not end."""

_RATE = "rows_per_cpu_second"  # the more, the better; of all else the less


def middle(rounds: Rounds, key: str) -> float | None:
    """The median of the rounds that count."""
    return _median(each[key] for each in rounds if is_whole(each))


def best(rounds: Rounds, key: str) -> float | None:
    """The best of the rounds that count: what a machine does besides only adds to a cost."""
    known = [each[key] for each in rounds if is_whole(each)]
    if not known:
        return None
    return max(known) if key == _RATE else min(known)


def is_whole(measurement: Any) -> bool:
    """Tell whether a measure counts: it ended without errors, and the host did not disturb it."""
    return measurement is not None and not measurement.get("errors") and not measurement.get("disturbed")


def over_middle(ours: Rounds, theirs: Rounds, key: str) -> float | None:
    """The median over the rounds of ours over theirs beside it: most of a machine's drift cancels out."""
    pairs = zip(ours, theirs, strict=False)
    return _median(one[key] / two[key] for one, two in pairs if is_whole(one) and is_whole(two))


def spread_middle(cases: list[Rounds], key: str) -> float | None:
    """The dearest case over the cheapest, each as the median over the rounds of its share of a round."""
    rounds = [[one[key] for one in each] for each in zip(*cases, strict=True) if all(map(is_whole, each))]
    shares = [[cost / sum(costs) for cost in costs] for costs in rounds if all(costs)]
    middles = [median(case) for case in zip(*shares, strict=True)]
    return max(middles) / min(middles) if middles else None


def over_best(ours: Rounds, theirs: Rounds, key: str) -> float | None:
    """The best of our rounds over the best of theirs."""
    one, two = best(ours, key), best(theirs, key)
    return one / two if one and two else None


def spread_best(cases: list[Rounds], key: str) -> float | None:
    """The dearest case over the cheapest, by the best rounds of each."""
    known = [value for rounds in cases if (value := best(rounds, key))]
    return max(known) / min(known) if known else None


def _median(values: Iterable[float]) -> float | None:
    known = list(values)
    return median(known) if known else None
