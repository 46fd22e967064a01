"""A walk believes what answers say, follows a list that changes, and ends with an error in a circle."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from cloudplatform_async import (
    AsyncClient,
    Drift,
    NotFoundError,
    PaginationError,
    PaginationLoopError,
    RateLimitError,
    ResponseDecodeError,
)
from tests.blocking.awaited import over_both_clients
from tests.resources.listing import (
    ORIGIN,
    PAGINGS,
    Gate,
    Listing,
    Paging,
    answer,
    client_of,
    names,
    read,
    settle,
)
from tests.tiers import slow

pytestmark = pytest.mark.anyio

AHEAD = pytest.mark.parametrize("ahead", [0, 4, *slow(1)])
Script = dict[int, Callable[[], httpx.Response]]


async def walked(listing: Listing, ahead: int, client_class: type[AsyncClient], **options: Any) -> list[str]:
    """The ids that a whole walk hands out."""
    async with client_of(listing, client_class) as client:
        return [item.id async for item in client.projects.iter_all(ahead=ahead, **options)]


async def walked_until_error(
    listing: Listing, ahead: int, kind: type[PaginationError], client_class: type[AsyncClient]
) -> tuple[list[str], PaginationError]:
    """The ids that a walk hands out before it ends with an error, and the error."""
    ids: list[str] = []
    async with client_of(listing, client_class) as client:
        with pytest.raises(kind) as caught:
            await read(client.projects.iter_all(ahead=ahead), ids)
    return ids, caught.value


def numbered(ids: list[str], page: int, total: int, limit: int = 10) -> Callable[[], httpx.Response]:
    """A page that says of itself what a test wants."""
    return lambda: answer(ids, pagination={"page": page, "limit": limit, "total": total})


def cursored(ids: list[str], cursor: str | None, **more: Any) -> Callable[[], httpx.Response]:
    """A page that names the next cursor."""
    return lambda: answer(ids, meta={"next_cursor": cursor, **more})


LOOPS: dict[str, tuple[Paging, Script, int]] = {
    "the cursor of the page itself": ("cursor", {2: cursored(["b"], "c2")}, 2),
    "a cursor of long ago": ("cursor", {3: cursored(["c"], "c2")}, 3),
    "the first page whatever is asked": ("page", {2: numbered(names(10), 1, 60)}, 2),
    "the first page under each number": ("page", {2: numbered(names(10), 2, 60)}, 2),
    "an earlier page under a later number": ("page", {3: numbered(names(10), 3, 60)}, 3),
    "a link back": (
        "link",
        {3: lambda: answer(["c"], links={"next": f"{ORIGIN}/v1/projects?page=2&limit=10"})},
        3,
    ),
}


@over_both_clients
@AHEAD
@pytest.mark.parametrize("loop", LOOPS)
async def test_a_server_that_leads_in_a_circle_is_found_out_at_once(
    loop: str, ahead: int, client_class: type[AsyncClient]
) -> None:
    """One request shows the repetition; nothing of it is handed out twice, and the walk does not go on."""
    paging, scripted, served = LOOPS[loop]
    listing = Listing(names(60), paging, scripted=scripted)
    ids, error = await walked_until_error(listing, ahead, PaginationLoopError, client_class)
    assert len(ids) == len(set(ids))
    assert len(listing.asked) <= served + ahead
    assert error.checkpoint is not None


async def test_a_walk_that_is_resumed_inside_a_circle_finds_out_too() -> None:
    """Its memory begins with the page it was resumed at, and that page counts."""
    listing = Listing(names(60), "cursor", scripted={2: cursored(["b"], "c2")})
    async with client_of(listing) as client:
        walk = client.projects.iter_all(ahead=0)
        [await anext(walk) for _ in range(11)]
        with pytest.raises(PaginationLoopError):
            await client.projects.iter_all(resume_from=walk.checkpoint).collect()
    assert listing.asked == [1, 2, 2]


@over_both_clients
@AHEAD
async def test_a_page_that_was_not_asked_for_is_an_error(ahead: int, client_class: type[AsyncClient]) -> None:
    """A server that skips pages would hide what is on them."""
    listing = Listing(names(60), scripted={2: numbered(["x"], 5, 60)})
    ids, error = await walked_until_error(listing, ahead, PaginationError, client_class)
    assert ids == [*names(10), "x"]
    assert "page 5" in str(error)
    assert "page 2" in str(error)


@over_both_clients
@AHEAD
@pytest.mark.parametrize("paging", PAGINGS)
async def test_an_empty_page_in_the_middle_is_not_the_end(
    paging: Paging, ahead: int, client_class: type[AsyncClient]
) -> None:
    """Filters that run after paging leave such pages; what lies behind them is handed out."""
    going_on = Listing(names(60), paging).page(3, 10)
    empty = {**json.loads(going_on.content), "data": []}
    listing = Listing(names(60), paging, scripted={3: lambda: httpx.Response(200, json=empty)})
    assert await walked(listing, ahead, client_class) == names(60)[:20] + names(60)[30:]
    async with client_of(listing, client_class) as client:
        assert [len(page.items) async for page in client.projects.iter_all(ahead=ahead).pages()] == [10] * 5


@over_both_clients
@AHEAD
async def test_a_total_that_no_page_keeps_is_not_believed_for_ever(
    ahead: int, client_class: type[AsyncClient]
) -> None:
    """A promise of a trillion items over nothing but empty pages ends with an error."""
    listing = Listing([], scripted={page: numbered([], page, 10**12) for page in range(2, 100)})
    listing.scripted[1] = numbered(names(10), 1, 10**12)
    ids, error = await walked_until_error(listing, ahead, PaginationError, client_class)
    assert ids == names(10)
    assert len(listing.asked) <= 15 + ahead
    assert str(10**12) in str(error)


@over_both_clients
@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"data": None}, "$.data"),
        ({"data": {}}, "$.data"),
        ({"data": [{"id": 5, "name": "n"}]}, "$.data[0].id"),
        ({"data": [], "pagination": {"page": 1, "limit": 10, "total": -1}}, "$.pagination.total"),
        ({"data": [], "pagination": {"page": 1, "limit": 0, "total": 1}}, "$.pagination.limit"),
        ({"data": [], "meta": {"next_cursor": 5}}, "$.meta.next_cursor"),
        ({}, "$"),
        ([], "$"),
    ],
)
async def test_a_page_of_the_wrong_form_is_an_error_with_its_path(
    body: Any, path: str, client_class: type[AsyncClient]
) -> None:
    """``data: null`` is no empty list: each wrong form is named, and nothing is coerced."""
    listing = Listing([], scripted={1: lambda: httpx.Response(200, json=body)})
    async with client_of(listing, client_class) as client:
        with pytest.raises(ResponseDecodeError) as caught:
            await client.projects.iter_all().first()
    assert caught.value.path == path
    assert caught.value.checkpoint


@over_both_clients
@AHEAD
@pytest.mark.parametrize("change", [+25, +5, -5, -15, -40])
async def test_a_list_that_grows_or_shrinks_is_followed_to_its_end(
    change: int, ahead: int, client_class: type[AsyncClient]
) -> None:
    """The latest total counts: what was added at the end is handed out, what is gone is not missed."""
    listing = Listing(names(50))

    async def walk() -> list[str]:
        ids: list[str] = []
        async with client_of(listing, client_class) as client:
            async for item in client.projects.iter_all(ahead=ahead):
                ids.append(item.id)
                if len(ids) == 1:  # the pages ahead are under way from the second item on
                    listing.ids = names(50 + change)
                    listing.scripted = {page: lambda: httpx.Response(404) for page in range(10, 20)}
        return ids

    expected = names(max(10, 50 + change))
    assert await walk() == expected


@over_both_clients
async def test_a_page_beyond_an_end_that_moved_is_no_error(client_class: type[AsyncClient]) -> None:
    """It was fetched ahead on the word of an old total; the new one says that nobody needs it."""
    listing = Listing(names(50), gates={2: Gate()})
    listing.scripted = {page: lambda: httpx.Response(404) for page in (3, 4, 5)}
    async with client_of(listing, client_class) as client:
        walk = client.projects.iter_all(ahead=4)
        [await anext(walk) for _ in range(10)]
        await settle(listing)
        listing.ids = names(20)
        listing.gates[2].set()
        assert [item.id for item in await walk.collect()] == names(20)[10:]
    assert sorted(listing.asked) == [1, 2, 3, 4, 5]


@over_both_clients
@AHEAD
@pytest.mark.parametrize("model", [None, dict], ids=["Project", "dict"])
async def test_items_that_are_shown_twice_are_handed_out_once(
    ahead: int, model: type | None, client_class: type[AsyncClient]
) -> None:
    """Three items were inserted at the front: the pages behind show three again, and ``drift`` says so."""
    listing = Listing(names(60))
    async with client_of(listing, client_class) as client:
        walk: Any = client.projects.iter_all(ahead=ahead, **({"model": model} if model else {}))
        ids = [_id_of(await anext(walk)) for _ in range(1)]
        listing.ids = ["new_1", "new_2", "new_3", *listing.ids]
        ids += [_id_of(item) async for item in walk]
    assert ids == names(60)
    assert walk.drift == Drift(repeated=3, missed=0)


@over_both_clients
@AHEAD
async def test_deletions_are_counted_as_what_may_have_been_missed(
    ahead: int, client_class: type[AsyncClient]
) -> None:
    """Two items of the first page were deleted: two of the next slipped forward, unseen."""
    listing = Listing(names(60))
    async with client_of(listing, client_class) as client:
        walk = client.projects.iter_all(ahead=ahead)
        ids = [(await anext(walk)).id]
        del listing.ids[:2]
        ids += [item.id async for item in walk]
    assert ids == names(60)[:10] + names(60)[12:]
    assert walk.drift == Drift(repeated=0, missed=2)


async def test_a_whole_page_of_insertions_is_drift_and_no_circle() -> None:
    """The second page repeats the first to the last item, and the total says why."""
    listing = Listing(names(30))
    async with client_of(listing) as client:
        walk = client.projects.iter_all()
        ids = [(await anext(walk)).id]
        listing.ids = [f"new_{number}" for number in range(10)] + listing.ids
        ids += [item.id async for item in walk]
    assert ids == names(30)
    assert walk.drift.repeated == 10


async def test_a_checkpoint_on_a_page_with_repeated_items_counts_them() -> None:
    """Continued inside such a page, a walk hands out the next item and not one that was dropped."""
    listing = Listing(names(30))
    async with client_of(listing) as client:
        walk = client.projects.iter_all(ahead=0)
        ids = [(await anext(walk)).id]
        listing.ids = ["new_1", "new_2", *listing.ids]
        ids += [(await anext(walk)).id for _ in range(12)]
        ids += [item.id for item in await client.projects.iter_all(resume_from=walk.checkpoint).collect()]
    assert ids == names(30)


@AHEAD
async def test_rows_without_an_id_are_all_handed_out(ahead: int) -> None:
    """What cannot be told apart is not dropped."""
    rows = {"data": [{"name": "same"}] * 10, "pagination": {"limit": 10, "total": 30}}
    pages: Script = {}
    for page in (1, 2, 3):
        body = {**rows, "pagination": {**rows["pagination"], "page": page}}  # type: ignore[dict-item]
        pages[page] = lambda body=body: httpx.Response(200, json=body)  # type: ignore[misc]
    async with client_of(Listing([], scripted=pages)) as client:
        assert len(await client.projects.iter_all(ahead=ahead, model=dict).collect()) == 30


@over_both_clients
@AHEAD
async def test_the_servers_page_size_wins_over_the_one_asked_for(
    ahead: int, client_class: type[AsyncClient]
) -> None:
    """A server that caps the size is believed: no item lies between its pages."""
    listing = Listing(names(95), limit=10)
    assert await walked(listing, ahead, client_class, page_size=1000) == names(95)
    assert sorted(listing.asked) == list(range(1, 11))


@over_both_clients
@AHEAD
async def test_a_numbered_list_without_a_total_ends_on_a_short_page(
    ahead: int, client_class: type[AsyncClient]
) -> None:
    """Its pages are then fetched one after the other."""
    ids = names(25)
    pages: Script = {
        page: lambda page=page: answer(  # type: ignore[misc]
            ids[page * 10 - 10 : page * 10], pagination={"page": page, "limit": 10}
        )
        for page in (1, 2, 3)
    }
    listing = Listing([], scripted=pages)
    assert await walked(listing, ahead, client_class) == ids
    assert (listing.asked, listing.most) == ([1, 2, 3], 1)


ELSEWHERE = {
    "another host": "https://evil.example/v1/projects?page=2",
    "another scheme": "http://api.cloudplatform.dev/v1/projects?page=2",
    "another port": "https://api.cloudplatform.dev:444/v1/projects?page=2",
    "another version": "https://api.cloudplatform.dev/v2/projects?page=2",
    "userinfo": "https://api.cloudplatform.dev@evil.example/v1/projects?page=2",
    "no scheme": "//evil.example/v1/projects?page=2",
    "a backslash": "https://api.cloudplatform.dev\\@evil.example/v1/projects",
    "dot segments": "https://api.cloudplatform.dev/v1/../admin?page=2",
}


@over_both_clients
@AHEAD
@pytest.mark.parametrize("where", ELSEWHERE)
async def test_a_link_that_leads_elsewhere_is_not_followed(
    where: str, ahead: int, client_class: type[AsyncClient]
) -> None:
    """The page that carries it is handed out whole; no request, and no credential, goes there."""
    listing = Listing([], scripted={1: lambda: answer(names(10), links={"next": ELSEWHERE[where]})})
    ids, error = await walked_until_error(listing, ahead, PaginationError, client_class)
    assert (ids, listing.asked) == (names(10), [1])
    assert "not followed" in str(error)
    assert error.checkpoint


@over_both_clients
@AHEAD
@pytest.mark.parametrize(
    "link", [f"{ORIGIN}/v1/projects?page=2", "/v1/projects?page=2", "?page=2", "projects?page=2"]
)
async def test_a_link_header_is_followed_on_the_same_origin(
    link: str, ahead: int, client_class: type[AsyncClient]
) -> None:
    """Absolute or relative, in a ``Link`` header (RFC 8288) as in the body."""
    headers = {"link": f'<{link}>; rel="next", </v1/projects>; rel="first"'}

    def first() -> httpx.Response:
        return httpx.Response(200, json={"data": [{"id": "a", "name": "a"}]}, headers=headers)

    listing = Listing([], scripted={1: first, 2: lambda: answer(["b"])})
    assert await walked(listing, ahead, client_class) == ["a", "b"]


@over_both_clients
@pytest.mark.parametrize("paging", PAGINGS)
async def test_a_page_that_does_not_exist_is_the_servers_error(
    paging: Paging, client_class: type[AsyncClient]
) -> None:
    """What the server says about a page passes through, with the place to go on from."""
    refused = {3: lambda: httpx.Response(404, json={"error": {"code": "gone", "message": "No page."}})}
    async with client_of(Listing(names(60), paging, scripted=refused), client_class) as client:
        walk = client.projects.iter_all(ahead=4)
        with pytest.raises(NotFoundError) as caught:
            await walk.collect()
    assert caught.value.checkpoint == walk.checkpoint


def _id_of(item: Any) -> str:
    found: str = item["id"] if isinstance(item, dict) else item.id
    return found


async def test_a_followed_link_counts_against_the_limits_of_where_it_leads() -> None:
    """A 429 from there holds back its own endpoint group, and not that of the list."""
    link = {"next": f"{ORIGIN}/v1/archive?page=2"}
    scripted = {
        1: lambda: answer(["a"], links=link),
        2: lambda: httpx.Response(429, headers={"retry-after": "60"}),
    }
    async with client_of(Listing([], scripted=scripted), timeout=5) as client:
        with pytest.raises(RateLimitError):
            await client.projects.iter_all(ahead=0).collect()
        assert await client.projects.iter_all().first()
        with pytest.raises(RateLimitError) as caught:
            await client.request("GET", "/archive")
    assert caught.value.outcome == "not_sent"
