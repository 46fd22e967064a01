"""`/_sandbox/…`: faults and settings over HTTP, and the stream of what the page shows."""

import json
from typing import Any

import httpx
import pytest

from cloudplatform_async.sandbox import Sandbox

anyio_test = pytest.mark.anyio


@pytest.fixture
async def control(sandbox: Sandbox):
    """A client of the sandbox's own paths, in memory and without credentials."""
    async with httpx.AsyncClient(
        base_url=sandbox.base_url.removesuffix("v1"), transport=sandbox.transport()
    ) as client:
        yield client


@anyio_test
async def test_a_fault_is_scripted_over_http(sandbox: Sandbox, control: httpx.AsyncClient) -> None:
    """It meets as many requests as it says, and the list tells how many that were."""
    answer = await control.post("/_sandbox/faults", json={"status": 503, "times": 2, "path": "/v1/projects"})
    assert answer.status_code == 201
    statuses = [(await control.get("/v1/projects")).status_code for _ in range(3)]
    assert statuses == [503, 503, 401]
    (listed,) = (await control.get("/_sandbox/faults")).json()["data"]
    assert (listed["id"], listed["times"], listed["met"]) == (answer.json()["id"], 0, 2)


@pytest.mark.parametrize(
    ("body", "sent"), [("<html>", b"<html>"), ({"error": 1}, b'{"error":1}'), ("", b""), (0, b"0")]
)
@anyio_test
async def test_a_fault_over_http_has_the_body_that_it_says(control, body: object, sent: bytes) -> None:
    """A text as it is, other values as JSON."""
    await control.post("/_sandbox/faults", json={"status": 418, "body": body, "headers": {"x-mine": "1"}})
    answer = await control.get("/v1/projects")
    assert (answer.status_code, answer.content, answer.headers["x-mine"]) == (418, sent, "1")


@anyio_test
async def test_faults_are_taken_back_one_by_one_or_together(control: httpx.AsyncClient) -> None:
    """By id, or the whole script; an id that is not there is 404."""
    ids = [(await control.post("/_sandbox/faults", json={"status": 500})).json()["id"] for _ in range(3)]
    assert (await control.delete(f"/_sandbox/faults/{ids[1]}")).status_code == 204
    assert (await control.delete(f"/_sandbox/faults/{ids[1]}")).status_code == 404
    left = (await control.get("/_sandbox/faults")).json()["data"]
    assert [fault["id"] for fault in left] == [ids[0], ids[2]]
    assert (await control.delete("/_sandbox/faults")).status_code == 204
    assert (await control.get("/_sandbox/faults")).json() == {"data": []}


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"content": b'{"status":503}', "headers": {"content-type": "text/plain"}}, 415),
        ({"data": {"status": "503"}}, 415),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400),
        ({"json": {"sttus": 503}}, 422),
        ({"json": {"status": "503"}}, 422),
        ({"json": {"status": 99}}, 422),
        ({"json": {"times": 1}}, 422),
        ({"json": {"kind": "gone"}}, 422),
        ({"json": []}, 422),
    ],
)
@anyio_test
async def test_a_fault_that_cannot_be_is_refused(control, request_: dict[str, Any], status: int) -> None:
    """JSON only, so that no form of another site can script one; nothing is scripted."""
    answer = await control.post("/_sandbox/faults", **request_)
    assert (answer.status_code, set(answer.json())) == (status, {"error"})
    assert (await control.get("/_sandbox/faults")).json() == {"data": []}


def test_a_fault_can_be_taken_back(sandbox: Sandbox) -> None:
    """Also when another one is equal to it; one that is not there changes nothing."""
    first, second = (sandbox.faults.add(status=500) for _ in range(2))
    for _ in range(2):
        sandbox.faults.remove(first)
    assert [entry.fault.id for entry in sandbox.faults.script()] == [second.id]


@anyio_test
async def test_settings_are_changed_over_http(sandbox: Sandbox, control: httpx.AsyncClient) -> None:
    """Only those that are given; what is out of range changes nothing."""
    assert (await control.get("/_sandbox/settings")).json() == {"latency": 0.0, "endpoint_fails": False}
    assert (await control.patch("/_sandbox/settings", json={"latency": 0.25})).json()["latency"] == 0.25
    assert (await control.patch("/_sandbox/settings", json={"latency": -1})).status_code == 422
    answer = await control.patch("/_sandbox/settings", json={"endpoint_fails": True})
    assert answer.json() == {"latency": 0.25, "endpoint_fails": True}


