"""Where rows go: files of one folder or object store, or one SQLite database."""

import os
import sqlite3
from collections.abc import Collection, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import attrs

from cloudplatform_async import ConfigurationError
from cloudplatform_async.collect.commits import Commit, LocalCommit, ObjectStoreCommit
from cloudplatform_async.collect.formats import CsvFormat, Format, NdjsonFormat, ParquetFormat, plain_values
from cloudplatform_async.collect.state import ShardState, Standing, decode_state

CHUNK_ROWS = 10_000

_PEEK = 64 * 1024  # bytes that usually hold the state of a chunk
_PATIENCE = 60.0  # seconds that a writer waits for the database's other writers
_STATES = "_collected"


class Sink(Protocol):
    """Takes chunks of rows, each in one step that one writer can win; plain values, to be pickled.

    Example:
        >>> await collect(shards, ndjson("out"))  # doctest: +SKIP
    """

    @property
    def chunk_rows(self) -> int:
        """Rows of a chunk."""
        ...

    def prepare(self) -> None:
        """See that rows can be taken, before any request is sent."""
        ...

    def survey(self, shards: Collection[str]) -> dict[str, Standing]:
        """Tell where shards stand, by their keys."""
        ...

    def commit(self, shard: str, state: ShardState, model: type[Any], rows: Sequence[Any]) -> bool:
        """Take one chunk and the state after it; False where another writer's chunk was first."""
        ...

    def finish(self, shards: Collection[str]) -> None:
        """Clean up after shards that are done."""
        ...


@attrs.frozen
class FileSink:
    """One object a chunk: ``SHARD-NUMBER.EXTENSION``.

    Attributes:
        target: How objects are committed.
        format: What is in them.
        chunk_rows: Rows of a chunk.
    """

    target: Commit
    format: Format
    chunk_rows: int = attrs.field(default=CHUNK_ROWS, validator=attrs.validators.ge(1))

    def prepare(self) -> None:
        """See that the target can be written.

        Raises:
            ConfigurationError: It cannot, or an extra is missing.
        """
        self.format.check()
        self.target.prepare()

    def survey(self, shards: Collection[str]) -> dict[str, Standing]:
        """Tell where shards stand: what their last chunks say."""
        wanted, found = set(shards), dict[str, dict[str, int]]()
        prefix = f"{next(iter(wanted))}-" if len(wanted) == 1 else ""
        for key, size in self.target.sizes(prefix).items():
            shard, _, number = key.removesuffix(f".{self.format.suffix}").rpartition("-")
            if shard in wanted and number.isdigit() and key.endswith(f".{self.format.suffix}"):
                found.setdefault(shard, {})[key] = size
        return {
            shard: Standing(state=self._state(max(sizes), sizes[max(sizes)]), bytes=sum(sizes.values()))
            for shard, sizes in found.items()
        }

    def _state(self, key: str, size: int) -> ShardState:
        part = (max(0, size - _PEEK), size) if self.format.looks_at_end else (0, min(_PEEK, size))
        for start, end in (part, (0, size)):
            if state := self.format.state(self.target.read(key, start, end)):
                return state
        raise ConfigurationError(f"{key} was not written by collect(); choose another target.")

    def commit(self, shard: str, state: ShardState, model: type[Any], rows: Sequence[Any]) -> bool:
        """Take one chunk; False where another writer's was first."""
        key = f"{shard}-{state.chunks - 1:06d}.{self.format.suffix}"
        return self.target.create(key, self.format.encode(model, rows, state))

    def finish(self, shards: Collection[str]) -> None:
        """Remove what killed writers left behind."""
        for shard in shards:
            self.target.sweep(shard)


