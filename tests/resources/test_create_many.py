"""Many creates: in order, side by side, each with its result, whatever becomes of the others."""

import asyncio
import gc
import json
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest
import trio
from attrs import define, field

from cloudplatform_async import (
    APIConnectionError,
    AsyncClient,
    ClientStateError,
    ConflictError,
    CreateResult,
    InvalidRequestError,
)
from tests.blocking.awaited import over_both_clients
from tests.resources.listing import client_of, settle

pytestmark = pytest.mark.anyio


def items(count: int) -> list[dict[str, Any]]:
    """Arguments of so many creates."""
    return [{"name": f"n{number}", "slug": f"s{number}"} for number in range(count)]


@define(eq=False)
class Works(httpx.AsyncBaseTransport):
    """A platform that creates projects.

    Attributes:
        taken: Slugs that are refused.
        lost: Slugs whose answers are lost.
        gates: Slugs that wait for an event.
        seen: Requests, in the order in which they came.
        under_way: Requests being served now.
        most: The most that there were at once.
    """

    taken: set[str] = field(factory=set)
    lost: set[str] = field(factory=set)
    gates: dict[str, anyio.Event] = field(factory=dict)
    seen: list[httpx.Request] = field(factory=list)
    under_way: int = 0
    most: int = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Create one."""
        self.seen.append(request)
        body = json.loads(request.content)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await anyio.lowlevel.checkpoint()
            if body["slug"] in self.gates:
                await self.gates[body["slug"]].wait()
        finally:
            self.under_way -= 1
        if body["slug"] in self.lost:
            raise httpx.ReadError("lost")
        if body["slug"] in self.taken:
            return httpx.Response(409, json={"error": {"code": "slug_taken", "message": "It is taken."}})
        return httpx.Response(201, json={"id": f"prj_{body['slug']}", **body})

    @property
    def slugs(self) -> list[str]:
        """Of the requests."""
        return [json.loads(request.content)["slug"] for request in self.seen]


async def collected(client: AsyncClient, given: Any, **options: Any) -> list[CreateResult]:
    """All results."""
    return [result async for result in client.projects.create_many(given, **options)]


async def as_they_come(given: list[Any]) -> AsyncGenerator[Any, None]:
    """An async iterable of items."""
    for item in given:
        await anyio.lowlevel.checkpoint()
        yield item


@pytest.mark.parametrize("read", [list, iter, tuple, as_they_come])
async def test_each_item_is_created_and_the_results_are_in_order(read: Any) -> None:
    """Whatever kind of iterable they come from."""
    async with client_of(Works()) as client:
        results = await collected(client, read(items(50)), concurrency=7)
    assert [result.project.slug for result in results if result.project] == [f"s{each}" for each in range(50)]
    assert {(result.outcome, result.error) for result in results} == {("created", None)}
    assert len({result.idempotency_key for result in results}) == 50


@over_both_clients
async def test_a_failure_is_a_result_and_stops_nothing(client_class: type[AsyncClient]) -> None:
    """Refused, lost or malformed: each says what became of it, with the key to try it again."""
    works = Works(taken={"s1"}, lost={"s2"})
    given: list[Any] = [
        *items(4),
        {"name": "n"},
        {"name": "n", "slug": "s", "labels": {"at": float("nan")}},
        {"name": "n", "slug": "s", "colour": "red"},
        "s8",
        {"name": "n9", "slug": "s9", "labels": {"team": "a"}, "idempotency_key": "mine"},
    ]
    async with client_of(works, client_class) as client:
        results = await collected(client, given)
    outcomes = [result.outcome for result in results]
    assert outcomes == ["created", "rejected", "unknown", "created", *["not_sent"] * 4, "created"]
    kinds = [type(result.error) for result in results if result.error]
    assert kinds == [ConflictError, APIConnectionError, *[InvalidRequestError] * 4]
    assert [result.project is None for result in results] == [result.error is not None for result in results]
    sent = {request.headers["idempotency-key"] for request in works.seen}
    assert sent == {result.idempotency_key for result in results if result.outcome != "not_sent"}
    assert results[-1].idempotency_key == "mine"
    assert results[-1].project is not None
    assert results[-1].project.labels == {"team": "a"}


@over_both_clients
async def test_a_create_without_a_key_has_none(client_class: type[AsyncClient]) -> None:
    """As of ``create``."""
    async with client_of(works := Works(), client_class) as client:
        (result,) = await collected(client, [{"name": "n", "slug": "s", "idempotency_key": None}])
    assert result.idempotency_key is None
    assert "idempotency-key" not in works.seen[0].headers


@pytest.mark.parametrize("concurrency", [1, 3, 16])
async def test_no_more_are_under_way_than_asked_for(concurrency: int) -> None:
    """And just so many where there is work for them."""
    works = Works()
    async with client_of(works) as client:
        await collected(client, items(40), concurrency=concurrency)
    assert works.most == concurrency


async def test_no_more_items_are_held_than_the_concurrency() -> None:
    """A consumer who dwells on the first result has no million of others in memory."""
    read: list[int] = []

    def endless() -> Iterator[dict[str, Any]]:
        number = 0
        while True:
            read.append(number)
            yield {"name": "n", "slug": f"s{number}"}
            number += 1

    async with client_of(Works()) as client:
        results = client.projects.create_many(endless(), concurrency=5)
        assert read == []
        await anext(results)
        await settle()
        assert len(read) <= 7
        await results.aclose()


async def test_a_slow_one_holds_the_others_results_and_not_their_creates() -> None:
    """Order is of the results; the creates go side by side."""
    works = Works(gates={"s0": anyio.Event()})
    async with client_of(works) as client, anyio.create_task_group() as tasks:
        results: list[CreateResult] = []

        async def consume() -> None:
            results.extend(await collected(client, items(6), concurrency=4))

        tasks.start_soon(consume)
        await settle()
        assert (sorted(works.slugs), results) == (["s0", "s1", "s2", "s3"], [])
        works.gates["s0"].set()
    assert [result.project.slug for result in results if result.project] == [f"s{each}" for each in range(6)]


async def test_a_result_is_handed_out_while_the_next_item_is_not_there_yet() -> None:
    """As from a queue whose producer waits for what became of its first item."""
    answered = anyio.Event()

    async def producer() -> AsyncGenerator[dict[str, Any], None]:
        yield {"name": "n", "slug": "s0"}
        await answered.wait()
        yield {"name": "n", "slug": "s1"}

    async with client_of(Works()) as client:
        slugs = []
        with anyio.fail_after(5):
            async for result in client.projects.create_many(producer()):
                slugs.append(result.project.slug if result.project else None)
                answered.set()
    assert slugs == ["s0", "s1"]


@pytest.mark.parametrize("read", [iter, as_they_come])
async def test_what_the_items_raise_comes_after_the_results_before_it(read: Any) -> None:
    """The user's own error, untouched."""

    class Broken(list[Any]):
        def __iter__(self) -> Iterator[Any]:
            yield from items(3)
            raise ZeroDivisionError

    slugs = []
    async with client_of(Works()) as client:
        with suppress(ZeroDivisionError):
            async for result in client.projects.create_many(read(Broken())):
                slugs.append(result.project.slug if result.project else None)  # noqa: PERF401 - it fails
            slugs.append("no error")
    assert slugs == ["s0", "s1", "s2"]


