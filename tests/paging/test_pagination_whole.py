"""No list ends early in silence, and none is stopped by one row: all is handed out, or an error says why."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from attrs import define, field

from cloudplatform_async import (
    AsyncClient,
    InvalidRequestError,
    PaginationError,
    PaginationLoopError,
    Project,
    ResponseDecodeError,
)
from tests.blocking.awaited import over_both_clients
from tests.resources.listing import client_of, names, read

pytestmark = pytest.mark.anyio

AHEAD = pytest.mark.parametrize("ahead", [0, 3])
# From the number of a page, its rows, and whether it is the last, to what the answer says beside them.
Saying = Callable[[int, list[str], bool], dict[str, Any]]


@define(eq=False)
class Numbered(httpx.AsyncBaseTransport):
    """A list by page numbers that says odd things of itself.

    Attributes:
        pages: Ids of the rows of each page.
        saying: What stands beside the rows.
        asked: Numbers of the pages that were asked for.
        rows: Makes a row of an id.
    """

    pages: list[list[str]]
    saying: Saying
    asked: list[int] = field(factory=list)
    row: Callable[[str], dict[str, Any]] = lambda each: {"id": each, "name": each}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Serve one page; there is nothing behind the last."""
        number = int(request.url.params.get("page", 1))
        self.asked.append(number)
        rows = self.pages[number - 1] if number <= len(self.pages) else []
        beside = self.saying(number, rows, number >= len(self.pages))
        return httpx.Response(200, json={"data": [self.row(each) for each in rows], **beside})


def cut(count: int, size: int = 100) -> list[list[str]]:
    """So many ids in pages of a size."""
    ids = names(count)
    return [ids[start : start + size] for start in range(0, count, size)]


def meta(**said: Any) -> Saying:
    """Say the same on every page, with ``page`` and ``has_more`` as they are where they are named."""

    def saying(number: int, _: list[str], is_last: bool) -> dict[str, Any]:
        told = {"page": number, "has_more": not is_last}
        return {"meta": {name: told[name] if value is ... else value for name, value in said.items()}}

    return saying


async def keep(walk: AsyncIterator[Any], found: list[Any]) -> None:
    """Consume a walk, and keep what was handed out even where it ends with an error."""
    async for each in walk:
        found.append(each)  # noqa: PERF401 - a comprehension would keep nothing of a walk that fails


HIDDEN = [names(227)[:97], names(227)[97:197], names(227)[197:]]
WHOLE: dict[str, tuple[list[list[str]], Saying, int]] = {
    # The inputs of the report, and after each some of its kind.
    "a short page beside has_more": (HIDDEN, meta(page=..., limit=100, has_more=...), 3),
    "a short page beside has_more alone": (HIDDEN, meta(has_more=...), 3),
    "a page of one row beside has_more": (
        [["a"], names(100), ["b"]],
        meta(page=..., limit=100, has_more=...),
        3,
    ),
    "a total that is capped": (cut(450), meta(page=..., limit=100, total=200, has_more=...), 5),
    "a total that is capped at one page": (cut(450), meta(page=..., limit=100, total=100, has_more=...), 5),
    "a total that is capped, without a limit": (cut(450), meta(page=..., total=200, has_more=...), 5),
    "a total below the rows, without has_more": (cut(250), meta(page=..., limit=100, total=99), 3),
    "a total of 0 beside has_more": (cut(250), meta(page=..., limit=100, total=0, has_more=...), 3),
    "a total of 0 beside rows": (cut(250), meta(page=..., limit=100, total=0), 3),
    "a total of 0 without a page": (cut(250), meta(limit=100, total=0), 3),
    "a total of 0 and nothing else": (cut(250), meta(total=0), 3),
    "a total without a page": (cut(250), meta(limit=100, total=250), 3),
    "a total without a page, under pagination": (
        cut(250),
        lambda number, rows, is_last: {"pagination": {"limit": 100, "total": 250}},
        3,
    ),
    "a total alone": (cut(250), meta(total=250), 3),
    "a total alone, of one page": (cut(50), meta(total=50), 1),
    "a total alone, over hidden rows": (HIDDEN, meta(total=230), 3),
    "a total beside a null cursor and a page": (
        cut(250),
        meta(next_cursor=None, page=..., limit=100, total=250),
        3,
    ),
    "a total beside a null cursor, on full pages": (
        cut(250),
        meta(next_cursor=None, limit=100, total=250),
        3,
    ),
    "has_more alone": (cut(250), meta(has_more=...), 3),
    "has_more under pagination": (
        cut(250),
        lambda number, rows, is_last: {"pagination": {"has_more": not is_last}},
        3,
    ),
    "places that differ about has_more": (
        cut(250),
        lambda number, rows, is_last: {"meta": {"has_more": False}, "pagination": {"has_more": not is_last}},
        3,
    ),
    "places that differ about the total": (
        cut(250),
        lambda number, rows, is_last: {
            "meta": {"total": len(rows)},
            "pagination": {"page": number, "limit": 100, "total": 250},
        },
        3,
    ),
    "has_more and a limit": (cut(250), meta(limit=100, has_more=...), 3),
    "a page alone, of a size that is capped": (cut(250), meta(page=...), 3),
    "a page and has_more, of a size that is capped": (cut(250), meta(page=..., has_more=...), 3),
    "a total, of a size that is capped in silence": (cut(250), meta(page=..., total=250), 3),
    "a limit that only echoes what was asked for": (cut(250), meta(page=..., limit=500, total=250), 3),
    "a first page without rows": ([[], *cut(100)], meta(page=..., limit=100, has_more=...), 2),
    "a first page without rows and has_more alone": ([[], *cut(100)], meta(has_more=...), 2),
    "three pages without rows": ([[], [], [], *cut(100)], meta(page=..., has_more=...), 4),
    "has_more is false too early, and the total knows": (
        cut(250),
        meta(page=..., limit=100, total=250, has_more=False),
        3,
    ),
}


