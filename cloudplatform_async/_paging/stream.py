"""Turns the pages of a list in order, and fetches ahead of whoever reads them."""

from functools import partial
from typing import Generic, TypeVar

from cloudplatform_async._paging.source import Fetched, PageSource
from cloudplatform_async._paging.window import Window
from cloudplatform_async._protocol.page_walk import Position, page_exists
from cloudplatform_async.errors import ClientStateError, PaginationError

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
        self._window: Window[Fetched[T] | None] = Window(source.sender.state.background)
        self._is_turning = False
        self._is_over = False

    @property
    def position(self) -> Position:
        """Where the current page is; before the first, where that will be."""
        return self.current.asked if self.current else self._start

    async def turn(self) -> Fetched[T] | None:
        """Go to the next page; ``None`` after the last. After an error the same page is tried again.

        Raises:
            ClientStateError: When two tasks turn at once.
        """
        if self._is_turning:
            raise ClientStateError("A paginator serves one task at a time; give each its own, or share the items.")
        self._is_turning = True
        try:
            fetched = None if self._is_over else await self._next()
        finally:
            self._is_turning = False
        self._is_over = fetched is None
        self.current = fetched or self.current
        return fetched

    async def _next(self) -> Fetched[T] | None:
        position = self._source.follow(self.current) if self.current else self._start
        if position is None:
            self._window.clear()
            return None
        return await (self._window.take() if self._window else self._source.fetch(position))

    def look_ahead(self, items: float) -> None:
        """Fetch what follows in the background.

        Args:
            items: How many more than the current page's are wanted; no page beyond them is fetched.
        """
        if self.current is None or not self._ahead or self._is_over:
            return
        size = self.current.facts.limit or self.current.facts.count or 1
        while len(self._window) < self._ahead and len(self._window) * size < items:
            if not self._start_next(self.current):
                break

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

    async def aclose(self) -> None:
        """End the walk, and whatever it has under way."""
        self._is_over = True
        await self._window.aclose()
