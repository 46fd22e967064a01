"""However a walk ends, nothing is left of it: no task, no request, no connection, no warning."""

import asyncio
import gc
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import trio
from attrs import define

from cloudplatform_async import AsyncClient, ClientStateError, Paginator, Project
from cloudplatform_async.sandbox import Sandbox
from tests.blocking.awaited import over_both_clients
from tests.resources.listing import Gate, Listing, Paging, client_of, names, read, settle
from tests.resources.stops import AtStop
from tests.tiers import slow

pytestmark = pytest.mark.anyio

AHEAD = pytest.mark.parametrize("ahead", [0, 3, *slow(1)])
PAGINGS = pytest.mark.parametrize("paging", ["page", "cursor"])


Run = Callable[[Coroutine[Any, Any, list[str]]], list[str]]


def left_open(coroutine: Coroutine[Any, Any, list[str]]) -> list[str]:
    """Run in a loop that is closed without a word to its tasks."""
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()


def with_trio(coroutine: Coroutine[Any, Any, list[str]]) -> list[str]:
    """Run in trio."""
    return trio.run(lambda: coroutine)


async def assert_nothing_left(client: AsyncClient, listing: Listing) -> None:
    """No task of the walk and no request of its is there, once everybody has had a turn."""
    await settle(listing)
    assert client._sender.state.background._jobs == {}
    assert (listing.under_way, client.statistics().in_flight) == (0, 0)


async def read_pages(walk: Paginator[Project], ids: list[str]) -> None:
    """Consume a walk page by page."""
    async for page in walk.pages():
        ids.extend(item.id for item in page.items)


async def stops_of(paging: Paging, ahead: int, consume: Any) -> int:
    """How often a consumer of the whole list is suspended."""
    async with client_of(Listing(names(40), paging)) as client:
        counted = AtStop(consume(client.projects.iter_all(ahead=ahead), []))
        await counted
    assert counted.stops >= 4
    return counted.stops


@AHEAD
@PAGINGS
@pytest.mark.parametrize("consume", [read, read_pages])
async def test_a_cancel_at_any_await_leaves_nothing_and_loses_nothing(
    paging: Paging, ahead: int, consume: Any
) -> None:
    """Each suspension of the consumer is cancelled once; the walk then goes on, or is dropped."""
    for number in range(1, 1 + await stops_of(paging, ahead, consume)):
        listing, ids = Listing(names(40), paging), list[str]()
        async with client_of(listing) as client:
            walk = client.projects.iter_all(ahead=ahead)
            with anyio.CancelScope() as scope:
                await AtStop(consume(walk, ids), scope.cancel, number)
            rest = [item.id async for item in walk]
            assert ids + rest == names(40)
            await assert_nothing_left(client, listing)


@AHEAD
@PAGINGS
async def test_a_walk_that_is_cancelled_and_dropped_ends_its_requests(paging: Paging, ahead: int) -> None:
    """The last reference is the owner: without it, no page is fetched to its end."""
    for number in range(1, 1 + await stops_of(paging, ahead, read)):
        listing = Listing(names(40), paging)
        async with client_of(listing) as client:
            with anyio.CancelScope() as scope:
                await AtStop(
                    read(client.projects.iter_all(ahead=ahead), []),
                    scope.cancel,
                    number,
                )
            await assert_nothing_left(client, listing)


@AHEAD
@PAGINGS
@pytest.mark.parametrize("closed", ["walk", "client"])
async def test_closing_at_any_await_ends_the_wait_with_an_error(
    paging: Paging, ahead: int, closed: str
) -> None:
    """Another task closes; the consumer is told, whatever it waits for, and never takes it for the end."""
    for number in range(1, 1 + await stops_of(paging, ahead, read)):
        listing, ids = Listing(names(40), paging), list[str]()
        async with client_of(listing) as client, anyio.create_task_group() as tasks:
            walk = client.projects.iter_all(ahead=ahead)
            close = walk.aclose if closed == "walk" else client.aclose
            try:
                await AtStop(
                    read(walk, ids),
                    lambda close=close: tasks.start_soon(close),
                    number,
                )
                ended = ids == names(40)
            except ClientStateError as error:
                ended = error.checkpoint == walk.checkpoint
            assert ended
            assert ids == names(40)[: len(ids)]
            await assert_nothing_left(client, listing)


@AHEAD
@PAGINGS
async def test_a_break_or_an_error_in_the_loop_leaves_nothing(paging: Paging, ahead: int) -> None:
    """The loop's own paginator goes with the loop, and its requests go with it, answered or not."""
    for stop in (1, 2, 10, 11, 15, 30, 39, 40):
        listing = Listing(names(40), paging, gates={4: Gate()} if stop <= 30 else {})
        last = names(40)[stop - 1]
        async with client_of(listing) as client:
            with pytest.raises(LookupError):
                await leave_with_an_error(client.projects.iter_all(ahead=ahead), last)
            await assert_nothing_left(client, listing)
            async for item in client.projects.iter_all(ahead=ahead):
                if item.id == last:
                    break
            await assert_nothing_left(client, listing)


async def leave_with_an_error(walk: Paginator[Project], last: str) -> None:
    """Consume a walk up to an item that the loop cannot bear."""
    async for item in walk:
        if item.id == last:
            raise LookupError(last)