@over_both_clients
@pytest.mark.parametrize("case", WHOLE)
async def test_a_list_is_walked_whole_whatever_it_says_of_its_end(
    case: str, client_class: type[AsyncClient]
) -> None:
    """An end is believed only where nothing in the same answer says that more follows (API contract §5)."""
    for ahead in (0, 3):
        pages, saying, requests = WHOLE[case]
        server = Numbered(pages, saying)
        async with client_of(server, client_class) as client:
            walk = client.projects.iter_all(ahead=ahead, page_size=500)
            ids = [project.id async for project in walk]
            assert ids == [each for page in pages for each in page]
            assert len(server.asked) <= requests + max(1, ahead)
            middle = client.projects.iter_all(ahead=ahead, page_size=500)
            some = [(await anext(middle)).id for _ in range(min(130, len(ids) - 1))]
            rest = await client.projects.iter_all(ahead=ahead, resume_from=middle.checkpoint).collect()
            assert some + [project.id for project in rest] == ids


@over_both_clients
@AHEAD
@pytest.mark.parametrize(
    ("saying", "kind"),
    [
        (meta(next_cursor=None, has_more=True), PaginationError),
        (meta(next_cursor="", has_more=True, limit=100), PaginationError),
        (lambda *_: {"meta": {"next_cursor": None}, "pagination": {"has_more": True}}, PaginationError),
        (meta(has_more=True), PaginationLoopError),
        (meta(total=250), PaginationLoopError),
        (meta(limit=100, has_more=True), PaginationLoopError),
    ],
)
async def test_more_that_cannot_be_reached_is_an_error(
    saying: Saying, kind: type[PaginationError], ahead: int, client_class: type[AsyncClient]
) -> None:
    """A server without page numbers gives the same page again, or a cursor that is null: no silent end."""
    server = Numbered([names(100)] * 50, saying)
    ids: list[str] = []
    async with client_of(server, client_class) as client:
        walk = client.projects.iter_all(ahead=ahead)
        with pytest.raises(PaginationError) as caught:
            await read(walk, ids)
    assert type(caught.value) is kind
    assert (ids, caught.value.checkpoint) == (names(100), walk.checkpoint)
    assert len(server.asked) <= 2 + ahead


@AHEAD
@pytest.mark.parametrize("round_of", [1, 2, 7])
async def test_pages_without_ids_that_come_round_are_a_loop(round_of: int, ahead: int) -> None:
    """Where only ``has_more`` leads on, the rows themselves show that the server goes in a circle."""
    pages = [[f"{number}.{row}" for row in range(3)] for number in range(round_of)] * 60
    server = Numbered(pages, meta(has_more=True), row=lambda each: {"name": each})
    rows: list[Any] = []
    async with client_of(server) as client:
        walk = client.projects.iter_all(ahead=ahead, model=dict)
        with pytest.raises(PaginationLoopError):
            await keep(walk, rows)
    assert len(rows) == 3 * round_of


