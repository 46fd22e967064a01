"""A database file: everything in it outlives its sandbox, and each answered write outlives a kill -9."""

import gc
import signal
import subprocess
import sys
from datetime import UTC, date, datetime
from typing import Any

import anyio
import httpx
import pytest

from cloudplatform_async.sandbox import Sandbox, ServedRequest
from cloudplatform_async.sandbox.serving.records import DayCount

START = 1_773_742_934.0
DAY = date(2026, 3, 17)
USAGE = {"from": "2026-03-17", "to": "2026-03-17"}


@pytest.fixture
def path(tmp_path) -> str:
    """Of a database that is not there yet."""
    return str(tmp_path / "sandbox.db")


def served(path: str, **options: Any) -> Sandbox:
    """A sandbox of the file, at a fixed time."""
    return Sandbox(database=path, **{"clock": lambda: START, **options})


def client(sandbox: Sandbox, **headers: str) -> httpx.Client:
    """A client of a served sandbox."""
    return httpx.Client(base_url=sandbox.base_url, headers=headers or {"x-api-key": sandbox.api_key})


def test_everything_survives_a_restart(path: str) -> None:
    """Projects, runs, events, webhooks with their log, usage, and the secrets of the platform itself."""
    paths = ["/projects", "/workflows", "/workflows/wfl_build/runs", "/events", "/webhooks"]
    with served(path, projects=2) as first, client(first) as api:
        webhook = api.post("/webhooks", json={"url": "http://127.0.0.1:9/"}).json()["id"]
        api.post("/projects", json={"name": "n", "slug": "s"})
        api.post("/workflows/wfl_build/runs", json={"inputs": {"sandbox": {"seconds": 60}}})
        before = [api.get(each).json() for each in paths]
    with served(path, projects=2) as later, client(later) as api:
        assert [api.get(each).json() for each in paths] == before
        log = api.get(f"/webhooks/{webhook}/deliveries").json()["data"]
        assert [delivery["event_type"] for delivery in log] == ["project.created", "workflow.run.started"]
        assert api.get("/usage", params=USAGE).json()["requests"] == 3 + len(paths) * 2 + 1
    for name in ("api_key", "webhook_secret", "client_id", "client_secret"):
        assert getattr(later, name) == getattr(first, name)


def test_credentials_survive_a_restart(path: str) -> None:
    """Keys, access tokens with scopes and end, refresh tokens; what was revoked stays so."""
    first = served(path)
    key, revoked = first.issue_api_key(), first.issue_api_key()
    narrow = first.issue_token(scopes=["usage:read"], expires_in=60)
    refresh = first.issue_refresh_token(scopes=["projects:read"])
    first.revoke(revoked)
    with served(path) as later:
        codes = []
        for headers in ({"x-api-key": key}, {"x-api-key": revoked}, {"authorization": f"Bearer {narrow}"}):
            with client(later, **headers) as api:
                codes.append(api.get("/projects").status_code)
        assert codes == [200, 401, 403]
        grant = {"grant_type": "refresh_token", "refresh_token": refresh}
        basic = httpx.BasicAuth(later.client_id, later.client_secret)
        answers = [httpx.post(later.token_url, data=grant, auth=basic) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 400]
        assert answers[0].json()["scope"] == "projects:read"
        later.clock.advance(60)
        with client(later, authorization=f"Bearer {narrow}") as api:
            assert api.get("/usage", params=USAGE).json()["error"]["code"] == "token_expired"


def test_a_first_answer_survives_a_restart(path: str) -> None:
    """The repeat of a create is answered as the first time, and nothing is done twice."""
    body, headers = {"inputs": {}}, {"idempotency-key": "k"}
    answers = []
    for _ in range(2):
        with served(path) as sandbox, client(sandbox) as api:
            answers.append(api.post("/workflows/wfl_build/runs", json=body, headers=headers))
            assert len(api.get("/workflows/wfl_build/runs").json()["data"]) == 1
    assert answers[0].content == answers[1].content
    assert answers[1].headers["idempotency-replayed"] == "true"


def test_a_limit_that_is_used_up_stays_so(path: str) -> None:
    """Until its time has come."""
    statuses = []
    for _ in range(2):
        with served(path, rate_limit=1) as sandbox, client(sandbox) as api:
            statuses.append(api.get("/projects").status_code)
    assert statuses == [200, 429]


def test_a_run_goes_on_while_nothing_is_served(path: str) -> None:
    """It has ended when it should have."""
    with served(path) as first, client(first) as api:
        api.post("/workflows/wfl_build/runs", json={"inputs": {"sandbox": {"seconds": 60}}})
    with served(path, clock=lambda: START + 3600) as later, client(later) as api:
        (run,) = api.get("/workflows/wfl_build/runs").json()["data"]
    assert (run["status"], run["finished_at"]) == ("succeeded", "2026-03-17T10:23:14.000000Z")


def test_the_key_of_a_platform_may_be_given(path: str) -> None:
    """It is the one of a later sandbox of the file too, and the earlier ones stay good."""
    first = served(path)
    given = served(path, api_key="my-key")
    assert (given.api_key, served(path).api_key) == ("my-key", "my-key")
    with served(path) as later:
        for key in ("my-key", first.api_key):
            with client(later, **{"x-api-key": key}) as api:
                assert api.get("/projects").status_code == 200


