"""Tables: aligned columns on a terminal, tabs off it; ids, numbers and days are whole in both."""

import os
import re
import sys
from collections.abc import Sequence
from typing import Literal

from cloudplatform_async.cli.output.streams import encodable, encoding_of, printable, write
from cloudplatform_async.cli.output.values import Columns, Row, cell

_GAP = 2
_NARROWEST = 4
_USUAL = 80


class TabWriter:
    """A heading and a line a row, with a tab between cells: for ``cut``, ``grep`` and ``while read``."""

    def __init__(self, columns: Columns, *, header: bool, utc: bool) -> None:
        self._columns = columns
        self._header = header
        self._utc = utc

    def rows(self, rows: Sequence[Row]) -> None:
        """Write some more."""
        self._columns.fit(rows)
        lines = ["\t".join(map(heading, self._columns.names))] if self._header else []
        self._header = False
        lines += ["\t".join(self._cells(row)) for row in rows]
        write("".join(line + "\n" for line in lines).encode(encoding_of(sys.stdout), "replace"))

    def end(self) -> None:
        """Write the heading of a list that was empty."""
        if self._header and self._columns.names:
            self.rows([])

    def _cells(self, row: Row) -> list[str]:
        picked = self._columns.pick(row)
        return [printable(cell(value, name=name, utc=self._utc)) for name, value in picked.items()]


class TableWriter:
    """Columns as wide as the first rows need and the terminal has; what must be whole makes them wider."""

    def __init__(self, columns: Columns, *, header: bool, utc: bool) -> None:
        from rich.console import Console

        lacks_name = os.name == "posix" and not os.environ.get("TERM")  # then nobody knows its escapes
        colours: Literal["auto"] | None = None if lacks_name else "auto"
        self._console = Console(highlight=False, markup=False, soft_wrap=True, color_system=colours)
        if self._console.width < 1:  # COLUMNS=0: not known
            self._console.width = _USUAL
        self._columns = columns
        self._header = header
        self._utc = utc
        self._widths: list[int] = []
        self._whole: list[int] = []  # places of the columns that are never cut

    def rows(self, rows: Sequence[Row]) -> None:
        """Write some more."""
        self._columns.fit(rows)
        titles = [self._title(name) for name in self._columns.names]
        picked = [self._columns.pick(row) for row in rows]
        lines = [
            [printable(cell(value, name=name, utc=self._utc, short=True)) for name, value in row.items()]
            for row in picked
        ]
        if not self._widths:
            self._whole = [
                at
                for at, name in enumerate(self._columns.names)
                if is_id(name) or any(_is_exact(row[name]) for row in picked)
            ]
            self._widths = self._fitting(titles, lines)
        self._widen(lines)
        text = "".join(self._line(line) + "\n" for line in lines)
        if self._header:
            self._header = False
            text = self._bold(self._line(titles)) + text
        write(text.encode(encoding_of(sys.stdout), "replace"))

    def end(self) -> None:
        """Write the heading of a list that was empty."""
        if self._header and self._columns.names:
            self.rows([])

    def _title(self, name: str) -> str:
        return heading(name) + (" (UTC)" if self._utc and name.endswith("_at") else "")

    def _fitting(self, titles: list[str], lines: list[list[str]]) -> list[int]:
        """Take from the widest columns, ids, numbers and days apart, what the terminal lacks."""
        from rich.cells import cell_len

        widths = [max(map(cell_len, column)) for column in zip(titles, *lines, strict=True)]
        excess = sum(widths) + _GAP * (len(widths) - 1) - self._console.width
        while excess > 0:
            loose = [at for at in range(len(widths)) if at not in self._whole]
            widest = max(loose, key=widths.__getitem__, default=None)
            if widest is None or widths[widest] <= _NARROWEST:
                break
            widths[widest] -= 1
            excess -= 1
        return widths

    def _widen(self, lines: list[list[str]]) -> None:
        from rich.cells import cell_len

        for at in self._whole:
            self._widths[at] = max([self._widths[at], *(cell_len(line[at]) for line in lines)])

    def _line(self, cells: list[str]) -> str:
        from rich.cells import cell_len, set_cell_size

        dots = "…" if encodable("…", sys.stdout) == "…" else "..."
        parts: list[str] = []
        for text, width in zip(cells, self._widths, strict=True):
            fits = cell_len(text) <= width
            parts.append(
                set_cell_size(text if fits else set_cell_size(text, width - len(dots)) + dots, width)
            )
        return (" " * _GAP).join(parts).rstrip()

    def _bold(self, line: str) -> str:
        from rich.text import Text

        with self._console.capture() as rendered:
            self._console.print(Text(line, style="bold"))
        return rendered.get()


def heading(name: str) -> str:
    """Name a column as ``--columns`` does, but so that it stands out."""
    return printable(name).upper()


def is_id(name: str) -> bool:
    """Tell whether a column names something, so that nothing of it may be left out."""
    return name.endswith("_id") or name.rpartition(".")[2] in {"id", "run"}


def _is_exact(value: object) -> bool:
    """Tell whether a part of a value would be taken for another one: of a number, or of a day."""
    if isinstance(value, str):
        return re.fullmatch(r"\d{4}-\d\d-\d\d", value) is not None
    return isinstance(value, (int, float)) and not isinstance(value, bool)
