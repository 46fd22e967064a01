"""A bell wakes its task once: when it rings, or when the time is over."""

import anyio
import pytest

from cloudplatform_async._transport.bell import AsyncioBell, Bell, make_bell

pytestmark = pytest.mark.anyio


async def test_a_bell_is_made_for_the_running_loop(anyio_backend_name: str) -> None:
    """The cheap one on asyncio, anyio's elsewhere."""
    assert type(make_bell()) is {"asyncio": AsyncioBell, "trio": Bell}[anyio_backend_name]


@pytest.mark.parametrize("timeout", [None, 100.0])
async def test_ringing_wakes_the_task_that_waits(timeout: float | None) -> None:
    """Also where it rang before, and rings again."""
    bell = make_bell()
    with anyio.fail_after(50):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(bell.wait, timeout)
            await anyio.wait_all_tasks_blocked()
            bell.ring()
        bell.ring()
        await bell.wait(timeout)


async def test_the_wait_ends_by_itself_when_its_time_is_over() -> None:
    """Nobody has to ring."""
    with anyio.fail_after(50):
        await make_bell().wait(0.001)


async def test_a_cancelled_wait_may_be_rung_for_and_leaves_no_timer() -> None:
    """Whoever rings need not know that nobody listens any more."""
    bell = make_bell()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bell.wait, 0.001)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    bell.ring()
