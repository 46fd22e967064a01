"""Walks a list item by item or page by page, lazily, with pages fetched ahead of the consumer."""

from collections.abc import Awaitable, Callable, Iterable
from math import inf
from types import TracebackType
from typing import Generic, Self, TypeVar

from msgspec.structs import replace

from cloudplatform_async._paging.arrow import ArrowTable, RecordBatches
from cloudplatform_async._paging.overlap import Drift
from cloudplatform_async._paging.source import Fetched, ItemSource, Page, Source
from cloudplatform_async._paging.stream import Pages, PageStream
from cloudplatform_async._protocol.encoding import whole_number
from cloudplatform_async._protocol.lists.checkpoints import Checkpoint, decode_checkpoint
from cloudplatform_async._protocol.lists.page_walk import Position
from cloudplatform_async._runtime.raised import is_of_user
from cloudplatform_async.errors import CloudPlatformError

__all__ = ["ArrowTable", "Drift", "Page", "Pages", "Paginator", "RecordBatches"]

T = TypeVar("T")
_R = TypeVar("_R")

PAGE_SIZE = 100
"""Items that a walk asks for at a time unless told otherwise: the most that the platform gives."""


class Paginator(Generic[T]):
    """The items of a list, fetched as they are asked for.

    Nothing is sent before the first item is asked for, and one request until the second. From then on
    the next ``ahead`` pages are fetched in the background: side by side where the list has page numbers
    and a total, one after the other where it has cursors. At most ``ahead + 1`` pages are held. Stop
    whenever you like: what was fetched ahead ends with the paginator.

    Items that a numbered list shows twice, because others were inserted meanwhile, are handed out once;
    ``drift`` counts them.

    Example:
        >>> async for project in client.projects.iter_all():  # doctest: +SKIP
        ...     print(project.name)
    """

    def __init__(
        self,
        source: Source[T],
        *,
        page_size: int | None = None,
        ahead: int = 1,
        max_items: int | None = None,
        resume_from: str | None = None,
    ) -> None:
        size = page_size if page_size is not None else source.limit or PAGE_SIZE
        limit = whole_number("page_size", size, least=1)
        self._identity = source.identity
        start = Checkpoint(position=Position(), offset=0, limit=limit)
        if resume_from is not None:
            asked = None if limit == PAGE_SIZE else limit
            start = decode_checkpoint(resume_from, self._identity, asked)
        self._source = source if start.limit == source.limit else source.sized(start.limit)
        self._ahead = whole_number("ahead", ahead, least=0)
        self._left = inf if max_items is None else whole_number("max_items", max_items, least=0)
        self._has_begun = False  # the first item was found
        self._is_closed = False
        self._stand_at(start)

    def _stand_at(self, start: Checkpoint) -> None:
        """Begin, or begin again, after the items that a checkpoint says were handed out."""
        self._limit = start.limit
        self._stream = PageStream(self._source, start.position, self._ahead)
        self._rows: list[T] = []  # of the current page, still to be handed out; the next one is the last
        self._held: list[T] = []  # behind them: all but the first item of a walk, which is asked for alone
        self._size = 0  # of the current page, without what was not to be handed out
        self._places: list[int] | None = None  # of its rows on the page, where that has gaps
        self._base = self._skip = start.offset
        self._taken = 0

    @staticmethod
    def of(items: Iterable[_R], *, page_size: int = 100) -> "Paginator[_R]":
        """Make a walk of items that are there already, for tests of what consumes one.

        Example:
            >>> import anyio
            >>> from cloudplatform_async import Paginator
            >>> anyio.run(Paginator.of(["a", "b"]).collect)
            ['a', 'b']
        """
        return Paginator(ItemSource(items=list(items)), page_size=page_size)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        while not self._rows:
            if not await self._more():
                raise StopAsyncIteration
        return self._rows.pop()

    def pages(self) -> "Pages[T]":
        """Walk whole pages from wherever this paginator stands; empty ones are left out."""
        return Pages(self._next_page)

    async def first(self) -> T | None:
        """Hand out the next item; ``None`` where there is none.

        At the start of a walk that costs one request, and one more for each page without an item to hand out.
        """
        return await anext(self, None)

    async def peek(self) -> T | None:
        """Look at the next item, and leave it to be handed out; ``None`` where there is none."""
        while not self._rows:
            if not await self._more():
                return None
        return self._rows[-1]

    async def collect(self) -> list[T]:
        """Hand out all the items that are left, as one list in memory.

        All or none: after an error or a cancel the walk stands where it stood, and so does the error's
        ``checkpoint``.
        """
        return await self._whole(self._all_items)

    async def arrow(self) -> ArrowTable:
        """Hand out all the items that are left, as Arrow columns (extra ``parquet``).

        What comes can be given to polars, duckdb, pandas and pyarrow as it is. All or none, as `collect`.
        The items themselves are let go as they become columns.

        Raises:
            ConfigurationError: Without the extra.
            TypeError: For items of no attrs class.

        Example:
            >>> polars.DataFrame(await client.projects.iter_all().arrow())  # doctest: +SKIP
        """
        return await self._whole(self.record_batches().table)

    def record_batches(self, batch_size: int = 10_000) -> RecordBatches:
        """Walk record batches of Arrow, each of so many items (extra ``parquet``).

        The schema is that of the items' class, see ``ArrowTable``; moments have their time zone. Each
        batch has the checkpoint after its last item in the metadata of its schema, as
        ``cloudplatform_async.checkpoint``: pass it as ``resume_from=`` to go on behind it.

        Args:
            batch_size: Items of a batch, from 1; no more are held than these and the pages ahead.

        Raises:
            ConfigurationError: Without the extra.
            TypeError: For items of no attrs class.

        Example:
            >>> async for batch in client.projects.iter_all().record_batches():  # doctest: +SKIP
            ...     writer.write_batch(batch)
        """
        return RecordBatches(self, self._source.model, whole_number("batch_size", batch_size, least=1))

    async def _all_items(self) -> list[T]:
        return [item async for page in self.pages() for item in page.items]

    async def _whole(self, take: Callable[[], Awaitable[_R]]) -> _R:
        """Take all that is left; where that fails, stand again where the walk stood."""
        start, left, taken = self._standing(), self._left, False
        try:
            result = await take()
            taken = True
            return result
        except CloudPlatformError as error:
            if not is_of_user(error):
                error.checkpoint = start.encode(self._identity)
            raise
        finally:
            if not taken and not self._is_closed:
                self._stream.stop()
                self._left = left
                self._stand_at(start)

    @property
    def total(self) -> int | None:
        """Items in the whole list, as its latest page counted them; ``None`` before, and without a count."""
        total = self._stream.current.facts.total if self._stream.current else None
        return total if total is not None and total >= self._taken else None

    @property
    def buffered(self) -> int:
        """Items that are here already, and are handed out without waiting."""
        return len(self._rows)

    @property
    def drift(self) -> Drift:
        """How the list has moved during the walk so far."""
        return self._stream.overlap.drift

    @property
    def checkpoint(self) -> str:
        """Where the walk stands: after the last item handed out.

        Plain opaque text; pass it as ``resume_from=`` to the same list with the same filters, in this
        process or another. It fixes the page size.
        """
        return self._standing().encode(self._identity)

    def _standing(self) -> Checkpoint:
        return Checkpoint(position=self._stream.position, offset=self._done, limit=self._limit)

    @property
    def _done(self) -> int:
        """Items of the current page up to the last one handed out."""
        index = self._size - len(self._rows) - len(self._held)
        if self._places is not None and index:
            return self._places[index - 1] + 1
        return self._base + index

    async def aclose(self) -> None:
        """End the walk, and wait until nothing of it is under way."""
        self._is_closed = True
        self._left = 0
        self._size -= len(self._rows) + len(self._held)
        self._rows, self._held = [], []
        await self._stream.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _more(self) -> bool:
        """Get more rows to hand out: what was held back at first, else those of the next page."""
        await self._checked(self._stream.look_ahead(self._left))
        if not self._rows:  # else another task has got some meanwhile
            self._rows, self._held = self._held, []
        return bool(self._rows) or await self._turn()

    async def _turn(self) -> bool:
        """Take the next page that has items to hand out; ``False`` where there is none.

        From the second page on it fetches ahead, so that a consumer may dwell on any item.
        """
        while self._left > 0:
            if self._stream.current is not None and self._stream.current.fault is not None:
                self._skip = self._done  # once it is raised, the same page is fetched again
            fetched = await self._checked(self._stream.turn())
            if fetched is None:
                return False
            self._take(fetched)
            if self._has_begun:
                await self._checked(self._stream.look_ahead(self._left))
            elif self._rows:
                self._has_begun = True
                self._held, self._rows = self._rows, [self._rows.pop()]
            if self._rows:
                return True
        return False

    async def _checked(self, step: Awaitable[_R]) -> _R:
        """Take a step of the walk; an error of it says where the walk stands."""
        try:
            return await step
        except CloudPlatformError as error:
            if not is_of_user(error):
                error.checkpoint = self.checkpoint
            raise

    def _take(self, fetched: Fetched[T]) -> None:
        """Make a page the current one: without what was handed out before, and no more than is wanted.

        The page gives its rows up, so that what was handed out is gone before the next page is decoded.
        """
        self._base, self._skip = self._skip, 0
        rows, self._places = fetched.page.items, fetched.places
        if self._places is not None:
            self._places = [place for place in self._places if place >= self._base]
            rows[:] = [rows[place] for place in self._places]
        elif self._base:
            del rows[: self._base]
        if len(rows) > self._left:
            del rows[int(self._left) :]
        rows.reverse()
        self._rows, self._size = rows, len(rows)
        self._left -= len(rows)
        self._taken += len(rows)
        if not self._left:
            self._stream.stop()

    async def _next_page(self) -> Page[T] | None:
        """Hand out what is left of the current page, else the next."""
        if not self._rows and not self._held:
            await self._checked(self._stream.look_ahead(self._left))
            if not self._rows and not self._held and not await self._turn():
                return None
        rows = [*self._held, *self._rows]
        rows.reverse()
        self._rows, self._held = [], []
        return replace(self._stream.current.page, items=rows) if self._stream.current else None
