"""Which event loop runs here, and what becomes of things that belong to another; loads neither kind."""

import sys
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import TimeoutError as TooSlowError
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

if TYPE_CHECKING:
    import asyncio

_Close = Callable[[], Coroutine[Any, Any, None]]
_PATIENCE = 5.0  # seconds for another loop to close what is its own


def running_asyncio_loop() -> "asyncio.AbstractEventLoop | None":
    """Give the running asyncio loop; ``None`` under trio."""
    if "asyncio" not in sys.modules:  # then none of its loops runs
        return None
    import asyncio

    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def current_event_loop() -> object:
    """Give an object that stands for the running event loop, of asyncio or trio."""
    if (loop := running_asyncio_loop()) is not None:
        return loop
    import trio

    return trio.lowlevel.current_trio_token()


def current_clock() -> Callable[[], float]:
    """Give the clock that the running event loop's deadlines are set by, in seconds."""
    loop = running_asyncio_loop()
    return anyio.current_time if loop is None else loop.time


def has_ended(loop: object) -> bool:
    """Tell whether an event loop will never run again."""
    if (asyncio_loop := _asyncio_loop(loop)) is not None:
        return asyncio_loop.is_closed()
    import trio

    token: Any = loop
    try:
        token.run_sync_soon(lambda: None)
    except trio.RunFinishedError:
        return True
    return False


async def close_in(loop: object, close: _Close, abandon: Callable[[], None]) -> None:
    """Close what belongs to an event loop: the running one, another, or one that has ended.

    Args:
        loop: Of asyncio or trio; ``None`` for what belongs to none.
        close: Closes everything.
        abandon: Closes the sockets alone, before that, where trio has ended and nothing can be awaited.
    """
    if loop is None or loop is current_event_loop():
        await close()
    elif (asyncio_loop := _asyncio_loop(loop)) is not None:
        await anyio.to_thread.run_sync(_close_on_asyncio, asyncio_loop, close)
    elif has_ended(loop):
        abandon()
        await close()
    else:
        import trio

        token: Any = loop
        await anyio.to_thread.run_sync(partial(trio.from_thread.run, close, trio_token=token))


class Leftovers:
    """What is to be closed, mostly of event loops that have ended; it stays where a close is cancelled."""

    def __init__(self) -> None:
        self._waiting: list[tuple[object, _Close, Callable[[], None]]] = []

    def add(self, loop: object, close: _Close, abandon: Callable[[], None]) -> None:
        """Take what was left, with the arguments of `close_in`."""
        self._waiting.append((loop, close, abandon))

    async def close(self) -> None:
        """Close all of it."""
        while self._waiting:
            left = self._waiting.pop()
            try:
                await close_in(*left)
            except anyio.get_cancelled_exc_class():
                self._waiting.append(left)
                raise


def _close_on_asyncio(loop: "asyncio.AbstractEventLoop", close: _Close) -> None:
    """Wait in a thread; a loop that is at rest must not be waited for, so its work is done here."""
    import asyncio

    if loop.is_running():
        with suppress(TooSlowError):  # it is scheduled, and done when that loop has its turn
            asyncio.run_coroutine_threadsafe(close(), loop).result(_PATIENCE)
    else:
        with at_once(loop):
            asyncio.run(close())


@contextmanager
def at_once(loop: "asyncio.AbstractEventLoop") -> Generator[None, None, None]:
    """Run at once what an asyncio loop at rest is asked to run soon, such as the end of a transport.

    asyncio closes a socket in the turn after the one in which that was asked for, and a loop that is
    closed takes no more: its sockets would stay open, with a warning each when they are collected.
    """
    if loop.is_running():
        yield
        return

    def call_soon(callback: Callable[..., object], *args: object, context: object = None) -> None:  # noqa: ARG001
        callback(*args)

    target: Any = loop
    with suppress(AttributeError):  # uvloop's has no room for it
        target.call_soon = call_soon
    try:
        yield
    finally:
        with suppress(AttributeError):
            del target.call_soon


def _asyncio_loop(loop: object) -> "asyncio.AbstractEventLoop | None":
    if "asyncio" not in sys.modules:
        return None
    import asyncio

    return loop if isinstance(loop, asyncio.AbstractEventLoop) else None
