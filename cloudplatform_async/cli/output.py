"""Streams a list to stdout: a table for people, JSON for programs."""

import sys
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Generic, Literal, TypeVar

import attrs
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cloudplatform_async import Page, Paginator

T = TypeVar("T", bound=attrs.AttrsInstance)

Output = Literal["table", "json", "ndjson"]


@attrs.frozen
class Column(Generic[T]):
    """One column of a table.

    Attributes:
        title: What stands above it.
        share: Its part of the width, in relation to the other columns.
        cell: What it shows of an item.
    """

    title: str
    share: int
    cell: Callable[[T], str | None]


async def write(items: Paginator[T], output: Output, columns: Sequence[Column[T]]) -> None:
    """Write a list as it arrives, with no more of it in memory than the paginator holds.

    Args:
        items: The list.
        output: ``"table"``, ``"json"`` (one array) or ``"ndjson"`` (one object a line).
        columns: What a table shows; JSON shows everything.
    """
    if output == "table":
        await _write_table(items.pages(), columns)
    elif output == "json":
        await _write_json(items)
    else:
        async for item in items:
            _emit(_as_json(item) + b"\n")


def printable(text: str) -> str:
    """Make a server's text safe for one line of a terminal: no line breaks, no escape sequences."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


async def _write_json(items: AsyncIterator[T]) -> None:
    before = b"[\n"
    async for item in items:
        _emit(before + _as_json(item))
        before = b",\n"
    _emit(b"[]\n" if before == b"[\n" else b"\n]\n")


async def _write_table(pages: AsyncIterator[Page[T]], columns: Sequence[Column[T]]) -> None:
    header = True
    async for page in pages:
        _show(_table(page.items, columns, header=header))
        header = False
    if header:
        _show(_table([], columns, header=True))


def _table(items: Sequence[T], columns: Sequence[Column[T]], *, header: bool) -> Table:
    """The widths follow from the console alone, so that the tables of all pages line up."""
    table = Table(box=None, expand=True, pad_edge=False, show_header=header)
    for column in columns:
        table.add_column(column.title, ratio=column.share, overflow="fold")
    for item in items:
        table.add_row(*(Text(printable(column.cell(item) or "")) for column in columns))
    return table


def _show(table: Table) -> None:
    console = Console()
    with console.capture() as rendered:
        console.print(table)
    _emit(rendered.get().encode(console.encoding, "replace"))


def _as_json(item: attrs.AttrsInstance) -> bytes:
    """Fields in the order of their definition (msgspec sorts those of a slotted class)."""
    return msgspec.json.encode(attrs.asdict(item, recurse=False))


def _emit(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
