"""`collect`: a job from wherever it stands to its end."""

import signal
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from inspect import iscoroutinefunction
from itertools import chain, zip_longest
from typing import Any

import anyio
from anyio import to_thread
from attrs import evolve

from cloudplatform_async import ConfigurationError
from cloudplatform_async.collect.engines.executors import MOST_LOSSES, Executor, local
from cloudplatform_async.collect.report import Board, Progress, Report
from cloudplatform_async.collect.shards import Shard, Shards, listed
from cloudplatform_async.collect.sinks import Sink
from cloudplatform_async.collect.state import Standing
from cloudplatform_async.collect.task import ShardProgress, ShardTask

_CREDENTIALS = ("api_key", "access_token")
_TERMINATED = 128 + signal.SIGTERM  # exit code of a program that a SIGTERM ended


async def collect(
    shards: Shards,
    sink: Sink,
    executor: Executor | None = None,
    on_progress: Callable[[Progress], object] | None = None,
    **options: Any,
) -> Report:
    """Bring the rows of all shards to a sink, each exactly once.

    It is idempotent: run again after whatever ended it, it goes on after the last committed chunks, and
    where all is done it sends nothing and writes nothing. Shards that fail are in the report, and stop
    no other; they are tried again by the next run. Ctrl-C and SIGTERM end it without a trace but the
    chunks that are committed.

    Args:
        shards: What to collect, one or many; those that are the same count once.
        sink: Where to; for each job a target of its own.
        executor: Where the work is done; ``local()`` unless given.
        on_progress: Called in this event loop after each chunk, with how far the job is. What it
            raises ends the job.
        **options: Further arguments of the clients that do the work, such as ``shared_limit=`` and
            ``base_url=``; plain values that can be pickled, and no credentials: those have names.

    Raises:
        ConfigurationError: The sink cannot be written, an extra is missing, or credentials are given by
            value; nothing was sent.

    Example:
        >>> report = await collect([Shard()], ndjson("projects"))  # doctest: +SKIP
        >>> report.rows  # doctest: +SKIP
    """
    _check(on_progress, options)
    named = {shard.key: shard for shard in listed(shards)}
    standings = await _survey(sink, named)
    board = _Observer(named, standings, on_progress)
    left = [shard for key, shard in named.items() if key not in standings or not standings[key].state.done]
    if left:
        await to_thread.run_sync(sink.prepare)
        tasks = [ShardTask(shard=shard, sink=sink, options=options) for shard in _spread(left)]
        try:
            await _until_terminated(partial((executor or local()).run, tasks, board))
        except BaseExceptionGroup as group:  # of task groups that the caller knows nothing of
            # The one that ended the job, as it was raised: others fail of the same, or of its end.
            errors = _errors_in(group)
            error = next((each for each in errors if not isinstance(each, Exception)), errors[0])
            raise error from error.__cause__
        standings = await _survey(sink, named)
        board.compare(standings)
    if not board.errors:
        await to_thread.run_sync(sink.finish, named.keys())
    return board.report(standings)


def _check(on_progress: object, options: Mapping[str, Any]) -> None:
    if iscoroutinefunction(on_progress):
        raise ConfigurationError("on_progress is async, and nobody would await it; pass a plain function.")
    if given := [name for name in _CREDENTIALS if isinstance(options.get(name), str)]:
        raise ConfigurationError(
            f"{', '.join(given)}: no credentials are sent to workers. Set them in the environment of each "
            "process that does the work, and name them by Shard(credentials=…)."
        )


async def _survey(sink: Sink, shards: Mapping[str, Shard]) -> dict[str, Standing]:
    """Look where shards stand.

    Raises:
        ConfigurationError: The target cannot be read.
    """
    try:
        return await to_thread.run_sync(sink.survey, shards.keys())
    except (OSError, sqlite3.Error) as error:
        raise ConfigurationError(f"The target cannot be read: {error}.") from error


def _errors_in(error: BaseException) -> list[BaseException]:
    """Take errors out of the groups round them, in the order in which they came."""
    inner: Sequence[BaseException] | None = getattr(error, "exceptions", None)
    return [error] if inner is None else [each for part in inner for each in _errors_in(part)]


class _Observer(Board):
    """Decides too what becomes of shards whose worker was lost."""

    def lost(self, task: ShardTask, reason: str) -> ShardTask | None:
        """Try again with smaller chunks, so that the next worker gets further; not for ever."""
        self.lost_workers += 1
        if task.losses + 1 < MOST_LOSSES:
            return evolve(task, losses=task.losses + 1)
        self.told(
            ShardProgress(shard=task.shard.key, rows=0, chunks=0, error=f"Lost {MOST_LOSSES} times: {reason}")
        )
        return None


def _spread(shards: Iterable[Shard]) -> Iterator[Shard]:
    """Deal the credentials round, so that the limits of all of them are used from the start."""
    by_credentials = defaultdict[str | None, list[Shard]](list)
    for shard in shards:
        by_credentials[shard.credentials].append(shard)
    rounds = zip_longest(*by_credentials.values())
    return (shard for shard in chain.from_iterable(rounds) if shard is not None)


async def _until_terminated(work: Callable[[], Any]) -> None:
    """Do some work; SIGTERM ends it as an exit does, unless the program has its own mind about it."""
    is_ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    )
    if not is_ours:
        await work()
        return
    terminated = False

    async def watch() -> None:
        nonlocal terminated
        with anyio.open_signal_receiver(signal.SIGTERM) as signals:
            async for _ in signals:
                terminated = True
                group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(watch)
        await work()
        group.cancel_scope.cancel()
    if terminated:
        raise SystemExit(_TERMINATED)