@over_both_clients
async def test_headers_go_with_each_create(client_class: type[AsyncClient]) -> None:
    """Beside those of the client; what is refused is refused at once."""
    async with client_of(works := Works(), client_class) as client:
        await collected(client, items(2), headers={"x-team": "blue"})
        with pytest.raises(InvalidRequestError):
            client.projects.create_many(items(2), headers={"host": "x"})
    assert [request.headers["x-team"] for request in works.seen] == ["blue", "blue"]


@over_both_clients
@pytest.mark.parametrize("given", [None, 5, "abc", {"name": "n", "slug": "s"}])
async def test_items_that_are_none_are_refused_at_once(given: Any, client_class: type[AsyncClient]) -> None:
    """One mapping is not a list of them."""
    async with client_of(Works(), client_class) as client:
        with pytest.raises(InvalidRequestError, match="`items`"):
            client.projects.create_many(given)
        for concurrency in (0, -1, 1.5, None):
            with pytest.raises(InvalidRequestError, match="`concurrency`"):
                client.projects.create_many([], concurrency=concurrency)  # type: ignore[arg-type]  # as above
        assert await collected(client, []) == []


async def test_leaving_early_ends_what_is_under_way() -> None:
    """A break ends the rest; a generator of items is closed, on both event loops."""
    ended: list[str] = []

    async def watched() -> AsyncGenerator[dict[str, Any], None]:
        try:
            for item in items(100):
                yield item
        finally:
            ended.append("closed")

    works = Works(gates={f"s{number}": anyio.Event() for number in range(1, 100)})
    async with client_of(works) as client:
        async for _ in client.projects.create_many(watched(), concurrency=4):
            break
        gc.collect()
        await settle()
        assert (works.under_way, ended) == (0, ["closed"])
        assert client.statistics().in_flight == 0


