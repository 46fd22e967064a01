"""Where tasks run: the seam that every engine fits, and this machine behind it."""

from collections import deque
from collections.abc import Sequence
from typing import Protocol

import anyio
from attrs import evolve, field, frozen, validators

from cloudplatform_async.collect.engines.processes import WorkerProcess
from cloudplatform_async.collect.task import ShardProgress, ShardTask

MOST_LOSSES = 5
"""Workers lost with one shard, without a chunk between, after which the shard counts as failed."""


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
        """Run every task to its end."""
        pending = deque(tasks)
        async with anyio.create_task_group() as group:
            if not self.processes:
                for _ in range(min(self.concurrency, len(pending))):
                    group.start_soon(_run_here, pending, observer)
            for _ in range(min(self.processes, len(pending))):
                group.start_soon(self._run_in_processes, pending, observer)

    async def _run_in_processes(self, pending: deque[ShardTask], observer: Observer) -> None:
        """Keep one process at work: a new one where it is lost."""
        while pending:
            lost = await _run_in_process(pending, self.concurrency, observer)
            for task in lost:
                again = observer.lost(task, "its worker process ended")
                if again is not None:
                    pending.append(again)


async def _run_here(pending: deque[ShardTask], observer: Observer) -> None:
    while pending:
        observer.told(await pending.popleft().run(observer.told))


async def _run_in_process(pending: deque[ShardTask], concurrency: int, observer: Observer) -> list[ShardTask]:
    """Give tasks to a process until none is left, or the process is lost; gives those it was lost with."""
    under_way: dict[str, ShardTask] = {}
    async with WorkerProcess() as worker:
        while True:
            while pending and len(under_way) < concurrency:
                task = pending.popleft()
                under_way[task.shard.key] = task
                await worker.send(task)
            if not under_way:
                return []
            message = await worker.receive()
            if message is None:
                return list(under_way.values())
            progress, is_result = message
            key = progress.shard
            if is_result:
                del under_way[key]
            else:
                under_way[key] = evolve(under_way[key], losses=0)
            observer.told(progress)


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
