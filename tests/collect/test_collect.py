"""A job brings each row to its target once, goes on where it stopped, and stops for no shard that fails."""

import json
import threading
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import attrs
import pytest

from cloudplatform_async import AsyncClient, ConfigurationError, RetryPolicy
from cloudplatform_async.collect import (
    Progress,
    Report,
    Shard,
    ShardProgress,
    ShardTask,
    Sink,
    by_credentials,
    by_days,
    by_filter,
    by_pages,
    collect,
    csv,
    dask,
    local,
    ndjson,
    parquet,
    sqlite,
)
from cloudplatform_async.collect.engines.executors import Observer
from cloudplatform_async.collect.sinks import FileSink
from cloudplatform_async.collect.state import ShardState
from cloudplatform_async.sandbox import Sandbox
from cloudplatform_async.testing import no_waiting
from tests.collect.targets import bytes_of, ids_of, project_ids, rows_of
from tests.tiers import slow

pytestmark = pytest.mark.anyio

SOON = RetryPolicy(max_retries=20, base=0.001, budget=False)
STATUSES = by_filter(Shard(page_size=50), "status", ["active", "archived"])
SINKS: dict[str, Callable[..., Sink]] = {
    "out-ndjson": ndjson,
    "out-csv": csv,
    "out-parquet": parquet,
    "out.db": sqlite,
}


@pytest.fixture(params=["out-ndjson", "out.db", *slow("out-csv", "out-parquet")])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A target of each kind."""
    if request.param == "out-parquet":
        pytest.importorskip("pyarrow")
    return tmp_path / str(request.param)


def sink_of(target: Path, chunk_rows: int = 70) -> Sink:
    """The sink for a target, with chunks that end within pages."""
    return SINKS[target.name](target, chunk_rows=chunk_rows)


async def test_dask_is_given_a_client_and_no_address() -> None:
    """Said at once, with what to write instead."""
    with pytest.raises(TypeError, match=r"distributed.Client\('tcp://…'\).* a str"):
        dask("tcp://127.0.0.1:8786")


async def test_each_row_comes_once(workspace: Sandbox, target: Path) -> None:
    """Whatever the format, and wherever chunks begin and end."""
    report = await collect(STATUSES, sink_of(target))
    assert ids_of(target) == project_ids(450)
    told = report.to_dict()
    assert (told["rows"], told["new_rows"], told["shards"], told["failed"]) == (450, 450, 2, [])
    assert told["bytes"] > 0
    assert json.loads(json.dumps(told)) == told


async def test_a_finished_job_sends_and_changes_nothing(workspace: Sandbox, target: Path) -> None:
    """A second run looks at the target, and ends."""
    first = await collect(STATUSES, sink_of(target))
    served, before = workspace.served, bytes_of(target)
    second = await collect(STATUSES, sink_of(target))
    assert workspace.served == served
    assert bytes_of(target) == before
    assert (second.rows, second.new_rows, second.bytes) == (450, 0, first.bytes)


async def test_a_run_goes_on_after_the_last_chunk(workspace: Sandbox, target: Path) -> None:
    """A run that was ended in the middle is gone on with, not begun again, whatever the page size."""

    class EnoughError(Exception):
        pass

    def stop(progress: Progress) -> None:
        if progress.rows >= 210:
            raise EnoughError

    with pytest.raises(EnoughError):
        await collect([Shard(page_size=50)], sink_of(target), on_progress=stop)
    served = workspace.served
    report = await collect([Shard(page_size=10)], sink_of(target))
    assert workspace.served - served <= 6
    assert report.new_rows == 240
    assert ids_of(target) == project_ids(450)


async def test_a_shard_that_fails_stops_no_other(workspace: Sandbox, target: Path) -> None:
    """It is named with its error, keeps what it had, and the next run goes on with it."""
    workspace.faults.add(status=403, path="/v1/projects", probability=0.5, times=1, seed=3)
    report = await collect(STATUSES, sink_of(target), local(concurrency=1))
    (failed,) = report.to_dict()["failed"]
    assert failed["resource"] == "projects"
    assert failed["error"].startswith("PermissionDeniedError: ")
    assert 0 < report.rows < 450
    assert (await collect(STATUSES, sink_of(target))).failed == []
    assert ids_of(target) == project_ids(450)


async def test_a_shard_without_rows_is_done(workspace: Sandbox, target: Path) -> None:
    """There is an end to it too, so that it is not asked for again."""
    shards = [Shard(filters={"status": "none-such"})]
    assert (await collect(shards, sink_of(target))).to_dict()["rows"] == 0
    served = workspace.served
    assert (await collect(shards, sink_of(target))).failed == []
    assert workspace.served == served


@pytest.mark.slow
async def test_two_runs_at_one_time_double_nothing(workspace: Sandbox, target: Path) -> None:
    """Whoever loses a chunk goes on after the winner's."""
    reports: list[Report] = []

    async def run() -> None:
        reports.append(await collect([Shard(page_size=10)], sink_of(target)))

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(run)
    assert ids_of(target) == project_ids(450)
    assert [report.rows for report in reports] == [450] * 3
    assert all(report.failed == [] for report in reports)


