"""Writes are done once: replay, reuse, requests under way, and what is not remembered."""

import anyio
import httpx
import pytest

from cloudplatform_async.sandbox import Sandbox
from cloudplatform_async.sandbox.api.answers import Answer, RefusedError
from cloudplatform_async.sandbox.platform.idempotency import LIFETIME, IdempotencyMemory, Slot
from cloudplatform_async.sandbox.storage.database import Database

pytestmark = pytest.mark.anyio

KEY = {"idempotency-key": "k"}
PROJECT = {"name": "n", "slug": "s"}
SLOT = Slot("owner", "key")
DONE = Answer(status=201, body=b"{}")


def code(answer: httpx.Response) -> str:
    """Code of an error."""
    return answer.json()["error"]["code"]


async def test_a_repeat_gets_the_first_answer_again(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    """Same key, same body: the same bytes, marked as replayed, and nothing is done twice."""
    first = await api.post("/projects", json=PROJECT, headers=KEY)
    again = await api.post("/projects", json=PROJECT, headers=KEY)
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["x-request-id"] != first.headers["x-request-id"]


async def test_every_write_is_remembered(api: httpx.AsyncClient) -> None:
    """A repeated PATCH and DELETE are answered as the first time; without a key the second DELETE is 404."""
    path = f"/projects/{(await api.post('/projects', json=PROJECT)).json()['id']}"
    changed = [await api.patch(path, json={"name": "m"}, headers=KEY) for _ in range(2)]
    deleted = [await api.delete(path, headers={"idempotency-key": "d"}) for _ in range(2)]
    assert changed[0].content == changed[1].content
    assert [answer.status_code for answer in (*deleted, await api.delete(path))] == [204, 204, 404]


async def test_a_refusal_is_remembered_too(api: httpx.AsyncClient) -> None:
    """The first answer was 409, so it stays 409, although the slug has become free."""
    path = f"/projects/{(await api.post('/projects', json=PROJECT)).json()['id']}"
    first = await api.post("/projects", json=PROJECT, headers=KEY)
    await api.delete(path)
    again = await api.post("/projects", json=PROJECT, headers=KEY)
    assert (first.status_code, again.status_code, again.content) == (409, 409, first.content)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("POST", "/projects", {"name": "n", "slug": "t"}), ("PATCH", "/projects/prj_1", PROJECT)],
)
async def test_a_key_is_for_one_request(
    api: httpx.AsyncClient, method: str, path: str, body: dict[str, str]
) -> None:
    """422 `idempotency_key_reused` for another body, and for another operation."""
    await api.post("/projects", json=PROJECT, headers=KEY)
    answer = await api.request(method, path, json=body, headers=KEY)
    assert (answer.status_code, code(answer)) == (422, "idempotency_key_reused")


async def test_a_key_belongs_to_one_api_key(reach, sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    """Another caller's same key is another key; refreshed tokens of one client share theirs."""
    await api.post("/projects", json=PROJECT, headers=KEY)
    async with reach(sandbox, {"x-api-key": sandbox.issue_api_key(), **KEY}) as other:
        assert code(await other.post("/projects", json=PROJECT)) == "slug_taken"
    answers = []
    for _ in range(2):
        async with reach(sandbox, {"authorization": f"Bearer {sandbox.issue_token()}", **KEY}) as token:
            answers.append(await token.post("/projects", json={"name": "n", "slug": "t"}))
    assert answers[0].content == answers[1].content


@pytest.mark.parametrize("key", ["", "k" * 256])
async def test_a_key_that_is_none_is_refused(api: httpx.AsyncClient, key: str) -> None:
    """400 `invalid_idempotency_key`."""
    answer = await api.post("/projects", json=PROJECT, headers={"idempotency-key": key})
    assert (answer.status_code, code(answer)) == (400, "invalid_idempotency_key")


async def test_a_read_needs_no_memory(api: httpx.AsyncClient) -> None:
    """A GET with a key is simply done again."""
    await api.get("/projects", headers=KEY)
    await api.post("/projects", json=PROJECT, headers=KEY)
    answer = await api.get("/projects", headers=KEY)
    assert (len(answer.json()["data"]), "idempotency-replayed" in answer.headers) == (1, False)


async def test_a_repeat_of_a_request_under_way_is_told_to_wait(reach) -> None:
    """409 `idempotency_in_progress` with Retry-After, and only for the same key."""
    sandbox = Sandbox(latency=3600)
    async with reach(sandbox) as api, anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: api.post("/projects", json=PROJECT, headers=KEY))
        await anyio.wait_all_tasks_blocked()
        sandbox._platform.latency = 0
        repeat = await api.post("/projects", json=PROJECT, headers=KEY)
        other = await api.post("/projects", json=PROJECT, headers={"idempotency-key": "other"})
        tasks.cancel_scope.cancel()
    assert (repeat.status_code, code(repeat)) == (409, "idempotency_in_progress")
    assert repeat.headers["retry-after"] == "1"
    assert other.status_code == 201


