"""The workflows resource: seeded workflows, steered runs, cancelling, and the order in which runs go on."""

from typing import Any

import httpx
import pytest

from cloudplatform_async.sandbox import Sandbox
from tests.tiers import slow

pytestmark = pytest.mark.anyio

RUNS = "/workflows/wfl_build/runs"


@pytest.fixture
def sandbox() -> Sandbox:
    """An empty platform whose time stands still."""
    sandbox = Sandbox(rate_limit=None, clock=lambda: 1_773_742_934.0)
    sandbox.clock.freeze()
    return sandbox


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of an error."""
    return answer.status_code, answer.json()["error"]["code"]


async def trigger(api: httpx.AsyncClient, workflow: str = "wfl_build", **steering: object) -> dict[str, Any]:
    """A run that was just triggered."""
    inputs = {"sandbox": steering} if steering else {}
    answer = await api.post(f"/workflows/{workflow}/runs", json={"inputs": inputs})
    assert answer.status_code == 202
    run: dict[str, Any] = answer.json()
    return run


async def get(api: httpx.AsyncClient, run: dict[str, Any]) -> dict[str, Any]:
    """The run as it is now."""
    found: dict[str, Any] = (await api.get(f"/workflows/{run['workflow_id']}/runs/{run['id']}")).json()
    return found


async def types(api: httpx.AsyncClient) -> list[str]:
    """The types of all events."""
    return [event["type"] for event in (await api.get("/events", params={"limit": 100})).json()["data"]]


async def test_three_workflows_are_there_from_the_start(api: httpx.AsyncClient) -> None:
    """Build, deploy and report; each is found by its id."""
    listed = (await api.get("/workflows")).json()["data"]
    assert [workflow["id"] for workflow in listed] == ["wfl_build", "wfl_deploy", "wfl_report"]
    assert (await api.get("/workflows/wfl_deploy")).json() == listed[1]


async def test_a_run_is_queued_then_running_then_succeeded(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    """On the sandbox's clock: it starts at once, ends after its seconds, and says when."""
    run = await trigger(api, seconds=90, outputs={"artifact": "a.tar"})
    assert (run["status"], run["started_at"], run["finished_at"]) == ("queued", None, None)
    assert run["inputs"] == {"sandbox": {"seconds": 90, "outputs": {"artifact": "a.tar"}}}
    running = await get(api, run)
    assert (running["status"], running["started_at"]) == ("running", run["created_at"])
    sandbox.clock.advance(89.9)
    assert (await get(api, run))["status"] == "running"
    sandbox.clock.advance(0.1)
    done = await get(api, run)
    assert (done["status"], done["outputs"], done["error"]) == ("succeeded", {"artifact": "a.tar"}, None)
    assert (done["started_at"], done["finished_at"]) == (
        "2026-03-17T10:22:14.000000Z",
        "2026-03-17T10:23:44.000000Z",
    )
    assert await types(api) == ["workflow.run.started", "workflow.run.succeeded"]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"code": "no_space", "message": "The disk is full."}, ("no_space", "The disk is full.")),
        ({"code": "no_space"}, ("no_space", "The run failed, as its input `sandbox` asked.")),
        (None, ("run_failed", "The run failed, as its input `sandbox` asked.")),
    ],
)
async def test_a_run_fails_as_it_was_asked_to(
    sandbox: Sandbox, api: httpx.AsyncClient, error: object, expected: tuple[str, str]
) -> None:
    """With the error given, or one that says why; it has no outputs."""
    run = await trigger(api, seconds=1, result="failed", error=error, outputs={"never": 1})
    sandbox.clock.advance(1)
    done = await get(api, run)
    assert (done["status"], done["outputs"]) == ("failed", {})
    assert (done["error"]["code"], done["error"]["message"]) == expected
    assert await types(api) == ["workflow.run.started", "workflow.run.failed"]


async def test_a_run_without_steering_succeeds_after_a_second(
    sandbox: Sandbox, api: httpx.AsyncClient
) -> None:
    """Its body may be empty too."""
    runs = [(await api.post(RUNS, json=body)).json() for body in ({}, {"inputs": {"branch": "main"}})]
    sandbox.clock.advance(1)
    assert [(await get(api, run))["status"] for run in runs] == ["succeeded", "succeeded"]
    assert [run["inputs"] for run in runs] == [{}, {"branch": "main"}]


async def test_runs_that_end_within_one_advance_are_told_in_the_order_of_their_ends(
    sandbox: Sandbox, api: httpx.AsyncClient
) -> None:
    """Each with its own time, whatever the order in which they were triggered."""
    runs = [await trigger(api, seconds=seconds) for seconds in (30, 10, 20, 10, 0)]
    sandbox.clock.advance(3600)
    params = {"type": "workflow.run.succeeded"}
    events = (await api.get("/events", params=params)).json()["data"]
    assert [event["data"]["id"] for event in events] == [runs[number]["id"] for number in (4, 1, 3, 2, 0)]
    assert [event["created_at"][17:19] for event in events] == ["14", "24", "24", "34", "44"]
    assert [event["created_at"] for event in events] == [event["data"]["finished_at"] for event in events]


