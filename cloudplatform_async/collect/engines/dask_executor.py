"""A Dask cluster behind the executors' seam: each task is a coroutine on one of its workers."""

from collections.abc import Sequence
from importlib import import_module
from inspect import isawaitable
from queue import SimpleQueue
from typing import Any
from uuid import uuid4

import msgspec
from anyio import CancelScope, create_task_group, sleep, to_thread
from attrs import evolve, frozen

from cloudplatform_async import ConfigurationError
from cloudplatform_async.collect.engines.executors import Observer
from cloudplatform_async.collect.task import ShardProgress, ShardTask

_SECONDS_BETWEEN_LOOKS = 0.5


@frozen
class DaskExecutor:
    """A cluster, wherever it is: on this machine, Kubernetes, Slurm.

    Attributes:
        client: Of distributed, synchronous or asynchronous; it stays open.
    """

    client: Any  # distributed has no types of its own

    async def run(self, tasks: Sequence[ShardTask], observer: Observer) -> None:
        """Run every task to its end; one whose worker is lost runs on another one.

        Raises:
            ConfigurationError: The cluster went away.
        """
        job = _Job(self.client)
        try:
            for task in tasks:
                job.submit(task)
            while job.under_way:
                heard = await to_thread.run_sync(job.heard.get, abandon_on_cancel=True)
                if isinstance(heard, ShardProgress):
                    job.went_on(heard)
                    observer.told(heard)
                else:
                    await job.ended(heard, observer)
        finally:
            await job.close()


class _Job:
    """The tasks of one run on a cluster, and what is heard of them."""

    def __init__(self, client: Any) -> None:
        self.under_way: dict[str, tuple[ShardTask, Any]] = {}  # with their futures
        self.heard: SimpleQueue[Any] = SimpleQueue()  # progress and futures, from the client's threads
        self._client = client
        self._topic = f"collect-{uuid4().hex}"
        client.subscribe_topic(self._topic, self._hear)

    def _hear(self, event: tuple[float, Any]) -> None:
        self.heard.put(_progress(event[1]))

    def submit(self, task: ShardTask) -> None:
        """Give a task to the cluster."""
        key = f"{task.shard.key}-{uuid4().hex}"
        future = self._client.submit(run_on_worker, task, self._topic, key, key=key, pure=False)
        self.under_way[key] = task, future
        future.add_done_callback(self.heard.put)

    def went_on(self, progress: ShardProgress) -> None:
        """Take in that a shard has one more chunk: what went wrong before is forgotten."""
        for key, (task, future) in self.under_way.items():
            if task.losses and task.shard.key == progress.shard:
                self.under_way[key] = evolve(task, losses=0), future

    async def ended(self, future: Any, observer: Observer) -> None:
        """Take in the end of a task; one that was lost with too many workers is given out again."""
        task, _ = self.under_way.pop(future.key)
        if future.status == "lost":  # the worker took along what its task had told at its end
            self.submit(task)
        elif future.status == "finished":
            observer.told(_progress(await _given(future.result)))
        elif future.status == "error":
            error = await _given(future.exception)
            if type(error).__name__ != "KilledWorker":
                raise error
            again = observer.lost(task, "its Dask workers ended")
            if again is not None:
                self.submit(again)
        else:
            raise ConfigurationError(f"The Dask cluster went away: a task is {future.status}.")

    async def close(self) -> None:
        """Let go of what is left; the cluster is told, also where the job is being cancelled."""
        self._client.unsubscribe_topic(self._topic)
        told = [future.cancel() for _, future in self.under_way.values()]
        self.heard.put(None)  # for a thread that still waits
        with CancelScope(shield=True):
            for answer in filter(isawaitable, told):  # of an asynchronous client
                await answer


async def run_on_worker(task: ShardTask, topic: str, key: str) -> dict[str, Any]:
    """Run a task in the event loop of a Dask worker, until it ends or nobody waits for it any more."""
    distributed: Any = import_module("distributed")
    worker, result = distributed.get_worker(), dict[str, Any]()

    def told(progress: ShardProgress) -> None:
        worker.log_event(topic, msgspec.to_builtins(progress))

    async with create_task_group() as group:
        group.start_soon(_until_given_up, worker, key, group.cancel_scope)
        result = msgspec.to_builtins(await task.run(told))
        group.cancel_scope.cancel()
    if not result:
        raise distributed.Reschedule  # which counts only where the scheduler has thought better of it
    return result


async def _until_given_up(worker: Any, key: str, scope: CancelScope) -> None:
    """Cancel a task whose job was ended or killed: Dask forgets it then, but lets its coroutine go on."""
    tasks = worker.state.tasks
    while key in tasks and tasks[key].state != "cancelled":  # noqa: ASYNC110 - it tells nobody
        await sleep(_SECONDS_BETWEEN_LOOKS)
    scope.cancel()


def _progress(plain: Any) -> ShardProgress:
    return msgspec.convert(plain, ShardProgress)


async def _given(ask: Any) -> Any:
    """Ask a future that has ended; a synchronous one waits for the cluster's event loop in a thread."""
    answer = await to_thread.run_sync(ask)
    return await answer if isawaitable(answer) else answer


def dask(client: Any) -> DaskExecutor:
    """Run a job on a Dask cluster (extra ``dask``).

    Each worker needs this package and the credentials in its environment, and takes as many shards at
    a time as it has threads. Workers may come, go and be killed.

    Args:
        client: A ``distributed.Client``, synchronous or asynchronous.

    Raises:
        TypeError: For anything else, such as a scheduler's address.

    Example:
        >>> with distributed.Client("tcp://scheduler:8786") as cluster:  # doctest: +SKIP
        ...     asyncio.run(collect(shards, parquet("out"), dask(cluster)))
    """
    if not hasattr(client, "subscribe_topic"):
        kind = type(client).__name__
        raise TypeError(
            f"dask() takes a distributed.Client, such as distributed.Client('tcp://…'); this is a {kind}."
        )
    return DaskExecutor(client)
