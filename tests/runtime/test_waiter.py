"""A place in a queue: its wait ends once, by a call or when its time is over."""

import asyncio
from random import Random

import anyio
import anyio.lowlevel
import pytest

from cloudplatform_async._runtime.waiter import AsyncioWaiter, QueueTimer, Waiter, make_waiter

pytestmark = pytest.mark.anyio


async def waited(waiter: Waiter) -> None:
    """Wait as the only one in a queue."""
    timer = QueueTimer([waiter])
    timer.watch(waiter)
    try:
        await waiter
    finally:
        timer.stop()


async def test_a_place_is_made_for_the_running_loop(anyio_backend_name: str) -> None:
    """The cheap one on asyncio, anyio's elsewhere."""
    assert type(make_waiter(None)) is {"asyncio": AsyncioWaiter, "trio": Waiter}[anyio_backend_name]


@pytest.mark.parametrize("timeout", [None, 100.0])
@pytest.mark.parametrize("admitted", [True, False])
async def test_a_call_wakes_the_task_that_waits(timeout: float | None, admitted: bool) -> None:
    """It then knows whether it was let in."""
    waiter = make_waiter(timeout)
    with anyio.fail_after(50):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(waited, waiter)
            await anyio.wait_all_tasks_blocked()
            waiter.call(admitted=admitted)
    assert waiter.admitted is admitted


async def test_a_call_before_the_wait_is_not_lost() -> None:
    """Nor does a second one do any harm."""
    waiter = make_waiter(100.0)
    waiter.call(admitted=True)
    waiter.call(admitted=True)
    with anyio.fail_after(50):
        await waited(waiter)
    assert waiter.admitted


async def test_the_wait_ends_by_itself_when_its_time_is_over() -> None:
    """Nobody has to call, and nobody was let in."""
    waiter = make_waiter(0.001)
    with anyio.fail_after(50):
        await waited(waiter)
    assert not waiter.admitted


async def test_who_was_cancelled_may_be_called_and_leaves_no_timer() -> None:
    """Whoever calls need not know that nobody listens any more."""
    waiter = make_waiter(0.001)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(waited, waiter)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    waiter.call(admitted=True)


async def test_each_wait_of_a_queue_ends_at_its_own_time() -> None:
    """Not before it, nor with the last, in whatever order they came, also while others have ended."""
    queue: dict[Waiter, None] = {}
    timer, over = QueueTimer(queue), list[float]()

    async def wait(timeout: float | None) -> None:
        began = anyio.current_time()
        waiter = make_waiter(timeout)
        queue[waiter] = None
        timer.watch(waiter)
        try:
            await waiter
            assert timeout is not None
            assert anyio.current_time() >= began + timeout
            over.append(timeout)
            if len(over) == 1:
                tasks.start_soon(wait, 0.05)
        finally:
            del queue[waiter]

    timeouts = [0.03 * number for number in range(1, 8)]
    Random(4).shuffle(timeouts)
    with anyio.fail_after(50):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait, None)
            tasks.start_soon(wait, 100.0)
            for timeout in timeouts:
                tasks.start_soon(wait, timeout)
            while len(over) < 8:
                await anyio.lowlevel.checkpoint()
            assert len(queue) == 2
            tasks.cancel_scope.cancel()
    assert sorted(over) == sorted([*timeouts, 0.05])


def test_a_wait_ends_although_the_timer_was_set_in_a_loop_that_has_ended() -> None:
    """A pool in a program of several `asyncio.run`."""
    queue: dict[Waiter, None] = {}
    timer = QueueTimer(queue)

    async def wait(timeout: float, *, leave: bool) -> None:
        waiter = make_waiter(timeout)
        queue[waiter] = None
        timer.watch(waiter)
        if not leave:
            await waiter
        del queue[waiter]

    asyncio.run(wait(0.1, leave=True))
    asyncio.run(asyncio.wait_for(wait(0.15, leave=False), 50))
    assert not queue
