"""A job on a Dask cluster: its tasks are coroutines on workers that may be killed."""

import os
import signal
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from cloudplatform_async import ConfigurationError, Project
from cloudplatform_async.collect import Progress, Shard, by_filter, collect, dask, ndjson
from cloudplatform_async.collect.engines.executors import MOST_LOSSES
from cloudplatform_async.collect.state import ShardState
from cloudplatform_async.sandbox import Sandbox
from tests.collect.targets import ids_of, project_ids

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("distributed") is None, reason="Dask is not installed"),
    pytest.mark.anyio,
    # A killed worker takes its sockets along, and Dask leaves some of its own to the collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]

TEAMS = by_filter(Shard(page_size=10), "label", ["team:red", "team:green", "team:blue"])


@pytest.fixture
def cluster(workspace: Sandbox) -> Iterator[Any]:
    """Two worker processes on loopback, with the environment of this test."""
    import distributed

    options = {
        "n_workers": 2,
        "threads_per_worker": 2,
        "dashboard_address": "127.0.0.1:0",
        "host": "127.0.0.1",
    }
    with (
        distributed.LocalCluster(**options, silence_logs=50) as local,
        distributed.Client(local) as client,
    ):
        yield client


@pytest.fixture
def anyio_backend() -> str:
    """Dask has an event loop of its own, whatever runs here: one is enough to see that."""
    return "asyncio"


async def test_a_cluster_survives_the_loss_of_its_workers(
    cluster: Any, workspace: Sandbox, tmp_path: Path
) -> None:
    """Both are killed; each row comes once all the same."""
    left = list(cluster.run(os.getpid).values())

    def kill(progress: Progress) -> None:
        if left and progress.rows >= 60 * (3 - len(left)):
            os.kill(left.pop(), signal.SIGKILL)

    report = await collect(TEAMS, ndjson(tmp_path, chunk_rows=20), dask(cluster), kill)
    assert left == []
    assert (report.rows, report.failed) == (450, [])
    assert ids_of(tmp_path) == project_ids(450)
    served = workspace.served
    again = await collect(TEAMS, ndjson(tmp_path, chunk_rows=20), dask(cluster))
    assert (again.new_rows, workspace.served) == (0, served)


async def test_retries_on_workers_are_counted(cluster: Any, workspace: Sandbox, tmp_path: Path) -> None:
    """What a worker's client did comes back with its tasks."""
    workspace.faults.add(status=503, times=2)
    report = await collect(TEAMS, ndjson(tmp_path, chunk_rows=50), dask(cluster))
    assert (report.rows, report.retries) == (450, 2)


async def test_a_job_that_is_given_up_ends_on_its_workers(
    cluster: Any, workspace: Sandbox, tmp_path: Path
) -> None:
    """Dask forgets a task that runs, and would let it go on to the end of its shard."""
    workspace.faults.add(kind="delay", delay=0.4)

    def give_up(_: Progress) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await collect(TEAMS, ndjson(tmp_path, chunk_rows=10), dask(cluster), give_up)
    while any(cluster.run(tasks_under_way).values()):
        await anyio.lowlevel.checkpoint()
    assert workspace.served < 40


def tasks_under_way(dask_worker: Any) -> int:
    """Tasks whose coroutine has not ended, known to the scheduler or not."""
    return len(dask_worker.state.executing)


class Scripted:
    """A client whose tasks end as a script says; Dask's own needs a minute to give a task up."""

    def __init__(self, *endings: str) -> None:
        self.endings = list(endings)
        self.submitted: list[Any] = []
        self.cancelled: list[str] = []

    def subscribe_topic(self, topic: str, handler: Any) -> None:
        """Take the handler."""
        self.handler = handler

    def unsubscribe_topic(self, topic: str) -> None:
        """Let it go."""

    def submit(self, function: Any, task: Any, topic: str, name: str, *, key: str, pure: bool) -> Any:
        """End the task at once."""
        self.submitted.append(task)
        ending = self.endings.pop(0) if len(self.endings) > 1 else self.endings[0]
        if "a chunk" in ending:
            self.handler((0.0, {"shard": task.shard.key, "rows": 1, "chunks": 1}))
        if ending == "finished":
            task.sink.commit(task.shard.key, ShardState().after(0, "", done=True), Project, [])
        return Ended(self, key, task, ending)


class Ended:
    """A future that has ended, or never will."""

    def __init__(self, client: Scripted, key: str, task: Any, ending: str) -> None:
        self.client, self.key, self.task, self.ending = client, key, task, ending
        self.status = ending if ending in {"finished", "lost", "cancelled"} else "error"

    def add_done_callback(self, function: Any) -> None:
        """Call it at once, unless it goes on for ever."""
        if self.ending != "a chunk, and no end":
            function(self)

    async def result(self) -> dict[str, Any]:
        """As an asynchronous client's."""
        return {"shard": self.task.shard.key, "rows": 5, "chunks": 1, "done": True}

    def exception(self) -> Exception:
        """As a synchronous client's."""
        if self.ending == "ZeroDivisionError":
            return ZeroDivisionError()
        return type("KilledWorker", (Exception,), {})()

    async def cancel(self) -> None:
        """As an asynchronous client's."""
        self.client.cancelled.append(self.key)


async def test_a_task_that_loses_all_its_workers_fails_at_last(workspace: Sandbox, tmp_path: Path) -> None:
    """With smaller chunks each time, so that a slow one gets further."""
    client = Scripted("KilledWorker")
    report = await collect([Shard()], ndjson(tmp_path), dask(client))
    assert [task.losses for task in client.submitted] == list(range(MOST_LOSSES))
    assert "Lost" in report.failed[0].error


async def test_a_task_that_gets_on_is_given_out_again(workspace: Sandbox, tmp_path: Path) -> None:
    """Each chunk clears the record."""
    losses = MOST_LOSSES + 2
    client = Scripted(*["KilledWorker after a chunk"] * losses, "finished")
    report = await collect([Shard()], ndjson(tmp_path), dask(client))
    assert len(client.submitted) == losses + 1
    assert (report.failed, report.lost_workers) == ([], losses)


async def test_a_result_that_is_lost_with_its_worker_is_asked_for_again(
    workspace: Sandbox, tmp_path: Path
) -> None:
    """The task had come to its end: nobody is to blame, and the target knows it."""
    client = Scripted(*["lost"] * (MOST_LOSSES + 1), "finished")
    report = await collect([Shard()], ndjson(tmp_path), dask(client))
    assert (report.failed, report.lost_workers) == ([], 0)
    assert {task.losses for task in client.submitted} == {0}


async def test_a_bug_on_a_worker_comes_home(workspace: Sandbox, tmp_path: Path) -> None:
    """It is no failing shard."""
    with pytest.raises(ZeroDivisionError):
        await collect([Shard()], ndjson(tmp_path), dask(Scripted("ZeroDivisionError")))


async def test_a_cluster_that_goes_away_says_so(workspace: Sandbox, tmp_path: Path) -> None:
    """Its futures are cancelled, and nobody will end them."""
    with pytest.raises(ConfigurationError, match="cluster went away"):
        await collect([Shard()], ndjson(tmp_path), dask(Scripted("cancelled")))


async def test_a_job_that_is_given_up_is_so_on_the_cluster_too(workspace: Sandbox, tmp_path: Path) -> None:
    """Also where the client is asynchronous: no worker goes on with it."""
    client = Scripted("a chunk, and no end")

    def give_up(_: Progress) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await collect(TEAMS, ndjson(tmp_path), dask(client), give_up)
    assert len(client.cancelled) == len(client.submitted) == 3
