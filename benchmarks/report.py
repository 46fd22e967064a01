"""Results as tables: medians over the rounds, and the ratios that the project promises, taken in pairs."""

from collections.abc import Iterable
from functools import partial
from statistics import median
from typing import Any

from clients import OURS, OURS_AIOHTTP, PEERS

Table = tuple[str, list[str], list[list[str]]]
"""Title, column heads, rows."""

_MIB = 2**20
_OURS = (OURS, OURS_AIOHTTP)


def middle(rounds: list[Any], key: str) -> float | None:
    """The median over those rounds that ended, of what has no errors."""
    return _median(each[key] for each in rounds if _is_whole(each))


def _is_whole(measurement: Any) -> bool:
    """Tell whether a measure ended, without errors."""
    return measurement is not None and not measurement.get("errors")


def _median(values: Iterable[float]) -> float | None:
    known = list(values)
    return median(known) if known else None


def measure_table(name: str, run: dict[str, Any]) -> Table:
    """Make the table of one measure of a run; without rows where no client took part."""
    results = run["results"][name]
    if not results:
        return "", [], []
    title, heads, body = _MAKERS[name](results)
    return title.format(**run["effort"]), [head.format(**run["effort"]) for head in heads], body


def ratio_table(found: dict[str, float]) -> Table:
    """Make the table of the ratios."""
    return "Ratios", ["ours to others", "ratio"], [[name, f"{value:.2f}"] for name, value in found.items()]


def text(table: Table) -> str:
    """Write a table as Markdown, its columns in line."""
    title, heads, body = table
    widths = [max(map(len, column)) for column in zip(heads, *body, strict=True)]
    lines = [_line(cells, widths) for cells in (heads, ["-" * width for width in widths], *body)]
    return "\n".join([title, "", *lines, ""])


def ratios(results: dict[str, Any]) -> dict[str, float]:
    """Compare ours with others: costs are better below 1, rates above it."""
    found = {
        **_get_ratios(results.get("gets", {})),
        **_row_ratios(results.get("rows", {})),
        **_walk_ratios(results.get("walks", {})),
        "import / import httpx": _over(*_import_times(results.get("imports", {}), OURS, "httpx, bare")),
    }
    return {name: value for name, value in found.items() if value is not None}


def _get_ratios(gets: dict[str, Any]) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    defaults = [name for name in PEERS if "aiohttp" not in name]
    for case in ("64", "256"):
        in_case = {name: cases.get(case, []) for name, cases in gets.items()}
        over = partial(_paired, in_case, "cpu_us")
        found[f"get at {case} in flight / best peer's default"] = _most(over(OURS, each) for each in defaults)
        for name in ("openai, aiohttp", "aiohttp, bare"):
            found[f"get at {case} in flight, ours on aiohttp / {name}"] = over(OURS_AIOHTTP, name)
    for start in (1, 16):
        for key, cost in (("cpu_us", "get"), ("user_us", "get in user time")):
            cases = {case: each for case, each in gets.get(OURS, {}).items() if int(case) >= start}
            name = f"dearest {cost} / cheapest from {start} in flight up, default transport"
            found[name] = _spread(list(cases.values()), key)
    return found


def _row_ratios(rows: dict[str, Any]) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for name in _OURS:
        for case in rows.get(name, {}):
            in_case = {client: cases[case] for client, cases in rows.items()}
            found[f"rows, pages of {case}, {name} / best peer"] = _least(
                _paired(in_case, "rows_per_cpu_second", name, peer) for peer in PEERS
            )
    return found


def _walk_ratios(walks: dict[str, Any]) -> dict[str, float | None]:
    reads = {name: cases["read"] for name, cases in walks.items()}
    found: dict[str, float | None] = {}
    for name in _OURS:
        found[f"walk at leisure, {name} / best peer"] = _most(
            _paired(reads, "seconds", name, peer) for peer in PEERS
        )
        sprint = walks.get(name, {}).get("sprint", [])
        found[f"pages ahead / one by one, speed of {name}"] = middle(sprint, "speed_up")
    return found


def _import_times(imports: dict[str, Any], *names: str) -> list[float | None]:
    return [median(imports[name]["seconds"]) if name in imports else None for name in names]


def _paired(results: dict[str, list[Any]], key: str, name: str, other: str) -> float | None:
    """The median over the rounds of one client's figure over another's of the same round.

    The speed of a machine drifts from round to round; within one it drifts less.
    """
    pairs = zip(results.get(name, []), results.get(other, []), strict=False)
    return _median(one[key] / two[key] for one, two in pairs if _is_whole(one) and _is_whole(two))


def _spread(cases: list[list[Any]], key: str) -> float | None:
    """The dearest case over the cheapest, each as the median over the rounds of its share of a round."""
    rounds = [[one[key] for one in each] for each in zip(*cases, strict=True) if all(map(_is_whole, each))]
    shares = [[cost / sum(costs) for cost in costs] for costs in rounds if all(costs)]
    middles = [median(case) for case in zip(*shares, strict=True)]
    return max(middles) / min(middles) if middles else None


