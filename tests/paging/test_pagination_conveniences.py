"""Small things that users of a walk look for: peek, total, a size of 100, pages that iterate, and fakes."""

import pytest

from cloudplatform_async import AsyncClient, InvalidRequestError, Page, Paginator, Project
from tests.blocking.awaited import over_both_clients
from tests.resources.listing import PAGINGS, Listing, Paging, client_of, names, settle
from tests.resources.wire import always
from tests.tiers import slow

pytestmark = pytest.mark.anyio

AHEAD = pytest.mark.parametrize("ahead", [0, 4, *slow(1)])


@over_both_clients
@AHEAD
@pytest.mark.parametrize("paging", PAGINGS)
async def test_a_peek_shows_the_next_item_and_leaves_it(
    paging: Paging, ahead: int, client_class: type[AsyncClient]
) -> None:
    """At the start it costs one request; the checkpoint does not move; at the end there is nothing."""
    listing = Listing(names(25), paging)
    async with client_of(listing, client_class) as client:
        walk = client.projects.iter_all(ahead=ahead)
        for place, expected in enumerate(names(25)):
            before = walk.checkpoint
            peeked = await walk.peek()
            assert peeked is await walk.peek()
            assert peeked is not None
            assert (peeked.id, walk.checkpoint == before) == (expected, place % 10 > 0 or place == 0)
            if place == 0:
                await settle(listing)
                assert listing.asked == [1]
            assert await anext(walk) is peeked
        assert (await walk.peek(), await walk.first()) == (None, None)


@over_both_clients
async def test_the_total_is_known_with_the_first_page(client_class: type[AsyncClient]) -> None:
    """Where the server counts, and as it counted last; a count that cannot be true is none."""
    listing = Listing(names(25))
    async with client_of(listing, client_class) as client:
        walk = client.projects.iter_all(ahead=0)
        assert walk.total is None
        await walk.peek()
        assert walk.total == 25
        listing.ids.append("prj_new")
        assert len(await walk.collect()) == 26
        assert walk.total == 26
    async with client_of(Listing(names(25), "cursor"), client_class) as client:
        walk = client.projects.iter_all()
        assert (await walk.first(), walk.total) != (None, 25)
        assert walk.total is None
    async with client_of(
        always({"data": [{"id": "a", "name": "n"}], "meta": {"total": 0, "page": 1, "limit": 5}}),
        client_class,
    ) as client:
        walk = client.projects.iter_all()
        await walk.first()
        assert walk.total is None


async def test_a_page_is_iterated_and_has_a_length() -> None:
    """Its items are what it is about."""
    async with client_of(Listing(names(15))) as client:
        page = await client.projects.list(page=2)
        assert ([project.id for project in page], len(page)) == (names(15)[10:], 5)
        assert (page[0].id, page[-1].id, page[1:3]) == ("prj_0010", "prj_0014", page.items[1:3])
    assert (list(Page[Project](items=[])), len(Page[Project](items=[]))) == ([], 0)


@over_both_clients
async def test_a_walk_asks_for_a_hundred_at_a_time_and_a_page_for_what_the_server_likes(
    client_class: type[AsyncClient],
) -> None:
    """Unless they are told otherwise."""
    wire = always({"data": []})
    async with client_of(wire, client_class) as client:
        await client.projects.iter_all().collect()
        await client.projects.iter_all(page_size=None).collect()
        await client.projects.iter_all(page_size=7).collect()
        await client.projects.list()
        await client.projects.list(limit=7)
    assert [request.url.params.get("limit") for request in wire.requests] == ["100", "100", "7", None, "7"]


@over_both_clients
@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "10", float("inf")])
async def test_a_wrong_page_size_is_named_as_it_was_written(
    wrong: object, client_class: type[AsyncClient]
) -> None:
    """``page_size`` of a walk, ``limit`` of a page; nothing is sent."""
    wire = always({"data": []})
    async with client_of(wire, client_class) as client:
        with pytest.raises(InvalidRequestError, match="`page_size` must be"):
            client.projects.iter_all(page_size=wrong)  # type: ignore[arg-type]
        with pytest.raises(InvalidRequestError, match="`limit` must be"):
            await client.projects.list(limit=wrong)  # type: ignore[arg-type]
        with pytest.raises(InvalidRequestError, match="`page_size` must be"):
            client.workflows.iter_all(page_size=wrong)  # type: ignore[arg-type]
        with pytest.raises(InvalidRequestError, match="`page_size` must be"):
            client.events.iter_all(page_size=wrong)  # type: ignore[arg-type]
    assert wire.requests == []


async def test_a_walk_of_given_items_is_like_any_other() -> None:
    """For tests of what consumes one: no client, no network."""
    items = [1, 2, 2, 3, *range(4, 10)]
    assert [item async for item in Paginator.of(items)] == items
    walk = Paginator.of(iter(items), page_size=4)
    assert (walk.total, await walk.peek(), walk.total, await walk.first()) == (None, 1, 10, 1)
    assert [(list(page), page.has_more) async for page in walk.pages()] == [
        ([2, 2, 3], True),
        ([4, 5, 6, 7], True),
        ([8, 9], False),
    ]
    async with Paginator.of(items, page_size=3) as walk:
        assert await anext(walk) == 1
        checkpoint = walk.checkpoint
        assert await walk.collect() == items[1:]
        assert checkpoint != walk.checkpoint
    assert await Paginator[int].of([]).collect() == []
    assert await Paginator.of(items).first() == 1
