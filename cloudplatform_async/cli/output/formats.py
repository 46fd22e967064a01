"""The formats for programs: JSON, one object a line, CSV and YAML, each written as its rows arrive."""

import csv
import io
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Protocol

import msgspec

from cloudplatform_async.cli.output.streams import on_terminal, printable, write
from cloudplatform_async.cli.output.values import Columns, Row, cell


class Writer(Protocol):
    """Takes the rows of a list as they arrive."""

    def rows(self, rows: Sequence[Row]) -> None:
        """Write some more."""

    def end(self) -> None:
        """Write what belongs behind the last one."""


class NdjsonWriter:
    """One JSON object a line."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns

    def rows(self, rows: Sequence[Row]) -> None:
        """Write some more."""
        self._columns.fit(rows)
        _write_text(b"".join(msgspec.json.encode(self._columns.of(row)) + b"\n" for row in rows))

    def end(self) -> None:
        """Nothing belongs behind the last line."""


class JsonWriter:
    """One JSON array, a row a line."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._before = b"[\n"

    def rows(self, rows: Sequence[Row]) -> None:
        """Write some more."""
        self._columns.fit(rows)
        parts: list[bytes] = []
        for row in rows:
            parts.append(self._before + msgspec.json.encode(self._columns.of(row)))
            self._before = b",\n"
        _write_text(b"".join(parts))

    def end(self) -> None:
        """Close the array."""
        write(b"[]\n" if self._before == b"[\n" else b"\n]\n")


class CsvWriter:
    """RFC 4180, with a heading; what is nested stands as JSON in its cell."""

    def __init__(self, columns: Columns, *, header: bool) -> None:
        self._columns = columns
        self._header = header

    def rows(self, rows: Sequence[Row]) -> None:
        """Write some more."""
        self._columns.fit(rows)
        lines = [self._columns.names] if self._header else []
        self._header = False
        lines += [tuple(map(cell, self._columns.pick(row).values())) for row in rows]
        text = io.StringIO(newline="")
        csv.writer(text).writerows(lines)
        data = text.getvalue()
        if on_terminal():
            data = "\r\n".join(map(printable, data.split("\r\n")))
        write(data.encode())

    def end(self) -> None:
        """Write the heading of a list that was empty."""
        if self._header and self._columns.names:
            self.rows([])


class YamlWriter:
    """One YAML sequence."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._is_empty = True

    def rows(self, rows: Sequence[Row]) -> None:
        """Write some more."""
        self._columns.fit(rows)
        if rows:
            self._is_empty = False
            write_yaml([dict(self._columns.of(row)) for row in rows])

    def end(self) -> None:
        """Write an empty sequence where there were no rows."""
        if self._is_empty:
            write(b"[]\n")


def write_json(value: object) -> None:
    """Write one JSON value: in many lines for people, in one for programs."""
    data = msgspec.json.encode(value)
    _write_text((msgspec.json.format(data) if on_terminal() else data) + b"\n")


def write_yaml(value: Any) -> None:
    """Write one YAML document; on a terminal nothing of it can steer the terminal."""
    yaml: Any = import_module("yaml")  # its types say less than what is so
    # Non-ASCII text stays readable for people where it may steer nothing, and for programs always.
    data: str = yaml.safe_dump(value, allow_unicode=not on_terminal(), sort_keys=False)
    write(data.encode())


def _write_text(data: bytes) -> None:
    """Write JSON; on a terminal, a character that could steer it is escaped, which JSON reads alike."""
    if on_terminal():
        text = data.decode("utf-8", "surrogatepass")
        letters = (each if each.isprintable() or each == "\n" else _escaped(each) for each in text)
        data = "".join(letters).encode(sys.stdout.encoding or "utf-8", "backslashreplace")
    write(data)


def _escaped(letter: str) -> str:
    """Write a character as JSON escapes: one beyond the first plane is a pair."""
    units = letter.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
