"""Lists that are walked with a plain `for`: pages come from the event loop, items are handed out here."""

from collections.abc import Awaitable, Coroutine
from functools import partial
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar, cast

from cloudplatform_async import ArrowTable, Drift, Event, EventTail, Page, Paginator
from cloudplatform_async.blocking.portal import Portal

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_END = object()


class Results(Generic[T]):
    """What comes one by one from the event loop: an iterator, for one thread at a time."""

    def __init__(self, portal: Portal, source: "Source[T]") -> None:
        self._portal = portal
        self._source = source
        self._is_spent = False  # an iterator that has ended stays so, also when its client is closed

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        item = _END if self._is_spent else self._portal.call(partial(_next, self._source))
        if item is _END:
            self._is_spent = True
            raise StopIteration
        return cast("T", item)


class Source(Protocol[T_co]):
    """What gives results one by one."""

    def __anext__(self) -> Awaitable[T_co]: ...


class Closing(Source[T_co], Protocol):
    """What gives results one by one, begins where it is entered, and can be ended."""

    def __aenter__(self) -> Coroutine[Any, Any, Self]: ...

    def aclose(self) -> Coroutine[Any, Any, None]:
        """End it."""
        ...


class Stream(Results[T]):
    """Results that come one by one, such as those of many creates; it serves one thread at a time.

    With ``with`` it begins there, as the awaited one does with ``async with``, and ends behind it.

    Example:
        >>> for result in client.projects.create_many(items):  # doctest: +SKIP
        ...     print(result.project or result.error)
    """

    def __init__(self, portal: Portal, source: Closing[T]) -> None:
        super().__init__(portal, source)
        self._closing = source

    def close(self) -> None:
        """End it, and wait until nothing of it is under way."""
        if self._portal.is_idle:
            _ready(self._closing.aclose())
        else:
            self._portal.call(self._closing.aclose)
        self._is_spent = True

    def __enter__(self) -> Self:
        self._portal.call(self._closing.__aenter__)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Tail(Stream[Event]):
    """The events from some point on, each handed out once; an ``EventTail`` for code without ``await``.

    Example:
        >>> for event in client.events.tail():  # doctest: +SKIP
        ...     print(event.type)
    """

    def __init__(self, portal: Portal, tail: EventTail) -> None:
        super().__init__(portal, tail)
        self._tail = tail

    @property
    def after(self) -> str | None:
        """Id of the last event that was handed out: pass it to ``tail(after=)`` in another process."""
        return self._tail.after


class Pages(Results[Page[T]]):
    """The pages of a walk, as an iterator.

    Example:
        >>> for page in client.projects.iter_all().pages():  # doctest: +SKIP
        ...     print(len(page))
    """


class RecordBatches(Results[Any]):  # Any: pyarrow has no types
    """The items of a walk as Arrow record batches, as an iterator.

    Example:
        >>> for batch in client.projects.iter_all().record_batches():  # doctest: +SKIP
        ...     writer.write_batch(batch)
    """


class Walk(Stream[T]):
    """The items of a list, fetched as they are asked for; a ``Paginator`` for code without ``await``.

    Laziness, pages fetched ahead, errors and checkpoints are the same. A walk serves one thread at a time.

    Example:
        >>> for project in client.projects.iter_all():  # doctest: +SKIP
        ...     print(project.name)
    """

    def __init__(self, portal: Portal, walk: Paginator[T]) -> None:
        super().__init__(portal, walk)
        self._walk = walk

    def __next__(self) -> T:
        if self._walk.buffered:
            return _ready(self._walk.__anext__())
        return super().__next__()

    def __enter__(self) -> Self:  # nothing is sent before the first item is asked for
        return self

    def pages(self) -> Pages[T]:
        """Walk whole pages from wherever this walk stands; empty ones are left out."""
        return Pages(self._portal, self._walk.pages())

    def first(self) -> T | None:
        """Hand out the next item; ``None`` where there is none."""
        return next(self, None)

    def peek(self) -> T | None:
        """Look at the next item without handing it out; ``None`` where there is none."""
        return None if self._is_spent else self._portal.call(self._walk.peek)

    def collect(self) -> list[T]:
        """Hand out all the items that are left, as one list in memory; all or none."""
        items = [] if self._is_spent else self._portal.call(self._walk.collect)
        self._is_spent = True
        return items

    def arrow(self) -> ArrowTable:
        """Hand out all the items that are left, as Arrow columns; see ``Paginator.arrow``."""
        table = self._portal.call(self._walk.arrow)
        self._is_spent = True
        return table

    def record_batches(self, batch_size: int = 10_000) -> RecordBatches:
        """Walk record batches of Arrow, each of so many items; see ``Paginator.record_batches``."""
        return RecordBatches(self._portal, self._walk.record_batches(batch_size))

    @property
    def total(self) -> int | None:
        """Items in the whole list, once an answer has said so."""
        return self._walk.total

    @property
    def buffered(self) -> int:
        """Items that are here already, and are handed out without waiting."""
        return self._walk.buffered

    @property
    def drift(self) -> Drift:
        """How the list has moved during the walk so far."""
        return self._walk.drift

    @property
    def checkpoint(self) -> str:
        """Where the walk stands: after the last item handed out; pass it as ``resume_from=``."""
        return self._walk.checkpoint


async def _next(items: Any) -> Any:  # Any: whatever is walked
    return await anext(items, _END)


def _ready(step: Coroutine[Any, Any, T]) -> T:
    """Take a step that needs no event loop, because what it gives is already here."""
    try:
        step.send(None)
    except StopIteration as done:
        return cast("T", done.value)
    raise AssertionError("the item was at hand")  # pragma: no cover
