"""Fetches ahead: an ordered queue of background fetches, first asked for, first taken."""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from anyio import CancelScope, Event

from cloudplatform_async._runtime.background import Background, Job
from cloudplatform_async.errors import ClientStateError

T = TypeVar("T")

_CLOSED = "The walk was closed while a task waited for what comes next."


class Fetch(Generic[T]):
    """One background fetch, whose result the next one may need to know where to go.

    Attributes:
        results: The one result; none before it is there, and none ever after a failure.
    """

    def __init__(self, fetch: Callable[[], Awaitable[T]]) -> None:
        self.results: list[T] = []
        self._fetch = [fetch]
        self._is_over = False
        self._ended: Event | None = None  # made only where the next fetch waits for this one

    async def run(self) -> None:
        """Fetch, once; the function is let go, for it may hold the fetch before, and that the one before.

        The result stands here alone: a task would keep its own for a turn of the event loop too long.
        """
        try:
            self.results.append(await self._fetch.pop()())
        finally:
            self._is_over = True
            if self._ended is not None:
                self._ended.set()

    async def ended(self) -> None:
        """Wait for the end, whatever the outcome; for one task at a time."""
        if not self._is_over:
            self._ended = Event()
            await self._ended.wait()


class Prefetch(Generic[T]):
    """Pages on their way. Whoever holds the queue holds its jobs: they end with it."""

    def __init__(self, background: Background | None) -> None:
        self._background = background
        self._jobs: deque[tuple[Job[None], Fetch[T]]] = deque()
        self._is_closed = False
        self._is_taken = False
        self._taker: CancelScope | None = None  # of a fetch that is no job

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def last(self) -> Fetch[T] | None:
        """The fetch behind all others."""
        return self._jobs[-1][1] if self._jobs else None

    def start(self, fetch: Callable[[], Awaitable[T]]) -> None:
        """Begin one more fetch behind the others."""
        if self._background is not None:
            job = Fetch(fetch)
            self._jobs.append((self._background.start(job.run), job))

    async def set_out(self) -> None:
        """Let what was just started send its requests, on connections that are open.

        Raises:
            ClientStateError: When the queue is closed meanwhile.
        """
        if self._background is not None:
            await self._background.set_out()
        if self._is_closed:
            raise ClientStateError(_CLOSED)

    async def take(self, fetch: Callable[[], Awaitable[T]]) -> T:
        """Wait for the first result; where none is under way, fetch it here and now.

        A background fetch stays the first until it has ended: a waiter that is cancelled loses nothing.

        Raises:
            ClientStateError: When another task waits already, and when the queue is closed meanwhile.
            CloudPlatformError: Of the fetch; the queue is empty then.
        """
        if self._is_taken:
            raise ClientStateError("A walk serves one task at a time; give each its own.")
        self._is_taken = True
        if self._jobs and not self._jobs[0][0].is_here and not self._jobs[0][1].results:
            self.clear()  # of what an event loop that has ended has left undone
        try:
            return await (self._first() if self._jobs else self._here(fetch))
        finally:
            self._is_taken = False

    async def _first(self) -> T:
        first = self._jobs[0]
        job, fetch = first
        await job.ended()
        if not self._jobs or self._jobs[0] is not first:
            raise ClientStateError(_CLOSED)
        self._jobs.popleft()
        if fetch.results:
            return fetch.results[0]
        self.clear()
        await job.wait()
        raise ClientStateError(_CLOSED)

    async def _here(self, fetch: Callable[[], Awaitable[T]]) -> T:
        try:
            with CancelScope() as self._taker:
                result = await fetch()
                if not self._taker.cancel_called:
                    return result
        finally:
            self._taker = None
        raise ClientStateError(_CLOSED)

    def clear(self) -> None:
        """End every fetch."""
        while self._jobs:
            self._jobs.popleft()[0].cancel()

    async def aclose(self) -> None:
        """End every fetch, and wait until they have; who waits for one gets an error."""
        self._is_closed = True
        jobs = [job for job, _ in self._jobs]
        self.clear()
        if self._taker is not None:
            self._taker.cancel()
        for job in jobs:
            await job.ended()

    def __del__(self) -> None:
        self.clear()
