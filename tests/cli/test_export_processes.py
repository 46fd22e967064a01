"""``cloudplatform export`` by processes, on a cluster, into a store and within a limit, as people run it."""

import json
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from cloudplatform_async.cli.session.profiles import Profile, set_profile
from cloudplatform_async.cli.session.secrets import save
from cloudplatform_async.collect.engines.processes import WorkerProcess
from cloudplatform_async.collect.task import ShardTask
from cloudplatform_async.sandbox import Sandbox
from tests.collect.servers import Redis, s3_server
from tests.collect.targets import ids_of, project_ids

Run = Callable[..., tuple[int, str, str]]

pytestmark = pytest.mark.slow

CUT = ["--page-size", "10", "--by-pages", "10", "--chunk-rows", "20"]


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A platform with 450 projects, to which the environment points."""
    with Sandbox(projects=450, rate_limit=None) as sandbox:
        monkeypatch.setenv("CLOUD_API_BASE_URL", sandbox.base_url)
        monkeypatch.setenv("CLOUD_API_KEY", sandbox.api_key)
        yield sandbox


def started(target: str, *words: str) -> subprocess.Popen[str]:
    """An export of the projects, under way."""
    command = [sys.executable, "-m", "cloudplatform_async", "export", "projects", target, *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def export(target: str, *words: str) -> tuple[int, str]:
    """Export the projects; gives the exit code and what was said, which is never on stdout."""
    with started(target, *words) as process:
        out, err = process.communicate(timeout=120)
    assert out == ""
    return process.returncode, err


def until_chunks(target: Path, count: int, process: subprocess.Popen[str]) -> None:
    """Wait until so many chunks are there."""
    while len(list(target.glob("*.ndjson"))) < count:
        assert process.poll() is None
        try:
            process.wait(0.02)
        except subprocess.TimeoutExpired:
            continue


def test_processes_share_the_work(sandbox: Sandbox, tmp_path: Path) -> None:
    """Each id once; the second run sends nothing."""
    target = tmp_path / "p.parquet"
    code, err = export(str(target), "--processes", "2", *CUT)
    assert (code, err.count("\n"), "450 rows" in err) == (0, 1, True)
    assert ids_of(target) == project_ids(450)
    served = sandbox.served
    code, err = export(str(target), "--processes", "2", *CUT)
    assert (code, "is complete: 450 rows" in err, sandbox.served) == (0, True, served)


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_however_a_job_is_ended_it_goes_on(sandbox: Sandbox, tmp_path: Path, ending: signal.Signals) -> None:
    """No process stays; nothing that was committed is asked for again, and each id is there once."""
    target = tmp_path / "p.ndjson"
    sandbox.faults.add(kind="delay", delay=0.02)
    with started(str(target), "--processes", "2", *CUT) as process:
        until_chunks(target, 4, process)
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(ending)
        err = process.communicate(timeout=30)[1]
    assert process.returncode in {-ending, 130, 143}
    assert ("the same command goes on" in err) == (ending != signal.SIGKILL)
    assert "Traceback" not in err
    assert len(children) == 2
    assert psutil.wait_procs(children, timeout=10)[1] == []
    before = len(ids_of(target))
    assert 80 <= before < 450
    sandbox.faults.clear()
    served = sandbox.served
    assert export(str(target), "--processes", "2", *CUT)[0] == 0
    assert ids_of(target) == project_ids(450)
    assert sandbox.served - served <= (450 - before) / 10 + 5


def test_a_worker_that_is_killed_is_replaced(sandbox: Sandbox, tmp_path: Path) -> None:
    """And nobody notices but the clock."""
    target = tmp_path / "p.ndjson"
    sandbox.faults.add(kind="delay", delay=0.02)
    with started(str(target), "--processes", "2", *CUT) as process:
        until_chunks(target, 4, process)
        for child in psutil.Process(process.pid).children():
            child.kill()
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert ids_of(target) == project_ids(450)


@pytest.mark.usefixtures("no_keyring")
@pytest.mark.parametrize("source", ["profile", "oauth", "file", "sandbox"])
def test_a_key_reaches_a_process_by_its_environment(
    run: Run, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """Wherever the session has it from; it is in no argument and no pickle."""
    sent: list[bytes] = []
    arguments: list[str] = []
    send = WorkerProcess.send

    async def seen(self: WorkerProcess, task: ShardTask) -> None:
        sent.append(pickle.dumps(task))
        arguments.extend(part for child in children() for part in psutil.Process(child).cmdline())
        await send(self, task)

    def children() -> list[int]:
        return [child.pid for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]

    monkeypatch.setattr(WorkerProcess, "send", seen)
    for name in ("CLOUD_API_KEY", "CLOUD_API_BASE_URL"):
        monkeypatch.delenv(name)
    if source == "file":  # whose key goes with its address, and no other
        monkeypatch.setenv("CLOUD_API_KEY", "cp_live_elsewhere")
    words = {
        "profile": ["--profile", "work"],
        "oauth": ["--profile", "granted"],
        "file": ["--env-file", str(tmp_path / "platform.env")],
        "sandbox": ["--sandbox"],
    }[source]
    save("work", {"secret": sandbox.api_key})
    set_profile("work", Profile(base_url=sandbox.base_url))
    save("granted", {"client_secret": sandbox.client_secret})
    grant = {"token_url": sandbox.token_url, "client_id": sandbox.client_id}
    set_profile("granted", Profile(base_url=sandbox.base_url, kind="client-credentials", **grant))
    lines = f"CLOUD_API_BASE_URL={sandbox.base_url}\nCLOUD_API_KEY={sandbox.api_key}\n"
    (tmp_path / "platform.env").write_text(lines)
    code, _, err = run("export", "projects", str(tmp_path / "p.csv"), "--processes", "1", *words)
    assert (code, err.count("\n")) == (0, 1)
    assert ids_of(tmp_path / "p.csv") == project_ids(50 if source == "sandbox" else 450)
    assert sent
    shown = b"".join(sent).decode("latin-1") + " ".join(map(str, arguments))
    assert [
        key for key in (sandbox.api_key, sandbox.client_secret, "access_token_value") if key in shown
    ] == []
    assert sum(request.path == "/oauth/token" for request in sandbox.requests) == (source == "oauth")


class Cluster:
    """A scheduler and a worker on loopback, processes of their own with the environment of this test."""

    def __init__(self, folder: Path) -> None:
        file = folder / "scheduler.json"
        common = ["--host", "127.0.0.1", "--scheduler-file", str(file), "--no-dashboard"]
        self._processes: list[subprocess.Popen[str]] = []
        self._start("scheduler", *common, "--port", "0", until="Scheduler at")
        self._start("worker", *common[2:], "--nthreads", "2", "--no-nanny", until="Registered to")
        self.address: str = json.loads(file.read_text())["address"]

    def _start(self, what: str, *words: str, until: str) -> None:
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *words]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self._processes.append(process)
        assert process.stderr is not None
        assert any(until in line for line in process.stderr)

    def stop(self) -> None:
        """Kill what is left of it."""
        while self._processes:
            with self._processes.pop() as process:
                process.kill()


@pytest.fixture
def cluster(sandbox: Sandbox, tmp_path: Path) -> Iterator[Cluster]:
    """As a session finds it that knows its address alone."""
    pytest.importorskip("distributed")
    found = Cluster(tmp_path)
    yield found
    found.stop()


def test_a_cluster_does_the_work(
    cluster: Cluster, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the keys of its workers' environment: the session has none. A finished job needs no cluster."""
    target, words = tmp_path / "p.ndjson", ["--workers", cluster.address, "--page-size", "10"]
    cut = [f"--by-filter=label=team:{team}" for team in ("red", "green", "blue")]
    monkeypatch.delenv("CLOUD_API_KEY")
    code, err = export(str(target), *words, *cut)
    assert (code, err.count("\n"), "450 rows" in err) == (0, 1, True)
    assert ids_of(target) == project_ids(450)
    served = sandbox.served
    cluster.stop()
    code, err = export(str(target), *words, *cut)
    assert (code, "is complete: 450 rows" in err, sandbox.served) == (0, True, served)
    code, err = export(str(tmp_path / "q.ndjson"), *words)
    assert (code, err.count("\n"), "no Dask scheduler" in err) == (2, 1, True)


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_a_job_of_a_cluster_that_was_ended_goes_on(
    cluster: Cluster, sandbox: Sandbox, tmp_path: Path, ending: signal.Signals
) -> None:
    """Each id once, whatever the cluster still had under way."""
    target = tmp_path / "p.ndjson"
    words = ["--workers", cluster.address, *CUT]
    sandbox.faults.add(kind="delay", delay=0.02)
    with started(str(target), *words) as process:
        until_chunks(target, 4, process)
        process.send_signal(ending)
        err = process.communicate(timeout=30)[1]
    assert (process.returncode in {-ending, 130}, "Traceback" in err) == (True, False)
    sandbox.faults.clear()
    assert export(str(target), *words)[0] == 0
    assert ids_of(target) == project_ids(450)


