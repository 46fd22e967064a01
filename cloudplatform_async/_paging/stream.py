"""Turns the pages of a list in order, and fetches ahead of whoever reads them."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Generic, Self, TypeVar

from msgspec import UNSET

from cloudplatform_async._paging.overlap import Overlap
from cloudplatform_async._paging.prefetch import Fetch, Prefetch
from cloudplatform_async._paging.source import Fetched, Page, Source
from cloudplatform_async._protocol.lists.page_walk import Position, Walk, page_exists
from cloudplatform_async.errors import PaginationError, PaginationLoopError

T = TypeVar("T")


class _Way(Generic[T]):
    """Where each page leads. Fetches hold it, and not the stream: that ends them when it is let go."""

    def __init__(self, source: Source[T]) -> None:
        self._source = source
        self._walk = Walk(limit=source.limit)

    def follow(self, fetched: Fetched[T]) -> Position | None:
        """Tell where the next page is, advancing the walk once for each page; ``None`` after the last.

        Raises:
            PaginationError: When it must not be followed.
        """
        following = fetched.following
        if following is UNSET:
            try:
                following = self._walk.advance(fetched.asked, fetched.facts)
                if following == fetched.asked:  # of a walk that was resumed there
                    raise PaginationLoopError(f"The server repeats itself: {fetched.asked} follows itself.")
            except PaginationError as error:
                following = error
            fetched.following = following
        if isinstance(following, PaginationError):
            raise following
        return following

    async def fetch_after(self, before: Fetch[Fetched[T] | None]) -> Fetched[T] | None:
        """Fetch the page after one that is still on its way; ``None`` where that one fails or is the last."""
        await before.ended()
        fetched = before.results[0] if before.results else None
        if fetched is None or fetched.fault is not None:
            return None
        try:
            position = self.follow(fetched)
        except PaginationError:  # for the consumer, once the items of that page are handed out
            return None
        return await self._source.fetch(position) if position else None


class PageStream(Generic[T]):
    """The pages of one walk.

    Args:
        source: Of the pages.
        start: Where the first one is.
        ahead: Pages to fetch ahead.
    """

    def __init__(self, source: Source[T], start: Position, ahead: int) -> None:
        self.current: Fetched[T] | None = None
        self.overlap = Overlap(ahead + 2)
        self._source = source
        self._start = start
        self._ahead = 0 if source.background is None else ahead
        self._way = _Way(source)
        self._prefetch: Prefetch[Fetched[T] | None] = Prefetch(source.background)
        self._is_side_by_side = False  # what is fetched ahead was found by its number
        self._is_over = False

    @property
    def position(self) -> Position:
        """Where the current page is; before the first, where that will be."""
        return self.current.asked if self.current else self._start

    async def turn(self) -> Fetched[T] | None:
        """Go to the next page; ``None`` after the last. After an error the same page is tried again.

        Raises:
            ClientStateError: When two tasks turn at once, or the walk is closed meanwhile.
            PaginationError: When the list leads nowhere, or round in a circle.
            ResponseDecodeError: Of the row behind the last that was handed out.
        """
        position = None if self._is_over else self._next_position()
        if position is None:
            self.stop()
            return None
        fetch = partial(self._source.fetch, position)
        fetched = await self._prefetch.take(fetch)
        while fetched is None or fetched.asked != position:  # fetched ahead, for a list that has changed
            self._prefetch.clear()
            fetched = await self._prefetch.take(fetch)
        fetched.places = self._places_of_new(fetched)
        self.current = fetched
        return fetched

    def _next_position(self) -> Position | None:
        if self.current is None:
            return self._start
        if self.current.fault is not None:
            fault, self._start, self.current = self.current.fault, self.current.asked, None
            raise fault
        return self._way.follow(self.current)

    def _places_of_new(self, fetched: Fetched[T]) -> list[int] | None:
        asked, facts = fetched.asked, fetched.facts
        if asked.cursor or asked.link or facts.cursor or facts.link:
            return None
        return self.overlap.places_of_new(
            fetched.page.items,
            facts.total,
            is_whole=fetched.fault is None,
            is_certain=facts.page is not None and facts.total is not None,
        )

    async def look_ahead(self, items: float) -> None:
        """Fetch what follows in the background, and let its requests leave.

        Args:
            items: How many more than the current page's are wanted; no page beyond them is fetched.

        Raises:
            ClientStateError: When the walk is closed meanwhile.
        """
        if self.current is None or not self._ahead or self._is_over or self.current.fault is not None:
            return
        facts = self.current.facts
        size = facts.limit or self._source.limit or facts.count or 1
        before = len(self._prefetch)
        while len(self._prefetch) < self._ahead and len(self._prefetch) * size < items:
            if not self._start_next(self.current):
                break
        if len(self._prefetch) > before:
            await self._prefetch.set_out()

    def _start_next(self, current: Fetched[T]) -> bool:
        try:
            following = self._way.follow(current)
        except PaginationError:  # for `turn` to raise, once the items of this page are handed out
            return False
        last = self._prefetch.last
        if following is None:
            return False
        if last is None:
            self._is_side_by_side = following.page is not None and current.facts.total is not None
            self._prefetch.start(partial(self._source.fetch, following))
        elif not self._is_side_by_side:
            self._prefetch.start(partial(self._way.fetch_after, last))
        elif following.page is None or not page_exists(
            current.facts, number := following.page + len(self._prefetch)
        ):
            return False
        else:
            self._prefetch.start(partial(self._source.fetch, Position(page=number)))
        return True

    def stop(self) -> None:
        """End the walk here; nothing more is fetched."""
        self._is_over = True
        self._prefetch.clear()

    async def aclose(self) -> None:
        """End the walk, and whatever it has under way."""
        self._is_over = True
        await self._prefetch.aclose()


class Pages(Generic[T]):
    """The pages of a paginator, as an async iterator.

    Example:
        >>> async for page in client.projects.iter_all().pages():  # doctest: +SKIP
        ...     print(len(page))
    """

    def __init__(self, turn: Callable[[], Awaitable[Page[T] | None]]) -> None:
        self._turn = turn

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Page[T]:
        page = await self._turn()
        if page is None:
            raise StopAsyncIteration
        return page
