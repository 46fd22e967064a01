"""An ordered window of background fetches: first asked for, first taken."""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from cloudplatform_async._transport.background import Background, Job

T = TypeVar("T")


class Window(Generic[T]):
    """Results on their way. Whoever holds the window holds its jobs: they end with it."""

    def __init__(self, background: Background) -> None:
        self._background = background
        self._jobs: deque[Job[T]] = deque()

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def last(self) -> Job[T] | None:
        """The fetch that was started last."""
        return self._jobs[-1] if self._jobs else None

    def start(self, fetch: Callable[[], Awaitable[T]]) -> None:
        """Begin one more fetch behind the others."""
        self._jobs.append(self._background.start(fetch))

    async def take(self) -> T:
        """Wait for the first fetch; it stays the first until it has ended, even if a waiter is cancelled.

        Raises:
            CloudPlatformError: Of the fetch; the window is empty then.
        """
        job = self._jobs[0]
        await job.ended()
        self._jobs.popleft()
        ended_well = False
        try:
            result = await job.wait()
            ended_well = True
        finally:
            if not ended_well:
                self.clear()
        return result

    def clear(self) -> None:
        """End every fetch."""
        while self._jobs:
            self._jobs.popleft().cancel()

    async def aclose(self) -> None:
        """End every fetch, and wait until they have."""
        jobs = list(self._jobs)
        self.clear()
        for job in jobs:
            await job.ended()

    def __del__(self) -> None:
        self.clear()
