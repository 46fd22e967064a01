"""How a list is walked: from what one answer says to the request for the next page (API contract §5)."""

from array import array
from bisect import bisect_left
from collections.abc import Mapping
from typing import Any, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from cloudplatform_async._protocol.conversion import PageEnvelope, PageFields
from cloudplatform_async._protocol.links import next_in_header
from cloudplatform_async.errors import PaginationError, PaginationLoopError

T = TypeVar("T")

MAX_EMPTY_PAGES = 10
"""Empty numbered pages in a row after which a ``total`` that promises more is not believed any longer."""


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
        has_more: ``False`` where the server says that this was the last page.
        page: The server's number of this page.
        limit: Most items that a page of the server's holds.
        total: Items in the list, at that moment.
        link: To the next page.
    """

    count: int
    cursor: str | None = None
    has_more: bool | None = None
    page: int | None = None
    limit: int | None = None
    total: int | None = None
    link: str | None = None


_NOTHING = PageFields()
_FIELDS = ("next_cursor", "has_more", "page", "limit", "total")


def facts_of(answer: PageEnvelope[list[T]], headers: Mapping[str, str]) -> PageFacts:
    """Collect what an answer says, wherever it says it."""
    meta = answer.meta or _NOTHING
    said = _joined([place for place in (meta, meta.pagination, answer.pagination) if place is not None])
    return PageFacts(
        count=len(answer.data),
        cursor=said.next_cursor or None,
        has_more=said.has_more,
        page=said.page,
        limit=said.limit,
        total=said.total,
        link=(answer.links and answer.links.next) or next_in_header(headers.get("link", "")),
    )


def _joined(places: list[PageFields]) -> PageFields:
    """Join what stands in several places; each field is believed where it stands first."""
    if len(places) == 1:
        return places[0]

    def first(name: str) -> Any:
        return next((value for place in places if (value := getattr(place, name)) is not None), None)

    return PageFields(**{name: first(name) for name in _FIELDS})


def next_position(asked: Position, facts: PageFacts, limit: int | None) -> Position | None:
    """Tell where the next page is; ``None`` after the last.

    Believed in this order: the cursor, the next link, page numbers. A walk that began with one goes
    on with it.

    Args:
        asked: Where this page was asked for.
        facts: What came back.
        limit: Page size that was asked for; the server's own wins.
    """
    if facts.cursor:
        return None if facts.has_more is False else Position(cursor=facts.cursor)
    if asked.cursor is not None:
        return None
    if facts.link:
        return Position(link=facts.link)
    number = facts.page or (asked.page if facts.total is not None else None)
    if asked.link is not None or number is None or is_last(facts, number, limit):
        return None
    return Position(page=number + 1)


def is_last(facts: PageFacts, number: int, limit: int | None) -> bool:
    """Tell whether a numbered page ends its list."""
    size = facts.limit or limit or facts.count
    if facts.total is not None:
        return number * size >= facts.total
    return facts.has_more is False or facts.count < size or facts.count == 0


def page_exists(facts: PageFacts, number: int) -> bool:
    """Tell whether a numbered list goes on to a page, by what its latest answer said."""
    return facts.total is not None and (number - 1) * (facts.limit or facts.count) < facts.total


class Walk(Struct):
    """The memory of one walk: what makes a loop visible.

    Attributes:
        limit: Page size that was asked for.
    """

    limit: int | None = None
    _seen: "array[int]" = field(default_factory=lambda: array("q"))
    _empty: int = 0
    _fullest: int = 0

    def advance(self, asked: Position, facts: PageFacts) -> Position | None:
        """Take in an answer and tell where the next page is.

        Raises:
            PaginationLoopError: For a page or cursor that was walked before.
            PaginationError: For a page that was not asked for, or a total that empty pages belie.
        """
        self._check_number(asked, facts)
        following = next_position(asked, self._sized(facts), self.limit)
        if following is not None:
            self._check_new(following)
            self._check_progress(following, facts)
        return following

    def _sized(self, facts: PageFacts) -> PageFacts:
        """Read the size of a page from the fullest one, where the server counts items but tells no limit."""
        self._fullest = max(self._fullest, facts.count)
        untold = facts.limit is None and facts.total is not None and facts.count > 0
        return replace(facts, limit=self._fullest) if untold else facts

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
        place = bisect_left(self._seen, mark)
        if place < len(self._seen) and self._seen[place] == mark:
            raise PaginationLoopError(f"The server repeats itself: {following} was walked before.")
        self._seen.insert(place, mark)

    def _check_progress(self, following: Position, facts: PageFacts) -> None:
        self._empty = 0 if facts.count or following.page is None else self._empty + 1
        if self._empty > MAX_EMPTY_PAGES:
            raise PaginationError(
                f"{self._empty} empty pages in a row, yet a total of {facts.total} is promised."
            )
