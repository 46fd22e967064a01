"""Puts the lines of a finished export together as one Parquet file, with bounded memory."""

import os
from collections.abc import Iterator
from datetime import datetime
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from cloudplatform_async import ConfigurationError
from cloudplatform_async.cli.output.values import cell

_AT_ONCE = 20_000


def require() -> None:
    """Check that Parquet can be written.

    Raises:
        ConfigurationError: The extra is missing; the message names it.
    """
    try:
        import_module("pyarrow")
    except ImportError:
        raise ConfigurationError(
            "Parquet needs the extra `parquet`: pip install 'cloudplatform-async[parquet]'"
        ) from None


def assemble(lines: Path, target: Path) -> None:
    """Write the target from lines of JSON, beside it first.

    A column has the narrowest type that all of its values have; what is nested stands as JSON, and a
    column of moments (its name ends in ``_at``) has timestamps with their zone.

    Args:
        lines: One row each.
        target: The Parquet file.
    """
    pq: Any = import_module("pyarrow.parquet")

    schema = _schema(lines)
    new = target.with_name(target.name + ".new")
    with pq.ParquetWriter(new, schema, compression="zstd") as writer:
        for rows in _batches(lines):
            writer.write_table(_table(rows, schema))
    with new.open("rb+") as stream:
        os.fsync(stream.fileno())
    os.replace(new, target)


def _batches(lines: Path) -> Iterator[list[dict[str, Any]]]:
    with lines.open("rb") as stream:
        while batch := [msgspec.json.decode(line) for line in islice(stream, _AT_ONCE)]:
            yield batch


def _schema(lines: Path) -> Any:
    pa: Any = import_module("pyarrow")

    kinds: dict[str, set[str]] = {}
    for rows in _batches(lines):
        for row in rows:
            for name, value in row.items():
                kinds.setdefault(name, set()).add(type(value).__name__)
    return pa.schema([(name, _kind(name, found - {"NoneType"})) for name, found in kinds.items()])


def _kind(name: str, found: set[str]) -> Any:
    pa: Any = import_module("pyarrow")

    if name.endswith("_at") and found <= {"str"}:
        return pa.timestamp("us", tz="UTC")
    if found == {"bool"}:
        return pa.bool_()
    if found == {"int"}:
        return pa.int64()
    if found and found <= {"int", "float"}:
        return pa.float64()
    return pa.string()


def _table(rows: list[dict[str, Any]], schema: Any) -> Any:
    pa: Any = import_module("pyarrow")

    return pa.table(
        {field.name: pa.array(_values(rows, field), type=field.type) for field in schema}, schema=schema
    )


def _values(rows: list[dict[str, Any]], field: Any) -> list[Any]:
    pa: Any = import_module("pyarrow")

    values = [row.get(field.name) for row in rows]
    if pa.types.is_timestamp(field.type):
        return [None if value is None else datetime.fromisoformat(value) for value in values]
    if pa.types.is_string(field.type):
        return [None if value is None else cell(value) for value in values]
    return values
