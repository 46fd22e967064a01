"""Where tasks run: the seam that every engine fits, and this machine behind it."""

import pickle
from collections import deque
from collections.abc import Sequence
from typing import Protocol

import anyio
from attrs import evolve, field, frozen, validators

from cloudplatform_async import ConfigurationError
from cloudplatform_async.collect.engines.processes import WorkerProcess
from cloudplatform_async.collect.task import ShardProgress, ShardTask

MOST_LOSSES = 10
"""Workers lost with one shard, without a chunk between, after which the shard counts as failed."""
MOST_VAIN_STARTS = 20
"""Worker processes in a row that ended before they could take a task, after which the job ends."""


class Observer(Protocol):
    """Whom an executor tells; called in the event loop that runs the executor.

    Example:
        >>> try:  # doctest: +SKIP
        ...     observer.told(await on_some_worker(task))
        ... except WorkerLost as error:
        ...     task = observer.lost(task, str(error))
    """

    def told(self, progress: ShardProgress) -> None:
        """Take in what a task tells: after a chunk, or its result."""
        ...

    def lost(self, task: ShardTask, reason: str) -> ShardTask | None:
        """Take in that a worker was lost; gives the task to run instead, None where that is vain."""
        ...


class Executor(Protocol):
    """An engine that runs tasks somewhere.

    Example:
        >>> class OneByOne:
        ...     async def run(self, tasks, observer):
        ...         for task in tasks:
        ...             observer.told(await task.run(observer.told))
    """

    async def run(self, tasks: Sequence[ShardTask], observer: Observer) -> None:
        """Run every task to its end, and tell the result of each."""
        ...


@frozen
class LocalExecutor:
    """This machine.

    Attributes:
        concurrency: Shards side by side in one process.
        processes: Beside this one; 0 does the work here.
    """

    concurrency: int = field(validator=validators.ge(1))
    processes: int = field(validator=validators.ge(0))

    async def run(self, tasks: Sequence[ShardTask], observer: Observer) -> None:
        """Run every task to its end.

        Raises:
            ConfigurationError: Worker processes do not come up, or what they need cannot be sent to them.
        """
        if self.processes:
            _see_that_it_travels(tasks)
        async with anyio.create_task_group() as group:
            if self.processes:
                queue = _Queue(tasks)
                for _ in range(min(self.processes, len(tasks))):
                    group.start_soon(_run_in_processes, queue, self.concurrency, observer)
            else:
                pending = deque(tasks)
                for _ in range(min(self.concurrency, len(tasks))):
                    group.start_soon(_run_here, pending, observer)


def _see_that_it_travels(tasks: Sequence[ShardTask]) -> None:
    """Pickle the first: all of them have the same target and options."""
    try:
        pickle.dumps(tasks[:1])
    except (TypeError, AttributeError, pickle.PicklingError) as error:
        raise ConfigurationError(f"A worker process cannot be given its work: {error}") from error


class _Queue:
    """Tasks that wait for a process. One without a task stays: another process may be lost with some."""

    def __init__(self, tasks: Sequence[ShardTask]) -> None:
        self.pending = deque(tasks)
        self._left = len(tasks)  # also those under way
        self._vain_starts = 0
        self._changed = anyio.Event()

    async def wait(self) -> bool:
        """Wait for a task; False when all have ended."""
        while self._left and not self.pending:
            await self._changed.wait()
        return bool(self._left)

    def ended(self, again: ShardTask | None = None) -> None:
        """Take in that a task has ended, or is to be given out again."""
        if again is None:
            self._left -= 1
        else:
            self.pending.append(again)
        self._changed.set()
        self._changed = anyio.Event()

    def started(self, *, is_ready: bool) -> None:
        """Take in that a process came up, or ended before.

        Raises:
            ConfigurationError: They keep ending.
        """
        self._vain_starts = 0 if is_ready else self._vain_starts + 1
        if self._vain_starts == MOST_VAIN_STARTS + 1:  # once: what others find meanwhile says no more
            raise ConfigurationError("Worker processes end before they are ready: what they print says why.")


async def _run_here(pending: deque[ShardTask], observer: Observer) -> None:
    while pending:
        observer.told(await pending.popleft().run(observer.told))


async def _run_in_processes(queue: _Queue, concurrency: int, observer: Observer) -> None:
    """Keep one process at work: a new one where it is lost."""
    while await queue.wait():
        async with WorkerProcess() as worker:
            is_ready = await worker.is_ready()
            queue.started(is_ready=is_ready)
            lost = await _give_out(queue, worker, concurrency, observer) if is_ready else []
        for task in lost:
            queue.ended(observer.lost(task, "its worker process ended"))


async def _give_out(
    queue: _Queue, worker: WorkerProcess, concurrency: int, observer: Observer
) -> list[ShardTask]:
    """Give tasks to a process until all have ended, or it is lost; gives those it was lost with."""
    under_way: dict[str, ShardTask] = {}
    while not worker.is_gone:
        while queue.pending and len(under_way) < concurrency:
            task = queue.pending.popleft()
            under_way[task.shard.key] = task
            await worker.send(task)
        if not under_way:
            if not await queue.wait():
                break
            continue
        message = await worker.receive()
        if message is None:
            break
        progress, is_result = message
        key = progress.shard
        if is_result:
            del under_way[key]
        else:
            under_way[key] = evolve(under_way[key], losses=0)
        observer.told(progress)
        if is_result:
            queue.ended()
    return list(under_way.values())


def local(concurrency: int = 8, processes: int = 0) -> LocalExecutor:
    """Run a job on this machine.

    Args:
        concurrency: Shards side by side in each process, at least 1.
        processes: Worker processes; 0 does the work in this one. One that is killed is replaced, and
            its shards go on after their last chunks.

    Example:
        >>> local(concurrency=4, processes=2).processes
        2
    """
    return LocalExecutor(concurrency, processes)
