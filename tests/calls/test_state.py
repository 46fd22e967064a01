"""What views share, and how it is opened and closed."""

import anyio
import httpx
import pytest

from cloudplatform_async import ClientStateError, RetryPolicy
from cloudplatform_async._calls.state import SharedState
from cloudplatform_async.testing import no_waiting
from tests.calls.scripted import Scripted, answer, client_over, refuse

pytestmark = pytest.mark.anyio


def state_over(transport: httpx.AsyncBaseTransport) -> SharedState:
    return SharedState.over(transport)


async def test_statistics_count_calls_of_all_views() -> None:
    """Attempts, retries beyond the first, and answers with 429."""
    transport = Scripted(refuse(503), refuse(429), answer())
    with no_waiting():
        async with client_over(transport) as client:
            await client.projects.get("prj_1")
            await client.with_options(retries=RetryPolicy(max_retries=0)).projects.get("prj_1")
            statistics = client.statistics()
    assert (statistics.attempts, statistics.retries, statistics.throttled) == (4, 2, 1)
    assert (statistics.in_flight, statistics.connections, statistics.waiting) == (0, None, None)


async def test_closing_that_is_cancelled_still_closes_the_transport() -> None:
    """No connection stays open behind a client that says it is closed."""
    transport = Scripted(answer())
    state = state_over(transport)

    async def stubborn() -> None:
        with anyio.CancelScope(shield=True):
            await released.wait()

    released = anyio.Event()
    state.background.start(stubborn)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(state.aclose)
        await anyio.wait_all_tasks_blocked()
        assert transport.closed == 0
        tasks.cancel_scope.cancel()
    released.set()
    assert transport.closed == 1
    assert state.closed


async def test_a_closed_state_lets_nobody_in() -> None:
    """The message says what to do."""
    state = state_over(Scripted(answer()))
    await state.enter()
    await state.aclose()
    with pytest.raises(ClientStateError, match="make a new one"):
        await state.enter()
