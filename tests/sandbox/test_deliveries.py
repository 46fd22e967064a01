"""Deliveries: signed, retried on the sandbox's clock, in order, logged, and sent again on demand."""

import gc
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import anyio.to_thread
import httpx
import pytest

from cloudplatform_async.sandbox import Sandbox
from tests.sandbox.endpoints import LONG, Endpoint, endpoint

START = 1_773_742_934.5


@pytest.fixture
def hooks() -> Iterator[Endpoint]:
    """An endpoint."""
    with endpoint() as told:
        yield told


@pytest.fixture
def platform() -> Iterator[Sandbox]:
    """A served platform whose time stands still."""
    sandbox = Sandbox(rate_limit=None, clock=lambda: START)
    sandbox.clock.freeze()
    with sandbox:
        yield sandbox


@pytest.fixture
def client(platform: Sandbox) -> Iterator[httpx.Client]:
    """A client of it."""
    with httpx.Client(base_url=platform.base_url, headers={"x-api-key": platform.api_key}) as client:
        yield client


def subscribe(client: httpx.Client, hooks: Endpoint, *types: str) -> dict[str, Any]:
    """A webhook for these types; for all without any."""
    fields = {"url": hooks.url, **({"types": list(types)} if types else {})}
    webhook: dict[str, Any] = client.post("/webhooks", json=fields).json()
    return webhook


def create(client: httpx.Client, slug: str = "s") -> dict[str, Any]:
    """A new project."""
    project: dict[str, Any] = client.post("/projects", json={"name": "n", "slug": slug}).json()
    return project


def settled(client: httpx.Client, webhook: dict[str, Any], *, attempts: int) -> list[dict[str, Any]]:
    """The log, once it has so many attempts in all: an attempt is noted a moment after its answer."""
    for _ in range(LONG * 100):
        log: list[dict[str, Any]] = client.get(f"/webhooks/{webhook['id']}/deliveries").json()["data"]
        if sum(len(delivery["attempts"]) for delivery in log) >= attempts:
            return log
        threading.Event().wait(0.01)
    raise AssertionError(f"There are no {attempts} attempts: {log}")


def test_an_event_is_delivered_signed(platform: Sandbox, client: httpx.Client, hooks: Endpoint) -> None:
    """As Standard Webhooks 1.0 says: id, timestamp and signature; the body is the event of the list."""
    secret = subscribe(client, hooks)["secret"]
    project = create(client)
    received = hooks.next()
    (event,) = client.get("/events").json()["data"]
    assert received.event == event
    assert received.event["data"] == project
    assert received.headers["content-type"] == "application/json"
    assert received.headers["webhook-timestamp"] == str(int(START))
    assert received.headers["webhook-id"] == event["id"]
    assert received.signed_by(secret)
    assert not received.signed_by("whsec_" + "A" * 44)


def test_a_delivery_is_one_entry_of_the_log(client: httpx.Client, hooks: Endpoint) -> None:
    """With its attempt: when, what was answered, how long it took."""
    webhook = subscribe(client, hooks)
    create(client)
    (delivery,) = settled(client, webhook, attempts=1)
    (attempt,) = delivery["attempts"]
    assert (delivery["status"], delivery["next_attempt_at"]) == ("delivered", None)
    assert delivery["event_type"] == "project.created"
    assert (attempt["status_code"], attempt["error"]) == (204, None)
    assert attempt["attempted_at"] == "2026-03-17T10:22:14.500000Z"
    assert attempt["elapsed"] > 0


def test_a_time_that_is_no_whole_microsecond_is_due_at_once(hooks: Endpoint) -> None:
    """On a frozen clock too, whose time would never come if it were rounded up."""
    with (
        Sandbox(clock=lambda: START + 0.0000007) as sandbox,
        httpx.Client(base_url=sandbox.base_url, headers={"x-api-key": sandbox.api_key}) as client,
    ):
        sandbox.clock.freeze()
        subscribe(client, hooks)
        create(client)
        (event,) = client.get("/events", params={"since": hooks.next().event["created_at"]}).json()["data"]
    assert event["type"] == "project.created"


def test_only_the_chosen_types_are_delivered(client: httpx.Client, hooks: Endpoint) -> None:
    """Families too; what happened before a subscription is not."""
    create(client, "before")
    webhook = subscribe(client, hooks, "project.deleted", "workflow.*")
    project = create(client)
    client.delete(f"/projects/{project['id']}")
    client.post("/workflows/wfl_build/runs", json={"inputs": {"sandbox": {"seconds": 60}}})
    log = settled(client, webhook, attempts=2)
    assert [delivery["event_type"] for delivery in log] == ["project.deleted", "workflow.run.started"]
    assert {hooks.next().event["type"] for _ in range(2)} == {"project.deleted", "workflow.run.started"}
    assert hooks.received.empty()