async def test_closing_ends_it_for_whoever_waits() -> None:
    """Nothing is under way after it, and there are no more results."""
    works = Works(gates={f"s{number}": anyio.Event() for number in range(10)})
    async with client_of(works) as client:
        results = client.projects.create_many(items(10))
        found: list[CreateResult] = []

        async def consume() -> None:
            found.extend([result async for result in results])

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(consume)
            await settle()
            assert works.under_way == 10
            with pytest.raises(ClientStateError, match="one task"):
                await anext(results)
            await results.aclose()
            assert works.under_way == 0
        assert found == []
        await results.aclose()
        assert [result async for result in results] == []
        async with client.projects.create_many(items(1)) as unused:
            pass
        assert [result async for result in unused] == []


async def test_a_consumer_that_is_cancelled_loses_no_result() -> None:
    """The next one who asks gets the result that the first one waited for."""
    works = Works(gates={"s0": anyio.Event()})
    async with client_of(works) as client:
        results = client.projects.create_many(items(2))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anext, results)
            await settle()
            tasks.cancel_scope.cancel()
        works.gates["s0"].set()
        slugs = [result.project.slug async for result in results if result.project]
    assert slugs == ["s0", "s1"]


@pytest.mark.parametrize("run", [asyncio.run, lambda main: trio.run(lambda: main)])
def test_a_create_that_was_under_way_when_its_loop_ended_says_so(run: Callable[[Any], None]) -> None:
    """Nobody has closed the client."""
    works = Works(gates={"s1": anyio.Event()})
    client = client_of(works)
    results = client.projects.create_many(items(2), concurrency=2)

    async def first() -> None:
        assert (await anext(results)).outcome == "created"
        await settle()

    async def second() -> None:
        with pytest.raises(ClientStateError, match="its event loop ended"):
            await anext(results)
        await client.aclose()

    run(first())
    run(second())


async def test_a_closed_client_is_no_result() -> None:
    """It is the client's state, not an item's, and is raised."""
    client = client_of(Works(gates={"s1": anyio.Event()}))
    results = client.projects.create_many(items(3))
    assert (await anext(results)).outcome == "created"
    await client.aclose()
    with pytest.raises(ClientStateError):
        await anext(results)


async def test_creates_run_in_the_context_that_asked_for_them() -> None:
    """A key function finds the user's own variables."""
    tenant: ContextVar[str] = ContextVar("tenant")
    tenant.set("blue")
    works = Works()
    async with AsyncClient(transport=works, api_key=lambda: f"key-of-{tenant.get('nobody')}") as client:
        await collected(client, items(3))
    assert {request.headers["x-api-key"] for request in works.seen} == {"key-of-blue"}
