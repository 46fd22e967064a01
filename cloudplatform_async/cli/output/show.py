"""From what a command got to what stdout shows: the options of each output, and the writer for them."""

from collections.abc import AsyncIterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

from attrs import evolve, frozen
from cyclopts import Parameter

from cloudplatform_async import ConfigurationError

if TYPE_CHECKING:
    from cloudplatform_async.cli.output.formats import Writer
    from cloudplatform_async.cli.output.values import Columns

Format = Literal["table", "json", "ndjson", "csv", "yaml"]


@Parameter(name="*")
@frozen(kw_only=True)
class Output:
    """How a result is shown.

    Attributes:
        output: A table (tab-separated off a terminal), JSON, one JSON object a line (ndjson), CSV or YAML.
        query: JMESPath expression that is applied to the whole result, such as '[].id'.
        columns: Which columns, separated by commas; each is a field, or a JMESPath expression.
        utc: Show times in UTC, not in local time.
        no_header: Leave out the heading of a table or of CSV.
    """

    output: Annotated[Format | None, Parameter(name=["--output", "-o"])] = None
    query: str | None = None
    columns: str | None = None
    utc: bool = False
    no_header: bool = False


AS_USUAL = Output()


class Pages(Protocol):
    """A list that comes in pages, as a paginator does."""

    def pages(self) -> AsyncIterable[Any]:
        """Walk its pages; each has ``items``."""
        ...


class View:
    """One way of showing results.

    Args:
        options: The user's.
        fields: Names that a row can have; empty where it may be anything.
        default: Columns of a table where none are chosen; the first of `fields` unless given.

    Raises:
        ConfigurationError: The options contradict each other, or name what is not there.
    """

    def __init__(self, options: Output, fields: Sequence[str] = (), default: Sequence[str] = ()) -> None:
        from cloudplatform_async.cli.output.values import Columns, check_query

        options = _with_settings(options)
        self.options: Output = options
        self._fields = fields
        shape = default if (options.output or "table") == "table" else fields
        self._columns = Columns(options.columns, shape or fields, fields)
        if options.query is not None:
            check_query(options.query)

    async def list(self, items: Pages) -> None:
        """Write a list as it arrives, with no more of it in memory than the paginator holds."""
        from cloudplatform_async.cli.output.values import plain

        if self.options.query is not None:
            self.value([plain(row) async for page in items.pages() for row in page.items])
            return
        writer = self._writer()
        async for page in items.pages():
            writer.rows([plain(row) for row in page.items])
        writer.end()

    def rows(self, values: Sequence[object]) -> None:
        """Write rows that are all there."""
        from cloudplatform_async.cli.output.values import plain

        if self.options.query is not None:
            self.value([plain(row) for row in values])
            return
        writer = self._writer()
        writer.rows([plain(row) for row in values])
        writer.end()

    def stream(self) -> "Writer":
        """Give a writer for rows that come one by one, without an end.

        Raises:
            ConfigurationError: For options that need the whole result.
        """
        if self.options.query is not None or self.options.output in ("json", "yaml"):
            raise ConfigurationError("This never ends: use --output ndjson, and no --query.")
        return self._writer()

    def one(self, value: object) -> None:
        """Write a single object."""
        from cloudplatform_async.cli.output.formats import write_json, write_yaml
        from cloudplatform_async.cli.output.values import plain

        row = plain(value)
        if self.options.query is not None:
            self.value(row)
        elif self.options.output in ("json", "ndjson"):
            write_json(self._columns.of(row))
        elif self.options.output == "yaml":
            write_yaml(dict(self._columns.of(row)))
        else:
            writer = self._writer()
            writer.rows([row])
            writer.end()

    def value(self, value: object) -> None:
        """Write any JSON value, after the query where there is one."""
        from cloudplatform_async.cli.output.formats import write_json, write_yaml
        from cloudplatform_async.cli.output.values import search

        if self.options.query is not None:
            value = search(self.options.query, value)
        if self.options.output == "yaml":
            write_yaml(value)
        elif self.options.output == "json":
            write_json(value)
        else:
            self._value_in_rows(value)

    def _value_in_rows(self, value: Any) -> None:
        """Objects are rows, lists are rows without a heading, all else is a line."""
        from cloudplatform_async.cli.output.streams import printable, write
        from cloudplatform_async.cli.output.values import cell, listed

        found = listed(value)
        items = [value] if found is None else found
        if items and all(isinstance(item, dict) for item in items):
            plain_view = View(evolve(self.options, query=None))
            plain_view.rows(items)
        elif self.options.output == "ndjson":
            from msgspec import json

            write(b"".join(json.encode(item) + b"\n" for item in items))
        else:
            lines = ["\t".join(map(cell, listed(item) or [item])) for item in items]
            write("".join("\t".join(map(printable, line.split("\t"))) + "\n" for line in lines).encode())

    def _writer(self) -> "Writer":
        from cloudplatform_async.cli.output import formats, table
        from cloudplatform_async.cli.output.streams import on_terminal

        columns: Columns = self._columns
        options, header = self.options, not self.options.no_header
        if options.output == "json":
            return formats.JsonWriter(columns)
        if options.output == "ndjson":
            return formats.NdjsonWriter(columns)
        if options.output == "yaml":
            return formats.YamlWriter(columns)
        if options.output == "csv":
            return formats.CsvWriter(columns, header=header)
        kind = table.TableWriter if on_terminal() else table.TabWriter
        return kind(columns, header=header, utc=options.utc)


def _with_settings(options: Output) -> Output:
    """Fill in what the user's settings say of each output."""
    from cloudplatform_async.cli.session.profiles import read_settings

    settings = read_settings()
    output = options.output or settings.output or "table"
    return evolve(options, output=output, utc=options.utc or settings.utc)