def test_a_failed_delivery_is_tried_again_with_the_clock(
    platform: Sandbox, client: httpx.Client, hooks: Endpoint
) -> None:
    """Under one `webhook-id`, with a timestamp and signature of its own each time, in one log entry."""
    hooks.statuses = [500, 302, 404]
    webhook = subscribe(client, hooks)
    create(client)
    first = hooks.next()
    log = settled(client, webhook, attempts=1)
    assert (log[0]["status"], log[0]["next_attempt_at"]) == ("pending", "2026-03-17T10:22:15.500000Z")
    for wait in (1, 2, 4):
        assert hooks.received.empty()
        platform.clock.advance(wait)
        received = hooks.next()
        assert received.headers["webhook-id"] == first.headers["webhook-id"]
        assert received.headers["webhook-timestamp"] == str(int(platform.clock()))
        assert received.signed_by(webhook["secret"])
        settled(client, webhook, attempts={1: 2, 2: 3, 4: 4}[wait])
    (delivery,) = settled(client, webhook, attempts=4)
    assert delivery["status"] == "delivered"
    assert [attempt["status_code"] for attempt in delivery["attempts"]] == [500, 302, 404, 204]


def test_time_that_is_advanced_past_several_retries_brings_them_all(
    platform: Sandbox, client: httpx.Client, hooks: Endpoint
) -> None:
    """As if it had passed; each is stamped with the time that it is now."""
    hooks.statuses = [503] * 4
    webhook = subscribe(client, hooks)
    create(client)
    hooks.next()
    settled(client, webhook, attempts=1)
    platform.clock.advance(3600)
    stamps = {hooks.next().headers["webhook-timestamp"] for _ in range(4)}
    assert stamps == {str(int(START + 3600))}
    assert settled(client, webhook, attempts=5)[0]["status"] == "delivered"


@pytest.mark.parametrize("retries", [0, 2])
def test_a_delivery_is_given_up_after_its_retries(hooks: Endpoint, retries: int) -> None:
    """`webhook_retries` of them; then the entry is `failed` and nothing more is sent."""
    hooks.statuses = [500] * 10
    with (
        Sandbox(clock=lambda: START, webhook_retries=retries) as sandbox,
        httpx.Client(base_url=sandbox.base_url, headers={"x-api-key": sandbox.api_key}) as client,
    ):
        webhook = subscribe(client, hooks)
        create(client)
        sandbox.clock.advance(86_400)
        (delivery,) = settled(client, webhook, attempts=1 + retries)
        sandbox.clock.advance(86_400)
        assert (delivery["status"], delivery["next_attempt_at"]) == ("failed", None)
        assert settled(client, webhook, attempts=1 + retries) == [delivery]


def test_by_default_there_are_at_least_three_retries(
    platform: Sandbox, client: httpx.Client, hooks: Endpoint
) -> None:
    """An endpoint that is out for three attempts misses nothing."""
    hooks.statuses = [500] * 3
    webhook = subscribe(client, hooks)
    create(client)
    platform.clock.advance(60)
    assert settled(client, webhook, attempts=4)[0]["status"] == "delivered"


def test_an_endpoint_that_is_not_there_is_tried_again(
    platform: Sandbox, client: httpx.Client, hooks: Endpoint
) -> None:
    """The log says why nothing was answered."""
    gone = Endpoint(url="http://127.0.0.1:9/")
    webhook = subscribe(client, gone)
    create(client)
    (delivery,) = settled(client, webhook, attempts=1)
    (attempt,) = delivery["attempts"]
    assert (delivery["status"], attempt["status_code"]) == ("pending", None)
    assert "refused" in attempt["error"].lower() or "connect" in attempt["error"].lower()


def test_deliveries_of_one_project_keep_their_order(
    platform: Sandbox, client: httpx.Client, hooks: Endpoint
) -> None:
    """A change waits until the one before has arrived; those of other projects do not wait for it."""
    hooks.statuses = [500]
    webhook = subscribe(client, hooks)
    project = create(client)
    assert hooks.next().event["type"] == "project.created"
    settled(client, webhook, attempts=1)
    client.patch(f"/projects/{project['id']}", json={"name": "m"})
    client.delete(f"/projects/{project['id']}")
    create(client, "other")
    assert hooks.next().event["data"]["slug"] == "other"
    settled(client, webhook, attempts=2)
    assert hooks.received.empty()
    platform.clock.advance(1)
    kinds = [hooks.next().event["type"] for _ in range(3)]
    assert kinds == ["project.created", "project.updated", "project.deleted"]