async def test_an_end_that_nothing_contradicts_costs_no_request_more() -> None:
    """Lists that tell the truth are walked as ever."""
    for pages, saying, asked in (
        (cut(250), meta(page=..., limit=100, total=250), [1, 2, 3]),
        (cut(200), meta(page=..., limit=100, total=200, has_more=...), [1, 2]),
        (cut(250), meta(page=..., limit=100), [1, 2, 3]),
        (cut(50), meta(limit=100), [1]),
        (cut(50), lambda *_: {}, [1]),
        (cut(50), meta(next_cursor=None, total=90), [1]),
        ([[]], meta(page=..., limit=100, total=0), [1]),
        ([[]], meta(page=..., limit=100, total=0, has_more=...), [1]),
        ([[]], meta(page=..., total=1, has_more=...), [1]),
        (cut(100), meta(next_cursor=None, limit=100, total=0), [1]),
    ):
        server = Numbered(pages, saying)
        async with client_of(server) as client:
            assert len(await client.projects.iter_all().collect()) == sum(map(len, pages))
        assert server.asked == asked


ROW = b'{"id":"%b","name":"n"}'
POISON = {
    "half an emoji": (b'{"id":"x","name":"cut \\ud83d"}', "cut \N{REPLACEMENT CHARACTER}"),
    "half an emoji in a field that nobody reads": (b'{"id":"x","name":"n","z":["\\ud83d"]}', "n"),
    "the other half": (b'{"id":"x","name":"\\ude00 cut"}', "\N{REPLACEMENT CHARACTER} cut"),
    "both halves the wrong way round": (
        b'{"id":"x","name":"\\ude00\\ud83d"}',
        "\N{REPLACEMENT CHARACTER}" * 2,
    ),
    "half before a whole": (
        b'{"id":"x","name":"\\ud83d\\uD83D\\uDE00"}',
        "\N{REPLACEMENT CHARACTER}\N{GRINNING FACE}",
    ),
    "half in a name": (b'{"id":"x","name":"n","\\udc00":1}', "n"),
    "half in a label": (b'{"id":"x","name":"n","labels":{"a":"\\ud800"}}', "n"),
    "a backslash that is none of it": (
        b'{"id":"x","name":"\\\\ud83d \\ud83d"}',
        "\\ud83d \N{REPLACEMENT CHARACTER}",
    ),
    "null labels": (b'{"id":"x","name":"n","labels":null}', "n"),
    "null labels and half an emoji": (
        b'{"id":"x","name":"\\ud83d","labels":null}',
        "\N{REPLACEMENT CHARACTER}",
    ),
}


def serving(rows: list[bytes], size: int = 10) -> httpx.AsyncBaseTransport:
    """A numbered list of these rows, as they are."""

    def page(request: httpx.Request) -> httpx.Response:
        number = int(request.url.params.get("page", 1))
        found = rows[(number - 1) * size : number * size]
        said = b'{"page":%d,"limit":%d,"total":%d}' % (number, size, len(rows))
        return httpx.Response(200, content=b'{"data":[%b],"meta":%b}' % (b",".join(found), said))

    return httpx.MockTransport(page)


def with_row(place: int, row: bytes, count: int = 40) -> list[bytes]:
    """Rows of a list, one of them as given."""
    rows = [ROW % each.encode() for each in names(count)]
    rows[place] = row
    return rows


@AHEAD
@pytest.mark.parametrize("poison", POISON)
async def test_one_text_does_not_stop_a_list(poison: str, ahead: int) -> None:
    """What is valid JSON is read; half of a surrogate pair becomes U+FFFD, null for a map an empty one."""
    for model in (Project, dict):
        row, name = POISON[poison]
        async with client_of(serving(with_row(15, row))) as client:
            rows: list[Any] = await client.projects.iter_all(ahead=ahead, model=model).collect()
            page = await client.projects.list(page=2, limit=10)
        assert len(rows) == 40
        assert (rows[15]["name"] if model is dict else rows[15].name) == name
        assert page.items[5].name == name
        if model is Project:
            assert "null" not in poison or rows[15].labels == {}


BAD = {
    "a null name": (b'{"id":"x","name":null}', ".name"),
    "no name": (b'{"id":"x"}', ""),
    "a number for an id": (b'{"id":5,"name":"n"}', ".id"),
    "a leap second": (b'{"id":"x","name":"n","created_at":"2016-12-31T23:59:60Z"}', ".created_at"),
    "a label that is null": (b'{"id":"x","name":"n","labels":{"a":null}}', ".labels[...]"),
    "labels that are a list": (b'{"id":"x","name":"n","labels":[]}', ".labels"),
}