@over_both_clients
@AHEAD
@PAGINGS
async def test_closing_a_walk_in_the_middle_ends_it(
    paging: Paging, ahead: int, client_class: type[AsyncClient]
) -> None:
    """After ``aclose``, and after ``async with``, there is no further item, and nothing under way."""
    listing = Listing(names(40), paging, gates={2: Gate(), 3: Gate()})
    async with client_of(listing, client_class) as client:
        async with client.projects.iter_all(ahead=ahead) as walk:
            [await anext(walk) for _ in range(5)]
            await settle(listing)
        assert listing.under_way == 0
        checkpoint = walk.checkpoint
        assert await walk.collect() == []
        await walk.aclose()
        listing.gates.clear()
        rest = await client.projects.iter_all(resume_from=checkpoint).collect()
        assert [item.id for item in rest] == names(40)[5:]
        await assert_nothing_left(client, listing)


@AHEAD
@PAGINGS
async def test_a_walk_whose_error_nobody_fetches_says_nothing(paging: Paging, ahead: int) -> None:
    """A page ahead that fails after the consumer has left is nobody's business."""
    listing = Listing(names(40), paging, scripted={2: lambda: 1 / 0})  # type: ignore[dict-item,return-value]
    async with client_of(listing) as client:
        walk = client.projects.iter_all(ahead=ahead)
        [await anext(walk) for _ in range(5)]
        await settle(listing)
        del walk
        await assert_nothing_left(client, listing)
    gc.collect()


@PAGINGS
async def test_pages_that_were_handed_out_are_let_go(paging: Paging) -> None:
    """However long the walk, only the last ``ahead + 1`` pages are kept alive by it."""
    kept: list[weakref.ref[Any]] = []
    async with client_of(Listing(names(300), paging)) as client:
        async for page in client.projects.iter_all(ahead=3, model=Row).pages():
            kept.append(weakref.ref(page.items[0]))
            del page
            assert len([row for row in kept if row() is not None]) <= 2
        await settle()
    assert len(kept) == 30


@pytest.mark.parametrize("ahead", [0, 4, *slow(1)])
@PAGINGS
async def test_items_that_were_handed_out_are_let_go_one_by_one(paging: Paging, ahead: int) -> None:
    """The walk keeps none of them, also not until its page is done."""
    kept: list[weakref.ref[Any]] = []
    async with client_of(Listing(names(30), paging)) as client:
        async for row in client.projects.iter_all(ahead=ahead, model=Row):
            kept.append(weakref.ref(row))
            del row
            assert not [each for each in kept if each() is not None]
    assert len(kept) == 30


@define(slots=False)
class Row:
    """A row that can be watched."""

    id: str


@pytest.mark.parametrize("ahead", [4, *slow(0, 1)])
@PAGINGS
async def test_sockets_go_back_to_the_pool_or_are_closed(paging: Paging, ahead: int) -> None:
    """Over real connections: after a break, a cancel and a close there is none that nobody holds."""
    async with Sandbox(projects=100, paging=paging, rate_limit=None, latency=0.002) as sandbox:
        async with AsyncClient(base_url=sandbox.base_url, api_key=sandbox.api_key) as client:
            for number in range(1, 12):
                with anyio.CancelScope() as scope:
                    walk = client.projects.iter_all(page_size=10, ahead=ahead)
                    await AtStop(read(walk, []), scope.cancel, number * 2)
                async for _ in client.projects.iter_all(page_size=10, ahead=ahead):
                    break
                del walk
                assert len(await client.projects.iter_all(page_size=50, ahead=ahead).collect()) == 100
            while client.statistics().in_flight:
                await anyio.lowlevel.checkpoint()
            assert (client.statistics().connections or 0) <= 1 + ahead
        assert client.statistics().connections == 0


def test_a_loop_that_ends_in_the_middle_of_a_walk_is_silent() -> None:
    """`asyncio.run` cancels what is left; the forgotten client is the only thing that is said to be wrong."""
    walks: list[object] = []  # the walk outlives its loop

    async def main() -> AsyncClient:
        client = client_of(Listing(names(40), gates={2: Gate()}))
        walk = client.projects.iter_all(ahead=3)
        [await anext(walk) for _ in range(5)]
        walks.append(walk)
        return client

    holder = [asyncio.run(main(), debug=True)]
    with pytest.warns(ResourceWarning, match="never closed") as caught:
        holder.clear()
    assert len(caught) == 1


@pytest.mark.parametrize(
    "runs", [(asyncio.run, asyncio.run), (left_open, asyncio.run), (asyncio.run, with_trio)]
)
@AHEAD
def test_a_walk_goes_on_in_the_next_event_loop(runs: tuple[Run, Run], ahead: int) -> None:
    """What was fetched ahead in the last one is fetched again, where that has ended before it came."""
    first, second = runs
    gates = {2: Gate()}
    client = client_of(Listing(names(40), gates=gates))
    walk = client.projects.iter_all(ahead=ahead, page_size=10)

    async def begin() -> list[str]:
        return [(await anext(walk)).id for _ in range(10)]

    async def go_on() -> list[str]:
        gates.clear()
        ids = [item.id async for item in walk]
        await client.aclose()
        return ids

    assert first(begin()) + second(go_on()) == names(40)
