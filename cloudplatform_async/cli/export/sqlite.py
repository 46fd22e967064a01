"""Exports into a SQLite database: rows and checkpoint are committed together."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from cloudplatform_async import ConfigurationError
from cloudplatform_async.cli.export import checkpoint
from cloudplatform_async.cli.export.checkpoint import Checkpoint
from cloudplatform_async.cli.output.streams import OutputError
from cloudplatform_async.cli.output.values import Columns, Row, cell

_STATE = "_export"


class Database:
    """One table of rows, with one of how far it has come.

    Args:
        target: The database file.
        name: Of the list.
        columns: That were chosen; new ones are added to the table as they come.
        table: Its name.
    """

    def __init__(self, target: Path, name: str, columns: Columns, *, table: str) -> None:
        self._target = target
        self._name = name
        self._columns = columns
        self._table = _quoted(table)
        self._known: list[str] = []
        self._connection: sqlite3.Connection

    def open(self, *, resume: bool) -> Checkpoint:
        """Begin, or go on where the checkpoint stands.

        Raises:
            ConfigurationError: The file is none of ours, or another list's.
        """
        try:
            self._connection = sqlite3.connect(self._target, isolation_level=None)
            found = self._found()
            if found is None or not resume:
                found = self._begun()
        except sqlite3.DatabaseError as error:
            raise _refused(error, self._target) from None
        self._known = [row[1] for row in self._connection.execute(f"PRAGMA table_info({self._table})")]
        return found

    def _found(self) -> Checkpoint | None:
        """Read the checkpoint; a file with tables but without one is somebody else's."""
        tables = {name for (name,) in self._connection.execute("SELECT name FROM sqlite_master")}
        if not tables:
            return None
        if _STATE not in tables:
            raise ConfigurationError(f"{self._target} is a database of something else; choose another file.")
        row = self._connection.execute(f"SELECT checkpoint FROM {_STATE}").fetchone()  # noqa: S608 - a name of ours
        try:
            found = msgspec.json.decode(row[0] if row else "", type=Checkpoint)
        except msgspec.DecodeError:
            raise ConfigurationError(
                f"{self._target} is a database of something else; choose another file."
            ) from None
        checkpoint.check(found, self._name, self._target)
        return found

    def _begun(self) -> Checkpoint:
        begun = Checkpoint(list=self._name)
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute(f"DROP TABLE IF EXISTS {self._table}")
        self._connection.execute(f"CREATE TABLE IF NOT EXISTS {_STATE} (checkpoint TEXT NOT NULL)")
        if self._columns.names:
            self._create(self._columns.names)
        self._remember(begun)
        self._connection.execute("COMMIT")
        return begun

    def _create(self, names: Sequence[str]) -> None:
        columns = ", ".join(_quoted(name) + (" PRIMARY KEY" if name == "id" else "") for name in names)
        self._connection.execute(f"CREATE TABLE {self._table} ({columns})")
        self._known = list(names)

    def write(self, rows: Sequence[Row], standing: Checkpoint) -> None:
        """Add rows; they count from the next commit on.

        Raises:
            OutputError: They cannot be written, such as on a full disk.
        """
        try:
            self._insert(rows)
        except sqlite3.OperationalError as error:
            raise _refused(error, self._target) from None
        standing.rows += len(rows)

    def _insert(self, rows: Sequence[Row]) -> None:
        if not self._connection.in_transaction:
            self._connection.execute("BEGIN IMMEDIATE")
        picked = [self._columns.of(row) for row in rows]
        names = dict.fromkeys(name for row in picked for name in row)
        if not self._known and names:
            self._create(tuple(names))
        for name in [name for name in names if name not in self._known]:
            self._connection.execute(f"ALTER TABLE {self._table} ADD COLUMN {_quoted(name)}")
            self._known.append(name)
        columns = ", ".join(map(_quoted, self._known))
        places = ", ".join("?" * len(self._known))
        values = ([_stored(row.get(name)) for name in self._known] for row in picked)
        statement = f"INSERT OR REPLACE INTO {self._table} ({columns}) VALUES ({places})"  # noqa: S608 - quoted
        self._connection.executemany(statement, values)

    def commit(self, standing: Checkpoint) -> None:
        """Make rows and checkpoint last, both or neither.

        Raises:
            OutputError: They cannot be written, such as on a full disk.
        """
        try:
            if not self._connection.in_transaction:
                self._connection.execute("BEGIN IMMEDIATE")
            self._remember(standing)
            self._connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise _refused(error, self._target) from None

    def complete(self, standing: Checkpoint) -> None:
        """Remember that all is there."""
        standing.complete = True
        self.commit(standing)

    def close(self) -> None:
        """Close what is open; what was not committed is gone."""
        if hasattr(self, "_connection"):
            self._connection.close()

    def _remember(self, standing: Checkpoint) -> None:
        self._connection.execute(f"DELETE FROM {_STATE}")  # noqa: S608 - a name of ours
        text = checkpoint.encode(standing).decode()
        self._connection.execute(f"INSERT INTO {_STATE} VALUES (?)", (text,))  # noqa: S608 - a name of ours


def _refused(error: sqlite3.DatabaseError, target: Path) -> Exception:
    if isinstance(error, sqlite3.OperationalError):
        return OutputError(f"{target} cannot be written: {error}.")
    return ConfigurationError(f"{target} is no database; choose another file.")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""').replace("\x00", "") + '"'


def _stored(value: Any) -> Any:
    """Keep what SQLite has; what is nested becomes JSON, and an int of more than 64 bits its digits."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)
    return value if isinstance(value, float | str) else cell(value)
