"""How a list is walked: from what one answer says to the request for the next page (API contract §5)."""

from array import array
from bisect import bisect_left
from collections.abc import Mapping
from typing import Annotated, Any, Generic, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType, field

from cloudplatform_async._protocol.lists.links import next_in_header
from cloudplatform_async.errors import PaginationError, PaginationLoopError

T = TypeVar("T")

MAX_EMPTY_PAGES = 10
"""Empty numbered pages in a row after which a promise of more is not believed any longer."""


class PageFields(Struct):
    """What a list answer says of its place, under ``meta`` or ``pagination``."""

    next_cursor: str | UnsetType | None = UNSET
    has_more: bool | None = None
    page: Annotated[int, Meta(ge=1)] | None = None
    limit: Annotated[int, Meta(ge=1)] | None = None
    total: Annotated[int, Meta(ge=0)] | None = None
    pagination: "PageFields | None" = None


class Links(Struct):
    """Links that a list answer carries."""

    next: str | None = None


class PageEnvelope(Struct, Generic[T]):
    """A list answer; names that are newer than this package may stand beside these."""

    data: T
    meta: PageFields | None = None
    pagination: PageFields | None = None
    links: Links | None = None


class Position(Struct, frozen=True, kw_only=True):
    """Where a page is: nowhere in particular (the first), or at a cursor, a page number or a link.

    Attributes:
        cursor: The server's opaque text.
        page: From 1 up.
        link: As the server sent it.
    """

    cursor: str | None = None
    page: int | None = None
    link: str | None = None

    def __str__(self) -> str:
        if self.cursor is not None:
            return f"cursor {self.cursor!r}"
        return f"page {self.page}" if self.page is not None else f"link {self.link!r}"


class PageFacts(Struct, frozen=True, kw_only=True):
    """What one answer says about its list.

    Attributes:
        count: Items on the page.
        cursor: Of the next page.
        has_cursors: The answer names a cursor, be it ``null``.
        has_more: Whether another page follows, where the server says so.
        page: The server's number of this page.
        limit: Most items that a page of the server's holds.
        total: Items in the list, at that moment.
        link: To the next page.
    """

    count: int
    cursor: str | None = None
    has_cursors: bool = False
    has_more: bool | None = None
    page: int | None = None
    limit: int | None = None
    total: int | None = None
    link: str | None = None


_NOTHING = PageFields()


def facts_of(answer: PageEnvelope[list[T]], headers: Mapping[str, str]) -> PageFacts:
    """Collect what an answer says, wherever it says it."""
    meta = answer.meta
    places = (meta, meta and meta.pagination, answer.pagination)
    said = _joined([place for place in places if place is not None])
    cursor, header = said.next_cursor, headers.get("link")
    return PageFacts(
        count=len(answer.data),
        cursor=cursor or None,
        has_cursors=cursor is not UNSET,
        has_more=said.has_more,
        page=said.page,
        limit=said.limit,
        total=said.total,
        link=(answer.links and answer.links.next) or (next_in_header(header) if header else None),
    )


def _joined(places: list[PageFields]) -> PageFields:
    """Join what stands in several places: where they differ, whatever says that more follows is believed."""
    if len(places) < 2:
        return places[0] if places else _NOTHING

    def said(name: str) -> list[Any]:
        return [value for place in places if (value := getattr(place, name)) not in (None, UNSET)]

    cursors = [place.next_cursor for place in places if place.next_cursor is not UNSET]
    more = said("has_more")
    return PageFields(
        next_cursor=next(filter(None, cursors), None) if cursors else UNSET,
        has_more=any(more) if more else None,
        page=next(iter(said("page")), None),
        limit=next(iter(said("limit")), None),
        total=max(said("total"), default=None),
    )


def next_position(
    asked: Position, facts: PageFacts, *, limit: int | None, fullest: int = 0, seen: int | None = None
) -> Position | None:
    """Tell where the next page is; ``None`` after the last.

    Believed in this order: the cursor, the next link, page numbers. An end is believed only where
    nothing in the answer says that more follows.

    Args:
        asked: Where this page was asked for.
        facts: What came back.
        limit: Page size that was asked for.
        fullest: Most items that a page of the walk held before.
        seen: Items up to the end of this page; ``None`` where only its number tells them.

    Raises:
        PaginationError: Where more follows, and there is no way on.
    """
    if facts.cursor:
        return None if facts.has_more is False else Position(cursor=facts.cursor)
    if facts.link:
        return Position(link=facts.link)
    number = _number(asked, facts, limit)
    if number is None:
        if facts.has_more:
            raise PaginationError("The server says that more follows, and does not say where.")
        return None
    fullest = max(fullest, facts.count)
    size = facts.limit or max(fullest, 1)  # empty pages tell no size, and so many of them are enough
    seen = _items_before(number, facts, limit) + facts.count if seen is None else seen
    if facts.total is not None and 0 < facts.count < size == limit and seen < facts.total:
        size = fullest  # the limit may be an echo of what was asked for, and the server's own be less
    return Position(page=number + 1) if _goes_on(number, facts, size, seen) else None