async def test_retries_and_refusals_are_counted(workspace: Sandbox, tmp_path: Path) -> None:
    """What the job cost the platform stands in its report."""
    workspace.faults.add(status=503, times=2)
    workspace.faults.add(status=429, headers={"Retry-After": "0.01"}, times=1)
    with no_waiting():
        report = await collect([Shard()], ndjson(tmp_path), retries=SOON)
    assert (report.retries, report.throttled) == (3, 1)


async def test_lost_answers_lose_and_double_nothing(workspace: Sandbox, target: Path) -> None:
    """A page whose answer was lost is asked for again."""
    workspace.faults.add(kind="lost_answer", probability=0.2, seed=1)
    workspace.faults.add(status=503, probability=0.2, seed=2)
    report = await collect([Shard(page_size=10)], sink_of(target), retries=SOON)
    assert report.retries > 0
    assert ids_of(target) == project_ids(450)


async def test_progress_is_told_after_each_chunk(workspace: Sandbox, tmp_path: Path) -> None:
    """With rows that only grow, and in the end all of it."""
    told: list[Progress] = []
    await collect(STATUSES, ndjson(tmp_path, chunk_rows=100), on_progress=told.append)
    rows = [progress.rows for progress in told]
    assert rows == sorted(rows)
    assert len(rows) >= 6
    assert (told[-1].rows, told[-1].shards_done, told[-1].shards) == (450, 2, 2)
    assert told[-1].rows_per_second > 0


async def test_one_shard_is_a_job_too(workspace: Sandbox, tmp_path: Path) -> None:
    """As for the cuts, which take one or many."""
    assert (await collect(Shard(), ndjson(tmp_path))).rows == 450


async def test_what_on_progress_raises_ends_the_job_as_it_was_raised(
    workspace: Sandbox, tmp_path: Path
) -> None:
    """Though it is told by several shards by then, each of which meets it."""

    class SideBySide:
        async def run(self, tasks: Sequence[ShardTask], observer: Observer) -> None:
            async with anyio.create_task_group() as group:
                for task in tasks:
                    group.start_soon(self._tell, task, observer)

        async def _tell(self, task: ShardTask, observer: Observer) -> None:
            observer.told(ShardProgress(shard=task.shard.key, rows=1, chunks=1))

    def full(progress: Progress) -> None:
        raise MemoryError(f"{progress.rows} rows")

    with pytest.raises(MemoryError, match=r"^1 rows$"):
        await collect(STATUSES, ndjson(tmp_path), SideBySide(), full)


async def test_an_async_on_progress_is_a_mistake(workspace: Sandbox, tmp_path: Path) -> None:
    """Nobody would await it, so that it would never run."""

    async def later(progress: Progress) -> None:
        """Never run."""

    with pytest.raises(ConfigurationError, match="on_progress is async"):
        await collect(STATUSES, ndjson(tmp_path), on_progress=later)


