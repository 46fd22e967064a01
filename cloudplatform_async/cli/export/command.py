"""The command ``export``: from the options to a finished target, or to one that can be gone on with."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

from cyclopts import Parameter

from cloudplatform_async import ConfigurationError
from cloudplatform_async.cli.export.options import ALONE, Kind, Work, is_job, kind_of, limit_of
from cloudplatform_async.cli.output.streams import OutputError, say
from cloudplatform_async.cli.session.options import CONFIGURED, Connection, Limit, PageSize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudplatform_async import AsyncClient
    from cloudplatform_async.cli.export.checkpoint import Checkpoint
    from cloudplatform_async.cli.export.progress import Meter
    from cloudplatform_async.cli.export.sources import Source
    from cloudplatform_async.cli.output.values import Columns, Row

_SECONDS_BETWEEN_COMMITS = 0.5


class Sink(Protocol):
    """Where rows go; what was committed outlives whatever happens."""

    def open(self, *, resume: bool) -> "Checkpoint":
        """Begin, or go on."""
        ...

    def write(self, rows: "Sequence[Row]", standing: "Checkpoint") -> None:
        """Add rows; they count from the next commit on."""

    def commit(self, standing: "Checkpoint") -> None:
        """Make them last."""

    def complete(self, standing: "Checkpoint") -> None:
        """Finish the target."""

    def close(self) -> None:
        """Close what is open."""


# Two ways lead to a target. One file, in order, with any columns of any list, and gone on with at the very
# row, is a promise that chunks side by side cannot keep; and these go where one file does not.
async def export(
    what: str,
    file: str,
    /,
    *,
    resume: bool = False,
    format: Kind | None = None,  # noqa: A002 - the option's name
    columns: str | None = None,
    filter: Annotated[tuple[str, ...], Parameter(name=["--filter", "-f"])] = (),  # noqa: A002
    start: Annotated[str | None, Parameter(name="--from")] = None,
    end: Annotated[str | None, Parameter(name="--to")] = None,
    limit: Limit = None,
    page_size: PageSize = 100,
    work: Work = ALONE,
    connection: Connection = CONFIGURED,
) -> int:
    """Write a whole list to a file, in one piece or in several: what is there is never fetched again.

    The file has its name when it is complete (a database has it from the start). Beside it stand FILE.part
    while it is not, and FILE.checkpoint, by which --resume goes on after Ctrl-C, a crash or a lost network.

    With --processes or --workers, or to s3://, the export is a folder of chunks, each there or not. The same
    command goes on where it stopped, and does nothing when all is there.

    Args:
        what: projects, events, usage, or the path of any list, such as /workflows/wfl_build/runs.
        file: Target; its ending chooses the format: .ndjson .jsonl .csv .sqlite .sqlite3 .db .parquet.
        resume: Go on where an earlier export of the same list to this file stopped.
        format: Where the ending does not say it.
        columns: Which columns, separated by commas; each is a field, or a JMESPath expression.
        filter: A filter of the list as key=value; may be given more than once.
        start: First day of usage, such as 2026-03-01; with --by-created, of creation.
        end: Last day.
        limit: Stop after this many rows.
        page_size: Rows asked for with one request (1 to 100).
        work: By whom.
        connection: Where.
    """
    from cloudplatform_async.cli.api import fields_of

    kind, days, params = kind_of(file, format), (start, end), fields_of(filter, ())
    if is_job(file, work):
        from cloudplatform_async.cli.export.cuts import shards_of
        from cloudplatform_async.cli.export.job import Job, run

        for name, value in (("--columns", columns), ("--limit", limit)):
            if value is not None:
                raise ConfigurationError(f"{name} is for exports to one file, not for those in parts.")
        shards = shards_of(what, days, params, page_size, work)
        return await run(
            Job(target=file, kind=kind, shards=shards, page_size=page_size, work=work, connection=connection)
        )
    from cloudplatform_async.cli.export.sources import source_of
    from cloudplatform_async.cli.output.values import Columns

    source, path = source_of(what, days, params=params, limit=limit, page_size=page_size), Path(file)
    chosen = Columns(columns, source.fields if kind == "csv" else (), source.fields)
    sink = _sink(kind, path, source, chosen, connection)
    if connection.dry_run:
        await _dry_run(source, connection)
        return 0
    with _alone(path):
        await _run(sink, source, path, connection, resume=resume, work=work)
    return 0


async def _run(
    sink: Sink, source: "Source", file: Path, connection: Connection, *, resume: bool, work: Work
) -> None:
    from cloudplatform_async.cli.export.progress import kept, shown
    from cloudplatform_async.cli.session.connect import connect

    begun, shared = time.monotonic(), limit_of(work)
    options = {"shared_limit": shared} if shared else {}
    try:
        standing = sink.open(resume=resume)
        before = standing.rows
        if standing.complete:
            say(f"{file} is complete: {standing.rows:,} rows.")
            return
        with shown(source.name, before) as meter, kept(f"go on with: export … {file} --resume"):
            async with connect(connection, **options) as client:
                await _walk(sink, source, client, standing, meter)
            sink.complete(standing)
    except OSError as error:
        raise OutputError(f"{error.filename or file} cannot be written: {error.strerror}.") from None
    finally:
        sink.close()
    seconds = time.monotonic() - begun
    speed = (standing.rows - before) / max(seconds, 0.001)
    say(f"{file}: {standing.rows:,} rows, {speed:,.0f} rows/s.")


async def _walk(
    sink: Sink, source: "Source", client: "AsyncClient", standing: "Checkpoint", meter: "Meter"
) -> None:
    """Write what comes; Ctrl-C and errors of the network lose nothing of it."""
    committed = time.monotonic()
    is_whole = True  # what was written: a batch that a full disk cut short is not committed
    try:
        async for batch in source.batches(client, standing):
            is_whole = False
            sink.write(batch.rows, standing)
            standing.resume_from = batch.resume_from
            is_whole = True
            meter(standing.rows, batch.total)
            if time.monotonic() - committed > _SECONDS_BETWEEN_COMMITS:
                sink.commit(standing)
                committed = time.monotonic()
    except BaseException:
        if is_whole:
            sink.commit(standing)
        raise


@contextmanager
def _alone(file: Path) -> Generator[None]:
    """See that no other process exports to the same file.

    Raises:
        ConfigurationError: One does.
        OutputError: The folder cannot be written.
    """
    from filelock import FileLock, Timeout

    path = file.with_name(file.name + ".lock")
    if not file.parent.is_dir():  # which the lock would make
        raise OutputError(f"{file} cannot be written: there is no folder {file.parent}.")
    if file.is_dir():
        raise OutputError(f"{file} cannot be written: it is a folder, such as --processes make.")
    try:
        with FileLock(path, timeout=0):
            yield
            path.unlink(missing_ok=True)
    except Timeout:
        raise ConfigurationError(f"Another process exports to {file}.") from None
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}.") from None


async def _dry_run(source: "Source", connection: Connection) -> None:
    from cloudplatform_async.cli.export.checkpoint import Checkpoint
    from cloudplatform_async.cli.session.connect import connect

    async with connect(connection) as client:
        async for _ in source.batches(client, Checkpoint(list="")):
            return


def _sink(kind: Kind, file: Path, source: "Source", columns: "Columns", connection: Connection) -> Sink:
    """Choose the sink; what it is asked to write is named, so that nothing else is ever added to it."""
    from cloudplatform_async.cli.export.checkpoint import list_name
    from cloudplatform_async.cli.export.lines import Lines
    from cloudplatform_async.cli.export.sqlite import Database
    from cloudplatform_async.cli.session.identity import found_settings

    address = "sandbox" if connection.sandbox else found_settings(connection)[0].value.rstrip("/")
    days = [str(day) for day in source.days or ()]
    shape = (kind, columns.names if columns.is_chosen else None)
    name = list_name(address, source.path, source.params, source.page_size, source.limit, days, shape)
    if kind == "sqlite":
        return Database(file, name, columns, table=source.name)
    if kind == "parquet":
        from cloudplatform_async.cli.export import parquet

        parquet.require()
        return Lines(file, name, columns, kind="ndjson", finish=parquet.assemble)
    return Lines(file, name, columns, kind=kind)
