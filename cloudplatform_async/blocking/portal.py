"""One event loop in a thread of its own, on which a client's calls run for code that has none."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from threading import Lock, Thread
from typing import Generic, TypeVar

import anyio
from anyio.from_thread import BlockingPortal

from cloudplatform_async import ClientStateError

T = TypeVar("T")

_Begun = tuple[BlockingPortal, asyncio.AbstractEventLoop]


class Portal:
    """Runs functions on its event loop, from any number of threads; the thread begins with the first one.

    Attributes:
        is_closed: It has ended, or is about to.
    """

    def __init__(self) -> None:
        self.is_closed: bool = False
        self._lock = Lock()
        self._process = os.getpid()
        self._thread: Thread | None = None
        self._portal: BlockingPortal | None = None

    @property
    def is_running(self) -> bool:
        """Tell whether the thread has begun and nobody has ended it."""
        return self._portal is not None and not self.is_closed and self._process == os.getpid()

    @property
    def is_idle(self) -> bool:
        """Tell whether there is no thread, not yet or no longer: nothing can be under way."""
        return self._thread is None or (self.is_closed and not self._thread.is_alive())

    def call(self, function: Callable[[], Awaitable[T]]) -> T:
        """Run a function and wait for what it returns; what interrupts the wait cancels it.

        Raises:
            ClientStateError: The client is closed, was made before a fork, or an event loop runs here.
        """
        portal = self._portal
        if portal is None or self.is_closed or self._process != os.getpid() or _event_loop_runs_here():
            self._refuse()
            portal = self._begun()
        run = _Run(function)
        future: Future[T] | None = None
        try:
            future = portal.start_task_soon(run)
            return future.result()
        except CancelledError:
            raise ClientStateError("The client was closed while this was under way.") from None
        finally:
            if future is not None:
                future.cancel()  # where Ctrl-C ended the wait; else it is done, and nothing happens
            else:
                with suppress(RuntimeError):  # the loop has ended
                    self._loop.call_soon_threadsafe(run.cancel)  # Ctrl-C came while it was handed over

    def close(self, last: Callable[[], Awaitable[None]]) -> None:
        """Run one last function, then end the loop and its thread; a second time does nothing."""
        if self.is_closed or self._process != os.getpid():  # after a fork all of it is the parent's
            return
        portal = self._begun()
        self.is_closed = True
        try:
            portal.start_task_soon(last).result()
        finally:
            portal.call(portal.stop, True)
            if self._thread is not None:
                self._thread.join()

    def abandon(self, last: Callable[[], Awaitable[None]]) -> None:
        """Have the loop run one last function and end, of a client that was forgotten; waits for nothing."""
        portal, loop = self._begun(), self._loop
        self.is_closed = True

        async def end() -> None:
            await last()
            await portal.stop(cancel_remaining=True)

        ends: list[asyncio.Task[None]] = []  # a loop holds its tasks by weak references alone
        with suppress(RuntimeError):  # it has ended by itself
            loop.call_soon_threadsafe(lambda: ends.append(loop.create_task(end())))

    def _begun(self) -> BlockingPortal:
        with self._lock:
            if self._portal is None:
                begun: Future[_Begun] = Future()
                self._thread = Thread(
                    target=anyio.run, args=(_serve, begun), name="cloudplatform blocking client", daemon=True
                )
                self._thread.start()
                self._portal, self._loop = begun.result()
            return self._portal

    def _refuse(self) -> None:
        if self.is_closed:
            raise ClientStateError("This client is closed; make a new one, or keep it open for longer.")
        if self._process != os.getpid():
            raise ClientStateError(
                "This client was made before this process was forked; make one in each process."
            )
        if _event_loop_runs_here():
            raise ClientStateError(
                "An event loop runs here, which a blocking call would bring to a halt; "
                "use `AsyncClient` with `await`, or a thread (`asyncio.to_thread`)."
            )


class _Run(Generic[T]):
    """A function under way, which can also be ended by who was not given its future."""

    def __init__(self, function: Callable[[], Awaitable[T]]) -> None:
        self._function = function
        self._task: asyncio.Task[object] | None = None
        self._is_cancelled = False

    async def __call__(self) -> T:
        self._task = asyncio.current_task()
        if self._is_cancelled:
            raise asyncio.CancelledError
        return await self._function()

    def cancel(self) -> None:
        self._is_cancelled = True
        if self._task is not None:
            self._task.cancel()


async def _serve(begun: "Future[_Begun]") -> None:
    async with BlockingPortal() as portal:
        begun.set_result((portal, asyncio.get_running_loop()))
        await portal.sleep_until_stopped()


def _event_loop_runs_here() -> bool:
    """Tell whether asyncio or trio runs in this thread; asking does not load trio."""
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        return True
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
