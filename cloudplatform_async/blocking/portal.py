"""One event loop in a thread of its own, on which a client's calls run for code that has none."""

import asyncio
import os
import sys
import warnings
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from threading import RLock, Thread, current_thread
from typing import Any, Generic, TypeVar

from cloudplatform_async import AsyncClient, ClientStateError

T = TypeVar("T")

_Last = Callable[[], Awaitable[None]]
_Begun = tuple[asyncio.AbstractEventLoop, "asyncio.Future[_Last | None]"]
"""The loop, and what it waits for: that it is told to end, and what to do last."""

CLOSED_BY = "`with` or close()"
_CLOSED_MEANWHILE = "The client was closed while this was under way."


class Portal:
    """Runs functions on its event loop, from any number of threads; the thread begins with the first one.

    It does by itself what anyio's ``BlockingPortal`` does: that goes to the loop and back once to start a
    function, and once more for its result, which takes nearly twice the time.

    Whoever may still call holds it: the client, its views, resources and walks. Where the last of them is
    let go of before it was closed, it warns, and ends by itself.

    Args:
        client: Whose calls run here, and which is closed in the end.

    Attributes:
        is_closed: It has ended, or is about to.
    """

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self.is_closed: bool = False
        self._lock = RLock()  # to close is to begin as well
        self._process = os.getpid()
        self._thread: Thread | None = None
        self._begun: _Begun | None = None
        self._has_ended = False  # nothing runs any more, whatever was asked for meanwhile
        self._waiting: set[Future[Any]] = set()

    @property
    def is_idle(self) -> bool:
        """Tell whether there is no thread, not yet or no longer: nothing can be under way."""
        return self._begun is None or self._has_ended

    def call(self, function: Callable[[], Awaitable[T]]) -> T:
        """Run a function and wait for what it returns; what interrupts the wait cancels it.

        Raises:
            ClientStateError: The client is closed, was made before a fork, or an event loop runs here.
        """
        begun = self._begun
        if begun is None or self.is_closed or self._process != os.getpid() or _event_loop_runs_here():
            self._refuse()
            begun = self._begin()
        loop, run = begun[0], _Run(function)
        coroutine = run()
        future: Future[T] | None = None
        try:
            future = self._handed_over(coroutine, loop)
            return future.result()
        except CancelledError:
            raise run.ended_by or ClientStateError(_CLOSED_MEANWHILE) from None
        finally:
            if future is not None:
                future.cancel()  # where Ctrl-C ended the wait; else it is done, and nothing happens
                self._waiting.discard(future)
            else:
                with suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(run.cancel)  # Ctrl-C came while it was handed over
            if self._has_ended:
                coroutine.close()  # where it was never begun

    def _handed_over(self, coroutine: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> Future[T]:
        try:
            future = asyncio.run_coroutine_threadsafe(coroutine, loop)
        except RuntimeError:  # another thread has closed it meanwhile
            coroutine.close()
            raise ClientStateError(_CLOSED_MEANWHILE) from None
        self._waiting.add(future)
        if self._has_ended:
            future.cancel()
        return future

    def close(self) -> None:
        """Close the client, then end the loop and its thread; a second time does nothing.

        Raises:
            ClientStateError: Where one of the client's own calls does it, which would wait for itself.
        """
        if self._process != os.getpid():  # after a fork all of it is the parent's
            return
        with self._lock:
            if self.is_closed:
                return
            if self._thread is current_thread():
                raise ClientStateError("A blocking client is not closed by what it calls itself.")
            loop, ending = self._begin()
            self.is_closed = True
        try:
            asyncio.run_coroutine_threadsafe(self._client.aclose(), loop).result()
        finally:
            loop.call_soon_threadsafe(ending.set_result, None)
            if self._thread is not None:
                self._thread.join()
            self._has_ended = True
            # Of calls that came when the loop had turned for the last time.
            for future in list(self._waiting):
                future.cancel()

    def __del__(self) -> None:
        # One without a thread is a client that was never used, which says so itself, as each one does where
        # the interpreter ends: its threads stand still by then.
        is_forgotten = self._begun is not None and not self.is_closed and not sys.is_finalizing()
        if self._begun is not None and is_forgotten and self._process == os.getpid():
            loop, ending = self._begun
            with suppress(RuntimeError):  # it has ended by itself
                loop.call_soon_threadsafe(ending.set_result, self._client.aclose)
            # Last, for it raises where warnings are errors.
            text = f"{self._client!r} was never closed; use {CLOSED_BY}."
            warnings.warn(text, ResourceWarning, stacklevel=1, source=self)

    def _begin(self) -> _Begun:
        with self._lock:
            if self._begun is None:
                begun: Future[_Begun] = Future()
                name = "cloudplatform blocking client"
                self._thread = Thread(target=_serve, args=(begun,), name=name, daemon=True)
                self._thread.start()
                self._begun = begun.result()
            return self._begun

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
    """A function under way, which can also be ended by who was not given its future.

    Attributes:
        ended_by: What one of the user's own functions raised to end the program, such as ``sys.exit()``.
    """

    def __init__(self, function: Callable[[], Awaitable[T]]) -> None:
        self.ended_by: BaseException | None = None
        self._function = function
        self._task: asyncio.Task[object] | None = None
        self._is_cancelled = False

    async def __call__(self) -> T:
        self._task = asyncio.current_task()
        if self._is_cancelled:
            raise asyncio.CancelledError
        try:
            return await self._function()
        except (SystemExit, KeyboardInterrupt) as error:
            self.ended_by = error  # out of a task it would end the loop, and with it every thread's calls
            raise asyncio.CancelledError from None

    def cancel(self) -> None:
        self._is_cancelled = True
        if self._task is not None:
            self._task.cancel()


def _serve(begun: "Future[_Begun]") -> None:
    runner = asyncio.Runner()
    try:
        loop = runner.get_loop()
    except OSError as error:  # no file descriptor is left; whoever waits is told, and not left to wait
        begun.set_exception(error)
        return
    with runner:
        ending: asyncio.Future[_Last | None] = loop.create_future()
        begun.set_result((loop, ending))
        runner.run(_until(ending))


async def _until(ending: "asyncio.Future[_Last | None]") -> None:
    if (last := await ending) is not None:
        await last()


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
