"""A job into an S3 server: each row once there too, whoever writes."""

import io
import os
import signal
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from cloudplatform_async.collect import Progress, Shard, by_filter, collect, local, parquet
from cloudplatform_async.sandbox import Sandbox
from tests.collect.servers import s3_store
from tests.collect.targets import project_ids, workers

pytestmark = [
    pytest.mark.slow,
    pytest.mark.anyio,
    pytest.mark.skipif(
        not all(map(find_spec, ["obstore", "moto", "pyarrow"])), reason="needs obstore, moto and pyarrow"
    ),
]

STATUSES = by_filter(Shard(page_size=10), "status", ["active", "archived"])


@pytest.fixture
def store() -> Iterator[Any]:
    """A bucket on a server of this process."""
    with s3_store() as store:
        yield store


def ids_of(store: Any) -> list[str]:
    """Read every id, sorted."""
    import obstore
    import pyarrow.parquet as pq

    names = [meta["path"] for batch in obstore.list(store) for meta in batch]
    assert all(name.endswith(".parquet") for name in names)
    parts = [pq.read_table(io.BytesIO(bytes(obstore.get(store, name).bytes()))) for name in names]
    return sorted(name for part in parts for name in part["id"].to_pylist())


async def test_a_killed_worker_doubles_nothing_on_a_store(workspace: Sandbox, store: Any) -> None:
    """And a second run sends nothing."""
    killed = 0

    def kill(progress: Progress) -> None:
        nonlocal killed
        if not killed and progress.rows >= 100:
            for worker in workers():
                killed += 1
                os.kill(worker, signal.SIGKILL)

    report = await collect(STATUSES, parquet(store, chunk_rows=40), local(processes=1), kill)
    assert killed, report
    assert (report.rows, report.failed) == (450, [])
    assert ids_of(store) == project_ids(450)
    served = workspace.served
    assert (await collect(STATUSES, parquet(store, chunk_rows=40))).new_rows == 0
    assert workspace.served == served


async def test_two_runs_at_one_time_double_nothing_on_a_store(workspace: Sandbox, store: Any) -> None:
    """Whoever loses a chunk goes on after the winner's."""
    import anyio

    async def run() -> None:
        report = await collect([Shard(page_size=10)], parquet(store, chunk_rows=40))
        assert report.failed == []

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        group.start_soon(run)
    assert ids_of(store) == project_ids(450)
