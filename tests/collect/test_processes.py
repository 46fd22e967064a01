"""Workers that are killed are replaced, and a job that is told to stop leaves nothing but its chunks."""

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cloudplatform_async import ConfigurationError
from cloudplatform_async.collect import (
    Progress,
    Shard,
    ShardProgress,
    ShardTask,
    by_filter,
    collect,
    local,
    ndjson,
)
from cloudplatform_async.collect.engines.executors import MOST_LOSSES
from cloudplatform_async.sandbox import Sandbox
from tests.collect.targets import WORKER, bytes_of, ids_of, project_ids, workers

pytestmark = pytest.mark.slow
psutil = pytest.importorskip("psutil")

STATUSES = by_filter(Shard(page_size=10), "status", ["active", "archived"])
JOB = """
import asyncio, sys
from cloudplatform_async.collect import Shard, collect, local, ndjson

def on_progress(progress):
    print(progress.rows, flush=True)

asyncio.run(collect([Shard(page_size=10)], ndjson(sys.argv[1], chunk_rows=50),
                    local(processes=int(sys.argv[2])), on_progress))
"""


@pytest.mark.anyio
async def test_a_job_runs_in_processes(workspace: Sandbox, tmp_path: Path) -> None:
    """With the same rows, the same counts, and no process left."""
    workspace.faults.add(status=503, times=2)
    report = await collect(STATUSES, ndjson(tmp_path, chunk_rows=100), local(processes=2))
    assert ids_of(tmp_path) == project_ids(450)
    assert (report.rows, report.retries, report.failed) == (450, 2, [])
    assert workers() == []


@pytest.mark.anyio
async def test_a_killed_worker_is_replaced_and_its_shard_goes_on(workspace: Sandbox, tmp_path: Path) -> None:
    """Rows that were committed are not asked for again."""
    killed = 0

    def kill(progress: Progress) -> None:
        nonlocal killed
        if killed < 3 and progress.rows >= 100 * (killed + 1):
            for worker in workers():  # none where this was told by one that is dead by now
                killed += 1
                os.kill(worker, signal.SIGKILL)

    sink = ndjson(tmp_path, chunk_rows=50)
    report = await collect([Shard(page_size=10)], sink, local(processes=1), kill)
    assert ids_of(tmp_path) == project_ids(450)
    assert (report.lost_workers, report.failed) == (3, [])
    assert workspace.served < 45 + 3 * 12


class Deadly(Shard):
    """Kills the process that asks for its name, as a bug in a library does."""

    @property
    def key(self) -> str:
        """The name, in the process of the test alone."""
        if os.environ.get("PYTEST_CURRENT_TEST") and psutil.Process().cmdline()[-1] != WORKER:
            return super().key
        os.kill(os.getpid(), signal.SIGKILL)
        return ""


@pytest.mark.anyio
async def test_a_shard_that_kills_its_workers_fails_at_last(
    workspace: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no other shard with it."""
    monkeypatch.setattr("cloudplatform_async.collect.job.MOST_LOSSES", 3)
    deadly = Deadly(filters={"status": "archived"})
    report = await collect([deadly, STATUSES[0]], ndjson(tmp_path), local(concurrency=1, processes=1))
    assert [failed.shard for failed in report.failed] == [deadly.key]
    assert report.lost_workers == 3
    assert report.rows == 405


@pytest.mark.anyio
async def test_processes_that_never_come_up_end_the_job(
    workspace: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are not started for ever, and no shard is blamed."""
    command = [sys.executable, "-S", "-c", "raise SystemExit(1)"]
    monkeypatch.setattr("cloudplatform_async.collect.engines.processes._COMMAND", command)
    with pytest.raises(ConfigurationError, match="before they are ready"):
        await collect(STATUSES, ndjson(tmp_path), local(processes=2))


@pytest.mark.anyio
async def test_a_process_that_is_killed_before_it_is_ready_counts_for_nothing(
    workspace: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No shard was in it: another one is started, more often than a shard may lose its worker."""
    starts = tmp_path / "starts"
    mortal = f"""
import runpy, sys
with open({str(starts)!r}, "a+") as file:
    file.write("x")
    file.flush()
    file.seek(0)
    if len(file.read()) <= {MOST_LOSSES + 1}:
        sys.exit(1)
runpy.run_module({WORKER!r}, run_name="__main__")
"""
    monkeypatch.setattr(
        "cloudplatform_async.collect.engines.processes._COMMAND", [sys.executable, "-c", mortal]
    )
    report = await collect([Shard()], ndjson(tmp_path / "out"), local(processes=1))
    assert (report.rows, report.failed, report.lost_workers) == (450, [], 0)
    assert starts.read_text() == "x" * (MOST_LOSSES + 2)


@pytest.mark.parametrize("processes", [0, 2])
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_job_and_the_next_run_goes_on(
    workspace: Sandbox, tmp_path: Path, signum: signal.Signals, processes: int
) -> None:
    """Ctrl-C and SIGTERM leave chunks, no process, and nothing half written."""
    command = [sys.executable, "-c", JOB, str(tmp_path), str(processes)]
    workspace.faults.add(kind="delay", delay=0.02)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as job:
        assert job.stdout is not None
        assert int(job.stdout.readline()) >= 50
        children = psutil.Process(job.pid).children(recursive=True)
        job.send_signal(signum)
        _, errors = job.communicate(timeout=30)
    assert job.returncode == (130 if signum == signal.SIGINT else 143) or job.returncode == -signum
    assert len(errors.splitlines()) == 0 or "KeyboardInterrupt" in errors
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
    assert {Path(path).suffix for path in bytes_of(tmp_path)} == {".ndjson"}
    before = ids_of(tmp_path)
    assert 50 <= len(before) < 450
    subprocess.run(command, check=True, capture_output=True)
    assert ids_of(tmp_path) == project_ids(450)


def test_a_worker_ends_with_whoever_started_it(workspace: Sandbox, tmp_path: Path) -> None:
    """Also when that was killed, and could say nothing."""
    command = [sys.executable, "-c", JOB, str(tmp_path), "2"]
    workspace.faults.add(kind="delay", delay=0.02)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as job:
        assert job.stdout is not None
        assert job.stdout.readline()
        children = psutil.Process(job.pid).children(recursive=True)
        job.kill()
    assert children
    assert psutil.wait_procs(children, timeout=10)[1] == []


@pytest.mark.anyio
async def test_what_cannot_travel_to_a_worker_is_refused_with_the_reason(workspace: Sandbox) -> None:
    """Before a process is started, and as one error however many there were to be."""
    store = pytest.importorskip("obstore.store").MemoryStore()
    with pytest.raises(ConfigurationError, match=r"cannot be given its work: .*MemoryStore"):
        await collect(by_filter(Shard(), "status", ["active", "archived"]), ndjson(store), local(processes=2))
    assert workspace.served == 0


def test_a_task_is_a_plain_value(tmp_path: Path) -> None:
    """It travels to any process, and has no secret in it."""
    task = ShardTask(
        shard=Shard(credentials="team-a"), sink=ndjson(tmp_path), options={"base_url": "https://a/v1"}
    )
    assert pickle.loads(pickle.dumps(task)) == task
    assert ShardProgress(shard="a", rows=1, chunks=1).error is None
