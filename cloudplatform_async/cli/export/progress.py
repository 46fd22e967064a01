"""How an export goes on, for a person who looks on: rows, rows a second, and the time that is left."""

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

from cloudplatform_async.cli.output.streams import is_terminal


class Meter(Protocol):
    """Is told how far an export has come."""

    def __call__(self, rows: int, total: int | None) -> None:
        """Show it."""


@contextmanager
def shown(name: str, begun_with: int) -> Generator[Meter]:
    """Show progress on stderr where that is a terminal.

    Args:
        name: What is exported.
        begun_with: Rows that were there before.
    """
    if not is_terminal(sys.stderr):
        yield _unseen
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]} rows/s"),
        TimeRemainingColumn(),
    )
    begun = time.monotonic()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(name, total=None, completed=begun_with, speed="0")

        def update(rows: int, total: int | None) -> None:
            speed = (rows - begun_with) / max(time.monotonic() - begun, 0.001)
            progress.update(task, completed=rows, total=total, speed=f"{speed:,.0f}")

        yield update


def _unseen(rows: int, total: int | None) -> None:
    """Nobody looks on."""
