"""How a list is walked: what an answer says, where the next page is, and what is not believed."""

from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudplatform_async._paging.overlap import Overlap
from cloudplatform_async._protocol.decoding.conversion import page_decoder
from cloudplatform_async._protocol.lists.page_walk import (
    MAX_EMPTY_PAGES,
    PageFacts,
    Position,
    Walk,
    next_position,
    page_exists,
)
from cloudplatform_async._protocol.responses import Answer
from cloudplatform_async.errors import PaginationError, PaginationLoopError

START = Position()
ROWS = b'[{"id":"a"},{"id":"b"}]'


def facts(beside_data: bytes = b"", link: str | None = None, rows: bytes = ROWS) -> PageFacts:
    """The facts of an answer with two rows, and with this text after its ``data``."""
    headers = {} if link is None else {"link": link}
    return page_decoder(dict)(Answer(200, headers, b'{"data":' + rows + beside_data + b"}"))[0].facts


@pytest.mark.parametrize(
    ("beside", "expected"),
    [
        (b"", PageFacts(count=2)),
        (b',"meta":null,"pagination":null,"links":null', PageFacts(count=2)),
        (b',"meta":{}', PageFacts(count=2)),
        (b',"meta":{"next_cursor":"c"}', PageFacts(count=2, cursor="c", has_cursors=True)),
        (b',"meta":{"pagination":{"next_cursor":"c"}}', PageFacts(count=2, cursor="c", has_cursors=True)),
        (
            b',"pagination":{"next_cursor":"c","has_more":true}',
            PageFacts(count=2, cursor="c", has_cursors=True, has_more=True),
        ),
        (b',"meta":{"next_cursor":null}', PageFacts(count=2, has_cursors=True)),
        (b',"meta":{"next_cursor":""}', PageFacts(count=2, has_cursors=True)),
        (
            b',"meta":{"page":1},"pagination":{"next_cursor":null}',
            PageFacts(count=2, page=1, has_cursors=True),
        ),
        (b',"pagination":{"page":1,"limit":2,"total":5}', PageFacts(count=2, page=1, limit=2, total=5)),
        (b',"meta":{"page":1,"limit":2,"total":0}', PageFacts(count=2, page=1, limit=2, total=0)),
        (b',"links":{"next":"/v1/x","self":"/v1/y"}', PageFacts(count=2, link="/v1/x")),
        (b',"links":{"next":null}', PageFacts(count=2)),
        (b',"meta":{"page":1},"pagination":{"page":9,"total":3}', PageFacts(count=2, page=1, total=3)),
        (b',"meta":{"new":[1]},"newer":{"page":7}', PageFacts(count=2)),
        (
            b',"meta":{"next_cursor":""},"pagination":{"next_cursor":"c"}',
            PageFacts(count=2, cursor="c", has_cursors=True),
        ),
        (b',"meta":{"has_more":false},"pagination":{"has_more":true}', PageFacts(count=2, has_more=True)),
        (b',"meta":{"has_more":false},"pagination":{"has_more":null}', PageFacts(count=2, has_more=False)),
        (b',"meta":{"total":2},"pagination":{"total":9}', PageFacts(count=2, total=9)),
        (b',"meta":{"total":9,"pagination":{"total":2}}', PageFacts(count=2, total=9)),
    ],
)
def test_facts_are_read_wherever_they_stand(beside: bytes, expected: PageFacts) -> None:
    """``meta``, ``meta.pagination`` and ``pagination``, and what is newer than this package is let be."""
    assert facts(beside) == expected


def test_a_link_header_is_read_where_the_body_has_no_link() -> None:
    """RFC 8288; a malformed header is ignored."""
    assert facts(link='</v1/x>; rel="next"').link == "/v1/x"
    assert facts(b',"links":{"next":"/v1/y"}', link='</v1/x>; rel="next"').link == "/v1/y"
    assert facts(link="</v1/x; rel=next").link is None