@anyio_test
async def test_the_clock_is_turned_over_http(sandbox: Sandbox, control: httpx.AsyncClient) -> None:
    """It is frozen, advanced and let run again; what is out of range changes nothing."""
    ahead = (await control.post("/_sandbox/clock", json={"advance": 3600})).json()
    assert ahead == {"frozen_at": None, "offset": pytest.approx(3600, abs=1)}
    frozen = (await control.post("/_sandbox/clock", json={"frozen": True, "advance": 60})).json()
    assert (frozen["frozen_at"], sandbox.clock.frozen) == (sandbox.clock(), True)
    again = (await control.post("/_sandbox/clock", json={"frozen": True})).json()
    assert again == (await control.get("/_sandbox/clock")).json() == frozen
    for wrong in ({"advance": -1}, {"frozen": "yes"}, {"back": 1}):
        assert (await control.post("/_sandbox/clock", json=wrong)).status_code == 422
    assert sandbox.clock() == frozen["frozen_at"]
    await control.post("/_sandbox/clock", json={"frozen": False})
    assert not sandbox.clock.frozen


@anyio_test
async def test_the_endpoint_of_the_page_answers_as_it_is_set(control: httpx.AsyncClient) -> None:
    """204, or 500 while it is to fail."""
    statuses = []
    for fails in (False, True):
        await control.patch("/_sandbox/settings", json={"endpoint_fails": fails})
        statuses.append((await control.post("/_sandbox/endpoint", content=b"{}")).status_code)
    assert statuses == [204, 500]


@pytest.mark.parametrize("path", ["/", "/health", "/_sandbox/faults", "/_sandbox/state"])
@anyio_test
async def test_the_sandboxs_own_paths_meet_no_fault_and_are_not_counted(sandbox, control, path: str) -> None:
    """A script of faults cannot lock its author out, and the record is of the platform alone."""
    sandbox.faults.add(kind="reset")
    assert (await control.get(path)).status_code == 200
    assert (sandbox.served, list(sandbox.requests), sandbox.faults.script()[0].met) == (0, [], 0)


@anyio_test
async def test_the_state_shows_what_the_platform_has(sandbox: Sandbox, control: httpx.AsyncClient) -> None:
    """Projects, newest first; requests with their body; usage of today."""
    headers = {"x-api-key": sandbox.api_key}
    for name in ("a", "b"):
        await control.post("/v1/projects", json={"name": name, "slug": name}, headers=headers)
    state = (await control.get("/_sandbox/state")).json()
    assert [project["name"] for project in state["projects"]["data"]] == ["b", "a"]
    newest = state["requests"]["data"][0]
    assert (newest["method"], newest["path"], newest["status"]) == ("POST", "/v1/projects", 201)
    assert json.loads(newest["body"]) == {"name": "b", "slug": "b"}
    assert newest["headers"]["x-api-key"] == "***"
    assert (state["usage"][-1]["requests"], state["usage"][-1]["errors"]) == (2, 0)


@anyio_test
async def test_forms_and_long_bodies_are_not_kept(sandbox: Sandbox, control: httpx.AsyncClient) -> None:
    """A form may hold a client's secret; of a long body the start is enough."""
    await control.post("/oauth/token", data={"client_secret": sandbox.client_secret})
    await control.post("/v1/projects", json={"name": "n" * 5000})
    form, long = sandbox.requests
    assert (form.body, len(long.body)) == (b"", 4096)


def test_the_stream_begins_with_everything_and_goes_on_with_what_changed(served) -> None:
    """One JSON object an event, of whole sections."""
    sandbox = served()
    origin = sandbox.base_url.removesuffix("/v1")
    with httpx.Client() as client, client.stream("GET", f"{origin}/_sandbox/stream") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = (line.removeprefix("data: ") for line in stream.iter_lines() if line)
        first = json.loads(next(lines))
        httpx.post(f"{origin}/_sandbox/faults", json={"delay": 1})
        second = json.loads(next(lines))
    assert first.keys() >= {"settings", "faults", "clock", "projects", "runs", "events", "requests", "usage"}
    assert {name: len(section) for name, section in second.items()} == {"faults": 1}
