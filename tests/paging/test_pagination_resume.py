"""A walk that stopped, on purpose or by an error, goes on with the very next item."""

from base64 import urlsafe_b64encode
from contextlib import suppress
from random import Random
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest

from cloudplatform_async import (
    AsyncClient,
    ClientStateError,
    InvalidRequestError,
    Paginator,
    Project,
    ServerError,
)
from tests.blocking.awaited import over_both_clients
from tests.resources.listing import PAGINGS, Gate, Listing, Paging, client_of, names, read, settle
from tests.tiers import slow

pytestmark = pytest.mark.anyio

AHEAD = pytest.mark.parametrize("ahead", [0, 4, *slow(1)])


async def in_pieces(client: AsyncClient, dice: Random, most: int) -> list[str]:
    """Walk a list in pieces of random length, each from the checkpoint of the one before."""
    ids: list[str] = []
    checkpoint, page_size = None, dice.choice([None, 1, 3, 7, 10])
    while len(ids) < most:
        options: dict[str, Any] = (
            {"page_size": page_size} if checkpoint is None else {"resume_from": checkpoint}
        )
        piece = dice.choice([0, 1, 2, dice.randrange(40)])
        walk = client.projects.iter_all(ahead=dice.randrange(4), max_items=most - len(ids), **options)
        async for item in walk:
            ids.append(item.id)
            piece -= 1
            if piece <= 0:
                break
        else:
            break
        checkpoint = walk.checkpoint
    return ids


@over_both_clients
@pytest.mark.parametrize("paging", PAGINGS)
@pytest.mark.parametrize("seed", [*range(3), *slow(*range(3, 8))])
async def test_random_stops_lose_nothing_and_repeat_nothing(
    paging: Paging, seed: int, client_class: type[AsyncClient]
) -> None:
    """Wherever a walk is cut, inside pages and between them, its pieces make the whole list."""
    dice = Random(seed)
    most = dice.choice([30, 57, 1000])
    async with client_of(Listing(names(57), paging), client_class) as client:
        assert await in_pieces(client, dice, most) == names(57)[:most]


@over_both_clients
@pytest.mark.parametrize("paging", PAGINGS)
async def test_pages_and_items_leave_the_same_checkpoint(
    paging: Paging, client_class: type[AsyncClient]
) -> None:
    """After the last item of a page stands the checkpoint of the page."""
    async with client_of(Listing(names(30), paging), client_class) as client:
        by_item, by_page = client.projects.iter_all(), client.projects.iter_all()
        [await anext(by_item) for _ in range(10)]
        await anext(by_page.pages())
        assert by_item.checkpoint == by_page.checkpoint
        page = await anext(client.projects.iter_all(resume_from=by_page.checkpoint).pages())
        assert [item.id for item in page.items] == names(30)[10:20]


@over_both_clients
async def test_a_checkpoint_before_the_first_item_is_the_start(client_class: type[AsyncClient]) -> None:
    """It can be kept before anything was sent, and costs no request."""
    listing = Listing(names(30))
    async with client_of(listing, client_class) as client:
        checkpoint = client.projects.iter_all(page_size=5).checkpoint
        assert listing.asked == []
        resumed = client.projects.iter_all(resume_from=checkpoint)
        assert resumed.checkpoint == checkpoint
        assert [item.id async for item in resumed] == names(30)
    assert len(listing.asked) == 6


@over_both_clients
@pytest.mark.parametrize("paging", PAGINGS)
async def test_a_checkpoint_after_the_last_item_waits_for_more(
    paging: Paging, client_class: type[AsyncClient]
) -> None:
    """A finished walk that is resumed hands out nothing, until the list has grown."""
    listing = Listing(names(25), paging)
    async with client_of(listing, client_class) as client:
        walk = client.projects.iter_all()
        await walk.collect()
        assert await client.projects.iter_all(resume_from=walk.checkpoint).collect() == []
        listing.ids = names(33)
        more = await client.projects.iter_all(resume_from=walk.checkpoint).collect()
    assert [item.id for item in more] == names(33)[25:]


@over_both_clients
async def test_a_resumed_walk_may_read_another_model(client_class: type[AsyncClient]) -> None:
    """The checkpoint is a place in a list; how its rows are read is free."""
    async with client_of(Listing(names(20)), client_class) as client:
        walk = client.projects.iter_all()
        await walk.first()
        row = await client.projects.iter_all(resume_from=walk.checkpoint, model=dict).first()
    assert row == {"id": "prj_0001", "name": "prj_0001"}


async def test_a_checkpoint_is_opaque_text_that_shows_no_filters() -> None:
    """One line of URL-safe ASCII with the version of its format in front."""
    async with client_of(Listing(names(20))) as client:
        checkpoint = client.projects.iter_all(name="Top Secret").checkpoint
    prefix, _, payload = checkpoint.partition(".")
    assert prefix == "cp1"
    assert payload.replace("-", "").replace("_", "").isalnum()
    assert urlsafe_b64encode(b"Top").decode() not in checkpoint


@over_both_clients
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"status": "archived"}, "other filters"),
        ({"filters": {"tier": "gold"}}, "other filters"),
        ({"page_size": 7}, "page_size"),
    ],
)
async def test_a_checkpoint_of_another_walk_is_refused(
    options: dict[str, Any], message: str, client_class: type[AsyncClient]
) -> None:
    """Other filters or another page size would lose or repeat items; nothing is sent."""
    listing = Listing(names(30))
    async with client_of(listing, client_class) as client:
        walk = client.projects.iter_all(page_size=10)
        with pytest.raises(InvalidRequestError, match=message):
            client.projects.iter_all(resume_from=walk.checkpoint, **options)
        client.projects.iter_all(resume_from=walk.checkpoint, page_size=10)
    assert listing.asked == []


