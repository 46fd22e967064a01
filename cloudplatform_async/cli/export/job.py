"""Exports in parts: shards, side by side in processes or on a cluster, into chunks that are there or not."""

import builtins
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

from anyio import to_thread
from attrs import frozen

import cloudplatform_async
from cloudplatform_async import ConfigurationError
from cloudplatform_async.cli.errors import exit_code
from cloudplatform_async.cli.export.checkpoint import list_name
from cloudplatform_async.cli.export.cluster import Cluster
from cloudplatform_async.cli.export.cuts import in_pages, rows_expected, totals_of
from cloudplatform_async.cli.export.options import Kind, Work, limit_of
from cloudplatform_async.cli.export.progress import kept, shown
from cloudplatform_async.cli.export.targets import Plan, Target, target_of
from cloudplatform_async.cli.output.streams import OutputError, printable, say
from cloudplatform_async.cli.session.environment import Session, session_for_processes, session_for_workers
from cloudplatform_async.cli.session.options import Connection
from cloudplatform_async.cli.session.tokens import SharedTokens
from cloudplatform_async.collect import Executor, Progress, Report, Shard, collect, local
from cloudplatform_async.collect.clients import shared_client
from cloudplatform_async.collect.walks import walk


@frozen(kw_only=True)
class Job:
    """An export in parts.

    Attributes:
        target: As the user names it.
        kind: Format of the chunks.
        shards: But for their cut into pages.
        page_size: Rows asked for with one request.
        work: Who works, and how it is cut.
        connection: Where.
    """

    target: str
    kind: Kind
    shards: list[Shard]
    page_size: int
    work: Work
    connection: Connection


async def run(job: Job) -> int:
    """Work a job off, from wherever it stands.

    Returns:
        The exit code: 0, or that of the first shard that failed.
    """
    executor, target = _executor(job), target_of(job.target, job.kind, job.work)
    limit = limit_of(job.work)
    async with _session(job) as session:
        if job.connection.dry_run:
            await _show_first_request(job, session)
            return 0
        shards, expected = await _agreed(job, target, session)
        if 1 == len(shards) < (job.work.processes or 1):
            say("There is one shard, so that one process works: cut the list, such as with --by-pages.")
        options = session.options | ({"shared_limit": limit} if limit else {})
        with kept("the same command goes on"), shown(job.shards[0].resource, 0) as meter:

            def told(progress: Progress) -> None:
                meter(progress.rows, expected, progress.rows_per_second)

            report = await collect(shards, target.sink, executor, told, **options)
        return await _ended(job, report, session)


def _executor(job: Job) -> Executor:
    if job.work.workers is not None:
        return Cluster(job.work.workers)
    return local(processes=job.work.processes or 0)


@asynccontextmanager
async def _session(job: Job) -> AsyncGenerator[Session]:
    """Settle whose credentials are used.

    Raises:
        ConfigurationError: They cannot be had where the work is done.
    """
    work, connection = job.work, job.connection
    if work.workers is not None and (connection.sandbox or connection.debug):
        name = "--sandbox" if connection.sandbox else "--debug"
        raise ConfigurationError(f"{name} is of this machine: use --processes, not --workers.")
    if connection.sandbox and work.by_credentials:
        raise ConfigurationError("--sandbox has a key of its own: leave out --by-credentials.")
    if work.workers is not None or work.by_credentials:
        yield session_for_workers(connection, named=bool(work.by_credentials))
        return
    async with session_for_processes(connection) as session:
        yield session


async def _agreed(job: Job, target: Target, session: Session) -> tuple[list[Shard], int | None]:
    """Find the shards, as an earlier run of the same job had them; and the rows that they have, if known."""
    size = job.page_size if job.work.by_pages else None
    name = list_name(session.address, job.kind, [shard.key for shard in job.shards], job.work.by_pages, size)
    plan = await to_thread.run_sync(target.plan)
    if plan is None:
        totals = await totals_of(job.shards, session.options) if job.work.by_pages else []
        plan = await to_thread.run_sync(partial(target.agree, Plan(job=name, totals=totals)))
    if plan.job != name:
        raise ConfigurationError(
            f"{job.target} belongs to the export of another list, or to other filters, cuts or a format; "
            "choose another target."
        )
    shards = in_pages(job.shards, plan.totals, job.page_size, job.work)
    return shards, rows_expected(shards, plan.totals)


async def _show_first_request(job: Job, session: Session) -> None:
    from cloudplatform_async.cli.session.watching import Nowhere

    options = session.options | {"transport": Nowhere()}
    if job.work.by_pages:
        await totals_of(job.shards, options)
    async with shared_client(job.shards[0].credentials, options) as shared:
        await walk(shared.client, job.shards[0], "").__anext__()


async def _ended(job: Job, report: Report, session: Session) -> int:
    rows = f"{report.rows:,} rows"
    if not report.failed:
        speed = f"{report.new_rows / max(report.seconds, 0.001):,.0f} rows/s"
        say(f"{job.target}: {rows}, {speed}." if report.new_rows else f"{job.target} is complete: {rows}.")
        return 0
    errors = [each.error for each in report.failed]
    tokens = session.options.get("access_token")
    if isinstance(tokens, SharedTokens) and any(each.startswith("AuthenticationError") for each in errors):
        await to_thread.run_sync(tokens.drop)
    say(printable(f"error: {_failed(report)} ({rows} are kept; the same command goes on)"))
    return _exit_code(errors[0])


def _failed(report: Report) -> str:
    """Tell what went wrong, of several shards with the first one."""
    error = report.failed[0].error.partition(": ")[2]
    return error if report.shards == 1 else f"{len(report.failed)} of {report.shards} shards failed: {error}"


def _exit_code(error: str) -> int:
    """Find the code for what a worker tells as ``Class: message``."""
    name, places = error.partition(":")[0], (cloudplatform_async, builtins, sqlite3)
    kind = next((getattr(place, name) for place in places if hasattr(place, name)), object)
    return exit_code(OutputError if issubclass(kind, (OSError, sqlite3.Error)) else kind)
