"""Takes a measurement again where the host of a virtual machine took the cores away meanwhile."""

from collections.abc import Callable, Iterator
from typing import Any

from effort import Effort

Taken = list[dict[str, Any] | None]
"""Measurements taken together, each with the share that was ``stolen``; ``None`` for one without an end."""


def undisturbed(effort: Effort, take: Callable[[], Taken]) -> Taken:
    """Take measurements, several times while the host disturbs them; give those that it disturbed least."""
    tries: list[Taken] = []
    while len(tries) < effort.tries and (not tries or _stolen(tries[-1]) > effort.stolen):
        tries.append(take())
    least = min(tries, key=_stolen)
    return [each and each | {"tries": len(tries)} for each in least]


def disturbance(results: dict[str, dict[str, list[Any]]]) -> str:
    """Say how much was stolen from the measurements that count, and how many of them were taken again."""
    known = [each for each in _all(results) if "tries" in each]
    worst = max((each["stolen"] for each in known), default=0.0)
    again = sum(each["tries"] > 1 for each in known)
    return (
        f"{again} of {len(known)} measurements taken again; stolen from one that counts: {worst:.1%} at most"
    )


def _all(results: dict[str, dict[str, list[Any]]]) -> Iterator[dict[str, Any]]:
    return (each for cases in results.values() for rounds in cases.values() for each in rounds if each)


def _stolen(taken: Taken) -> float:
    return max((each["stolen"] for each in taken if each is not None), default=0.0)
