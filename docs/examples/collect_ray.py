"""A job on a Ray cluster: an executor is a class with one method, and this one is all of it."""

import asyncio
from collections.abc import Sequence

import ray
from ray.exceptions import NodeDiedError, OutOfMemoryError, WorkerCrashedError

from cloudplatform_async.collect import (
    Observer,
    Report,
    Shard,
    ShardProgress,
    ShardTask,
    by_filter,
    collect,
    parquet,
)


@ray.remote(max_retries=0)  # the job itself says whether a task that was lost runs again
def run_on_worker(task: ShardTask) -> ShardProgress:
    """Run a task in a process of the cluster, which has the credentials in its environment."""
    return asyncio.run(task.run())


class RayExecutor:
    """Runs the tasks of a job on the workers of the cluster that ``ray.init()`` named."""

    async def run(self, tasks: Sequence[ShardTask], observer: Observer) -> None:
        """Run every task to its end, all at once: Ray queues what has no worker yet."""
        async with asyncio.TaskGroup() as group:
            for task in tasks:
                group.create_task(self._run(task, observer))

    async def _run(self, task: ShardTask | None, observer: Observer) -> None:
        while task is not None:
            result = run_on_worker.remote(task)
            try:
                observer.told(await result)
                task = None
            except (WorkerCrashedError, NodeDiedError, OutOfMemoryError) as error:
                task = observer.lost(task, str(error))
            finally:
                ray.cancel(result, force=True)  # of a job that ends early; one that is done it leaves alone


def collect_projects(target: str) -> Report:
    """Collect on Ray; run again, it goes on where it stopped."""
    shards = by_filter(Shard(resource="projects"), "label", ["team:red", "team:green", "team:blue"])
    return asyncio.run(collect(shards, parquet(target), RayExecutor()))
