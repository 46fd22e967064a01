"""Takes a measurement again where the host of a virtual machine takes the cores away meanwhile."""

from collections.abc import Callable, Iterator
from typing import Any

from effort import Effort

Taken = list[dict[str, Any] | None]
"""Measurements taken together, each with the share that was ``stolen``; ``None`` for one without an end."""


def undisturbed(effort: Effort, take: Callable[[], Taken]) -> Taken:
    """Take measurements, several times while the host disturbs them; give those that it disturbed least.

    One that stays disturbed does not count.
    """
    tries: list[Taken] = []
    while len(tries) < effort.tries and (not tries or _most_stolen(tries[-1]) > effort.stolen):
        tries.append(take())
    least = min(tries, key=_most_stolen)
    return [
        each and each | {"tries": len(tries), "disturbed": each["stolen"] > effort.stolen} for each in least
    ]


def disturbance(results: dict[str, dict[str, list[Any]]]) -> str:
    """Say how many measurements were taken again, how many do not count, and what the others lost."""
    known = [each for each in _all(results) if "tries" in each]
    if not known:
        return ""
    again = sum(each["tries"] > 1 for each in known)
    lost = sum(each["disturbed"] for each in known)
    worst = max((each["stolen"] for each in known if not each["disturbed"]), default=0.0)
    return (
        f"Of {len(known)} measurements {again} were taken again; {lost} stayed disturbed and do not count.\n"
        f"The host took at most {worst:.1%} of the cores in one that counts.\n"
    )


def _all(results: dict[str, dict[str, list[Any]]]) -> Iterator[dict[str, Any]]:
    return (each for cases in results.values() for rounds in cases.values() for each in rounds if each)


def _most_stolen(taken: Taken) -> float:
    return max((each["stolen"] for each in taken if each is not None), default=0.0)