def test_a_cluster_that_goes_away_is_one_line(cluster: Cluster, sandbox: Sandbox, tmp_path: Path) -> None:
    """Exit 2, without what Dask has to say of it."""
    target = tmp_path / "p.ndjson"
    sandbox.faults.add(kind="delay", delay=0.1)
    with started(str(target), "--workers", cluster.address, *CUT) as process:
        until_chunks(target, 1, process)
        cluster.stop()
        err = process.communicate(timeout=90)[1]
    assert (process.returncode, err.count("\n"), "cluster went away" in err) == (2, 1, True)


def test_a_store_takes_the_chunks(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each id once, with and without processes; the credentials of the store are those of the environment."""
    obstore = pytest.importorskip("obstore")
    with s3_server() as endpoint:
        settings = {"ENDPOINT_URL": endpoint, "ALLOW_HTTP": "true", "REGION": "us-east-1"}
        keys = {"ACCESS_KEY_ID": "k", "SECRET_ACCESS_KEY": "s"}
        for name, value in (settings | keys).items():
            monkeypatch.setenv(f"AWS_{name}", value)
        for prefix, words in (("a", ["--processes", "2", *CUT]), ("b", CUT)):
            code, err = export(f"s3://bucket/{prefix}/p.ndjson", *words)
            assert (code, err.count("\n"), "450 rows" in err) == (0, 1, True)
            store = obstore.store.from_url(f"s3://bucket/{prefix}/p.ndjson")
            for meta in store.list().collect():
                copy = tmp_path / prefix / meta["path"]
                copy.parent.mkdir(exist_ok=True)
                copy.write_bytes(store.get(meta["path"]).bytes())
            assert ids_of(tmp_path / prefix) == project_ids(450)
        served = sandbox.served
        code, err = export("s3://bucket/b/p.ndjson", *CUT)
        assert (code, "is complete" in err, sandbox.served) == (0, True, served)
        code, err = export("s3://bucket/b/p.ndjson", "-f", "status=active")
        assert (code, err.count("\n"), "another list" in err) == (2, 1, True)
        code, err = export("s3://nobody/p.ndjson")
        assert (code, err.count("\n"), "Traceback" in err) == (12, 1, False)


@pytest.fixture
def redis() -> Iterator[Redis]:
    """A real server, where Debian's package is installed."""
    pytest.importorskip("redis")
    server = Redis()
    yield server
    server.stop()


def test_processes_share_a_limit(
    sandbox: Sandbox, tmp_path: Path, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis has one budget for the key, under a hash; an export to one file spends of the same."""
    library = pytest.importorskip("redis")
    monkeypatch.setenv("REDIS_URL", redis.url)
    limit = ["--shared-limit", "$REDIS_URL", "--requests-per-minute", "60000"]
    assert export(str(tmp_path / "p.ndjson"), "--processes", "2", *CUT, *limit)[0] == 0
    assert ids_of(tmp_path / "p.ndjson") == project_ids(450)
    with library.Redis(port=redis.port) as server:
        names = server.keys()
        spent = sum(server.zcard(name) for name in names)
        assert (len(names), spent >= 45) == (1, True)
        assert sandbox.api_key.encode() not in names[0]
        assert export(str(tmp_path / "one.ndjson"), "--page-size", "10", *limit)[0] == 0
        assert server.keys() == names
        assert sum(server.zcard(name) for name in names) >= spent + 45


def test_a_limit_is_kept_where_redis_is_gone(sandbox: Sandbox, tmp_path: Path, redis: Redis) -> None:
    """By each process alone, as the platform tells it; no row is lost for it."""
    redis.stop()
    code, err = export(str(tmp_path / "p.ndjson"), "--processes", "2", *CUT, "--shared-limit", redis.url)
    assert (code, "Redis is gone" in err, "Traceback" in err) == (0, True, False)
    assert ids_of(tmp_path / "p.ndjson") == project_ids(450)
