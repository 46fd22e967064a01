"""Wakes one waiting task, once, or when its patience ends."""

import asyncio

import anyio

from cloudplatform_async._transport.background import running_asyncio_loop


class Bell:
    """A bell for any event loop."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = anyio.Event()

    def ring(self) -> None:
        """Wake the waiting task; a second time does nothing."""
        self._event.set()

    async def wait(self, timeout: float | None) -> None:
        """Wait until the bell rings, for at most ``timeout`` seconds (``None``: as long as it takes)."""
        with anyio.move_on_after(timeout):
            await self._event.wait()


class AsyncioBell(Bell):
    """A bell for asyncio, at a third of the cost: a future and a timer, without a cancel scope."""

    __slots__ = ("_future", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._future: asyncio.Future[None] = loop.create_future()

    def ring(self) -> None:
        if not self._future.done():
            self._future.set_result(None)

    async def wait(self, timeout: float | None) -> None:
        timer = None if timeout is None else self._loop.call_later(timeout, self.ring)
        try:
            await self._future
        finally:
            if timer is not None:
                timer.cancel()


def make_bell() -> Bell:
    """Make a bell for the running event loop."""
    loop = running_asyncio_loop()
    return Bell() if loop is None else AsyncioBell(loop)