def test_many_changes_of_many_projects_arrive_once_each_and_in_order(
    client: httpx.Client, hooks: Endpoint
) -> None:
    """Whatever is sent side by side."""
    subscribe(client, hooks)
    projects = [create(client, f"s{number}") for number in range(8)]
    for number in range(5):
        for project in projects:
            client.patch(f"/projects/{project['id']}", json={"name": f"n{number}"})
    received = [hooks.next() for _ in range(48)]
    assert len({each.headers["webhook-id"] for each in received}) == 48
    for project in projects:
        names = [each.event["data"]["name"] for each in received if each.event["data"]["id"] == project["id"]]
        assert names == ["n", "n0", "n1", "n2", "n3", "n4"]


def test_after_one_is_given_up_the_next_goes(hooks: Endpoint) -> None:
    """An event that an endpoint cannot take does not hold up the project for ever."""
    hooks.statuses = [500, 500]
    with (
        Sandbox(clock=lambda: START, webhook_retries=1) as sandbox,
        httpx.Client(base_url=sandbox.base_url, headers={"x-api-key": sandbox.api_key}) as client,
    ):
        webhook = subscribe(client, hooks)
        project = create(client)
        client.patch(f"/projects/{project['id']}", json={"name": "m"})
        settled(client, webhook, attempts=1)
        sandbox.clock.advance(1)
        log = settled(client, webhook, attempts=3)
    assert [delivery["status"] for delivery in log] == ["failed", "delivered"]


def test_both_secrets_sign_for_a_day_after_a_rotation(
    platform: Sandbox, client: httpx.Client, hooks: Endpoint
) -> None:
    """Then the new one alone; it is told once."""
    webhook = subscribe(client, hooks)
    old = webhook["secret"]
    rotated = client.post(f"/webhooks/{webhook['id']}/rotate").json()
    new = rotated["secret"]
    assert new != old
    assert rotated["old_secret_expires_at"] == "2026-03-18T10:22:14.500000Z"
    assert "secret" not in client.get(f"/webhooks/{webhook['id']}").json()
    create(client, "during")
    during = hooks.next()
    assert (during.signed_by(old), during.signed_by(new)) == (True, True)
    platform.clock.advance(24 * 3600)
    create(client, "after")
    after = hooks.next()
    assert (after.signed_by(old), after.signed_by(new)) == (False, True)
    assert len(after.headers["webhook-signature"].split(" ")) == 1


def test_a_second_rotation_keeps_the_first_end(
    platform: Sandbox, client: httpx.Client, hooks: Endpoint
) -> None:
    """Each secret signs a day beyond its own replacement, no longer."""
    webhook = subscribe(client, hooks)
    secrets = [webhook["secret"]]
    for _ in range(2):
        secrets.append(client.post(f"/webhooks/{webhook['id']}/rotate").json()["secret"])
        platform.clock.advance(12 * 3600)
    create(client)
    received = hooks.next()
    assert [received.signed_by(secret) for secret in secrets] == [False, True, True]


def test_a_delivery_is_sent_again_on_demand(client: httpx.Client, hooks: Endpoint) -> None:
    """With the same `webhook-id` and body, in the same entry of the log."""
    webhook = subscribe(client, hooks)
    create(client)
    first = hooks.next()
    (delivery,) = settled(client, webhook, attempts=1)
    path = f"/webhooks/{webhook['id']}/deliveries/{delivery['id']}/redeliver"
    answer = client.post(path)
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    again = hooks.next()
    assert (again.headers["webhook-id"], again.body) == (first.headers["webhook-id"], first.body)
    (delivery,) = settled(client, webhook, attempts=2)
    assert (delivery["status"], len(delivery["attempts"])) == ("delivered", 2)


def test_one_that_waits_is_sent_at_once_on_demand(client: httpx.Client, hooks: Endpoint) -> None:
    """Before its time has come."""
    hooks.statuses = [500]
    webhook = subscribe(client, hooks)
    create(client)
    hooks.next()
    (delivery,) = settled(client, webhook, attempts=1)
    client.post(f"/webhooks/{webhook['id']}/deliveries/{delivery['id']}/redeliver")
    hooks.next()
    assert settled(client, webhook, attempts=2)[0]["status"] == "delivered"


