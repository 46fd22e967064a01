"""Owns every background task of a client, on asyncio and trio alike."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from anyio import Event, get_cancelled_exc_class, move_on_after
from anyio.lowlevel import checkpoint

from cloudplatform_async._runtime.event_loop import current_event_loop, running_asyncio_loop
from cloudplatform_async._runtime.raised import another
from cloudplatform_async.errors import ClientStateError

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")

_TURNS_TO_SEND = 4  # of the event loop: one to begin, two for httpx's connections, one for trio's order


class Job(ABC, Generic[T]):
    """A background task that keeps its outcome for whoever asks, and never raises by itself."""

    def __init__(self, forget: "Callable[[Job[T]], None]") -> None:
        self._forget = forget
        self._home = current_event_loop()
        self._ended = Event()
        self._waiters = 0  # that were told of its error

    @property
    def done(self) -> bool:
        """Tell whether the outcome is known."""
        return self._ended.is_set()

    @property
    def is_here(self) -> bool:
        """Tell whether it runs on the present event loop; on one that has ended there is no outcome."""
        return self._home is current_event_loop()

    async def wait(self) -> T:
        """Wait for the outcome; cancelling the waiter does not cancel the job.

        Raises:
            ClientStateError: When the job was cancelled, because its client was closed.
        """
        await self.ended()
        error = self._error()
        if isinstance(error, get_cancelled_exc_class()):
            raise ClientStateError(
                "The client was closed, or its event loop ended, while this was under way."
            )
        if error is not None:
            self._waiters += 1
            raise error if self._waiters == 1 else another(error)
        return self._value()

    async def ended(self) -> None:
        """Wait for the end, whatever the outcome."""
        # A loop that does not run can end nothing; asyncio's cancels what is left when it is closed itself.
        if not self.done and self.is_here:
            await self._ended.wait()

    def _end(self) -> None:
        self._ended.set()
        self._forget(self)

    @abstractmethod
    def _error(self) -> BaseException | None: ...

    @abstractmethod
    def _value(self) -> T: ...

    @abstractmethod
    def cancel(self) -> None:
        """End the job; may be called from anywhere, a finalizer included."""


class Background:
    """Starts jobs on the running event loop, and ends them all when the client closes."""

    def __init__(self) -> None:
        self._jobs: dict[Job[Any], float] = {}

    def start(self, function: Callable[[], Awaitable[T]], *, grace: float = 0.0) -> Job[T]:
        """Start a function as a job of its own.

        Args:
            function: What to do.
            grace: Seconds that the job is given to end by itself when its client closes.
        """
        job: Job[T]
        if running_asyncio_loop() is None:
            job = _TrioJob(function, self._forget)
        else:
            job = _AsyncioJob(function, self._forget)
        self._jobs[job] = grace
        return job

    def _forget(self, job: Job[Any]) -> None:
        self._jobs.pop(job, None)

    async def set_out(self) -> None:
        """Let jobs that were just started send their requests, on connections that are open.

        Else they would wait for a pause of whoever started them, who may work on without one. A number of
        turns, and no condition: a job may as well wait for a connection, at the gate, or for a token.
        """
        for _ in range(_TURNS_TO_SEND):
            await checkpoint()

    async def aclose(self) -> None:
        """Cancel every job, the ones with some grace after that, and wait for their ends."""
        jobs, graced = list(self._jobs), {job: grace for job, grace in self._jobs.items() if grace}
        for job in jobs:
            if job not in graced:
                job.cancel()
        with move_on_after(max(graced.values(), default=0.0)):
            await _all_ended(graced)
        for job in graced:
            job.cancel()
        await _all_ended(jobs)


async def _all_ended(jobs: Iterable[Job[Any]]) -> None:
    for job in jobs:
        await job.ended()


class _AsyncioJob(Job[T]):
    def __init__(self, function: Callable[[], Awaitable[T]], forget: Callable[[Job[T]], None]) -> None:
        import asyncio

        async def run() -> T:
            try:
                return await function()
            finally:
                self._end()  # a turn of the loop before the task's own callback

        super().__init__(forget)  # before the task, which may end while it is made (an eager task factory)
        self._task = asyncio.get_running_loop().create_task(run())
        self._task.add_done_callback(self._keep)

    def _keep(self, task: "asyncio.Task[T]") -> None:
        if not task.cancelled():
            task.exception()  # now known: asyncio has no reason to report it as never retrieved
        self._end()  # where it never began

    def _error(self) -> BaseException | None:
        return get_cancelled_exc_class()() if self._task.cancelled() else self._task.exception()

    def _value(self) -> T:
        return self._task.result()

    def cancel(self) -> None:
        with suppress(RuntimeError):  # the loop is closed, and its tasks with it
            self._task.get_loop().call_soon_threadsafe(self._task.cancel)


class _TrioJob(Job[T]):
    def __init__(self, function: Callable[[], Awaitable[T]], forget: Callable[[Job[T]], None]) -> None:
        import trio

        super().__init__(forget)
        self._function = function
        self._scope = trio.CancelScope()
        self._token = trio.lowlevel.current_trio_token()
        trio.lowlevel.spawn_system_task(self._run, context=copy_context())

    async def _run(self) -> None:
        import outcome

        with self._scope:
            self._outcome: Any = await outcome.acapture(self._function)
        self._end()

    def _error(self) -> BaseException | None:
        return getattr(self._outcome, "error", None)

    def _value(self) -> T:
        value: T = self._outcome.value
        return value

    def cancel(self) -> None:
        import trio

        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self._scope.cancel)
