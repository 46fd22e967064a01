"""A paginator sends what its consumer needs, and no more than `ahead` pages beyond."""

from collections.abc import Callable
from math import ceil
from random import Random

import anyio
import anyio.lowlevel
import httpx
import pytest
from attrs import define, field

from cloudplatform_async import AsyncClient, Paginator, RetryPolicy
from tests.blocking.awaited import over_both_clients
from tests.connections.servers import Peer, Server, Transport, everywhere
from tests.resources.listing import PAGINGS, Gate, Listing, Paging, answer, client_of, names, settle
from tests.tiers import slow

pytestmark = pytest.mark.anyio

Peek = Callable[[Paginator[dict[str, object]]], object]


@over_both_clients
@pytest.mark.parametrize("paging", PAGINGS)
async def test_nothing_is_sent_before_the_first_item_is_asked_for(
    paging: Paging, client_class: type[AsyncClient]
) -> None:
    """A paginator is a plan: making one, naming its pages and closing it costs no request."""
    listing = Listing(names(30), paging)
    async with client_of(listing, client_class) as client:
        async with client.projects.iter_all(ahead=8) as walk:
            walk.pages()
            await settle(listing)
        assert [item async for item in walk] == []
    assert listing.asked == []


@over_both_clients
@pytest.mark.parametrize("paging", PAGINGS)
@pytest.mark.parametrize(
    "peek",
    [lambda walk: walk.first(), anext, lambda walk: anext(walk.pages())],
    ids=["first", "anext", "pages"],
)
async def test_a_peek_costs_one_request(paging: Paging, peek: Peek, client_class: type[AsyncClient]) -> None:
    """Whoever wants to see one item, or one page, pays for one page."""
    listing = Listing(names(100), paging)
    async with client_of(listing, client_class) as client:
        walk = client.projects.iter_all(ahead=8)
        await peek(walk)
        await settle(listing)
        assert listing.asked == [1]


async def test_the_second_item_starts_the_pages_ahead_where_it_stands_on_the_next_page_too() -> None:
    """That page and those behind it go out together."""
    listing = Listing(names(20), "page", limit=1, gates={2: Gate()})
    async with client_of(listing) as client, anyio.create_task_group() as tasks:
        walk = client.projects.iter_all(ahead=3)
        await anext(walk)
        tasks.start_soon(anext, walk)
        await settle()
        assert sorted(listing.asked) == [1, 2, 3, 4]
        listing.gates[2].set()


@over_both_clients
@pytest.mark.parametrize("paging", PAGINGS)
@pytest.mark.parametrize("ahead", [0, 4, *slow(1)])
async def test_the_second_item_starts_the_pages_ahead(
    paging: Paging, ahead: int, client_class: type[AsyncClient]
) -> None:
    """From then on ``ahead`` pages are under way or held, and no more however long the consumer dwells."""
    listing = Listing(names(100), paging)
    async with client_of(listing, client_class) as client:
        walk = client.projects.iter_all(ahead=ahead)
        await anext(walk)
        await anext(walk)
        await settle(listing)
        assert sorted(listing.asked) == list(range(1, 2 + ahead))


@over_both_clients
@pytest.mark.parametrize("paging", PAGINGS)
@pytest.mark.parametrize("ahead", [0, 4, *slow(1)])
async def test_the_second_page_starts_the_pages_ahead(
    paging: Paging, ahead: int, client_class: type[AsyncClient]
) -> None:
    """Page by page the same holds: at most ``ahead + 1`` pages are held, the consumer's own among them."""
    listing = Listing(names(100), paging)
    async with client_of(listing, client_class) as client:
        pages = client.projects.iter_all(ahead=ahead).pages()
        for number in range(2, 5):
            await anext(pages) if number > 2 else [await anext(pages), await anext(pages)]
            await settle(listing)
            assert sorted(listing.asked) == list(range(1, number + 1 + ahead))


