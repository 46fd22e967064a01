"""Rows of an attrs class as Arrow columns; pyarrow is loaded when it is first needed."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial
from importlib import import_module
from itertools import accumulate, chain
from operator import attrgetter
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Protocol, Self, Union, get_args, get_origin

import attrs
import msgspec

from cloudplatform_async.errors import CloudPlatformError, ConfigurationError

CHECKPOINT = "cloudplatform_async.checkpoint"  # the key in a schema's metadata

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BLOCK = 4096  # rows at a time: what one column has brought into the processor's cache serves the next

# pyarrow has no types of its own, so that what comes from it is any object to a type checker.
Schema = Any
Batch = Any
_Array = Any
_Column = Callable[[Sequence[Any]], _Array]


class ArrowTable:
    """Rows as Arrow columns, for whatever reads Arrow's C stream: polars, duckdb, pandas, pyarrow.

    A column for each attribute of the class, under the attribute's name: moments have their time zone
    (UTC, microseconds), a map of texts is an Arrow map, and what has no type of its own in Arrow is
    JSON text. ``len()`` counts the rows.

    Attributes:
        checkpoint: Of the walk after the last row; also in the schema's metadata. Empty without a walk.

    Example:
        >>> table = await client.projects.iter_all().arrow()  # doctest: +SKIP
        >>> polars.DataFrame(table)  # doctest: +SKIP
    """

    def __init__(self, schema: Schema, batches: Sequence[Batch], checkpoint: str = "") -> None:
        self.checkpoint = checkpoint
        self._schema = schema.with_metadata({CHECKPOINT: checkpoint} if checkpoint else {})
        self._batches = [batch.replace_schema_metadata(self._schema.metadata) for batch in batches]

    @classmethod
    def of(cls, model: type[Any], rows: Iterable[Any]) -> "ArrowTable":
        """Turn rows of an attrs class into columns.

        Raises:
            ConfigurationError: Without the extra ``parquet``.
            TypeError: For a class that is no attrs class.

        Example:
            >>> from cloudplatform_async import ArrowTable, Project
            >>> len(ArrowTable.of(Project, [Project(id="prj_1", name="api")]))
            1
        """
        columns = columns_of(model)
        return cls(columns.schema, [columns.batch(list(rows))])

    def __len__(self) -> int:
        return sum(int(batch.num_rows) for batch in self._batches)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Give the rows as a stream of Arrow's C interface."""
        reader = _pyarrow().RecordBatchReader.from_batches(self._schema, self._batches)
        return reader.__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        """Give the schema of the stream."""
        return self._schema.__arrow_c_schema__()


class Walk(Protocol):
    """Items one by one."""

    @property
    def checkpoint(self) -> str:
        """After the last item handed out."""
        ...

    async def __anext__(self) -> Any: ...


class RecordBatches:
    """The items of a walk as Arrow record batches, as an async iterator.

    An error of the walk comes after the batch of what was before it; what a cancelled task had of a
    batch is in the next one.

    Example:
        >>> async for batch in client.projects.iter_all().record_batches(batch_size=10_000):  # doctest: +SKIP
        ...     writer.write_batch(batch)
    """

    def __init__(self, walk: Walk, model: type[Any], size: int) -> None:
        self._walk = walk
        self._columns = columns_of(model)
        self._size = size
        self._rows: list[Any] = []
        self._error: CloudPlatformError | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Batch:
        try:
            while len(self._rows) < self._size and self._error is None:
                self._rows.append(await self._walk.__anext__())
        except StopAsyncIteration:
            pass
        except CloudPlatformError as failure:
            self._error = failure
        if not self._rows:
            if self._error is None:
                raise StopAsyncIteration
            error, self._error = self._error, None
            raise error
        rows, self._rows = self._rows, []
        return self._columns.batch(rows, self._walk.checkpoint)

    async def table(self) -> ArrowTable:
        """Take all that is left."""
        batches = [batch async for batch in self]
        return ArrowTable(self._columns.schema, batches, self._walk.checkpoint)


