"""Lists that are walked with a plain `for`: pages come from the event loop, items are handed out here."""

from collections.abc import Awaitable, Coroutine
from functools import partial
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar, cast

from cloudplatform_async import Drift, Page, Paginator
from cloudplatform_async.blocking.portal import Portal

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_END = object()


class Walk(Generic[T]):
    """The items of a list, fetched as they are asked for; a ``Paginator`` for code without ``await``.

    Laziness, pages fetched ahead, errors and checkpoints are the same. A walk serves one thread at a time.

    Example:
        >>> for project in client.projects.iter_all():  # doctest: +SKIP
        ...     print(project.name)
    """

    def __init__(self, portal: Portal, walk: Paginator[T]) -> None:
        self._portal = portal
        self._walk = walk

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        if self._walk.buffered:
            return _ready(self._walk.__anext__())
        item = self._portal.call(partial(_next, self._walk))
        if item is _END:
            raise StopIteration
        return cast("T", item)

    def pages(self) -> "Pages[T]":
        """Walk whole pages from wherever this walk stands; empty ones are left out."""
        return Pages(self._portal, self._walk)

    def first(self) -> T | None:
        """Hand out the next item; ``None`` where there is none."""
        return self._portal.call(self._walk.first)

    def peek(self) -> T | None:
        """Look at the next item without handing it out; ``None`` where there is none."""
        return self._portal.call(self._walk.peek)

    def collect(self) -> list[T]:
        """Hand out all the items that are left, as one list in memory."""
        return self._portal.call(self._walk.collect)

    @property
    def total(self) -> int | None:
        """Items in the whole list, once an answer has said so."""
        return self._walk.total

    @property
    def drift(self) -> Drift:
        """How the list has moved during the walk so far."""
        return self._walk.drift

    @property
    def checkpoint(self) -> str:
        """Where the walk stands: after the last item handed out; pass it as ``resume_from=``."""
        return self._walk.checkpoint

    def close(self) -> None:
        """End the walk, and wait until nothing of it is under way."""
        self._portal.call(self._walk.aclose)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Source(Protocol[T_co]):
    """What gives results one by one, and can be ended."""

    def __anext__(self) -> Awaitable[T_co]: ...

    async def aclose(self) -> None:
        """End it."""
        ...


class Stream(Generic[T]):
    """Results that come one by one, such as events that are followed; it serves one thread at a time."""

    def __init__(self, portal: Portal, source: Source[T]) -> None:
        self._portal = portal
        self._source = source

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        item = self._portal.call(partial(_next, self._source))
        if item is _END:
            raise StopIteration
        return cast("T", item)

    def close(self) -> None:
        """End it, and wait until nothing of it is under way."""
        self._portal.call(self._source.aclose)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Pages(Generic[T]):
    """The pages of a walk, as an iterator.

    Example:
        >>> for page in client.projects.iter_all().pages():  # doctest: +SKIP
        ...     print(len(page))
    """

    def __init__(self, portal: Portal, walk: Paginator[T]) -> None:
        self._portal = portal
        self._pages = walk.pages()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Page[T]:
        page = self._portal.call(partial(_next, self._pages))
        if page is _END:
            raise StopIteration
        return cast("Page[T]", page)


async def _next(items: Any) -> Any:  # Any: whatever is walked
    return await anext(items, _END)


def _ready(step: Coroutine[Any, Any, T]) -> T:
    """Take a step that needs no event loop, because what it gives is already here."""
    try:
        step.send(None)
    except StopIteration as done:
        return cast("T", done.value)
    raise AssertionError("the item was at hand")  # pragma: no cover
