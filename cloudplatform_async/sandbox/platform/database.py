"""The platform's SQLite database: one connection for all threads, and totals counted once."""

import sqlite3
import weakref
from collections.abc import Iterable, Sequence
from threading import Lock
from typing import Any, TypeAlias

Value: TypeAlias = str | int | float | None
Row: TypeAlias = tuple[Any, ...]  # SQLite's columns have no static type


class Database:
    """A guarded connection in autocommit mode. Every method is one statement, and so one transaction."""

    def __init__(self, path: str) -> None:
        # A guarded connection may cross threads: the served loop and in-process callers share it.
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        # Nobody closes a platform in memory; its connection is closed with the last user of the database.
        weakref.finalize(self, self._connection.close)
        self._lock = Lock()
        self._totals: dict[tuple[str, tuple[Value, ...]], int] = {}

    def create(self, *statements: str) -> None:
        """Run statements that define tables."""
        with self._lock:
            for statement in statements:
                self._connection.execute(statement)

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

    def write(self, sql: str, values: Sequence[Value]) -> list[Row]:
        """Change something; the rows are those of a `RETURNING` clause."""
        with self._lock:
            self._totals.clear()
            return self._connection.execute(sql, values).fetchall()

    def write_many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        """Change many rows in one transaction."""
        with self._lock:
            self._totals.clear()
            self._connection.execute("BEGIN")
            # As a context manager the connection commits, or rolls back what failed.
            with self._connection:
                self._connection.executemany(sql, rows)
