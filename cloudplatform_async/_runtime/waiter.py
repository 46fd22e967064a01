"""One task in a queue, until it is called, or its patience ends."""

from collections.abc import Generator
from typing import TYPE_CHECKING

import anyio

from cloudplatform_async._runtime.event_loop import running_asyncio_loop

if TYPE_CHECKING:
    import asyncio


class Waiter:
    """A place in a queue, to be awaited once, on any event loop.

    Args:
        timeout: Seconds until the wait ends by itself (``None``: never).

    Attributes:
        admitted: Whether it was let in.
    """

    __slots__ = ("_event", "_timeout", "admitted")

    def __init__(self, timeout: float | None) -> None:
        self.admitted = False
        self._timeout = timeout
        self._event = anyio.Event()

    def call(self, *, admitted: bool) -> None:
        """End the wait; harmless where it has ended already."""
        self.admitted = admitted
        self._event.set()

    def leave(self) -> None:
        """Let go of what the wait has needed; always called, also after a cancellation."""

    def __await__(self) -> Generator[object, None, None]:
        return self._wait().__await__()

    async def _wait(self) -> None:
        with anyio.move_on_after(self._timeout):
            await self._event.wait()


class AsyncioWaiter(Waiter):
    """A place for asyncio, at a third of the cost: a future and a timer, without a scope or a coroutine."""

    __slots__ = ("_future", "_timer")

    def __init__(self, timeout: float | None, loop: "asyncio.AbstractEventLoop") -> None:
        self.admitted = False
        self._future: asyncio.Future[None] = loop.create_future()
        self._timer = None if timeout is None else loop.call_later(timeout, self._wake)

    def call(self, *, admitted: bool) -> None:
        self.admitted = admitted
        self._wake()

    def leave(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def __await__(self) -> Generator[object, None, None]:
        return self._future.__await__()

    def _wake(self) -> None:
        if not self._future.done():
            self._future.set_result(None)


def make_waiter(timeout: float | None) -> Waiter:
    """Make a place for the running event loop."""
    loop = running_asyncio_loop()
    return Waiter(timeout) if loop is None else AsyncioWaiter(timeout, loop)