def test_the_log_is_asked_for_by_status_and_newest_first(client: httpx.Client, hooks: Endpoint) -> None:
    """And page by page."""
    hooks.statuses = [500]
    webhook = subscribe(client, hooks)
    for slug in ("a", "b", "c"):
        create(client, slug)
    log = settled(client, webhook, attempts=3)
    path = f"/webhooks/{webhook['id']}/deliveries"
    assert client.get(path, params={"order": "desc"}).json()["data"] == log[::-1]
    pending = client.get(path, params={"status": "pending"}).json()["data"]
    assert pending == [delivery for delivery in log if delivery["status"] == "pending"]
    assert client.get(path, params={"cursor": "", "limit": 2}).json()["data"] == log[:2]
    assert client.get(path, params={"order": "up"}).status_code == 400


def test_a_run_that_ends_by_itself_is_delivered_without_a_request(hooks: Endpoint) -> None:
    """The sandbox's own time brings it."""
    with (
        Sandbox() as sandbox,
        httpx.Client(base_url=sandbox.base_url, headers={"x-api-key": sandbox.api_key}) as client,
    ):
        subscribe(client, hooks)
        client.post("/workflows/wfl_build/runs", json={"inputs": {"sandbox": {"seconds": 0.05}}})
        kinds = [hooks.next().event["type"] for _ in range(2)]
    assert kinds == ["workflow.run.started", "workflow.run.succeeded"]


@pytest.mark.anyio
async def test_a_platform_in_memory_delivers_too(hooks: Endpoint) -> None:
    """On asyncio and trio, without being served."""
    sandbox = Sandbox()
    async with httpx.AsyncClient(
        base_url=sandbox.base_url, transport=sandbox.transport(), headers={"x-api-key": sandbox.api_key}
    ) as api:
        await api.post("/webhooks", json={"url": hooks.url})
        await api.post("/projects", json={"name": "n", "slug": "s"})
        received = await anyio.to_thread.run_sync(hooks.next)
    assert received.signed_by(sandbox.webhook_secret)


@pytest.mark.anyio
async def test_a_platform_that_is_forgotten_delivers_no_more(hooks: Endpoint) -> None:
    """Its thread ends with it, retries or not."""
    hooks.statuses = [500] * 100
    sandbox = Sandbox()
    async with httpx.AsyncClient(
        base_url=sandbox.base_url, transport=sandbox.transport(), headers={"x-api-key": sandbox.api_key}
    ) as api:
        await api.post("/webhooks", json={"url": hooks.url})
        await api.post("/projects", json={"name": "n", "slug": "s"})
        await anyio.to_thread.run_sync(hooks.next)
    thread = sandbox._platform.sender._running._thread
    del sandbox, api
    gc.collect()
    assert not thread.is_alive()


def test_stopping_does_not_wait_for_an_endpoint(hooks: Endpoint) -> None:
    """What was on its way is sent again by the next sandbox of the file."""
    answer = threading.Event()
    hooks.before_answer = lambda _: answer.wait(LONG)
    sandbox = Sandbox()
    with (
        sandbox,
        httpx.Client(base_url=sandbox.base_url, headers={"x-api-key": sandbox.api_key}) as client,
    ):
        subscribe(client, hooks)
        create(client)
        first = hooks.next()
    assert sandbox._platform.sender._running is None
    hooks.before_answer = None
    answer.set()
    with sandbox:
        assert hooks.next().headers["webhook-id"] == first.headers["webhook-id"]


def test_what_was_not_delivered_is_delivered_after_a_restart(tmp_path, hooks: Endpoint) -> None:
    """The queue is in the database, with its secret."""
    hooks.statuses = [500]
    path = str(tmp_path / "db")
    with (
        Sandbox(database=path, clock=lambda: START) as sandbox,
        httpx.Client(base_url=sandbox.base_url, headers={"x-api-key": sandbox.api_key}) as client,
    ):
        webhook = subscribe(client, hooks)
        create(client)
        first = hooks.next()
        settled(client, webhook, attempts=1)
    later = Sandbox(database=path, clock=lambda: START + 60)
    again = hooks.next()
    later.stop()
    assert again.headers["webhook-id"] == first.headers["webhook-id"]
    assert again.signed_by(webhook["secret"])


@pytest.mark.slow
def test_a_program_ends_with_deliveries_under_way() -> None:
    """Nothing is printed and nobody waited for."""
    script = """
import anyio, httpx, socket
from cloudplatform_async.sandbox import Sandbox
silent = socket.create_server(("127.0.0.1", 0))
sandbox = Sandbox()
async def main():
    headers = {"x-api-key": sandbox.api_key}
    async with httpx.AsyncClient(
        base_url=sandbox.base_url, transport=sandbox.transport(), headers=headers
    ) as api:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        await api.post("/webhooks", json={"url": url})
        await api.post("/projects", json={"name": "n", "slug": "s"})
anyio.run(main)
silent.accept()[0].close()
silent.close()
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