@over_both_clients
@pytest.mark.parametrize("paging", PAGINGS)
async def test_a_consumer_may_dwell_on_any_item(paging: Paging, client_class: type[AsyncClient]) -> None:
    """After the first page the next is on its way at every item, the first of a page included."""
    listing = Listing(names(40), paging)
    async with client_of(listing, client_class) as client:
        walk = client.projects.iter_all(ahead=1)
        for position in range(40):
            await anext(walk)
            await settle(listing)
            page = position // 10 + 1
            assert max(listing.asked) == (1 if position == 0 else min(4, page + 1))


@everywhere
async def test_a_consumer_that_never_pauses_has_its_next_page_under_way_too(
    transport_class: type[Transport],
) -> None:
    """The request is with the server before a page's items are worked on, without a turn of the loop."""
    with Server(_page) as server:
        async with AsyncClient(
            api_key="key", base_url=f"{server.url}/v1", transport=transport_class()
        ) as client:
            count = 0
            async for _ in client.projects.iter_all(ahead=1):
                count += 1
                if count % 2 == 0:  # the second item starts the pages ahead
                    server.wait_for_requests(min(3, count // 2 + 1))
    assert (count, server.requests) == (6, 3)


def _page(peer: Peer, request: bytes) -> None:
    """Answer with a numbered page of two items; there are three pages."""
    number = int(request.partition(b"page=")[2].partition(b"&")[0] or 1)
    whole = answer(names(6)[2 * number - 2 : 2 * number], meta={"page": number, "limit": 2, "total": 6})
    peer.transport.write(
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(whole.content), whole.content)
    )


@over_both_clients
@pytest.mark.parametrize("paging", PAGINGS)
@pytest.mark.parametrize("ahead", [0, 3, *slow(1)])
async def test_a_break_wastes_at_most_the_pages_ahead(
    paging: Paging, ahead: int, client_class: type[AsyncClient]
) -> None:
    """What was asked for and never looked at is bounded by ``ahead``; without any, there is no waste."""
    for stop in (1, 2, 10, 11, 12, 35):
        listing = Listing(names(100), paging)
        async with client_of(listing, client_class) as client:
            count = 0
            async for _ in client.projects.iter_all(ahead=ahead):
                count += 1
                if count == stop:
                    break
            await settle(listing)
            assert len(listing.asked) <= ceil(stop / 10) + ahead


@over_both_clients
@pytest.mark.parametrize("paging", PAGINGS)
@pytest.mark.parametrize("ahead", [0, 8, *slow(1)])
async def test_max_items_is_all_that_is_fetched(
    paging: Paging, ahead: int, client_class: type[AsyncClient]
) -> None:
    """The pages that hold the wanted items are asked for once each, and no other."""
    for most in (0, 1, 10, 11, 30, 100):
        listing = Listing(names(60), paging)
        async with client_of(listing, client_class) as client:
            walk = client.projects.iter_all(page_size=10, max_items=most, ahead=ahead)
            items = [item.id async for item in walk]
            await settle(listing)
        assert items == names(60)[:most]
        assert sorted(listing.asked) == list(range(1, min(6, ceil(most / 10)) + 1))


@over_both_clients
async def test_max_items_is_all_that_is_fetched_from_uneven_pages(client_class: type[AsyncClient]) -> None:
    """A first page that came nearly empty does not make the ones behind it look small."""
    first = answer(names(1), meta={"next_cursor": "c2"})
    listing = Listing(names(60), "cursor", scripted={1: lambda: first})
    async with client_of(listing, client_class) as client:
        walk = client.projects.iter_all(page_size=10, max_items=10, ahead=4)
        assert len([item async for item in walk]) == 10
        await settle(listing)
    assert listing.asked == [1, 2]


@over_both_clients
@pytest.mark.parametrize("ahead", [1, 8, *slow(3)])
async def test_a_numbered_list_is_fetched_side_by_side(ahead: int, client_class: type[AsyncClient]) -> None:
    """Its pages ahead are under way together, all of them; those beyond wait for a consumer."""
    listing = Listing(names(200), gates={number: Gate() for number in range(2, 21)})
    async with client_of(listing, client_class) as client:
        walk = client.projects.iter_all(ahead=ahead)
        for _ in range(10):
            await anext(walk)
        await settle(listing)
        assert listing.under_way == ahead
        for gate in listing.gates.values():
            gate.set()
        assert len(await walk.collect()) == 190
    assert listing.most == ahead


@over_both_clients
@pytest.mark.parametrize("paging", ["cursor", "link"])
async def test_a_list_without_numbers_is_fetched_one_after_the_other(
    paging: Paging, client_class: type[AsyncClient]
) -> None:
    """Only a page knows where the next one is: never are two under way, and none is asked for twice."""
    listing = Listing(names(100), paging)
    async with client_of(listing, client_class) as client:
        assert [item.id async for item in client.projects.iter_all(ahead=4)] == names(100)
    assert (listing.most, listing.asked) == (1, list(range(1, 11)))


async def test_items_come_in_order_whatever_the_order_of_the_answers() -> None:
    """The last page of the window arrives first, and is handed out last."""
    listing = Listing(names(90), gates={number: Gate() for number in range(2, 10)})
    items: list[str] = []
    async with client_of(listing) as client, anyio.create_task_group() as tasks:

        async def read() -> None:
            items.extend([item.id async for item in client.projects.iter_all(ahead=8)])

        tasks.start_soon(read)
        for number in range(9, 1, -1):
            await settle()
            assert items == []
            listing.gates[number].set()
    assert items == names(90)


@over_both_clients
@pytest.mark.parametrize("paging", PAGINGS)
@pytest.mark.parametrize("ahead", [0, 8, *slow(1)])
async def test_pages_and_items_of_one_walk_can_be_mixed(
    paging: Paging, ahead: int, client_class: type[AsyncClient]
) -> None:
    """Both stand at the same place: what one has handed out, the other does not."""
    listing = Listing(names(35), paging)
    async with client_of(listing, client_class) as client:
        walk = client.projects.iter_all(ahead=ahead)
        first = await walk.first()
        pages = walk.pages()
        rest = (await anext(pages)).items
        second = [await anext(walk), *(await anext(pages)).items]
        last = await walk.collect()
    assert [item.id for item in [first, *rest, *second, *last] if item] == names(35)
    assert (len(rest), len(second), len(last), await walk.first()) == (9, 10, 15, None)


@define(eq=False)
class Shaky(Listing):
    """A platform with random delays, that now and then is busy or refuses for lack of quota."""

    dice: Random = field(factory=lambda: Random(7))

    async def _answer(self, number: int, limit: int) -> httpx.Response:
        for _ in range(self.dice.randrange(30)):
            await anyio.lowlevel.checkpoint()
        if self.dice.random() < 0.08:
            return httpx.Response(self.dice.choice([503, 429]))
        return await super()._answer(number, limit)


@over_both_clients
@pytest.mark.slow
@pytest.mark.parametrize("paging", PAGINGS)
@pytest.mark.parametrize("ahead", [0, 8, *slow(1)])
async def test_items_are_the_same_over_a_shaky_line(
    paging: Paging, ahead: int, client_class: type[AsyncClient]
) -> None:
    """Slow, failing and reordered answers change when items come, not which, and not their order."""
    shaky = Shaky(names(640), paging)
    async with client_of(shaky, client_class, retries=RetryPolicy(base=0, budget=False)) as client:
        assert [item.id async for item in client.projects.iter_all(ahead=ahead)] == names(640)
        assert len(shaky.asked) == 64 + client.statistics().retries > 64


@over_both_clients
@pytest.mark.parametrize("paging", PAGINGS)
async def test_a_peek_at_a_walk_that_stood_at_the_end_of_a_page_fetches_nothing_ahead(
    paging: Paging, client_class: type[AsyncClient]
) -> None:
    """It takes the page to find the next one, and that one; what follows waits for the second item."""
    listing = Listing(names(100), paging)
    async with client_of(listing, client_class) as client:
        walk = client.projects.iter_all(page_size=10)
        [await anext(walk) for _ in range(10)]
        await walk.aclose()
        listing.asked.clear()
        resumed = client.projects.iter_all(page_size=10, ahead=8, resume_from=walk.checkpoint)
        assert await resumed.first()
        await settle(listing)
        assert listing.asked == [1, 2]
