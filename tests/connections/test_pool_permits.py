"""The queue in front of the pool: fair, and empty of what has left it."""

import anyio
import anyio.lowlevel
import httpx
import pytest

from cloudplatform_async._connections.exceptions import ClosedBeforeSendingError
from cloudplatform_async._connections.permits import Permits

pytestmark = pytest.mark.anyio


async def test_permits_are_taken_and_given_back() -> None:
    """As many as there are are in use at most."""
    permits = Permits(2)
    await permits.acquire(None)
    await permits.acquire(None)
    assert (permits.in_use, permits.waiting) == (2, 0)
    permits.release()
    permits.release()
    assert permits.in_use == 0


async def test_a_newcomer_does_not_overtake() -> None:
    """A permit given back belongs to the first in the queue, even before that one has noticed."""
    permits = Permits(1)
    order: list[str] = []

    async def enter(name: str) -> None:
        await permits.acquire(None)
        order.append(name)
        permits.release()

    await permits.acquire(None)
    async with anyio.create_task_group() as group:
        group.start_soon(enter, "first")
        await anyio.wait_all_tasks_blocked()
        permits.release()
        group.start_soon(enter, "newcomer")
    assert order == ["first", "newcomer"]


async def test_a_permit_handed_to_a_cancelled_request_goes_on() -> None:
    """Cancelled between being admitted and noticing it, a request passes its permit to the next."""
    permits = Permits(1)
    admitted: list[str] = []

    async def enter(name: str) -> None:
        await permits.acquire(None)
        admitted.append(name)

    await permits.acquire(None)
    async with anyio.create_task_group() as outer:
        async with anyio.create_task_group() as inner:
            inner.start_soon(enter, "cancelled")
            await anyio.wait_all_tasks_blocked()
            outer.start_soon(enter, "next")
            await anyio.wait_all_tasks_blocked()
            permits.release()
            inner.cancel_scope.cancel()
        for name in admitted:  # trio wakes a task that was rung before it was cancelled
            assert name == "cancelled"
            permits.release()
        await anyio.wait_all_tasks_blocked()
    assert admitted[-1] == "next"
    assert (permits.in_use, permits.waiting) == (1, 0)


async def test_who_waits_too_long_is_turned_away_and_forgotten() -> None:
    """A thousand impatient requests leave an empty queue behind a permit that never came back."""
    permits = Permits(1)
    await permits.acquire(None)

    async def give_up() -> None:
        with pytest.raises(httpx.PoolTimeout):
            await permits.acquire(0.001)

    async with anyio.create_task_group() as group:
        for _ in range(1000):
            group.start_soon(give_up)
    assert (permits.in_use, permits.waiting) == (1, 0)


async def test_closing_sends_everyone_away() -> None:
    """Those in the queue and those who come later get an error that says so."""
    permits = Permits(1)
    await permits.acquire(None)

    async def be_sent_away() -> None:
        with pytest.raises(ClosedBeforeSendingError):
            await permits.acquire(None)

    async with anyio.create_task_group() as group:
        group.start_soon(be_sent_away)
        await anyio.wait_all_tasks_blocked()
        permits.close()
    await be_sent_away()
    assert permits.waiting == 0