@over_both_clients
@pytest.mark.parametrize("text", ["", "cp1.", "cp2.e30", "cp1.e30", "cp1.!!", "null", "cp1.bnVsbA", 5])
async def test_text_that_is_no_checkpoint_is_refused(text: Any, client_class: type[AsyncClient]) -> None:
    """Whatever stands there, the answer is one clear error before anything is sent."""
    async with client_of(Listing(names(30)), client_class) as client:
        with pytest.raises(InvalidRequestError, match="resume_from"):
            client.projects.iter_all(resume_from=text)


@over_both_clients
@AHEAD
@pytest.mark.parametrize("paging", PAGINGS)
@pytest.mark.parametrize("broken", [2, *slow(1, 4)])
async def test_after_an_error_the_same_walk_goes_on(
    paging: Paging, broken: int, ahead: int, client_class: type[AsyncClient]
) -> None:
    """The items before the failed page come first; asked again, the walk tries that page again."""
    listing = Listing(names(50), paging, scripted={broken: lambda: httpx.Response(503)})
    ids: list[str] = []
    async with client_of(listing, client_class) as client:
        walk = client.projects.iter_all(ahead=ahead)
        for _ in range(2):
            with pytest.raises(ServerError) as caught:
                await read(walk, ids)
            assert ids == names(50)[: (broken - 1) * 10]
            assert caught.value.checkpoint == walk.checkpoint
        listing.scripted.clear()
        await read(walk, ids)
    assert ids == names(50)


@over_both_clients
@AHEAD
@pytest.mark.parametrize("paging", PAGINGS)
async def test_the_checkpoint_of_an_error_resumes_a_new_walk(
    paging: Paging, ahead: int, client_class: type[AsyncClient]
) -> None:
    """A job that died at a page is started again tomorrow, in another process, and misses nothing."""
    listing = Listing(names(50), paging, scripted={4: lambda: httpx.Response(500)})
    ids: list[str] = []
    async with client_of(listing, client_class) as client:
        with pytest.raises(ServerError) as caught:
            await read(client.projects.iter_all(ahead=ahead), ids)
    listing.scripted.clear()
    async with client_of(listing, client_class) as client:
        ids += [item.id async for item in client.projects.iter_all(resume_from=caught.value.checkpoint)]
    assert ids == names(50)


@AHEAD
@pytest.mark.parametrize("paging", PAGINGS)
async def test_after_a_cancel_the_same_walk_goes_on(paging: Paging, ahead: int) -> None:
    """A page that was being waited for is not lost with the wait."""
    listing = Listing(names(50), paging, gates={3: Gate()})
    ids: list[str] = []
    async with client_of(listing) as client:
        walk = client.projects.iter_all(ahead=ahead)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read, walk, ids)
            await settle()
            tasks.cancel_scope.cancel()
        assert ids == names(50)[:20]
        listing.gates[3].set()
        await read(walk, ids)
    assert ids == names(50)
    assert listing.asked.count(3) == (1 if ahead else 2)


@AHEAD
async def test_two_tasks_on_one_walk_get_a_clear_error(ahead: int) -> None:
    """The second is refused without a request, and the first goes on undisturbed."""
    listing = Listing(names(30), gates={2: Gate()})
    ids: list[str] = []
    async with client_of(listing) as client, anyio.create_task_group() as tasks:
        walk = client.projects.iter_all(ahead=ahead)
        tasks.start_soon(read, walk, ids)
        await settle()
        with pytest.raises(ClientStateError, match="one task at a time"):
            await walk.first()
        listing.gates[2].set()
    assert ids == names(30)


@over_both_clients
async def test_an_error_of_the_users_own_function_passes_and_the_walk_goes_on(
    client_class: type[AsyncClient],
) -> None:
    """A key function that fails once, on a page fetched ahead, is the user's error, not ours."""
    keys = iter(["key", LookupError("vault"), "key", "key", "key"])

    def key() -> str:
        found = next(keys)
        if isinstance(found, LookupError):
            raise found
        return found

    async with client_of(Listing(names(30)), client_class, api_key=key) as client:
        walk = client.projects.iter_all()
        ids = [(await anext(walk)).id for _ in range(10)]
        with pytest.raises(LookupError, match="vault"):
            await walk.first()
        ids += [item.id async for item in walk]
    assert ids == names(30)


@AHEAD
@pytest.mark.parametrize("paging", PAGINGS)
async def test_two_tasks_that_share_a_walk_get_each_item_once(paging: Paging, ahead: int) -> None:
    """Whichever of them turns a page, and wherever the other is meanwhile."""
    ids: list[str] = []

    async def work(walk: Paginator[Project], pause: int) -> None:
        while True:
            with suppress(ClientStateError):  # the other task turns the page
                async for item in walk:
                    ids.append(item.id)
                    for _ in range(pause):
                        await anyio.lowlevel.checkpoint()
                return
            await anyio.lowlevel.checkpoint()

    async with client_of(Listing(names(30), paging, limit=5)) as client:
        for pause in range(6):
            walk = client.projects.iter_all(ahead=ahead)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(work, walk, 1)
                tasks.start_soon(work, walk, pause)
            assert sorted(ids) == names(30)
            ids.clear()
