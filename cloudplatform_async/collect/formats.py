"""How a chunk becomes the bytes of one object: its rows, and the state after them."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from threading import Lock
from typing import Any, Protocol

import attrs
import msgspec

from cloudplatform_async import ArrowTable, ConfigurationError
from cloudplatform_async.collect.state import ShardState, decode_state

CHECKPOINT = "_checkpoint"  # the one name in text formats that is not the platform's

_PARQUET = "cloudplatform_async.checkpoint"  # the key in a file's metadata
_ENCODING = Lock()  # one chunk at a time: side by side they are hardly faster, and all in memory


def _as_names(item: Any) -> dict[str, Any]:
    """Give the parts of a subclass that adds none: msgspec knows attrs classes by their decorator."""
    return attrs.asdict(item, recurse=False)


_encode_lines = msgspec.json.Encoder(enc_hook=_as_names).encode_lines


class Format(Protocol):
    """One kind of file."""

    @property
    def suffix(self) -> str:
        """Of its names."""
        ...

    @property
    def looks_at_end(self) -> bool:
        """The state is in the last bytes of a file, not in the first ones."""
        ...

    def encode(self, model: type[Any], rows: Sequence[Any], state: ShardState) -> bytes:
        """Make the bytes of a chunk; without rows it is the only one of a shard that has none."""
        ...

    def state(self, part: bytes) -> ShardState | None:
        """Read the state from the first or last bytes; None where these are too few."""
        ...

    def check(self) -> None:
        """See that what it needs is installed."""
        ...


EMPTY = ShardState(chunks=1, done=True)
"""What a file without rows says: a shard that has none is done."""


@attrs.frozen
class NdjsonFormat:
    """A JSON object a line, as the platform gives it; the first one of a file has the state too."""

    suffix: str = "ndjson"
    looks_at_end: bool = False

    def encode(self, model: type[Any], rows: Sequence[Any], state: ShardState) -> bytes:
        """Make the bytes of a chunk."""
        if not rows:
            return b""
        renamed = any("wire" in field.metadata for field in attrs.fields(model))
        lines = _encode_lines([row.to_dict() for row in rows] if renamed else rows)
        end = lines.index(b"\n") - 1
        return b'%b,"%b":%b%b' % (lines[:end], CHECKPOINT.encode(), state.encode(), lines[end:])

    def state(self, part: bytes) -> ShardState | None:
        """Read the state from the first line."""
        if not part:
            return EMPTY
        line, end, _ = part.partition(b"\n")
        return msgspec.convert(json.loads(line)[CHECKPOINT], ShardState) if end else None

    def check(self) -> None:
        """Nothing is needed."""


@attrs.frozen
class CsvFormat:
    """A column for each attribute, moments in ISO 8601, maps as JSON; the first row has the state too."""

    suffix: str = "csv"
    looks_at_end: bool = False

    def encode(self, model: type[Any], rows: Sequence[Any], state: ShardState) -> bytes:
        """Make the bytes of a chunk."""
        text = io.StringIO()
        writer = csv.writer(text)
        names = [field.name for field in attrs.fields(model)]
        writer.writerow([*names, CHECKPOINT])
        states = (said for said in (state.encode().decode(),))
        writer.writerows([*values, next(states, "")] for values in plain_values(names, rows))
        return text.getvalue().encode()

    def state(self, part: bytes) -> ShardState | None:
        """Read the state from the first row."""
        rows = csv.reader(io.StringIO(part.decode("utf-8", "replace"), newline=""))
        header, first = next(rows, None), next(rows, None)
        if header is None or (first is None and not part.endswith(b"\n")):
            return None
        if first is None:
            return EMPTY
        try:
            return decode_state(first[header.index(CHECKPOINT)])
        except (IndexError, ValueError, msgspec.DecodeError):  # cut off within that row
            return None

    def check(self) -> None:
        """Nothing is needed."""


@attrs.frozen
class ParquetFormat:
    """Arrow's columns, compressed by zstd; the state is in the file's metadata."""

    suffix: str = "parquet"
    looks_at_end: bool = True

    def encode(self, model: type[Any], rows: Sequence[Any], state: ShardState) -> bytes:
        """Make the bytes of a chunk."""
        sink = io.BytesIO()
        with _ENCODING:
            table = _module("pyarrow").table(ArrowTable.of(model, rows))
            table = table.replace_schema_metadata({_PARQUET: state.encode()})
            _module("pyarrow.parquet").write_table(table, sink, compression="zstd")
            del table
            # Arrow's allocator keeps what each thread has freed, for that thread: 15 MB for each of many.
            _module("pyarrow").default_memory_pool().release_unused()
        return sink.getvalue()

    def state(self, part: bytes) -> ShardState | None:
        """Read the state from the footer."""
        footer = int.from_bytes(part[-8:-4], "little") + 8
        if footer > len(part):
            return None
        metadata = _module("pyarrow.parquet").read_metadata(io.BytesIO(part)).metadata
        return decode_state(metadata[_PARQUET.encode()])

    def check(self) -> None:
        """See that pyarrow is there.

        Raises:
            ConfigurationError: It is not.
        """
        _module("pyarrow.parquet")


def plain_values(names: Sequence[str], rows: Iterable[Any]) -> Iterator[list[Any]]:
    """Give the attributes of each row as texts and numbers; what has parts becomes JSON."""
    for row in rows:
        values = msgspec.to_builtins(row, enc_hook=_as_names)
        yield [_plain(values[name]) for name in names]


def _plain(value: Any) -> Any:
    if isinstance(value, (dict, list)):  # of to_builtins: no other parts come
        return msgspec.json.encode(value, order="sorted").decode()
    return value


def _module(name: str) -> Any:
    """Load a part of pyarrow, which has no types of its own.

    Raises:
        ConfigurationError: It is not installed.
    """
    try:
        return import_module(name)
    except ImportError:
        raise ConfigurationError(
            'Parquet needs the extra `parquet`: pip install "cloudplatform-async[parquet]"'
        ) from None
