"""Results as tables: the median of the rounds, and the ratios."""

from typing import Any

from figures import middle

Table = tuple[str, list[str], list[list[str]]]
"""Title, column heads, rows."""

_MIB = 2**20


def measure_table(name: str, run: dict[str, Any]) -> Table:
    """Make the table of one measure of a run; without rows where no client took part."""
    results = run["results"][name]
    if not results:
        return "", [], []
    title, heads, body = _MAKERS[name](results)
    return title.format(**run["effort"]), [head.format(**run["effort"]) for head in heads], body


def ratio_table(found: dict[str, dict[str, float]]) -> Table:
    """Make the table of the ratios."""
    body = [
        [name, *(f"{ratio[rule]:.2f}" if rule in ratio else "" for rule in ("median", "best"))]
        for name, ratio in found.items()
    ]
    return "Ratios", ["ours to others", "median of the rounds", "best of the rounds"], body


def text(table: Table) -> str:
    """Write a table as Markdown, its columns in line."""
    title, heads, body = table
    widths = [max(map(len, column)) for column in zip(heads, *body, strict=True)]
    lines = [_line(cells, widths) for cells in (heads, ["-" * width for width in widths], *body)]
    return "\n".join([title, "", *lines, ""])


def _gets(results: dict[str, Any]) -> Table:
    cases = list(next(iter(results.values())))
    body = [[name, *(_cost(rounds[case]) for case in cases)] for name, rounds in results.items()]
    return "CPU time of a get, µs, by gets in flight", ["client", *cases], body


def _cost(rounds: list[Any]) -> str:
    value = middle(rounds, "cpu_us")
    return _reason(rounds) if value is None else f"{value:.0f}"


def _reason(rounds: list[Any]) -> str:
    """Say why there is no figure."""
    if all(each is None for each in rounds):
        return "did not end"
    return _failures(rounds) or "disturbed"


def _failures(rounds: list[Any]) -> str:
    return ", ".join(sorted({error for each in rounds if each for error in each.get("errors", ())}))


def _burst(results: dict[str, Any]) -> Table:
    of_a_pool = ("seconds", "sockets", "answered")
    heads = ["client", *(f"{pool}: {head}" for pool in ("cold", "warm") for head in of_a_pool)]
    body = [[name, *_burst_cells(r["cold"]), *_burst_cells(r["warm"])] for name, r in results.items()]
    return "{burst:,} gets at once, from a server that takes {latency} s for each", heads, body


def _burst_cells(rounds: list[Any]) -> list[str]:
    if not rounds:
        return ["not reached", "", ""]
    known = [each for each in rounds if each is not None]
    if not known:
        return ["no end, killed", "", ""]
    stopped = next((each for each in known if not each["ended"]), None)
    took = f"did not end in {stopped['seconds']:.0f}" if stopped else _seconds(known, "seconds")
    answered = min(each["answered"] for each in known)
    failures = _failures(known)
    return [took, str(max(each["sockets"] for each in known)), f"{answered} {failures}".strip()]


def _rows(results: dict[str, Any]) -> Table:
    cases = list(next(iter(results.values())))
    body = [[name, *(_rate(rounds[case]) for case in cases)] for name, rounds in results.items()]
    return "Typed rows per second of CPU", ["client", *(f"pages of {case}" for case in cases)], body


def _walks(results: dict[str, Any]) -> Table:
    body = [[name, *(_seconds(*each) for each in _walk_cells(cases))] for name, cases in results.items()]
    heads = ["client", "{walk} pages at leisure", "{sprint} pages one by one", "{ahead} ahead"]
    return "Seconds of a walk, {latency} s a page for the server, and for the reader at leisure", heads, body


def _walk_cells(cases: dict[str, list[Any]]) -> list[tuple[list[Any], str]]:
    return [(cases["read"], "seconds"), (cases["sprint"], "serial"), (cases["sprint"], "ahead")]


def _seconds(rounds: list[Any], key: str) -> str:
    value = middle(rounds, key)
    return "" if not rounds else _reason(rounds) if value is None else f"{value:.2f}"


def _imports(results: dict[str, Any]) -> Table:
    rounds = {name: cases["seconds"] for name, cases in results.items()}
    base = middle(rounds.get("httpx, bare", []), "seconds")
    body = [[name, *_import_cells(each, base)] for name, each in rounds.items()]
    return "Import, CPU time", ["client", "ms", "times import httpx"], body


def _import_cells(rounds: list[Any], base: float | None) -> list[str]:
    value = middle(rounds, "seconds")
    if value is None:
        return [_reason(rounds), ""]
    return [f"{value * 1e3:.0f}", f"{value / base:.2f}" if base else ""]


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


def _rate(rounds: list[Any]) -> str:
    value = middle(rounds, "rows_per_cpu_second")
    return _reason(rounds) if value is None else f"{value:,.0f}"


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
