"""One task in a queue, until it is called, or its patience ends."""

from collections.abc import Generator, Iterable
from math import inf
from typing import TYPE_CHECKING

import anyio

from cloudplatform_async._runtime.event_loop import running_asyncio_loop

if TYPE_CHECKING:
    import asyncio

_GRAIN = 0.01  # seconds: many that end one after the other are looked for at once


class Waiter:
    """A place in a queue, to be awaited once, on any event loop.

    Args:
        timeout: Seconds until the wait ends by itself (``None``: never).

    Attributes:
        admitted: Whether it was let in.
        ends: When its queue's timer is to end the wait, in seconds of the event loop; here never.
    """

    __slots__ = ("_event", "_timeout", "admitted", "ends")

    def __init__(self, timeout: float | None) -> None:
        self.admitted = False
        self.ends = inf
        self._timeout = timeout
        self._event = anyio.Event()

    def call(self, *, admitted: bool) -> None:
        """End the wait; harmless where it has ended already."""
        self.admitted = admitted
        self._event.set()

    def __await__(self) -> Generator[object, None, None]:
        return self._wait().__await__()

    async def _wait(self) -> None:
        with anyio.move_on_after(self._timeout):
            await self._event.wait()


class AsyncioWaiter(Waiter):
    """A place for asyncio, at a fraction of the cost: a future, without a scope or a coroutine.

    Its queue's timer ends it.
    """

    __slots__ = ("_future", "loop")

    def __init__(self, timeout: float | None, loop: "asyncio.AbstractEventLoop") -> None:
        self.admitted = False
        self.loop = loop
        self.ends = inf if timeout is None else loop.time() + timeout
        self._future: asyncio.Future[None] = loop.create_future()

    def call(self, *, admitted: bool) -> None:
        self.admitted = admitted
        self.end()

    def end(self) -> None:
        """End the wait without a permit."""
        if not self._future.done():
            self._future.set_result(None)

    def __await__(self) -> Generator[object, None, None]:
        return self._future.__await__()


class QueueTimer:
    """Ends the waits of a queue on asyncio, each at its time, with one timer.

    A timer for each would cost more than all else of a wait: asyncio's heap of timers compares them in
    Python. This one is set for the earliest end, and when it fires for the next, if anybody still waits.

    Args:
        queue: Those who wait.
    """

    def __init__(self, queue: Iterable[Waiter]) -> None:
        self._queue = queue
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._fires = inf

    def watch(self, waiter: Waiter) -> None:
        """Have a wait end at its time."""
        if isinstance(waiter, AsyncioWaiter) and (waiter.ends < self._fires or waiter.loop is not self._loop):
            self._set(waiter.loop, waiter.ends)

    def stop(self) -> None:
        """Let go of the timer."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._fires = None, inf

    def _set(self, loop: "asyncio.AbstractEventLoop", when: float) -> None:
        self.stop()
        if when < inf:
            self._loop, self._fires = loop, when
            self._timer = loop.call_at(when, self._look, loop)

    def _look(self, loop: "asyncio.AbstractEventLoop") -> None:
        now, following = loop.time(), inf
        for waiter in self._queue:
            if waiter.ends > now:
                following = min(following, waiter.ends)
            elif isinstance(waiter, AsyncioWaiter):
                waiter.end()
        self._set(loop, max(following, now + _GRAIN))


def make_waiter(timeout: float | None) -> Waiter:
    """Make a place for the running event loop."""
    loop = running_asyncio_loop()
    return Waiter(timeout) if loop is None else AsyncioWaiter(timeout, loop)
