"""The ratios that the project promises, by the median of the rounds and by the best of them."""

from collections.abc import Callable, Iterable
from itertools import product
from typing import Any

from attrs import frozen
from clients import BARE, OURS, PEERS, SKETCH
from figures import Rounds, over_best, over_middle, spread_best, spread_middle

_OURS = (OURS,)
_DEFAULTS = [name for name in PEERS if "aiohttp" not in name]

Found = dict[str, float | None]


@frozen
class Rule:
    """A way to make one figure of many rounds.

    Attributes:
        over: Of two clients' rounds, by a key: ours over theirs.
        spread: Of one client's cases: the dearest over the cheapest.
    """

    over: Callable[[Rounds, Rounds, str], float | None]
    spread: Callable[[list[Rounds], str], float | None]


_RULES = {"median": Rule(over_middle, spread_middle), "best": Rule(over_best, spread_best)}


def ratios(results: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Compare ours with others, by each rule: costs are better below 1, rates above it."""
    found: dict[str, dict[str, float]] = {}
    for rule_name, rule in _RULES.items():
        for name, value in _found(results, rule).items():
            if value is not None:
                found.setdefault(name, {})[rule_name] = value
    return found


def _found(results: dict[str, Any], rule: Rule) -> Found:
    return {
        **_of_gets(results.get("gets", {}), rule),
        **_of_rows(results.get("rows", {}), rule),
        **_of_walks(results.get("walks", {}), rule),
        **_of_imports(results.get("imports", {}), rule),
    }


def _of_gets(gets: dict[str, Any], rule: Rule) -> Found:
    found: Found = {}
    for case in ("1", "64", "256"):
        ours = _rounds(gets, OURS, case)
        found[f"get at {case} in flight / best peer's default"] = _most(
            rule.over(ours, _rounds(gets, peer, case), "cpu_us") for peer in _DEFAULTS
        )
        for name in ("openai, aiohttp", BARE):
            found[f"get at {case} in flight / {name}"] = rule.over(ours, _rounds(gets, name, case), "cpu_us")
        sketch = rule.over(ours, _rounds(gets, SKETCH, case), "cpu_us")
        found[f"get at {case} in flight / {SKETCH}"] = sketch
    for name, start in product((OURS, SKETCH), (1, 16)):
        cases = [rounds for case, rounds in gets.get(name, {}).items() if int(case) >= start]
        found[f"dearest get / cheapest from {start} in flight up, {name}"] = rule.spread(cases, "cpu_us")
    return found


def _of_rows(rows: dict[str, Any], rule: Rule) -> Found:
    return {
        f"rows, pages of {case}, {name} / best peer": _least(
            rule.over(rows[name][case], _rounds(rows, peer, case), "rows_per_cpu_second") for peer in PEERS
        )
        for name in _OURS
        for case in rows.get(name, {})
    }


def _of_walks(walks: dict[str, Any], rule: Rule) -> Found:
    found: Found = {}
    for name in _OURS:
        found[f"walk at leisure, {name} / best peer"] = _most(
            rule.over(_rounds(walks, name, "read"), _rounds(walks, peer, "read"), "seconds") for peer in PEERS
        )
        sprints = _rounds(walks, name, "sprint")
        in_turn, ahead = (
            [each and {"seconds": each[key]} for each in sprints] for key in ("serial", "ahead")
        )
        found[f"pages ahead / one by one, speed of {name}"] = rule.over(in_turn, ahead, "seconds")
    return found


def _of_imports(imports: dict[str, Any], rule: Rule) -> Found:
    ours, httpx = (_rounds(imports, name, "seconds") for name in (OURS, "httpx, bare"))
    return {"import / import httpx": rule.over(ours, httpx, "seconds")}


def _rounds(results: dict[str, Any], name: str, case: str) -> Rounds:
    """Give a client's measurements of a case; none where it did not take part."""
    rounds: Rounds = results.get(name, {}).get(case, [])
    return rounds


def _least(values: Iterable[float | None]) -> float | None:
    return min((value for value in values if value), default=None)


def _most(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value), default=None)
