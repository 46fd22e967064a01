"""The recipes of the documentation for other engines, each in a fresh interpreter: their libraries warn.

``nox -s recipes`` installs the engines, each in an environment of its own; elsewhere they are skipped.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from cloudplatform_async.blocking import Client
from cloudplatform_async.sandbox import Sandbox
from tests.collect.targets import ids_of, project_ids

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"

pytestmark = pytest.mark.slow

RAY = """
import json, os, signal
import ray
import collect_ray
from cloudplatform_async.collect import ShardTask

class Dying(ShardTask):
    async def run(self, told=None):
        return await super().run(told if self.losses else lambda _: os.kill(os.getpid(), signal.SIGKILL))

class Deadly(collect_ray.RayExecutor):
    async def run(self, tasks, observer):
        tasks = [Dying(shard=task.shard, sink=task.sink, options=task.options) for task in tasks]
        await super().run(tasks, observer)

collect_ray.RayExecutor = Deadly
with ray.init(num_cpus=2, include_dashboard=False), open("answer.json", "w") as answer:
    json.dump([collect_ray.collect_projects("out").to_dict() for _ in range(2)], answer)
"""
DLT = """
import json, sys
import dlt
from collect_dlt import events

database = dlt.destinations.duckdb("events.duckdb")
pipeline = dlt.pipeline("cloud", destination=database, dataset_name="cloud", pipelines_dir=sys.argv[1])
pipeline.run(events())
with pipeline.sql_client() as client, open("answer.json", "w") as answer:
    json.dump([id for id, in client.execute_sql("SELECT id FROM events ORDER BY id")], answer)
"""
PREFECT = """
import asyncio
from collect_prefect import collect_projects

asyncio.run(collect_projects.with_options(retry_delay_seconds=0)("out"))
"""


def needs(package: str) -> pytest.MarkDecorator:
    """Skip a test by name where a package is not installed."""
    return pytest.mark.skipif(find_spec(package) is None, reason=f"{package} is not installed")


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A short path, as sockets want it, below which engines keep what they keep; they tell nobody."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for name in ("HOME", "AIRFLOW_HOME", "PREFECT_HOME", "RAY_TMPDIR"):
            monkeypatch.setenv(name, folder)
        monkeypatch.setenv("PYTHONPATH", str(EXAMPLES))
        monkeypatch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
        monkeypatch.setenv("AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY", "0")
        monkeypatch.setenv("DO_NOT_TRACK", "1")
        monkeypatch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
        monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
        yield Path(folder)


def run(home: Path, *arguments: str) -> Any:
    """Run Python with some arguments to its end; gives what it wrote for an answer."""
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    answer = home / "answer.json"
    return json.loads(answer.read_text()) if answer.exists() else None


def events_after(projects: int, name: str) -> list[str]:
    """Create some projects, each of which is an event; gives the ids of all events."""
    with Client() as client:
        for number in range(projects):
            client.projects.create(name=name, slug=f"{name}-{number}")
        return sorted(event.id for event in client.events.iter_all())


@needs("ray")
def test_on_ray_workers_that_die_before_they_answer_lose_and_double_nothing(
    workspace: Sandbox, home: Path
) -> None:
    """Each shard's worker is killed right after its first chunk; the second run finds all done."""
    first, second = run(home, "-c", RAY)
    assert (first["rows"], first["failed"], first["lost_workers"]) == (450, [], 3)
    assert ids_of(home / "out") == project_ids(450)
    assert (second["rows"], second["new_rows"]) == (450, 0)


@needs("dlt")
def test_a_dlt_resource_goes_on_after_the_last_event_that_was_loaded(workspace: Sandbox, home: Path) -> None:
    """The second load is another machine's, which finds the checkpoint in the destination: one request."""
    known = events_after(120, "first")
    assert run(home, "-c", DLT, "one") == known
    known = events_after(5, "second")
    served = workspace.served
    assert run(home, "-c", DLT, "other") == known
    assert workspace.served == served + 1


@needs("airflow")
def test_a_try_of_an_airflow_task_goes_on_where_the_one_before_it_failed(
    workspace: Sandbox, home: Path
) -> None:
    """The shard that failed is collected by the second try, the other one is not asked for again."""
    workspace.faults.add(status=403, times=1)
    (home / "dags").mkdir()
    shutil.copy(EXAMPLES / "collect_airflow.py", home / "dags")
    run(home, "-m", "airflow", "db", "migrate")
    settings = json.dumps({"folder": str(home / "out")})
    run(home, "-m", "airflow", "dags", "test", "projects", "2026-01-02", "--conf", settings)
    assert ids_of(home / "out" / "2026-01-02") == project_ids(450)
    assert sorted(request.status for request in workspace.requests) == [200] * 6 + [403]


@needs("prefect")
def test_a_retry_of_a_prefect_flow_goes_on_where_the_run_before_it_failed(
    workspace: Sandbox, home: Path
) -> None:
    """The shard that failed is collected by the retry, the other one is not asked for again."""
    workspace.faults.add(status=403, times=1)
    run(home, "-c", PREFECT)
    assert ids_of(home / "out") == project_ids(450)
    assert sorted(request.status for request in workspace.requests) == [200] * 6 + [403]
