"""The platform's SQLite database: one connection for all threads, and totals counted once."""

import sqlite3
import weakref
from collections.abc import Generator, Iterable, Sequence
from contextlib import ExitStack, contextmanager
from threading import RLock
from typing import Any, TypeAlias

Value: TypeAlias = str | int | float | bytes | None
Row: TypeAlias = tuple[Any, ...]  # SQLite's columns have no static type


class Database:
    """A guarded connection. Outside of `transaction` each statement is a transaction of its own.

    A file is written ahead of its answers (https://www.sqlite.org/wal.html): what was committed outlives the
    process, however it ends.

    Attributes:
        revision: Grows with each statement that writes.
    """

    def __init__(self, path: str) -> None:
        # A guarded connection may cross threads: the served loop and in-process callers share it.
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        # Nobody closes a platform in memory; its connection is closed with the last user of the database.
        weakref.finalize(self, self._connection.close)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._lock = RLock()
        self._totals: dict[tuple[str, tuple[Value, ...]], int] = {}
        self.revision: int = 0

    def create(self, *statements: str) -> None:
        """Run statements that define tables."""
        with self._lock:
            for statement in statements:
                self._connection.execute(statement)

    @contextmanager
    def transaction(self) -> Generator[None]:
        """All or nothing of what is written inside; one that fails inside another undoes itself alone."""
        with self._lock, ExitStack() as undo:
            inner = self._connection.in_transaction
            self._connection.execute("SAVEPOINT inner" if inner else "BEGIN IMMEDIATE")
            undo.callback(self._undo, inner)
            yield
            self._connection.execute("RELEASE inner" if inner else "COMMIT")
            undo.pop_all()

    def read(self, sql: str, values: Sequence[Value] = ()) -> list[Row]:
        """All rows of a query."""
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def total(self, sql: str, values: Sequence[Value] = ()) -> int:
        """The number a counting query gives, kept until something is written."""
        key = (sql, tuple(values))
        with self._lock:
            if key not in self._totals:
                self._totals[key] = int(self._connection.execute(sql, values).fetchone()[0])
            return self._totals[key]

    def write(self, sql: str, values: Sequence[Value] = ()) -> list[Row]:
        """Change something; the rows are those of a `RETURNING` clause."""
        with self._lock:
            self._changed()
            return self._connection.execute(sql, values).fetchall()

    def write_many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        """Change many rows in one transaction."""
        with self.transaction():
            self._changed()
            self._connection.executemany(sql, rows)

    def _undo(self, inner: bool) -> None:
        self._changed()
        if not self._connection.in_transaction:
            return  # SQLite gave the whole transaction up by itself, as it does when the disk is full
        # A savepoint that is rolled back still stands, until it is released.
        for statement in ("ROLLBACK TO inner", "RELEASE inner") if inner else ("ROLLBACK",):
            self._connection.execute(statement)

    def _changed(self) -> None:
        self._totals.clear()
        self.revision += 1
