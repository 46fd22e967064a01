"""Pictures of usage: a line of blocks for a terminal, a file for a report."""

import sys
from collections.abc import Sequence
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

from cloudplatform_async import ConfigurationError
from cloudplatform_async.cli.output.streams import OutputError, encodable

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII = "_.-:=+*#"
_KINDS = (".png", ".svg")


def sparkline(values: Sequence[float]) -> str:
    """Draw one character a value, from the lowest block for 0 to the highest for the most.

    >>> sparkline([0, 5, 10])
    '▁▅█'
    """
    blocks = _BLOCKS if encodable(_BLOCKS, sys.stdout) == _BLOCKS else _ASCII
    most = max(values, default=0) or 1
    return "".join(blocks[round(value / most * (len(blocks) - 1))] for value in values)


def check_chart(path: Path) -> None:
    """Check, before anything is sent, that a chart can be drawn.

    Raises:
        ConfigurationError: For another kind of file, and where the extra is not installed.
    """
    if path.suffix.lower() not in _KINDS:
        raise ConfigurationError(f"--chart writes .png or .svg, not {path.name!r}.")
    try:
        import_module("matplotlib")
    except ImportError:
        raise ConfigurationError(
            "--chart needs the extra `charts`: pip install 'cloudplatform-async[charts]'"
        ) from None


# Of matplotlib, which types its own arguments loosely.
def draw_chart(path: Path, days: Sequence[date], requests: Sequence[int], rates: Sequence[float]) -> None:
    """Draw requests as bars and error rates as a line, over their first days.

    Raises:
        OutputError: The file cannot be written; then there is none.
    """
    from matplotlib.figure import Figure

    figure: Any = Figure(figsize=(10, 4), layout="constrained")
    axes = figure.subplots()
    axes.bar(days, requests, color="#4878cf")
    axes.set_ylabel("requests")
    axes.set_title(f"Usage from {days[0]} to {days[-1]}")
    errors = axes.twinx()
    errors.plot(days, [rate * 100 for rate in rates], color="#d1495b", marker=".", linewidth=1)
    errors.set_ylabel("error rate, %")
    errors.set_ylim(bottom=0)
    figure.autofmt_xdate()
    part = path.with_name(path.name + ".part")
    try:
        figure.savefig(part, format=path.suffix.lower().removeprefix("."))
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OutputError(f"{path} cannot be written: {error.strerror}.") from None
