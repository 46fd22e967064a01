"""Results as one picture: the cost of a get, many at once, rows, import and memory."""

from pathlib import Path
from statistics import median
from typing import Any

from clients import OURS, SKETCH, UVLOOP
from figures import middle
from matplotlib.axes import Axes
from matplotlib.figure import Figure

_COLOURS = {
    OURS: "#0b6e4f",
    UVLOOP: "#5fae8f",
    "openai": "#c8553d",
    "openai, aiohttp": "#e59b8b",
    "cloudflare": "#e0a030",
    "stripe": "#6a5acd",
    "httpx, bare": "#777777",
    SKETCH: "#8fa8b8",
    "aiohttp, bare": "#a0a0a0",
    "floor (httptools)": "#c8c8c8",
}
_MIB = 2**20


def draw(run: dict[str, Any], path: Path) -> None:
    """Draw what a run measured and write it as PNG."""
    panels = {"gets": _gets, "burst": _burst, "rows": _rows, "imports": _imports, "memory": _memory}
    taken = [name for name in panels if run["results"].get(name)]
    if not taken:
        return
    figure = Figure(figsize=(15, 9), layout="constrained")
    columns = min(3, len(taken))
    for place, name in enumerate(taken, start=1):
        axes = figure.add_subplot(-(-len(taken) // columns), columns, place)
        panels[name](axes, run["results"][name])
        axes.spines[["top", "right"]].set_visible(False)
    if "gets" in taken:
        lines, names = figure.axes[0].get_legend_handles_labels()
        figure.legend(
            lines, names, loc="lower right", bbox_to_anchor=(0.95, 0.12), frameon=False, fontsize=11
        )
    figure.suptitle(_caption(run), fontsize=9, color="#555555", y=-0.02)
    figure.savefig(path, dpi=72, bbox_inches="tight")


def _caption(run: dict[str, Any]) -> str:
    known = ("openai", "cloudflare", "stripe", "httpx", "aiohttp")
    versions = ", ".join(f"{name} {run['versions'][name]}" for name in known if name in run["versions"])
    host = run["machine"]
    effort = run["effort"]
    burst = f"{effort['burst']:,} at once on {effort['latency'] * 1e3:.0f} ms"
    return (
        f"{run['began'][:10]}, {burst}, Python {host['python']}, {host['cores']} cores; {versions}; "
        "medians of the rounds"
    )


def _gets(axes: Axes, results: dict[str, Any]) -> None:
    for name, cases in results.items():
        points = [(int(case), middle(rounds, "cpu_us")) for case, rounds in cases.items()]
        known = [(case, value) for case, value in points if value]
        if known:
            width = 3 if name == OURS else 1.5
            axes.plot(*zip(*known, strict=True), "o-", color=_COLOURS[name], label=name, linewidth=width)
    axes.set(xscale="log", yscale="log", xlabel="gets in flight", title="CPU time of a get, µs")
    cases = [int(case) for case in next(iter(results.values()))]
    axes.set_xticks(cases, [str(case) for case in cases])
    axes.minorticks_off()
    axes.set_yticks(ticks := [50, 100, 200, 500, 1000, 2000, 5000, 10_000], [f"{tick:,}" for tick in ticks])
    axes.grid(axis="y", color="#eeeeee")


def _burst(axes: Axes, results: dict[str, Any]) -> None:
    seconds, notes = {}, {}
    for name, cases in results.items():
        seconds[name], notes[name] = 0.0, "no end, killed"
        if known := [each for each in cases["cold"] if each is not None]:
            seconds[name] = middle(known, "seconds") or median(each["seconds"] for each in known)
            notes[name] = f"{seconds[name]:.1f} s, {max(each['sockets'] for each in known):,} sockets"
            if not all(each["ended"] for each in known):
                notes[name] = f"did not end in {seconds[name]:.0f} s"
            elif errors := sorted({error for each in known for error in each["errors"]}):
                notes[name] += f", {errors[0]}"
    _bars(axes, seconds, notes, "Many gets at once on a slow server, cold pool, seconds")


def _rows(axes: Axes, results: dict[str, Any]) -> None:
    rates = {name: middle(cases["1000"], "rows_per_cpu_second") for name, cases in results.items()}
    known = {name: rate for name, rate in rates.items() if rate}
    notes = {name: f"{rate:,.0f}" for name, rate in known.items()}
    _bars(axes, known, notes, "Typed rows per second of CPU, pages of 1,000 (longer is better)")


def _imports(axes: Axes, results: dict[str, Any]) -> None:
    time = {name: (middle(cases["seconds"], "seconds") or 0.0) * 1e3 for name, cases in results.items()}
    _bars(axes, time, {name: f"{value:.0f}" for name, value in time.items()}, "Import, ms of CPU")


def _memory(axes: Axes, results: dict[str, Any]) -> None:
    peaks = {name: middle(cases["100"], "traced_peak") for name, cases in results.items()}
    known = {name: peak / _MIB for name, peak in peaks.items() if peak}
    notes = {name: f"{value:.1f}" for name, value in known.items()}
    _bars(axes, known, notes, "Python's peak in a walk of 100,000 rows, MiB")


def _bars(axes: Axes, values: dict[str, float], notes: dict[str, str], title: str) -> None:
    names = [*values]
    bars = axes.barh(names, [*values.values()], color=[_COLOURS[name] for name in names])
    axes.bar_label(bars, [notes[name] for name in names], padding=3, fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.35)
    axes.set(title=title, xticks=[])
    axes.spines["bottom"].set_visible(False)
