"""Where the chunks of an export go: a folder, a prefix of an object store, a database; and whose they are."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from attrs import field, frozen

from cloudplatform_async import ConfigurationError
from cloudplatform_async.cli.export.options import Kind, Work, is_url
from cloudplatform_async.cli.output.streams import OutputError
from cloudplatform_async.collect import (
    Commit,
    LocalCommit,
    ObjectStoreCommit,
    Sink,
    csv,
    ndjson,
    parquet,
    sqlite,
)

_PLAN = "_export.json"  # readers of whole folders leave out names that begin so
_CHUNKS = (".ndjson", ".csv", ".parquet")
_STORES = ("s3", "gs", "az")


class Plan(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What a target holds, or will: kept in it, so that no other list is ever added.

    Attributes:
        job: Names the list, its cuts and the format.
        totals: Rows that each shard had when it was cut into pages, so that it is cut likewise again.
    """

    job: str
    totals: list[int] = []


@frozen(kw_only=True)
class Target:
    """A place for chunks.

    Attributes:
        name: As the user gave it.
        sink: Takes the chunks.
        beside: Holds the plan; gives up soon where it is not reached.
        key: Of the plan there.
    """

    name: str
    sink: Sink
    beside: Commit = field(repr=False)
    key: str

    def plan(self) -> Plan | None:
        """Read the plan; ``None`` where nothing is there yet.

        Raises:
            ConfigurationError: Something else is there.
            OutputError: The target cannot be read.
        """
        try:
            return msgspec.json.decode(self.beside.read(self.key), type=Plan)
        except FileNotFoundError:
            pass
        except msgspec.DecodeError as error:
            raise ConfigurationError(
                f"{self.key} in {self.name} is no plan of an export ({error})."
            ) from None
        except OSError as error:
            raise OutputError(f"{self.name} cannot be read. {error}") from None
        if self._is_taken():
            raise ConfigurationError(
                f"{self.name} holds rows without {self.key}, which may be another list's: choose another."
            )
        return None

    def agree(self, plan: Plan) -> Plan:
        """Put a plan there, and give the one that counts: of two at a time the first.

        Raises:
            OutputError: The target cannot be written.
        """
        try:
            self.beside.prepare()
            if self.beside.create(self.key, msgspec.json.encode(plan)):
                return plan
            return msgspec.json.decode(self.beside.read(self.key), type=Plan)
        except (ConfigurationError, OSError) as error:
            raise OutputError(f"{self.name} cannot be written. {error}") from None

    def _is_taken(self) -> bool:
        if self.key != _PLAN:
            return os.path.exists(self.name)
        try:
            return any(name.endswith(_CHUNKS) for name in self.beside.sizes())
        except OSError as error:
            raise OutputError(f"{self.name} cannot be read. {error}") from None


def target_of(name: str, kind: Kind, work: Work) -> Target:
    """Find the target that the user names.

    Raises:
        ConfigurationError: It is no target of chunks, or an extra is missing.
        OutputError: It is a file.
    """
    if kind == "parquet":
        from cloudplatform_async.cli.export.parquet import require

        require()
    if kind == "sqlite":
        return _database(name, work)
    if is_url(name):
        store, soon = _store(name, {}), _store(name, {"retry_config": {"max_retries": 1}})
        return Target(name=name, sink=_files(kind, store, work), beside=ObjectStoreCommit(soon), key=_PLAN)
    folder = Path(name).absolute()  # a worker elsewhere has another working directory
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{name} cannot be written: in parts an export is a folder, and this is a file.")
    return Target(name=name, sink=_files(kind, folder, work), beside=LocalCommit(folder), key=_PLAN)


def _database(name: str, work: Work) -> Target:
    if is_url(name) or work.workers is not None:
        raise ConfigurationError(
            "SQLite is one file for the processes of one machine: choose ndjson, csv or parquet."
        )
    path = Path(name).absolute()
    return Target(
        name=name,
        sink=sqlite(path, chunk_rows=work.chunk_rows),
        beside=LocalCommit(path.parent),
        key=f"{path.name}.checkpoint",
    )


def _files(kind: Kind, place: Any, work: Work) -> Sink:
    make = {"ndjson": ndjson, "csv": csv, "parquet": parquet}[kind]
    return make(place, chunk_rows=work.chunk_rows)


def _store(url: str, options: Mapping[str, Any]) -> Any:
    """Open a store; it has the credentials of each process's environment, and none in itself.

    Raises:
        ConfigurationError: The URL names no store, or the extra is missing.
    """
    parts = urlsplit(url)
    if parts.scheme not in _STORES or not parts.hostname:
        known = ", ".join(f"{scheme}://BUCKET/PREFIX" for scheme in _STORES)
        raise ConfigurationError(f"A target is a path, or one of {known}.")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigurationError(
            "A store's URL is its bucket and a prefix alone: give its settings and credentials by the "
            "environment, such as AWS_ACCESS_KEY_ID."
        )
    try:
        from obstore.exceptions import BaseError
        from obstore.store import from_url
    except ImportError:
        raise ConfigurationError(
            "Object stores need the extra `remote`: pip install 'cloudplatform-async[remote]'"
        ) from None
    try:
        return from_url(url, **options)
    except BaseError as error:
        raise ConfigurationError(
            f"{parts.scheme}:// lacks a setting: {str(error).splitlines()[0]}."
        ) from None