@attrs.frozen
class SqliteSink:
    """A table a resource; a row that comes again takes the place of the one with the same id.

    Rows and state are one transaction.

    Attributes:
        path: Of the database.
        chunk_rows: Rows of a transaction.
    """

    path: Path = attrs.field(converter=Path)
    chunk_rows: int = attrs.field(default=CHUNK_ROWS, validator=attrs.validators.ge(1))

    def prepare(self) -> None:
        """Make the database.

        Raises:
            ConfigurationError: It cannot be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._connect()) as database:
                database.execute("BEGIN IMMEDIATE")
        except (OSError, sqlite3.Error) as error:
            raise ConfigurationError(f"The database {self.path} cannot be written: {error}.") from error

    def survey(self, shards: Collection[str]) -> dict[str, Standing]:
        """Tell where shards stand."""
        if not self.path.exists():
            return {}
        size = self.path.stat().st_size
        with closing(self._connect()) as database:
            if not database.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [_STATES]).fetchone():
                return {}
            last = database.execute(f"SELECT shard, state, max(chunk) FROM {_STATES} GROUP BY shard")  # noqa: S608
            states = {shard: decode_state(state) for shard, state, _ in last if shard in set(shards)}
        share = size // max(1, len(states))
        return {shard: Standing(state=state, bytes=share) for shard, state in states.items()}

    def commit(self, shard: str, state: ShardState, model: type[Any], rows: Sequence[Any]) -> bool:
        """Take one chunk; False where another writer's was first."""
        names = [field.name for field in attrs.fields(model)]
        table = shard.rpartition("-")[0]
        with closing(self._connect()) as database:
            database.execute("BEGIN IMMEDIATE")
            for statement in _schema(table, names):
                database.execute(statement)
            claim = f"INSERT OR IGNORE INTO {_STATES} VALUES (?, ?, ?)"  # noqa: S608
            claimed = database.execute(claim, [shard, state.chunks, state.encode().decode()])
            if not claimed.rowcount:
                return False
            columns = ", ".join(f'"{name}"' for name in names)
            marks = ", ".join("?" * len(names))
            upsert = f'INSERT OR REPLACE INTO "{table}" ({columns}) VALUES ({marks})'  # noqa: S608
            database.executemany(upsert, plain_values(names, rows))
            database.execute("COMMIT")
        return True

    def finish(self, shards: Collection[str]) -> None:
        """Do nothing: a transaction leaves nothing behind."""

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=_PATIENCE, isolation_level=None)


def _schema(table: str, names: Sequence[str]) -> tuple[str, str]:
    keys = ["id"] if "id" in names else [name for name in ("start", "end") if name in names]
    columns = ", ".join(f'"{name}"' for name in names)
    key = ", ".join(f'"{name}"' for name in keys)
    return (
        f'CREATE TABLE IF NOT EXISTS "{table}" ({columns}, PRIMARY KEY ({key}))',
        f"CREATE TABLE IF NOT EXISTS {_STATES} (shard TEXT, chunk INTEGER, state TEXT, "
        "PRIMARY KEY (shard, chunk)) STRICT",
    )


def ndjson(target: Any, *, chunk_rows: int = CHUNK_ROWS) -> FileSink:
    """Write JSON lines, as the platform gives its objects.

    The first row of each file has one more name, ``_checkpoint``: what is needed to go on after it.

    Args:
        target: Path of a folder, or a store of obstore (extra ``remote``).
        chunk_rows: Rows of one file; what is lost at most when a worker is killed.

    Example:
        >>> ndjson("out").chunk_rows
        10000
    """
    return FileSink(_commit_for(target), NdjsonFormat(), chunk_rows)


def csv(target: Any, *, chunk_rows: int = CHUNK_ROWS) -> FileSink:
    """Write CSV files with a header each: a column for each attribute, and last ``_checkpoint``.

    Args:
        target: Path of a folder, or a store of obstore (extra ``remote``).
        chunk_rows: Rows of one file.

    Example:
        >>> csv("out", chunk_rows=1_000).chunk_rows
        1000
    """
    return FileSink(_commit_for(target), CsvFormat(), chunk_rows)


def parquet(target: Any, *, chunk_rows: int = CHUNK_ROWS) -> FileSink:
    """Write Parquet files (extra ``parquet``), compressed by zstd; the checkpoint is in their metadata.

    Args:
        target: Path of a folder, or a store of obstore (extra ``remote``).
        chunk_rows: Rows of one file.

    Example:
        >>> parquet("out").chunk_rows
        10000
    """
    return FileSink(_commit_for(target), ParquetFormat(), chunk_rows)


def sqlite(target: Any, *, chunk_rows: int = CHUNK_ROWS) -> SqliteSink:
    """Write a SQLite database: a table a resource, whose rows are replaced where they come again.

    Args:
        target: Path of the database.
        chunk_rows: Rows of one transaction.

    Example:
        >>> sqlite("rows.sqlite").chunk_rows
        10000
    """
    if not isinstance(target, (str, os.PathLike)):
        raise ConfigurationError("sqlite() writes a file: give it a path.")
    return SqliteSink(_path_of(os.fspath(target)), chunk_rows)


def _commit_for(target: Any) -> Commit:
    """Choose how objects are committed: a path is a folder, anything else a store of obstore."""
    if isinstance(target, (str, os.PathLike)):
        return LocalCommit(_path_of(os.fspath(target)))
    return ObjectStoreCommit(target)


def _path_of(path: str) -> Path:
    """Give the path that a target is.

    Raises:
        ConfigurationError: For a URL, which would be a folder of that name.
    """
    scheme, separator, _ = path.partition("://")
    if separator and scheme.isalnum():  # the rest may hold a secret
        raise ConfigurationError(
            f"A target is a path or a store, not a URL ({scheme}://…): make a store of it by "
            "obstore.store.from_url(), with the extra `remote`."
        )
    return Path(path)
