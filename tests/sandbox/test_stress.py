"""Under load and under faults: thousands of requests at once, and a client that loses every third answer."""

import asyncio
import itertools
from collections.abc import Callable
from random import Random
from typing import Any

import anyio
import pytest

from cloudplatform_async import AsyncClient, RetryPolicy
from cloudplatform_async.sandbox import Sandbox
from cloudplatform_async.testing import no_waiting

IN_FLIGHT = 5_000
OPERATIONS = 10_000
WORKERS = 20

pytestmark = pytest.mark.slow


def test_five_thousand_requests_are_in_flight_at_once(
    served: Callable[..., Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each waits in its work until all are there; then each is done, once, with its event."""
    working = itertools.count(1)
    all_there = asyncio.Event()

    async def wait_for_all(_seconds: float) -> None:
        if next(working) == IN_FLIGHT:
            all_there.set()
        await all_there.wait()

    monkeypatch.setattr("cloudplatform_async.sandbox.api.gateway._sleep", wait_for_all)
    sandbox = served()
    port = sandbox._server.port
    connecting = asyncio.Semaphore(500)

    async def create(number: int) -> bytes:
        body = b'{"name":"n","slug":"s%d"}' % number
        head = (
            f"POST /v1/projects HTTP/1.1\r\nhost: x\r\nx-api-key: {sandbox.api_key}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        async with connecting:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head.encode() + body)
        status = await reader.readline()
        await reader.read()
        writer.close()
        await writer.wait_closed()
        return status

    async def create_all() -> list[bytes]:
        return await asyncio.gather(*(create(number) for number in range(IN_FLIGHT)))

    statuses = asyncio.run(create_all())
    assert set(statuses) == {b"HTTP/1.1 201 Created\r\n"}
    database = sandbox._platform.database
    assert database.read("SELECT count(*) FROM projects") == [(IN_FLIGHT,)]
    assert database.read("SELECT count(DISTINCT subject) FROM events") == [(IN_FLIGHT,)]


def test_client_and_database_agree_after_many_faults() -> None:
    """10,000 mixed operations of which 30 % of the attempts fail, half of them after the work was done."""
    sandbox = Sandbox(rate_limit=None)
    each = 1 - 0.7 ** (1 / 4)
    faults = ({"status": 503}, {"kind": "lost_answer"}, {"kind": "reset"}, {"kind": "cut"})
    for seed, fault in enumerate(faults):
        sandbox.faults.add(**fault, probability=each, seed=seed)
    view: dict[str, Any] = {}
    runs: list[str] = []
    slugs = itertools.count()

    async def work(client: AsyncClient, dice: Random) -> None:
        own: list[str] = []
        for _ in range(OPERATIONS // WORKERS):
            action = dice.choice(["create", "update", "get", "delete", "trigger", "list"])
            if not own or action == "create":
                project = await client.projects.create(name="n", slug=f"s{next(slugs)}")
                own.append(project.id)
                view[project.id] = project
            elif action == "update":
                id_ = dice.choice(own)
                view[id_] = await client.projects.update(id_, name=f"n{dice.random()}")
            elif action == "get":
                id_ = dice.choice(own)
                assert await client.projects.get(id_) == view[id_]
            elif action == "delete":
                id_ = own.pop(dice.randrange(len(own)))
                await client.projects.delete(id_)
                del view[id_]
            elif action == "trigger":
                runs.append((await client.workflows.trigger("wfl_build")).id)
            else:
                await client.projects.list(limit=5)

    async def work_all() -> list[Any]:
        retries = RetryPolicy(max_retries=15, budget=False)
        async with AsyncClient(
            base_url=sandbox.base_url,
            api_key=sandbox.api_key,
            transport=sandbox.transport(),
            retries=retries,
            timeout=100_000,
        ) as client:
            async with anyio.create_task_group() as tasks:
                for seed in range(WORKERS):
                    tasks.start_soon(work, client, Random(seed))
            sandbox.faults.clear()
            return await client.projects.iter_all().collect()

    with no_waiting():
        projects = anyio.run(work_all)
    faulty = sum(request.fault is not None for request in sandbox.requests) / len(sandbox.requests)
    assert 0.25 < faulty < 0.35
    assert {project.id: project for project in projects} == view
    database = sandbox._platform.database
    assert sorted(row[0] for row in database.read("SELECT id FROM runs")) == sorted(runs)
    last = dict(database.read("SELECT subject, kind FROM events WHERE kind LIKE 'project.%' ORDER BY seq"))
    assert {id_ for id_, kind in last.items() if kind != "project.deleted"} == view.keys()
