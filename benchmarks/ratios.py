"""The ratios that the project promises, by the median of the rounds and by the best of them."""

from collections.abc import Callable, Iterable
from typing import Any

from attrs import frozen
from clients import OURS, OURS_AIOHTTP, PEERS
from figures import Rounds, over_best, over_middle, spread_best, spread_middle

_OURS = (OURS, OURS_AIOHTTP)
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
    """Compare ours with others: costs are better below 1, rates above it."""
    found = {name: _found(results, rule) for name, rule in _RULES.items()}
    names = [name for name in found["best"] if all(found[rule][name] is not None for rule in _RULES)]
    return {name: {rule: found[rule][name] or 0.0 for rule in _RULES} for name in names}


def _found(results: dict[str, Any], rule: Rule) -> Found:
    return {
        **_of_gets(results.get("gets", {}), rule),
        **_of_rows(results.get("rows", {}), rule),
        **_of_walks(results.get("walks", {}), rule),
        **_of_imports(results.get("imports", {}), rule),
    }


def _of_gets(gets: dict[str, Any], rule: Rule) -> Found:
    found: Found = {}
    for case in ("64", "256"):
        rounds = {name: cases.get(case, []) for name, cases in gets.items()}

        def over(one: str, other: str, rounds: dict[str, Rounds] = rounds) -> float | None:
            return rule.over(rounds.get(one, []), rounds.get(other, []), "cpu_us")

        found[f"get at {case} in flight / best peer's default"] = _most(
            over(OURS, each) for each in _DEFAULTS
        )
        for name in ("openai, aiohttp", "aiohttp, bare"):
            found[f"get at {case} in flight, ours on aiohttp / {name}"] = over(OURS_AIOHTTP, name)
    for start in (1, 16):
        cases = [rounds for case, rounds in gets.get(OURS, {}).items() if int(case) >= start]
        name = f"dearest get / cheapest from {start} in flight up, default transport"
        found[name] = rule.spread(cases, "cpu_us")
    return found


def _of_rows(rows: dict[str, Any], rule: Rule) -> Found:
    return {
        f"rows, pages of {case}, {name} / best peer": _least(
            rule.over(rows[name][case], rows[peer][case], "rows_per_cpu_second")
            for peer in PEERS
            if peer in rows
        )
        for name in _OURS
        for case in rows.get(name, {})
    }


def _of_walks(walks: dict[str, Any], rule: Rule) -> Found:
    found: Found = {}
    for name in _OURS:
        cases = walks.get(name, {"read": [], "sprint": []})
        found[f"walk at leisure, {name} / best peer"] = _most(
            rule.over(cases["read"], walks[peer]["read"], "seconds") for peer in PEERS if peer in walks
        )
        in_turn = [each and {"seconds": each["serial"]} for each in cases["sprint"]]
        ahead = [each and {"seconds": each["ahead"]} for each in cases["sprint"]]
        found[f"pages ahead / one by one, speed of {name}"] = rule.over(in_turn, ahead, "seconds")
    return found


def _of_imports(imports: dict[str, Any], rule: Rule) -> Found:
    ours, httpx = (imports.get(name, {}).get("seconds", []) for name in (OURS, "httpx, bare"))
    return {"import / import httpx": rule.over(ours, httpx, "seconds")}


def _least(values: Iterable[float | None]) -> float | None:
    return min((value for value in values if value), default=None)


def _most(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value), default=None)