@pytest.mark.parametrize(
    ("asked", "found", "following"),
    [
        (START, PageFacts(count=2), None),
        (START, PageFacts(count=2, cursor="c"), Position(cursor="c")),
        (START, PageFacts(count=0, cursor="c"), Position(cursor="c")),
        (START, PageFacts(count=2, cursor="c", has_more=True), Position(cursor="c")),
        (START, PageFacts(count=2, cursor="c", has_more=False), None),
        (Position(cursor="b"), PageFacts(count=2), None),
        (Position(cursor="b"), PageFacts(count=2, link="/x", page=1, limit=2, total=9), Position(link="/x")),
        (Position(cursor="b"), PageFacts(count=2, page=1, limit=2, total=9), None),
        (START, PageFacts(count=2, cursor="c", link="/x", page=1, limit=2, total=9), Position(cursor="c")),
        (START, PageFacts(count=2, link="/x", page=1, limit=2, total=9), Position(link="/x")),
        (Position(link="/x"), PageFacts(count=2, page=2, limit=2, total=9), Position(page=3)),
        (Position(link="/x"), PageFacts(count=2, page=2, limit=2, total=4), None),
        (Position(link="/x"), PageFacts(count=2, page=2, limit=2), None),
        (Position(link="/x"), PageFacts(count=2, page=2, limit=2, has_more=True), Position(page=3)),
        (Position(link="/x"), PageFacts(count=2), None),
        (START, PageFacts(count=2, page=1, limit=2, total=9), Position(page=2)),
        (START, PageFacts(count=2, page=1, limit=2, total=2), None),
        (START, PageFacts(count=0, page=1, limit=2, total=0), None),
        (START, PageFacts(count=2, page=1, limit=2, total=0), Position(page=2)),
        (START, PageFacts(count=1, page=1, limit=2, total=0), None),
        (Position(page=2), PageFacts(count=2, page=2, limit=2, total=3), Position(page=3)),
        (START, PageFacts(count=2, page=1, limit=10, total=9), Position(page=2)),
        (START, PageFacts(count=9, page=1, limit=10, total=9), None),
        (START, PageFacts(count=1, page=1, limit=2, has_more=True), Position(page=2)),
        (START, PageFacts(count=2, page=1, limit=2, total=2, has_more=True), Position(page=2)),
        (START, PageFacts(count=2, page=1, limit=2, total=0, has_more=True), Position(page=2)),
        (START, PageFacts(count=0, has_more=True), Position(page=2)),
        (START, PageFacts(count=2, has_more=True), Position(page=2)),
        (START, PageFacts(count=2, has_more=False), None),
        (Position(page=2), PageFacts(count=2, has_more=True), Position(page=3)),
        (START, PageFacts(count=2, page=1, limit=2, total=9, has_more=False), Position(page=2)),
        (START, PageFacts(count=2, limit=2, total=9), Position(page=2)),
        (START, PageFacts(count=2, total=9), Position(page=2)),
        (START, PageFacts(count=2, total=2), None),
        (START, PageFacts(count=2, total=9, has_cursors=True), None),
        (START, PageFacts(count=2, limit=2, total=9, has_cursors=True), Position(page=2)),
        (START, PageFacts(count=10, total=99, has_cursors=True), Position(page=2)),
        (START, PageFacts(count=2, limit=2, total=9, has_cursors=True, has_more=False), None),
        (START, PageFacts(count=2, limit=2, total=2, has_cursors=True), None),
        (START, PageFacts(count=2, limit=2, total=0, has_cursors=True), None),
        (START, PageFacts(count=10, total=7, has_cursors=True), None),
        (Position(cursor="b"), PageFacts(count=2, total=9, has_cursors=True), None),
        (START, PageFacts(count=2, page=1, total=9, has_cursors=True), Position(page=2)),
        (Position(page=2), PageFacts(count=2, limit=2, total=9), Position(page=3)),
        (Position(page=5), PageFacts(count=1, limit=2, total=9), None),
        (Position(page=2), PageFacts(count=2), None),
        (START, PageFacts(count=0, page=1, limit=2, total=9), Position(page=2)),
        (START, PageFacts(count=2, page=1, limit=2), Position(page=2)),
        (START, PageFacts(count=1, page=1, limit=2), None),
        (START, PageFacts(count=2, page=1, limit=2, has_more=False), None),
        (START, PageFacts(count=10, page=1), Position(page=2)),
        (START, PageFacts(count=9, page=1), Position(page=2)),
        (START, PageFacts(count=0, page=1), None),
        (START, PageFacts(count=0, page=1, total=1), None),
        (START, PageFacts(count=0, total=2, has_more=False), Position(page=2)),
        (Position(page=2), PageFacts(count=0, page=2, total=2), None),
    ],
)
def test_the_next_page_is_where_the_answer_says(
    asked: Position, found: PageFacts, following: Position | None
) -> None:
    """Believed in this order: cursor, link, page numbers (API contract §5); ten rows were asked for."""
    assert next_position(asked, found, limit=10) == following