@pytest.mark.parametrize("name", ["api_key", "access_token"])
async def test_credentials_by_value_are_refused(workspace: Sandbox, tmp_path: Path, name: str) -> None:
    """They would be in what is sent to workers; the message has the way, and no secret."""
    with pytest.raises(ConfigurationError, match=f"{name}: no credentials are sent") as caught:
        await collect(STATUSES, ndjson(tmp_path), **{name: "hush-hush"})
    assert "hush" not in str(caught.value)
    assert workspace.served == 0


async def test_usage_is_collected_by_windows(workspace: Sandbox, tmp_path: Path) -> None:
    """Each window once, in rows of the platform's own names."""
    year = Shard(resource="usage", start=date(2026, 1, 1), end=date(2026, 3, 1), step=timedelta(days=7))
    await collect(by_days(year, 28), ndjson(tmp_path / "out", chunk_rows=2))
    days = sorted(row["from"] for row in rows_of(tmp_path / "out"))
    assert days == [str(date(2026, 1, 1) + timedelta(days=7 * number)) for number in range(9)]


async def test_usage_goes_into_a_database_by_its_days(workspace: Sandbox, tmp_path: Path) -> None:
    """A window that comes again takes the place of the first."""
    import sqlite3

    for end in (date(2026, 1, 5), date(2026, 1, 9)):
        await collect([Shard(resource="usage", start=date(2026, 1, 1), end=end)], sqlite(tmp_path / "u.db"))
    database = sqlite3.connect(tmp_path / "u.db")
    assert database.execute('SELECT count(*), min("start"), max("end") FROM usage').fetchone() == (
        9,
        "2026-01-01",
        "2026-01-09",
    )
    database.close()


async def test_a_list_is_collected_by_ranges_of_pages(workspace: Sandbox, target: Path) -> None:
    """A list that stands still can be cut where nothing else tells its rows apart."""
    shards = by_pages(Shard(), pages=3, total=450, page_size=30)
    await collect(shards, sink_of(target))
    assert ids_of(target) == project_ids(450)


@pytest.mark.parametrize("resource", ["workflows", "events"])
async def test_other_lists_are_collected_too(workspace: Sandbox, target: Path, resource: str) -> None:
    """What has parts of its own becomes JSON where there are columns."""
    async with AsyncClient() as client:
        await client.projects.create(name="a", slug="a")
        expected = sorted([item.id async for item in getattr(client, resource).iter_all()])
    report = await collect([Shard(resource=resource)], sink_of(target))
    assert report.failed == []
    assert report.rows == len(expected) > 0
    if target.suffix != ".db":
        assert ids_of(target) == expected


async def test_credentials_are_found_by_name(
    workspace: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shard has the name, the environment the secret; a name without one is a shard that fails."""
    monkeypatch.delenv("CLOUD_API_KEY")
    monkeypatch.setenv("CLOUD_API_KEY_TEAM_A", workspace.api_key)
    report = await collect(by_credentials(Shard(), ["team-a", "team-b"]), ndjson(tmp_path))
    assert report.rows == 450
    (failed,) = report.to_dict()["failed"]
    assert failed["credentials"] == "team-b"
    assert "CLOUD_API_KEY_TEAM_B" in failed["error"]


async def test_a_named_key_of_the_environment_does_not_go_where_only_a_file_points(
    workspace: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """API contract §2; with an address from the environment or an argument it goes there."""
    file = tmp_path / "platform.env"
    file.write_text(f"CLOUD_API_BASE_URL={workspace.base_url}\n")
    monkeypatch.setenv("CLOUD_API_KEY_TEAM_A", workspace.api_key)
    monkeypatch.delenv("CLOUD_API_BASE_URL")
    shards, found = by_credentials(Shard(), ["team-a"]), {"env_file": str(file)}
    report = await collect(shards, ndjson(tmp_path / "one"), **found)
    assert "base_url=" in report.to_dict()["failed"][0]["error"]
    assert workspace.served == 0
    report = await collect(shards, ndjson(tmp_path / "two"), base_url=workspace.base_url, **found)
    assert (report.failed, report.rows) == ([], 450)


async def test_a_blank_secret_of_a_name_is_none_and_not_that_of_another(
    workspace: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blank counts as absent: the shard fails, and is not collected as whoever else the environment knows."""
    monkeypatch.setenv("CLOUD_API_KEY_TEAM_A", " ")
    report = await collect(by_credentials(Shard(), ["team-a"]), ndjson(tmp_path))
    (failed,) = report.to_dict()["failed"]
    assert "CLOUD_API_KEY_TEAM_A" in failed["error"]
    assert workspace.served == 0


async def test_a_target_that_cannot_be_written_sends_nothing(workspace: Sandbox, tmp_path: Path) -> None:
    """It is refused before the work, not after it."""
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ConfigurationError):
        await collect([Shard()], ndjson(tmp_path / "file"))
    with pytest.raises(ConfigurationError):
        await collect([Shard()], sqlite(tmp_path / "file" / "db"))
    assert workspace.served == 0


