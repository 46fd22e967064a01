"""Gives out at most so many permits at a time, in the order in which they were asked for."""

from collections import OrderedDict

import httpx

from cloudplatform_async._connections.exceptions import ClosedBeforeSendingError
from cloudplatform_async._runtime.waiter import QueueTimer, Waiter, make_waiter


class Permits:
    """A first-in first-out queue in front of a fixed number of permits; every step is O(1).

    A permit that is given back goes straight to the request that has waited longest, so a newcomer
    never overtakes it. A request that leaves the queue early leaves nothing behind in it.

    Args:
        permits: How many requests may be in at the same time (at least 1).
    """

    __slots__ = ("_closed", "_free", "_queue", "_timer", "in_use")

    def __init__(self, permits: int) -> None:
        self.in_use: int = 0
        self._free = permits
        self._closed = False
        self._queue: OrderedDict[Waiter, None] = OrderedDict()
        self._timer = QueueTimer(self._queue)

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._queue)

    def take(self) -> bool:
        """Take a permit where one is free; else the request has to wait in line.

        Raises:
            ClosedBeforeSendingError: The queue was closed.
        """
        if self._closed:
            raise ClosedBeforeSendingError("The transport is closed.")
        if not self._free:
            return False
        self._free -= 1
        self.in_use += 1
        return True

    async def acquire(self, timeout: float | None) -> None:
        """Take a permit, waiting in line for at most ``timeout`` seconds (``None``: as long as it takes).

        Raises:
            httpx.PoolTimeout: No permit came free in time.
            ClosedBeforeSendingError: The queue was closed.
        """
        if self.take():
            return
        waiter = make_waiter(timeout)
        self._queue[waiter] = None
        self._timer.watch(waiter)
        woken = False
        try:
            await waiter
            woken = True
        finally:
            self._queue.pop(waiter, None)
            if waiter.admitted and not woken:
                self.release()
        if waiter.admitted:
            return
        if self._closed:
            raise ClosedBeforeSendingError(
                "The transport was closed while the request waited for a connection."
            )
        raise httpx.PoolTimeout(f"No connection came free within {timeout} seconds.")

    def release(self) -> None:
        """Give a permit back: to the first in the queue, if there is one."""
        if self._queue:
            self._queue.popitem(last=False)[0].call(admitted=True)
        else:
            self._free += 1
            self.in_use -= 1

    def close(self) -> None:
        """Send everyone in the queue away with ``ClosedBeforeSendingError``."""
        self._closed = True
        while self._queue:
            self._queue.popitem(last=False)[0].call(admitted=False)
        self._timer.stop()