@pytest.mark.parametrize("asked", [START, Position(cursor="b"), Position(link="/x")])
def test_more_that_follows_nowhere_is_an_error(asked: Position) -> None:
    """The end that a null cursor or a missing link would be is not believed beside ``has_more: true``."""
    with pytest.raises(PaginationError, match="does not say where"):
        next_position(asked, PageFacts(count=2, has_cursors=True, has_more=True, limit=2), limit=2)


def test_without_any_size_a_page_of_rows_may_be_followed() -> None:
    """Where nobody names a limit, only an empty page ends a numbered list without a total."""
    assert next_position(START, PageFacts(count=3, page=1), limit=None) == Position(page=2)
    assert next_position(Position(page=2), PageFacts(count=0, page=2), limit=None) is None


@pytest.mark.parametrize(
    ("found", "number", "expected"),
    [
        (PageFacts(count=2, page=1, limit=2, total=5), 3, True),
        (PageFacts(count=2, page=1, limit=2, total=5), 4, False),
        (PageFacts(count=2, page=1, total=5), 3, True),
        (PageFacts(count=2, page=1, limit=2), 2, False),
        (PageFacts(count=0, page=1, limit=2, total=0), 1, False),
    ],
)
def test_a_page_ahead_exists_where_the_total_says_so(found: PageFacts, number: int, expected: bool) -> None:
    """Nothing is fetched side by side beyond the total."""
    assert page_exists(found, number) is expected


def walk(serve: Any, *, limit: int | None = None, most: int = 500) -> list[Position]:
    """Ask a server for page after page until it ends or this is too long."""
    positions, pages = [START], Walk(limit=limit)
    while len(positions) <= most:
        following = pages.advance(positions[-1], serve(positions[-1]))
        if following is None:
            return positions
        positions.append(following)
    pytest.fail("the walk does not end")


def test_a_cursor_list_is_walked_to_its_end() -> None:
    """Empty pages on the way are gone through, however many."""
    cursors = iter([*(f"c{number}" for number in range(100)), None])
    assert len(walk(lambda asked: PageFacts(count=0, cursor=next(cursors)))) == 101


def numbered(asked: Position, *, total: int, limit: int, says_limit: bool = True) -> PageFacts:
    """A page of a well-behaved numbered list."""
    page = asked.page or 1
    rows = max(0, min(limit, total - (page - 1) * limit))
    return PageFacts(count=rows, page=page, limit=limit if says_limit else None, total=total)


