"""What tests look at around a target: who writes, and what was written."""

import csv
import json
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

WORKER = "cloudplatform_async.collect.engines.worker"


def rows_of(target: Path) -> list[dict[str, Any]]:
    """Read every row below a folder, or of a database."""
    if target.suffix == ".db":
        with closing(sqlite3.connect(target)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute("SELECT * FROM projects")]
    rows: list[dict[str, Any]] = []
    for path in target.rglob("*.ndjson"):
        rows += map(json.loads, path.read_text().splitlines())
    for path in target.rglob("*.csv"):
        with path.open(newline="") as file:
            rows += csv.DictReader(file)
    for path in target.rglob("*.parquet"):
        import pyarrow.parquet as pq

        rows += pq.read_table(path).to_pylist()
    return rows


def ids_of(target: Path) -> list[str]:
    """Read every id, sorted."""
    return sorted(row["id"] for row in rows_of(target))


def bytes_of(target: Path) -> dict[str, bytes]:
    """Read every file of a folder, or a database."""
    files = [target] if target.is_file() else target.rglob("*")
    return {str(path): path.read_bytes() for path in files if path.is_file()}


def project_ids(count: int) -> list[str]:
    """The ids of the sandbox's first projects."""
    return [f"prj_{number:06d}" for number in range(1, count + 1)]


def objects_of(target: Any) -> dict[str, tuple[bytes, object]]:
    """Read every file of a folder, or object of a store, with the moment at which it was written."""
    if isinstance(target, Path):
        paths = [path for path in target.rglob("*") if path.is_file()]
        return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in paths}
    import obstore

    found = [meta for batch in obstore.list(target) for meta in batch]
    return {
        meta["path"]: (bytes(obstore.get(target, meta["path"]).bytes()), meta["last_modified"])
        for meta in found
    }


def workers() -> list[int]:
    """The worker processes of this process."""
    psutil = pytest.importorskip("psutil")
    found: list[int] = []
    for process in psutil.Process().children():
        with suppress(psutil.Error):  # one that has ended has no command any more
            if WORKER in process.cmdline():
                found.append(process.pid)
    return found