async def test_a_request_that_was_broken_off_before_its_work_is_forgotten(reach) -> None:
    """Its key is free again, and the repeat does the work."""
    sandbox = Sandbox(latency=3600)
    async with reach(sandbox) as api:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: api.post("/projects", json=PROJECT, headers=KEY))
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
        sandbox._platform.latency = 0
        repeat = await api.post("/projects", json=PROJECT, headers=KEY)
    assert (repeat.status_code, "idempotency-replayed" in repeat.headers) == (201, False)


async def test_a_failure_before_the_work_is_not_remembered(sandbox: Sandbox) -> None:
    """A 503 and then the same key: the repeat does the work."""
    sandbox.faults.add(status=503, times=1)
    headers = {"x-api-key": sandbox.api_key, **KEY}
    async with httpx.AsyncClient(
        base_url=sandbox.base_url, transport=sandbox.transport(), headers=headers
    ) as api:
        answers = [await api.post("/projects", json=PROJECT) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [503, 201]
    assert "idempotency-replayed" not in answers[1].headers


async def test_a_lost_answer_is_given_again(sandbox: Sandbox) -> None:
    """The work was done, its answer lost: the repeat gets that answer, and there is one project."""
    sandbox.faults.add(kind="lost_answer", times=1)
    headers = {"x-api-key": sandbox.api_key, **KEY}
    async with httpx.AsyncClient(
        base_url=sandbox.base_url, transport=sandbox.transport(), headers=headers
    ) as api:
        with pytest.raises(httpx.ReadError):
            await api.post("/projects", json=PROJECT)
        repeat = await api.post("/projects", json=PROJECT)
        projects = (await api.get("/projects")).json()["data"]
    assert repeat.headers["idempotency-replayed"] == "true"
    assert projects == [repeat.json()]


async def test_many_at_once_with_one_key_are_done_once(served) -> None:
    """Over real sockets: one is done; the others are told to wait, or get its answer."""
    sandbox = served(latency=0.02)
    answers: list[httpx.Response] = []
    headers = {"x-api-key": sandbox.api_key, **KEY}
    async with httpx.AsyncClient(base_url=sandbox.base_url, headers=headers) as client:

        async def create() -> None:
            answers.append(await client.post("/projects", json=PROJECT))

        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(create)
        projects = (await client.get("/projects")).json()["data"]
    created = [answer for answer in answers if answer.status_code == 201]
    assert len([answer for answer in created if "idempotency-replayed" not in answer.headers]) == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert projects == [created[0].json()]


async def test_many_at_once_with_one_slug_make_one_project(served) -> None:
    """With a key each: one is created, every other one is 409 `slug_taken`."""
    sandbox = served()
    statuses: list[int] = []
    async with httpx.AsyncClient(base_url=sandbox.base_url, headers={"x-api-key": sandbox.api_key}) as client:

        async def create(number: int) -> None:
            headers = {"idempotency-key": str(number)}
            statuses.append((await client.post("/projects", json=PROJECT, headers=headers)).status_code)

        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(create, number)
    assert sorted(statuses) == [201] + [409] * 19


def test_an_answer_is_remembered_for_24_hours() -> None:
    """To the second, from when the request came in."""
    memory = IdempotencyMemory(Database(":memory:"))
    assert memory.begin(SLOT, b"print", 100.0) is None
    memory.settle(SLOT, DONE)
    memory.release(SLOT)
    replayed = memory.begin(SLOT, b"print", 100.0 + LIFETIME - 1)
    assert (replayed.status, replayed.headers) == (201, {"idempotency-replayed": "true"})
    assert memory.begin(SLOT, b"other", 100.0 + LIFETIME) is None


def test_a_forgotten_answer_leaves_later_ones_alone() -> None:
    """Only what is older than 24 hours goes."""
    memory = IdempotencyMemory(Database(":memory:"))
    later = Slot("owner", "later")
    for slot, now in ((SLOT, 0.0), (later, 10.0)):
        memory.begin(slot, b"print", now)
        memory.settle(slot, DONE)
        memory.release(slot)
    assert memory.begin(SLOT, b"print", LIFETIME + 5) is None
    assert memory.begin(later, b"print", LIFETIME + 5) is not None


def test_releasing_a_settled_slot_changes_nothing() -> None:
    """So that the work's `finally` may always release."""
    memory = IdempotencyMemory(Database(":memory:"))
    memory.begin(SLOT, b"print", 0.0)
    memory.settle(SLOT, DONE)
    memory.release(SLOT)
    with pytest.raises(RefusedError, match="another request"):
        memory.begin(SLOT, b"other", 1.0)