class Columns:
    """How the rows of one attrs class become columns."""

    def __init__(self, model: type[Any]) -> None:
        arrow = _pyarrow()
        fields = attrs.fields(attrs.resolve_types(model))
        kinds = [_kind_of(field.type) for field in fields]
        names = [field.name for field in fields]
        self._columns = [(attrgetter(name), kind[2]) for name, kind in zip(names, kinds, strict=True)]
        pairs = zip(names, kinds, strict=True)
        self.schema = arrow.schema([arrow.field(name, kind, optional) for name, (kind, optional, _) in pairs])

    def batch(self, rows: Sequence[Any], checkpoint: str | None = None) -> Batch:
        """Turn some rows into a batch, with the checkpoint after them in its schema."""
        schema = self.schema if checkpoint is None else self.schema.with_metadata({CHECKPOINT: checkpoint})
        arrow, starts = _pyarrow(), range(0, len(rows) or 1, _BLOCK)
        blocks = [self._arrays(rows[start : start + _BLOCK]) for start in starts]
        arrays = blocks[0] if len(blocks) == 1 else map(arrow.concat_arrays, zip(*blocks, strict=True))
        return arrow.RecordBatch.from_arrays(list(arrays), schema=schema)

    def _arrays(self, rows: Sequence[Any]) -> list[_Array]:
        return [column(list(map(get, rows))) for get, column in self._columns]


def columns_of(model: type[Any]) -> Columns:
    """Look at a class, once.

    Raises:
        ConfigurationError: Without the extra ``parquet``.
        TypeError: For a class that is no attrs class.
    """
    _pyarrow()
    if not attrs.has(model):
        raise TypeError(f"Arrow's schema comes from an attrs class; pass one as model=, not {model!r}.")
    return _columns_of(model)


_columns_of = cache(Columns)


def _pyarrow() -> Any:
    try:
        return import_module("pyarrow")
    except ImportError:
        raise ConfigurationError(
            'Arrow needs the extra `parquet`: pip install "cloudplatform-async[parquet]"'
        ) from None


def _kind_of(declared: Any) -> tuple[Any, bool, _Column]:
    """Give the Arrow type of an attribute, whether it may be null, and what makes a column of it."""
    arrow, kinds = _pyarrow(), set(_plain_kinds(declared))
    optional = NoneType in kinds
    kinds.discard(NoneType)
    plain: dict[Any, Any] = {
        str: arrow.string(),
        bool: arrow.bool_(),
        int: arrow.int64(),
        float: arrow.float64(),
        date: arrow.date32(),
    }
    kind = kinds.pop() if len(kinds) == 1 else Any
    if kind in plain:
        return plain[kind], optional, partial(arrow.array, type=plain[kind])
    if kind is datetime:
        return arrow.timestamp("us", "UTC"), optional, _moments
    if kind == dict[str, str]:
        return arrow.map_(arrow.string(), arrow.string()), optional, _maps
    return arrow.string(), True, _json


def _plain_kinds(declared: Any) -> Iterator[Any]:
    """List what a declared type may be, without names of literals and annotations."""
    origin = get_origin(declared)
    if origin is Annotated:
        yield from _plain_kinds(get_args(declared)[0])
    elif origin in (Union, UnionType):
        yield from chain.from_iterable(map(_plain_kinds, get_args(declared)))
    elif origin is Literal:
        yield from (type(value) for value in get_args(declared))
    else:
        yield declared


def _moments(values: Sequence[datetime | None]) -> _Array:
    """Reckon from the epoch: five times as fast as to have pyarrow look at each time zone."""
    arrow = _pyarrow()
    since: list[timedelta | None] = [None if value is None else value - _EPOCH for value in values]
    return arrow.array(since, arrow.duration("us")).view(arrow.timestamp("us", "UTC"))


def _maps(values: Sequence[dict[str, str] | None]) -> _Array:
    arrow = _pyarrow()
    maps = [value or {} for value in values]
    offsets = arrow.array(list(accumulate(map(len, maps), initial=0)), arrow.int32())
    keys = arrow.array(list(chain.from_iterable(maps)), arrow.string())
    items = arrow.array(list(chain.from_iterable(map(dict[str, str].values, maps))), arrow.string())
    return arrow.MapArray.from_arrays(offsets, keys, items)


def _json(values: Sequence[Any]) -> _Array:
    arrow, encode = _pyarrow(), msgspec.json.Encoder(order="sorted", enc_hook=_as_names).encode
    texts = [None if value is None else encode(value).decode() for value in values]
    return arrow.array(texts, arrow.string())


def _as_names(item: Any) -> dict[str, Any]:
    """Give the parts of a subclass that adds none: msgspec knows attrs classes by their decorator."""
    return attrs.asdict(item, recurse=False)
