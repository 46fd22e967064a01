"""Measures ours beside its peers in one run: ``python benchmarks/run.py [--smoke] [--only gets,burst]``."""

import argparse
import json
import sys
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import machine
import report
from attrs import asdict, evolve
from clients import CLIENTS
from disturbance import disturbance
from effort import SMOKE, Effort
from measures import MEASURES
from ratios import ratios

HERE = Path(__file__).parent
SUMMARY, CHART = HERE / "summary.json", HERE.parent / "docs" / "benchmarks.png"
LIBRARIES = ("anyio", "httpcore", "httpcore2", "httpx2", "h11", "msgspec", "pydantic", "uvloop")


def main() -> None:
    """Run the measures that were asked for; a whole run also writes the JSON file and the chart."""
    options = _parse()
    names = _present(options.clients or list(CLIENTS))
    effort = SMOKE if options.smoke else evolve(Effort(), rounds=options.rounds)
    measures = options.only or list(MEASURES)
    run: dict[str, Any] = {
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine.describe(),
        "versions": machine.versions(
            [*dict.fromkeys(need for name in names for need in CLIENTS[name].needs), *LIBRARIES]
        ),
        "effort": asdict(effort),
        "results": {},
    }
    _introduce(run)
    for measure in measures:
        print(f"{measure} …", file=sys.stderr)
        run["results"][measure] = MEASURES[measure](effort, names)
        _print(report.measure_table(measure, run))
        print(disturbance(run["results"][measure]), flush=True)
    run["ratios"] = ratios(run["results"])
    _print(report.ratio_table(run["ratios"]))
    whole = not (options.smoke or options.only or options.clients)
    _write(run, options.json or (SUMMARY if whole else None), options.chart or (CHART if whole else None))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="only show that everything runs")
    parser.add_argument("--rounds", type=int, default=Effort().rounds, help="default: %(default)s")
    parser.add_argument("--only", type=_names_of(MEASURES), help=f"of {', '.join(MEASURES)}")
    parser.add_argument("--clients", type=_names_of(CLIENTS, ";"), help=f"of {'; '.join(CLIENTS)}")
    parser.add_argument("--json", type=Path, help=f"file to write; a whole run writes {SUMMARY.name}")
    parser.add_argument("--chart", type=Path, help=f"file to write; a whole run writes docs/{CHART.name}")
    return parser.parse_args()


def _names_of(known: dict[str, Any], separator: str = ",") -> Any:
    def parse(text: str) -> list[str]:
        names = [name.strip() for name in text.split(separator)]
        if unknown := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(f"unknown: {separator.join(unknown)}")
        return names

    return parse


def _present(names: list[str]) -> list[str]:
    """Leave out clients that are not installed, and say so."""
    for name in names:
        if missing := CLIENTS[name].missing:
            print(f"skipped {name}: {', '.join(missing)} not installed", file=sys.stderr)
    return [name for name in names if not CLIENTS[name].missing]


def _introduce(run: dict[str, Any]) -> None:
    print("\n".join(f"{name}: {value}" for name, value in run["machine"].items()))
    print("versions: " + ", ".join(f"{name} {value}" for name, value in run["versions"].items()), end="\n\n")


def _print(table: report.Table) -> None:
    if table[2]:
        print(report.text(table), flush=True)


def _summary(run: dict[str, Any]) -> str:
    """Give what is worth keeping of a run, a line for each row of its tables: medians and ratios."""
    kept = {name: json.dumps(run[name]) for name in ("began", "machine", "versions", "effort")}
    tables = {name: report.measure_table(name, run) for name in run["results"]}
    rows = {
        f"{name}: {cells[0]}": json.dumps(dict(zip(table[1][1:], cells[1:], strict=False)))
        for name, table in tables.items()
        for cells in table[2]
    }
    ratios_by_name = {f"ratio: {name}": json.dumps(found) for name, found in run["ratios"].items()}
    lines = [f"{json.dumps(name)}: {value}" for name, value in (kept | rows | ratios_by_name).items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _write(run: dict[str, Any], results: Path | None, picture: Path | None) -> None:
    if results is not None:
        results.write_text(_summary(run), encoding="utf-8")
    if picture is None:
        return
    if find_spec("matplotlib") is None:
        print("no chart: matplotlib is not installed", file=sys.stderr)
        return
    import chart

    chart.draw(run, picture)


if __name__ == "__main__":
    main()