async def test_a_running_run_is_cancelled_once(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    """It ends now and says so; a second time, and after its end, it is 409 `run_finished`."""
    run = await trigger(api, seconds=60)
    sandbox.clock.advance(5)
    cancel = f"{RUNS}/{run['id']}/cancel"
    cancelled = (await api.post(cancel)).json()
    assert (cancelled["status"], cancelled["finished_at"][17:19]) == ("cancelled", "19")
    assert problem(await api.post(cancel)) == (409, "run_finished")
    sandbox.clock.advance(3600)
    assert await get(api, run) == cancelled
    assert await types(api) == ["workflow.run.started", "workflow.run.cancelled"]


async def test_a_run_that_ended_meanwhile_is_not_cancelled(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    """The clock counts, not whether somebody looked."""
    run = await trigger(api, seconds=1)
    sandbox.clock.advance(2)
    assert problem(await api.post(f"{RUNS}/{run['id']}/cancel")) == (409, "run_finished")


async def test_runs_are_listed_by_workflow_and_status(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    """Oldest first, as they are now, in either paging."""
    short, long = await trigger(api, seconds=1), await trigger(api, seconds=100)
    await trigger(api, "wfl_deploy", seconds=1)
    sandbox.clock.advance(2)

    async def ids(**params: object) -> list[str]:
        answer = await api.get(RUNS, params=params)
        return [run["id"] for run in answer.json()["data"]]

    assert await ids() == [short["id"], long["id"]]
    assert await ids(status="succeeded") == [short["id"]]
    assert await ids(status="running", cursor="") == [long["id"]]
    assert await ids(status="unheard-of") == []
    first = (await api.get(RUNS, params={"cursor": "", "limit": 1})).json()
    assert await ids(cursor=first["meta"]["next_cursor"]) == [long["id"]]


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/workflows/wfl_none", "workflow_not_found"),
        ("GET", "/workflows/wfl_none/runs", "workflow_not_found"),
        ("POST", "/workflows/wfl_none/runs", "workflow_not_found"),
        ("GET", "/workflows/wfl_none/runs/run_1", "workflow_not_found"),
        ("GET", "/workflows/wfl_build/runs/run_1", "run_not_found"),
        ("POST", "/workflows/wfl_build/runs/run_1/cancel", "run_not_found"),
    ],
)
async def test_what_is_not_there_is_not_found(
    api: httpx.AsyncClient, method: str, path: str, code: str
) -> None:
    """404 that says which of the two is missing."""
    assert problem(await api.request(method, path, json={} if path.endswith("runs") else None)) == (404, code)


async def test_a_run_belongs_to_its_workflow(api: httpx.AsyncClient) -> None:
    """Under another one it is not found."""
    run = await trigger(api)
    assert problem(await api.get(f"/workflows/wfl_deploy/runs/{run['id']}")) == (404, "run_not_found")


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": []},
        {"inputs": None},
        {"input": {}},
        {"inputs": {"sandbox": None}},
        {"inputs": {"sandbox": {"seconds": -1}}},
        {"inputs": {"sandbox": {"seconds": 1e300}}},
        *slow(
            {"inputs": {"sandbox": {"seconds": "1"}}},
            {"inputs": {"sandbox": {"result": "cancelled"}}},
            {"inputs": {"sandbox": {"outputs": []}}},
            {"inputs": {"sandbox": {"error": "no"}}},
            {"inputs": {"sandbox": {"second": 1}}},
        ),
    ],
)
async def test_a_trigger_that_cannot_be_followed_is_refused(
    api: httpx.AsyncClient, body: dict[str, object]
) -> None:
    """422 `validation_failed`, and nothing is queued."""
    assert problem(await api.post(RUNS, json=body)) == (422, "validation_failed")
    assert (await api.get(RUNS)).json()["data"] == []


async def test_a_repeated_trigger_is_done_once(api: httpx.AsyncClient) -> None:
    """One key, one run."""
    headers = {"idempotency-key": "k"}
    first, again = [await api.post(RUNS, json={"inputs": {}}, headers=headers) for _ in range(2)]
    assert first.json() == again.json()
    assert len((await api.get(RUNS)).json()["data"]) == 1


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/workflows", "workflows:read"),
        ("GET", "/workflows/wfl_build", "workflows:read"),
        ("GET", RUNS, "workflows:read"),
        ("POST", RUNS, "workflows:write"),
        ("GET", f"{RUNS}/run_1", "workflows:read"),
        ("POST", f"{RUNS}/run_1/cancel", "workflows:write"),
    ],
)
async def test_each_operation_needs_its_scope(
    reach, sandbox: Sandbox, method: str, path: str, scope: str
) -> None:
    """403 `insufficient_scope` without it, whatever other scopes there are."""
    others = {"projects:read", "projects:write", "usage:read", "workflows:read", "workflows:write"} - {scope}
    body = {} if path == RUNS and method == "POST" else None
    for scopes, refused in ((others, True), ({scope}, False)):
        headers = {"authorization": f"Bearer {sandbox.issue_token(scopes=scopes)}"}
        async with reach(sandbox, headers) as api:
            answer = await api.request(method, path, json=body)
            assert (answer.status_code == 403) is refused