async def test_files_of_others_are_left_alone(workspace: Sandbox, tmp_path: Path) -> None:
    """What has another name is not read; what has a shard's name and no state is refused."""
    shard = Shard()
    (tmp_path / "notes.ndjson").write_text("mine\n")
    await collect([shard], ndjson(tmp_path))
    (tmp_path / f"{shard.key}-000009.csv").write_text("id\nprj_1\n")
    with pytest.raises(ConfigurationError, match="not written by collect"):
        await collect([shard], csv(tmp_path))


async def test_a_sink_that_blocks_does_not_block_the_event_loop(workspace: Sandbox, tmp_path: Path) -> None:
    """Other shards, and whatever else runs in the loop, go on while rows are written."""
    loop_went_on = threading.Event()

    @attrs.frozen
    class Slow(FileSink):
        def commit(self, shard: str, state: ShardState, model: type[Any], rows: Sequence[Any]) -> bool:
            assert loop_went_on.wait(10)
            return super().commit(shard, state, model, rows)

    async def go_on() -> None:
        while workspace.served < 2:
            await anyio.lowlevel.checkpoint()
        loop_went_on.set()

    fast = ndjson(tmp_path)
    async with anyio.create_task_group() as group:
        group.start_soon(go_on)
        report = await collect(STATUSES, Slow(fast.target, fast.format))
    assert report.rows == 450


async def test_a_full_disk_fails_the_shard(
    workspace: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the system's own words, and nothing half written."""

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    sink = ndjson(tmp_path)
    sink.prepare()
    monkeypatch.setattr(FileSink, "prepare", lambda _: None)
    monkeypatch.setattr("os.fsync", full)
    report = await collect([Shard()], sink)
    assert "No space left" in report.failed[0].error
    assert bytes_of(tmp_path) == {}


async def test_a_killed_writer_is_swept_away_by_who_finishes(workspace: Sandbox, tmp_path: Path) -> None:
    """In the end there are chunks, and nothing else."""
    shard = Shard()
    (tmp_path / f".{shard.key}-000000.ndjson.0123.tmp").write_text("half of i")
    await collect([shard], ndjson(tmp_path))
    assert list(bytes_of(tmp_path)) == [str(tmp_path / f"{shard.key}-000000.ndjson")]


class Elsewhere:
    """Workers with a disk of their own under the same path, as machines of a cluster have."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink

    async def run(self, tasks: Sequence[ShardTask], observer: Observer) -> None:
        """Write where the job does not look."""
        for task in tasks:
            observer.told(await attrs.evolve(task, sink=self.sink).run(observer.told))


async def test_chunks_that_are_not_in_the_target_are_no_success(workspace: Sandbox, tmp_path: Path) -> None:
    """Workers and the job must see one folder: else the report says so of each shard."""
    elsewhere = Elsewhere(ndjson(tmp_path / "theirs"))
    report = await collect(STATUSES, ndjson(tmp_path / "ours"), elsewhere)
    assert (report.rows, len(report.failed)) == (0, 2)
    assert "choose a folder that all of them share" in report.failed[0].error
