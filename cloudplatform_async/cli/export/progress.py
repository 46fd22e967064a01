"""How an export goes on, for a person who looks on: rows, rows a second, what is left, what to do next."""

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

from cloudplatform_async import CloudPlatformError
from cloudplatform_async.cli.output.streams import is_terminal, say


class Meter(Protocol):
    """Is told how far an export has come."""

    def __call__(self, rows: int, total: int | None, speed: float | None = None) -> None:
        """Show it; without a speed in rows a second it is reckoned."""


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

        def update(rows: int, total: int | None, speed: float | None = None) -> None:
            if speed is None:
                speed = (rows - begun_with) / max(time.monotonic() - begun, 0.001)
            progress.update(task, completed=rows, total=total, speed=f"{speed:,.0f}")

        yield update


def _unseen(rows: int, total: int | None, speed: float | None = None) -> None:
    """Nobody looks on."""


@contextmanager
def kept(how: str) -> Generator[None]:
    """Say, after whatever ended an export early, how to go on."""
    how = f"what came so far is kept; {how}"
    try:
        yield
    except CloudPlatformError as error:
        error.add_note(how)
        raise
    except BaseException as error:
        if not isinstance(error, Exception):  # Ctrl-C, as it arrives in a task
            say(how)
        raise
