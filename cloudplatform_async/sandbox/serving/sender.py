"""Sends deliveries when they are due, from a thread of its own, and keeps the order of each subject."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from threading import Lock, Thread, current_thread

import h11

from cloudplatform_async.sandbox.platform.clock import Clock
from cloudplatform_async.sandbox.platform.schedule import Schedule
from cloudplatform_async.sandbox.platform.signatures import signed_headers
from cloudplatform_async.sandbox.serving.posting import post
from cloudplatform_async.sandbox.storage.database import Database
from cloudplatform_async.sandbox.storage.deliveries import (
    Attempt,
    next_deliveries,
    read_delivery,
    record_attempt,
)
from cloudplatform_async.sandbox.storage.timestamps import timestamp

MOST = 32  # attempts at once
PATIENCE = 10.0  # real seconds for one attempt


class Sender:
    """Runs from the first `wake` with a subscription on, until `stop`; then the next `wake` starts it again.

    It knows the platform's database and clock, not the platform, which can so be forgotten and stop it.
    """

    def __init__(self, database: Database, clock: Clock, schedule: Schedule, retries: int) -> None:
        self._database = database
        self._clock = clock
        self._schedule = schedule
        self._retries = retries
        self._running: _Running | None = None
        self._lock = Lock()

    def wake(self) -> None:
        """Look now at what is due: something was written, or the time has changed."""
        if not self._database.total("SELECT count(*) FROM webhooks"):
            return
        with self._lock:
            if self._running is None or not self._running.alive:
                self._running = _Running(self._main)
            else:
                self._running.wake()

    def refresh(self) -> None:
        """Let happen what is due since the time was changed."""
        self._schedule.catch_up()
        self.wake()

    def stop(self) -> None:
        """End the thread and break off what it was sending, which will be sent again; takes milliseconds."""
        with self._lock:
            running, self._running = self._running, None
        if running is not None:
            running.stop()

    async def _main(self, running: "_Running") -> None:
        under_way: dict[str, asyncio.Task[None]] = {}

        def done(task: asyncio.Task[None]) -> None:
            del under_way[task.get_name()]
            running.called.set()

        async with asyncio.TaskGroup() as tasks:
            while not running.stopping:
                running.called.clear()
                now = self._schedule.catch_up()
                wait = self._until(self._schedule.next_at())
                for id_, at in next_deliveries(self._database, 2 * MOST):
                    if id_ in under_way:
                        continue
                    if at > now or len(under_way) == MOST:
                        wait = _sooner(wait, self._until(at) if at > now else None)
                        break
                    under_way[id_] = tasks.create_task(self._deliver(id_, now), name=id_)
                    under_way[id_].add_done_callback(done)
                await running.wait(wait)
            for task in list(under_way.values()):
                task.cancel()

    def _until(self, moment: float | None) -> float | None:
        return None if moment is None else self._clock.until(moment)

    async def _deliver(self, id_: str, now: float) -> None:
        delivery = read_delivery(self._database, id_, now)
        if delivery is None:
            return
        keys = [secret.value for secret in delivery.secrets]
        headers = signed_headers(keys, delivery.event_id, now, delivery.body)
        status: int | None = None
        error: str | None = None
        began = time.perf_counter()
        try:
            async with asyncio.timeout(PATIENCE):
                status = await post(delivery.url, delivery.body, headers)
        except TimeoutError:
            error = f"There was no answer within {PATIENCE:.0f} seconds."
        except (OSError, h11.RemoteProtocolError) as failure:
            error = str(failure) or type(failure).__name__
        elapsed = round(time.perf_counter() - began, 6)
        attempt = Attempt(attempted_at=timestamp(now), status_code=status, error=error, elapsed=elapsed)
        with self._database.transaction():
            record_attempt(self._database, delivery, attempt, self._retries)


class _Running:
    """A thread with an event loop that can be woken and stopped from any thread."""

    def __init__(self, main: "Callable[[_Running], Coroutine[None, None, None]]") -> None:
        self.stopping = False
        self.called = asyncio.Event()
        self._main = main
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._run, name="sandbox deliveries", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def wake(self) -> None:
        self._loop.call_soon_threadsafe(self.called.set)

    def stop(self) -> None:
        # Told in the loop's own thread, which else might have closed the loop before it is woken.
        self._loop.call_soon_threadsafe(self._end)
        # The collector, which forgets a platform, may run in this very thread.
        if current_thread() is not self._thread:
            self._thread.join()

    def _end(self) -> None:
        self.stopping = True
        self.called.set()

    async def wait(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.called.wait()
        except TimeoutError:
            return

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._main(self))


def _sooner(one: float | None, other: float | None) -> float | None:
    return min((seconds for seconds in (one, other) if seconds is not None), default=None)