@over_both_clients
@AHEAD
@pytest.mark.parametrize("bad", BAD)
async def test_the_good_rows_before_a_bad_one_are_handed_out(
    bad: str, ahead: int, client_class: type[AsyncClient]
) -> None:
    """Then comes the error, again and again; plain rows get past it, from its checkpoint."""
    for place in (0, 5, 10, 15, 39):
        row, path = BAD[bad]
        async with client_of(serving(with_row(place, row)), client_class) as client:
            walk, ids = client.projects.iter_all(ahead=ahead), list[str]()
            for _ in range(3):
                with pytest.raises(ResponseDecodeError) as caught:
                    await read(walk, ids)
                assert ids == names(40)[:place]
                error = caught.value
                assert (error.path, error.outcome, error.status_code) == (
                    f"$.data[{place % 10}]{path}",
                    "unknown",
                    200,
                )
                assert (error.checkpoint, error.attempts) == (walk.checkpoint, 1)
                assert str(error).startswith("GET /projects: ")
            rest = await client.projects.iter_all(
                ahead=ahead, resume_from=error.checkpoint, model=dict
            ).collect()
            assert len(rest) == 40 - place
            with pytest.raises(ResponseDecodeError):
                await client.projects.list(page=place // 10 + 1, limit=10)


@over_both_clients
@AHEAD
async def test_pages_and_peeks_stop_where_items_do(ahead: int, client_class: type[AsyncClient]) -> None:
    """A page with a bad row is handed out up to it, once; a walk that ends before it never meets it."""
    rows = with_row(15, b'{"id":5}')
    async with client_of(serving(rows), client_class) as client:
        sizes: list[int] = []
        walk = client.projects.iter_all(ahead=ahead)
        with pytest.raises(ResponseDecodeError):
            await keep((len(page) async for page in walk.pages()), sizes)
        assert sizes == [10, 5]
        with pytest.raises(ResponseDecodeError):
            await walk.peek()
        rows[15] = ROW % b"prj_0015"
        assert [len(page) async for page in walk.pages()] == [5, 10, 10]
        rows[15] = b'{"id":5}'
        assert len(await client.projects.iter_all(ahead=ahead, max_items=15).collect()) == 15


@over_both_clients
@AHEAD
async def test_a_walk_goes_on_where_a_bad_row_is_mended(ahead: int, client_class: type[AsyncClient]) -> None:
    """The same page is fetched again, and nothing of it is handed out twice."""
    rows, ids = with_row(15, b'{"id":5}'), list[str]()
    async with client_of(serving(rows), client_class) as client:
        walk = client.projects.iter_all(ahead=ahead)
        with pytest.raises(ResponseDecodeError):
            await read(walk, ids)
        rows[15] = ROW % b"prj_0015"
        await read(walk, ids)
    assert ids == names(40)
    assert walk.drift.repeated == 0


@over_both_clients
@AHEAD
async def test_collect_hands_out_all_or_none(ahead: int, client_class: type[AsyncClient]) -> None:
    """After an error nothing is lost: the walk and the error's checkpoint stand where they stood."""
    rows = with_row(25, b'{"id":5}')
    async with client_of(serving(rows), client_class) as client:
        walk = client.projects.iter_all(ahead=ahead)
        first = await walk.first()
        assert first is not None
        before = walk.checkpoint
        with pytest.raises(ResponseDecodeError) as caught:
            await walk.collect()
        assert caught.value.checkpoint == walk.checkpoint == before
        rows[25] = ROW % b"prj_0025"
        assert [first.id, *[project.id for project in await walk.collect()]] == names(40)


@over_both_clients
@AHEAD
@pytest.mark.parametrize(("asked", "resumed"), [(10, 10), (10, 100), (7, None)])
async def test_a_checkpoint_fixes_the_page_size(
    asked: int, resumed: int | None, ahead: int, client_class: type[AsyncClient]
) -> None:
    """Unless another one is asked for, which is refused by the argument's name."""
    async with client_of(serving(with_row(0, ROW % b"prj_0000"), size=asked), client_class) as client:
        walk = client.projects.iter_all(ahead=ahead, page_size=asked)
        some = [(await anext(walk)).id for _ in range(12)]
        sizes = {} if resumed is None else {"page_size": resumed}
        rest = await client.projects.iter_all(ahead=ahead, resume_from=walk.checkpoint, **sizes).collect()
        assert some + [project.id for project in rest] == names(40)
        with pytest.raises(InvalidRequestError, match="page_size"):
            client.projects.iter_all(resume_from=walk.checkpoint, page_size=33)