def test_a_forgotten_sandbox_leaves_the_file_alone(path: str) -> None:
    """The collector forgets it anywhere, in the transaction of another sandbox of the file too."""
    forgotten, other = served(path), served(path)
    request = ServedRequest(method="GET", path="/v1/projects", query="", headers={}, status=200, time=START)
    forgotten._platform.records.add(request)
    with other._platform.database.transaction():
        del forgotten
        gc.collect()
    assert other._platform.records.usage(DAY, DAY) == DayCount(0, 0)


@pytest.mark.parametrize("key", ["", " ", "\t", "a b", "schlüssel", "a\n"])
def test_a_key_that_cannot_be_sent_is_refused(key: str) -> None:
    """`ValueError`."""
    with pytest.raises(ValueError, match="api_key"):
        Sandbox(api_key=key)


def test_usage_that_is_added_adds_up(path: str) -> None:
    """With what was served, and over restarts."""
    with served(path) as sandbox, client(sandbox) as api:
        sandbox.add_usage(DAY, 1000, 10)
        sandbox.add_usage(datetime(2026, 3, 17, 12, 0), 500)
        assert api.get("/usage", params=USAGE).json() == {**USAGE, "requests": 1500, "error_rate": 10 / 1500}
    with served(path) as later, client(later) as api:
        later.add_usage(DAY, 99, 10)
        assert api.get("/usage", params=USAGE).json()["requests"] == 1600


@pytest.mark.parametrize("count", [(-1, 0), (1, 2), (1, -1)])
def test_usage_that_cannot_be_is_refused(count: tuple[int, int]) -> None:
    """`ValueError`: fewer than none, or more errors than requests."""
    with pytest.raises(ValueError, match="must be"):
        Sandbox().add_usage(DAY, *count)


def test_projects_may_be_given_with_their_ids_and_times() -> None:
    """What is left out is as it would be; they are no events."""
    mine = [
        {"id": "prj_a", "name": "A", "slug": "a", "created_at": datetime(2026, 3, 17, 10, tzinfo=UTC)},
        {
            "id": "prj_b",
            "name": "B",
            "slug": "b",
            "status": "archived",
            "labels": {"k": "v"},
            "created_at": "2026-03-17T11:00:00+01:00",
            "updated_at": "2026-03-18T00:00:00Z",
        },
    ]
    with Sandbox(projects=mine) as sandbox, client(sandbox) as api:
        first, second = api.get("/projects").json()["data"]
        assert api.get("/events").json()["data"] == []
    assert (first["created_at"], first["updated_at"]) == ("2026-03-17T10:00:00Z",) * 2
    assert {**second, **mine[1], "created_at": first["created_at"]} == second


@pytest.mark.parametrize(
    "mine",
    [
        [{"id": "prj_a", "name": "A"}],
        [{"id": "prj_a", "name": "A", "slug": "a", "created_at": datetime(2026, 3, 17)}],
        [{"id": "prj_a", "name": "A", "slug": "a", "owner": "me"}],
        [{"id": f"prj_{number}", "name": "A", "slug": "a"} for number in range(2)],
    ],
)
def test_a_given_project_that_is_none_is_refused(mine: list[dict[str, object]]) -> None:
    """`ValueError`: something missing, unknown, without its offset, or there twice."""
    with pytest.raises(ValueError, match="project"):
        Sandbox(projects=mine)


@pytest.mark.slow
def test_a_sandbox_without_its_extra_names_it() -> None:
    """The error of a bare install says what to install."""
    script = (
        "import sys\n"
        "sys.modules['starlette'] = None\n"
        "try:\n"
        "    from cloudplatform_async.sandbox import Sandbox\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert 'pip install "cloudplatform-async[sandbox]"' in done.stdout


SERVE = """
import sys, time
from cloudplatform_async.sandbox import Sandbox
with Sandbox(database=sys.argv[1], api_key="key", rate_limit=None) as sandbox:
    print(sandbox.base_url, flush=True)
    time.sleep(120)
"""


@pytest.mark.slow
def test_each_write_that_was_answered_outlives_a_kill(path: str) -> None:
    """2,000 writes side by side, SIGKILL in their middle: all answered ones are there, with events."""
    with subprocess.Popen([sys.executable, "-c", SERVE, path], stdout=subprocess.PIPE, text=True) as server:
        url = server.stdout.readline().strip()
        answered: dict[str, str] = {}

        async def write(api: httpx.AsyncClient, numbers: range) -> None:
            for number in numbers:
                body = {"name": f"n{number}", "slug": f"s{number}"}
                headers = {"idempotency-key": str(number)}
                answer = await api.post("/projects", json=body, headers=headers)
                answered[answer.json()["id"]] = str(number)
                if len(answered) == 1000:
                    server.send_signal(signal.SIGKILL)

        async def write_all() -> None:
            async with httpx.AsyncClient(base_url=url, headers={"x-api-key": "key"}) as api:
                try:
                    async with anyio.create_task_group() as tasks:
                        for start in range(0, 2000, 125):
                            tasks.start_soon(write, api, range(start, start + 125))
                except* httpx.TransportError:
                    pass  # the server is gone

        anyio.run(write_all)
        assert server.wait(30) == -signal.SIGKILL
    assert 1000 <= len(answered) < 2000
    sandbox = Sandbox(database=path)
    database = sandbox._platform.database
    projects = {row[0] for row in database.read("SELECT id FROM projects")}
    events = [row[0] for row in database.read("SELECT subject FROM events WHERE kind = 'project.created'")]
    keys = {row[0] for row in database.read("SELECT key FROM answers WHERE status = 201")}
    assert answered.keys() <= projects
    assert sorted(events) == sorted(projects)
    assert set(answered.values()) <= keys
    assert len(keys) == len(projects)