def _gets(results: dict[str, Any]) -> Table:
    cases = list(next(iter(results.values())))
    body = [[name, *(_cost(rounds[case]) for case in cases)] for name, rounds in results.items()]
    return "CPU time of a get, µs, by gets in flight", ["client", *cases], body


def _cost(rounds: list[Any]) -> str:
    if not rounds or all(each is None for each in rounds):
        return "did not end"
    value = middle(rounds, "cpu_us")
    return _failures(rounds) if value is None else f"{value:.0f}"


def _failures(rounds: list[Any]) -> str:
    return ", ".join(sorted({error for each in rounds if each for error in each["errors"]}))


def _burst(results: dict[str, Any]) -> Table:
    heads = ["client", "cold: seconds", "sockets", "answered", "warm: seconds", "sockets", "answered"]
    body = [[name, *_burst_cells(r["cold"]), *_burst_cells(r["warm"])] for name, r in results.items()]
    return "{burst:,} gets at once, from a server that takes {latency} s for each", heads, body


def _burst_cells(rounds: list[Any]) -> list[str]:
    if not rounds:
        return ["not reached", "", ""]
    known = [each for each in rounds if each is not None]
    if not known:
        return ["no end, killed", "", ""]
    stopped = next((each for each in known if not each["ended"]), None)
    seconds = median(each["seconds"] for each in known)
    took = f"did not end in {stopped['seconds']:.0f}" if stopped else f"{seconds:.2f}"
    answered = min(each["answered"] for each in known)
    failures = _failures(known)
    return [took, str(max(each["sockets"] for each in known)), f"{answered} {failures}".strip()]


def _rows(results: dict[str, Any]) -> Table:
    cases = list(next(iter(results.values())))
    body = [
        [name, *(_number(middle(rounds[case], "rows_per_cpu_second")) for case in cases)]
        for name, rounds in results.items()
    ]
    return "Typed rows per second of CPU", ["client", *(f"pages of {case}" for case in cases)], body


def _walks(results: dict[str, Any]) -> Table:
    body = [[name, *(_seconds(*each) for each in _walk_cells(cases))] for name, cases in results.items()]
    heads = ["client", "{walk} pages at leisure", "{sprint} pages one by one", "{ahead} ahead"]
    return "Seconds of a walk, {latency} s a page for the server, and for the reader at leisure", heads, body


def _walk_cells(cases: dict[str, list[Any]]) -> list[tuple[list[Any], str]]:
    return [(cases["read"], "seconds"), (cases["sprint"], "serial"), (cases["sprint"], "ahead")]


def _seconds(rounds: list[Any], key: str) -> str:
    value = middle(rounds, key)
    return "" if not rounds else "did not end" if value is None else f"{value:.2f}"


def _imports(results: dict[str, Any]) -> Table:
    time = {name: median(cases["seconds"]) for name, cases in results.items()}
    base = time.get("httpx, bare")
    body = [
        [name, f"{value * 1e3:.0f}", f"{value / base:.2f}" if base else ""] for name, value in time.items()
    ]
    return "Import, CPU time", ["client", "ms", "times import httpx"], body


def _memory(results: dict[str, Any]) -> Table:
    keys = ("process_growth", "traced_peak", "traced_left")
    body = [
        [name, *(_mib(middle(rounds, key)) for key in keys)]
        for name, cases in results.items()
        for rounds in cases.values()
    ]
    heads = ["client", "process grew by", "Python's peak", "left afterwards"]
    return "Memory of a walk through {memory_rows:,} rows in pages of 100, MiB", heads, body


def _layers(results: dict[str, Any]) -> Table:
    shares = {name: cases["64"][0]["layers"] for name, cases in results.items() if cases["64"][0]}
    names = sorted(
        {layer for share in shares.values() for layer in share},
        key=lambda layer: -max(share.get(layer, 0.0) for share in shares.values()),
    )
    body = [[layer, *(f"{share.get(layer, 0.0):.1f}" for share in shares.values())] for layer in names]
    return "Where the microseconds of a get go, 64 in flight", ["code of", *shares], body


def _least(values: Iterable[float | None]) -> float | None:
    return min((value for value in values if value), default=None)


def _most(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value), default=None)


def _over(value: float | None, other: float | None) -> float | None:
    return value / other if value and other else None


def _number(value: float | None) -> str:
    return "did not end" if value is None else f"{value:,.0f}"


def _mib(value: float | None) -> str:
    return "did not end" if value is None else f"{value / _MIB:.1f}"


def _line(cells: list[str], widths: list[int]) -> str:
    first, *others = [*zip(cells, widths, strict=True)]
    aligned = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
    return f"| {' | '.join(aligned)} |"


_MAKERS = {
    "gets": _gets,
    "burst": _burst,
    "rows": _rows,
    "walks": _walks,
    "imports": _imports,
    "memory": _memory,
    "layers": _layers,
}
