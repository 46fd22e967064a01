"""A job whose workers are killed all the time brings each row once, on each engine, and does nothing twice.

``COLLECT_ROWS=1000000 python -m pytest -rA tests/collect/test_at_scale.py`` runs it with a million rows.
"""

import io
import os
import random
import signal
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from threading import Event, Thread
from typing import Any, Self

import pytest

from cloudplatform_async.collect import Executor, Shard, by_filter, collect, dask, local, parquet
from tests.collect.fast_platform import fast_platform, stats
from tests.collect.servers import s3_store
from tests.collect.targets import objects_of, workers

pytestmark = [
    pytest.mark.slow,
    pytest.mark.anyio,
    pytest.mark.skipif(find_spec("pyarrow") is None, reason="needs pyarrow"),
]

ROWS = int(os.environ.get("COLLECT_ROWS", "20000"))
SHARDS = 40
PAGE = 1_000 if ROWS >= 1_000_000 else 100
CHUNK = 10_000 if ROWS >= 1_000_000 else 100
WORKERS = 4
SIDE_BY_SIDE = 2  # shards of one worker

Pids = Callable[[], list[int]]


@pytest.fixture
def anyio_backend() -> str:
    """The workers have event loops of their own."""
    return "asyncio"


@pytest.fixture
def origin(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A platform of which each hundredth answer is a 503, and each hundredth is lost."""
    with fast_platform(rows=ROWS // SHARDS, faults=0.02) as origin:
        monkeypatch.setenv("CLOUD_API_KEY", "k")
        monkeypatch.setenv("CLOUD_API_BASE_URL", f"{origin}/v1")
        yield origin


class Killer:
    """Kills a worker as soon as the job gets on, and one each second that the dice choose.

    A machine that has other work may need longer than that to start another one: the next kill waits until
    the job has got on, and none but the first meets a worker in its first second.
    """

    def __init__(self, pids: Pids) -> None:
        self.killed: list[int] = []
        self._pids = pids
        self._dice = random.Random(20)
        self._got_on, self._over = Event(), Event()
        self._thread = Thread(target=self._each_second)

    def told(self, _: object) -> None:
        """Take in that the job has got on; at first, with nearly all to be done, kill the oldest at once."""
        if self.killed:
            self._got_on.set()
        else:
            self._kill([min(self._pids())])

    def _each_second(self) -> None:
        before = set[int]()
        while not self._over.wait(1.0):
            now = set(self._pids()) - set(self.killed)
            alive, before = sorted(now & before), now
            if alive and self._got_on.is_set():
                self._got_on.clear()
                self._kill(alive)

    def _kill(self, alive: list[int]) -> None:
        self.killed.append(self._dice.choice(alive))
        os.kill(self.killed[-1], signal.SIGKILL)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


async def run(origin: str, target: Any, executor: Executor, pids: Pids) -> None:
    """Run a job under fire, and again in peace."""
    shards = by_filter(Shard(page_size=PAGE), "label", [f"n:{number}" for number in range(SHARDS)])
    sink = parquet(target, chunk_rows=CHUNK)
    with Killer(pids) as killer:
        report = await collect(shards, sink, executor, killer.told)
    requests = stats(origin)["requests"]
    print(f"{len(killer.killed)} killed, {requests:,} requests, {report}")  # noqa: T201 - what a run at scale is for
    assert (report.rows, report.failed) == (ROWS, [])
    assert killer.killed
    chunks = objects_of(target)
    assert ids_of(chunks) == [
        f"prj_{key}_{row:07d}" for key in range(SHARDS) for row in range(ROWS // SHARDS)
    ]
    again = await collect(shards, sink, executor)
    assert (again.rows, again.new_rows, again.bytes) == (ROWS, 0, report.bytes)
    assert stats(origin)["requests"] == requests
    assert objects_of(target) == chunks
    # A shard that began again would ask for far more than what its worker had of a chunk, and ahead.
    assert requests < 1.1 * ROWS / PAGE + len(killer.killed) * SIDE_BY_SIDE * (CHUNK // PAGE + 3)


def ids_of(chunks: dict[str, tuple[bytes, object]]) -> list[str]:
    """Read every id, by shard and number."""
    assert all(name.endswith(".parquet") for name in chunks)
    import pyarrow.parquet as pq

    tables = [pq.read_table(io.BytesIO(data), columns=["id"]) for data, _ in chunks.values()]
    ids = [str(name) for table in tables for name in table["id"].to_pylist()]
    return sorted(ids, key=lambda name: (int(name.split("_")[1]), name))


async def test_processes(origin: str, tmp_path: Path) -> None:
    """Of this machine, into a folder."""
    await run(origin, tmp_path, local(SIDE_BY_SIDE, WORKERS), workers)


async def test_processes_into_an_object_store(origin: str) -> None:
    """Of this machine, into an S3 server."""
    with s3_store() as store:
        await run(origin, store, local(SIDE_BY_SIDE, WORKERS), workers)


# A killed worker takes its sockets along, and Dask leaves some of its own to the collector.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_cluster(origin: str, tmp_path: Path) -> None:
    """Of Dask, into a folder."""
    distributed = pytest.importorskip("distributed")
    options = {
        "n_workers": WORKERS,
        "threads_per_worker": SIDE_BY_SIDE,
        "dashboard_address": "127.0.0.1:0",
        "host": "127.0.0.1",
    }
    with (
        distributed.LocalCluster(**options, silence_logs=50) as cluster,
        distributed.Client(cluster) as client,
    ):

        def pids() -> list[int]:
            """Those that are up, while there are two: Dask gives up one that dies as it is started."""
            processes = [nanny.process for nanny in list(cluster.workers.values())]
            alive = [each.pid for each in processes if each and each.status.name == "running"]
            return alive if len(alive) > 1 else []

        await run(origin, tmp_path, dask(client), pids)