def _number(asked: Position, facts: PageFacts, limit: int | None) -> int | None:
    """Tell the number of a page, where the list may go on by numbers."""
    says_more = facts.total is not None or facts.has_more
    if asked.cursor is not None or (asked.link is not None and not says_more):
        return None
    if facts.page is not None or asked.link is not None:
        return facts.page
    if not says_more or (facts.has_cursors and asked.page is None and not _is_cut(facts, limit)):
        return None
    return asked.page or 1


def _is_cut(facts: PageFacts, limit: int | None) -> bool:
    """Tell whether a full page ends at its size alone: a null cursor beside a larger total is no cursor's."""
    size = facts.limit or limit
    is_full = size is not None and facts.count >= size
    return facts.has_more is None and is_full and facts.total is not None and facts.total > facts.count


def _items_before(number: int, facts: PageFacts, limit: int | None) -> int:
    """Reckon how many items lie before a page, rather too few: the limit may be an echo, as above."""
    size = facts.limit or facts.count
    return (number - 1) * (facts.count if facts.count < size == limit else size)


def _goes_on(number: int, facts: PageFacts, size: int, seen: int) -> bool:
    if facts.has_more:
        return True
    if facts.total is not None and facts.total >= seen:
        return number * size < facts.total
    return facts.has_more is not False and 0 < facts.count >= size


def page_exists(facts: PageFacts, number: int) -> bool:
    """Tell whether a numbered list goes on to a page, by what its latest answer said."""
    return facts.total is not None and (number - 1) * (facts.limit or facts.count) < facts.total


class Walk(Struct):
    """The memory of one walk: what makes a loop visible, and an end that comes too early.

    Attributes:
        limit: Page size that was asked for.
    """

    limit: int | None = None
    _marks: "array[int]" = field(default_factory=lambda: array("q"))
    _empty: int = 0
    _fullest: int = 0
    _seen: int | None = None

    def advance(self, asked: Position, facts: PageFacts) -> Position | None:
        """Take in an answer and tell where the next page is; each page once, and in order.

        Raises:
            PaginationLoopError: For a page or cursor that was walked before.
            PaginationError: For a page that was not asked for, for more that follows nowhere, and for a
                promise of more that empty pages belie.
        """
        self._check_number(asked, facts)
        # A walk that was resumed has not seen what lies before its first page.
        before = _items_before(asked.page or 1, facts, self.limit) if self._seen is None else self._seen
        self._seen = before + facts.count
        following = next_position(asked, facts, limit=self.limit, fullest=self._fullest, seen=self._seen)
        self._fullest = max(self._fullest, facts.count)
        if following is not None:
            self._check_new(following)
            self._check_progress(following, facts)
        return following

    def _check_number(self, asked: Position, facts: PageFacts) -> None:
        if asked.page is None or facts.page is None or facts.page == asked.page:
            return
        kind = PaginationLoopError if facts.page < asked.page else PaginationError
        raise kind(f"The server answered with page {facts.page} when it was asked for page {asked.page}.")

    def _check_new(self, following: Position) -> None:
        """Keep eight bytes a page, sorted: a walk of a million pages stays small."""
        if following.page is not None:  # numbers only grow
            return
        mark = hash(following)
        place = bisect_left(self._marks, mark)
        if place < len(self._marks) and self._marks[place] == mark:
            raise PaginationLoopError(f"The server repeats itself: {following} was walked before.")
        self._marks.insert(place, mark)

    def _check_progress(self, following: Position, facts: PageFacts) -> None:
        self._empty = 0 if facts.count or following.page is None else self._empty + 1
        if self._empty > MAX_EMPTY_PAGES:
            promise = "more" if facts.total is None else f"a total of {facts.total}"
            raise PaginationError(f"{self._empty} empty pages in a row, yet {promise} is promised.")