@given(st.integers(0, 300), st.integers(1, 50), st.integers(1, 1000), st.booleans())
def test_a_numbered_list_is_walked_whole_however_its_server_caps_pages(
    total: int, cap: int, asked_for: int, says_limit: bool
) -> None:
    """Also where the server caps the page size and does not say so, no row is left out."""
    size = min(cap, asked_for)
    positions = walk(
        lambda asked: numbered(asked, total=total, limit=size, says_limit=says_limit), limit=asked_for
    )
    assert len(positions) == max(1, -(-total // size))


@given(st.integers(1, 100), st.integers(1, 100))
def test_a_total_is_read_afresh_from_each_page(first: int, later: int) -> None:
    """The list may grow or shrink on the way."""
    positions = walk(lambda asked: numbered(asked, total=first if asked is START else later, limit=5))
    assert len(positions) == (1 if first <= 5 else max(2, -(-later // 5)))


def test_a_repeated_cursor_is_a_loop_within_two_requests() -> None:
    """A server that gives the same cursor again is asked once more, and no further."""
    pages = Walk()
    following = pages.advance(START, PageFacts(count=2, cursor="c"))
    assert following == Position(cursor="c")
    with pytest.raises(PaginationLoopError, match="'c'"):
        pages.advance(following, PageFacts(count=2, cursor="c"))


@pytest.mark.parametrize("length", [1, 2, 3, 50])
@pytest.mark.parametrize("kind", ["cursor", "link"])
def test_a_cycle_is_a_loop_once_it_closes(kind: str, length: int) -> None:
    """However long the way round, each place is visited once."""
    numbers, asked = count(), 0

    def serve(_: Position) -> PageFacts:
        nonlocal asked
        asked += 1
        return PageFacts(count=2, **{kind: f"/{next(numbers) % length}"})

    with pytest.raises(PaginationLoopError):
        walk(serve)
    assert asked == length + 1


@pytest.mark.parametrize(
    ("answered", "kind"), [(1, PaginationLoopError), (2, PaginationLoopError), (4, PaginationError)]
)
def test_a_page_that_was_not_asked_for_is_an_error(answered: int, kind: type[PaginationError]) -> None:
    """A server that ignores ``page`` is found out with its second answer."""
    with pytest.raises(kind) as caught:
        Walk().advance(Position(page=3), PageFacts(count=2, page=answered, limit=2, total=99))
    assert type(caught.value) is kind
    assert f"page {answered}" in str(caught.value)


def test_a_server_that_ignores_page_is_asked_twice() -> None:
    """It answers page 1 for ever, and is believed once."""
    asked = []

    def serve(position: Position) -> PageFacts:
        asked.append(position)
        return PageFacts(count=2, page=1, limit=2, total=9)

    with pytest.raises(PaginationLoopError):
        walk(serve)
    assert asked == [START, Position(page=2)]


def test_an_absurd_total_over_empty_pages_is_not_believed() -> None:
    """After some empty pages in a row the total counts for nothing."""
    asked = []

    def serve(position: Position) -> PageFacts:
        asked.append(position)
        return PageFacts(count=0, page=position.page or 1, limit=100, total=10**18)

    with pytest.raises(PaginationError, match=f"total of {10**18}"):
        walk(serve)
    assert len(asked) == MAX_EMPTY_PAGES + 1


def test_empty_pages_with_others_between_them_are_gone_through() -> None:
    """A list that deletions have thinned out is walked to its end."""

    def serve(position: Position) -> PageFacts:
        page = position.page or 1
        return PageFacts(count=page % 10 == 0, page=page, limit=1, total=95)

    assert len(walk(serve)) == 95


moods = st.builds(
    PageFacts,
    count=st.integers(0, 3),
    cursor=st.none() | st.sampled_from("abc"),
    has_more=st.none() | st.booleans(),
    page=st.none() | st.integers(1, 4),
    limit=st.none() | st.integers(1, 5),
    total=st.none() | st.integers(0, 12) | st.just(10**18),
    link=st.none() | st.sampled_from(["/x", "/y"]),
)


@given(st.lists(moods, min_size=1, max_size=6), st.none() | st.integers(1, 5))
def test_any_server_is_walked_to_an_end_or_an_error(answers: list[PageFacts], limit: int | None) -> None:
    """A server with finitely many answers, given in turn for ever, is never asked for ever."""
    turns, overlap = count(), Overlap(2)

    def serve(asked: Position) -> PageFacts:
        turn = next(turns) % len(answers)
        facts = answers[turn]
        is_certain = facts.page is not None and facts.total is not None
        rows = [{"id": f"{turn}.{row}"} for row in range(facts.count)]
        overlap.places_of_new(rows, facts.total, is_certain=is_certain)
        return facts

    try:
        walk(serve, limit=limit)
    except PaginationError as error:
        assert error.outcome == "not_sent"


@given(st.lists(st.text(min_size=1), min_size=1, max_size=30, unique=True))
def test_different_cursors_are_never_a_loop(cursors: list[str]) -> None:
    """Only a cursor that was seen before is one."""
    coming = iter([*cursors, None])
    positions = walk(lambda asked: PageFacts(count=1, cursor=next(coming)))
    assert [position.cursor for position in positions] == [None, *cursors]


@pytest.mark.parametrize(
    ("position", "text"),
    [(Position(cursor="c"), "cursor 'c'"), (Position(page=2), "page 2"), (Position(link="/x"), "link '/x'")],
)
def test_a_position_names_itself(position: Position, text: str) -> None:
    """As messages show it."""
    assert str(position) == text
