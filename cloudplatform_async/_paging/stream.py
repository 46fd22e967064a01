"""Turns the pages of a list in order, and fetches ahead of whoever reads them."""

from functools import partial
from typing import Generic, TypeVar

from cloudplatform_async._paging.overlap import Drift, Overlap
from cloudplatform_async._paging.source import Fetched, PageSource
from cloudplatform_async._paging.window import Window
from cloudplatform_async._protocol.page_walk import Position, page_exists
from cloudplatform_async.errors import PaginationError

T = TypeVar("T")


class PageStream(Generic[T]):
    """The pages of one walk.

    Args:
        source: Of the pages.
        start: Where the first one is.
        ahead: Pages to fetch ahead.
    """

    def __init__(self, source: PageSource[T], start: Position, ahead: int) -> None:
        self.current: Fetched[T] | None = None
        self._source = source
        self._start = start
        self._ahead = ahead
        self._overlap = Overlap(ahead + 2)
        self._window: Window[Fetched[T] | None] = Window(source.sender.state.background)
        self._is_over = False

    @property
    def position(self) -> Position:
        """Where the current page is; before the first, where that will be."""
        return self.current.asked if self.current else self._start

    @property
    def drift(self) -> Drift:
        """How the list has moved so far."""
        return self._overlap.drift

    async def turn(self) -> Fetched[T] | None:
        """Go to the next page; ``None`` after the last. After an error the same page is tried again.

        Raises:
            ClientStateError: When two tasks turn at once, or the walk is closed meanwhile.
            PaginationError: When the list leads nowhere, or round in a circle.
        """
        position = None if self._is_over else self._next_position()
        if position is None:
            self.stop()
            return None
        fetched = await self._window.take(partial(self._source.fetch, position))
        if fetched is not None:
            self._mark_new(fetched)
            self.current = fetched
        return fetched

    def _mark_new(self, fetched: Fetched[T]) -> None:
        if fetched.facts.page is not None or fetched.asked.page is not None:
            fetched.places = self._overlap.places_of_new(fetched.page.items, fetched.facts.total)

    def _next_position(self) -> Position | None:
        return self._source.follow(self.current) if self.current else self._start

    async def look_ahead(self, items: float) -> None:
        """Fetch what follows in the background, and let its requests leave.

        Args:
            items: How many more than the current page's are wanted; no page beyond them is fetched.

        Raises:
            ClientStateError: When the walk is closed meanwhile.
        """
        if self.current is None or not self._ahead or self._is_over:
            return
        facts = self.current.facts
        size = facts.limit or self._source.limit or facts.count or 1
        before = len(self._window)
        while len(self._window) < self._ahead and len(self._window) * size < items:
            if not self._start_next(self.current):
                break
        if len(self._window) > before:
            await self._window.set_out()

    def _start_next(self, current: Fetched[T]) -> bool:
        last, facts = self._window.last, current.facts
        try:
            following = self._source.follow(current)
        except PaginationError:  # for `turn` to raise, once the items of this page are handed out
            return False
        if following is None:
            return False
        if following.page is not None and facts.total is not None:
            number = following.page + len(self._window)
            if not page_exists(facts, number):
                return False
            self._window.start(partial(self._source.fetch, Position(page=number)))
        elif last is not None:
            self._window.start(partial(self._source.fetch_after, last))
        else:
            self._window.start(partial(self._source.fetch, following))
        return True

    def stop(self) -> None:
        """End the walk here; nothing more is fetched."""
        self._is_over = True
        self._window.clear()

    async def aclose(self) -> None:
        """End the walk, and whatever it has under way."""
        self._is_over = True
        await self._window.aclose()
