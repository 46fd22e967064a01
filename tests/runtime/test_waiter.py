"""A place in a queue: its wait ends once, by a call or when its time is over."""

import anyio
import pytest

from cloudplatform_async._runtime.waiter import AsyncioWaiter, Waiter, make_waiter

pytestmark = pytest.mark.anyio


async def waited(waiter: Waiter) -> None:
    try:
        await waiter
    finally:
        waiter.leave()


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
