"""A call that waits for a connection was not sent."""

import anyio
import httpx
import pytest

from cloudplatform_async import (
    APIConnectionError,
    APITimeoutError,
    AsyncClient,
    PoolLimits,
    Timeouts,
)
from tests.connections.servers import Server, Transport, everywhere, hang

pytestmark = pytest.mark.anyio

ONE = PoolLimits(max_connections=1)


def client_of(transport: httpx.AsyncBaseTransport, server: Server, pool: float | None = None) -> AsyncClient:
    timeout = Timeouts(pool=pool)
    return AsyncClient(
        base_url=f"{server.url}/v1", api_key="cp_test_key_1", transport=transport, timeout=timeout
    )


@everywhere
async def test_a_call_whose_turn_does_not_come_in_time_was_not_sent(transport_class: type[Transport]) -> None:
    """``Timeouts.pool`` bounds the wait; the attempt is not counted, for nothing was tried."""
    with Server(hang) as server:
        async with client_of(transport_class(limits=ONE), server, pool=0.001) as client:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.projects.get, "prj_1")
                await server.has_requests(1)
                with anyio.fail_after(20), pytest.raises(APITimeoutError, match="PoolLimits") as caught:
                    await client.projects.get("prj_1")
                tasks.cancel_scope.cancel()
            assert client.statistics().attempts == 1
    assert (caught.value.outcome, caught.value.attempts) == ("not_sent", 0)


@everywhere
async def test_a_call_that_waits_while_its_transport_is_closed_was_not_sent(
    transport_class: type[Transport],
) -> None:
    """The one in flight may have been done; the one in the queue and the one that comes later were not."""
    errors: dict[str, APIConnectionError] = {}
    transport = transport_class(limits=ONE)

    async def call(name: str) -> None:
        with pytest.raises(APIConnectionError) as caught:
            await client.projects.create(name=name, slug="a-project")
        errors[name] = caught.value

    with Server(hang) as server, anyio.fail_after(20):
        async with client_of(transport, server) as client, anyio.create_task_group() as tasks:
            tasks.start_soon(call, "in flight")
            await server.has_requests(1)
            tasks.start_soon(call, "queued")
            await anyio.wait_all_tasks_blocked()
            await transport.aclose()
            await call("late")
    assert {name: (error.outcome, error.attempts) for name, error in errors.items()} == {
        "in flight": ("unknown", 1),
        "queued": ("not_sent", 0),
        "late": ("not_sent", 0),
    }
    assert {name: error.message for name, error in errors.items()} == {
        "in flight": "The transport was closed while the request was in flight.",
        "queued": "The transport was closed while the request waited for a connection.",
        "late": "The transport is closed.",
    }
