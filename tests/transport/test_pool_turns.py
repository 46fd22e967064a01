"""A client's call waits for its turn on a connection itself, and has its request made only then."""

import gc

import anyio
import httpx
import pytest

from cloudplatform_async import (
    APIConnectionError,
    APITimeoutError,
    AsyncClient,
    PooledTransport,
    PoolLimits,
    Timeouts,
)
from cloudplatform_async._connections.admission import Admission
from cloudplatform_async._connections.departure import Departure, admission_of
from tests.transport.servers import Server, Transport, everywhere, hang, send

pytestmark = pytest.mark.anyio

ONE = PoolLimits(max_connections=1)
answer = send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


class Wrapping(httpx.AsyncBaseTransport):
    """Passes on what it is given, as a user's own transport might."""

    def __init__(self, inner: PooledTransport) -> None:
        self.inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self.inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self.inner.aclose()


class Copying(PooledTransport):
    """Sends another request than the one it is given."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        copy = httpx.Request(request.method, request.url, headers=request.headers)
        return await super().handle_async_request(copy)


def client_of(transport: httpx.AsyncBaseTransport, server: Server, pool: float | None = None) -> AsyncClient:
    timeout = Timeouts(pool=pool)
    return AsyncClient(
        base_url=f"{server.url}/v1", api_key="cp_test_key_1", transport=transport, timeout=timeout
    )


async def get_many(client: AsyncClient, count: int) -> None:
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            for _ in range(count):
                tasks.start_soon(client.request, "GET", "/projects/prj_1")


@everywhere
async def test_what_waits_for_its_turn_is_no_request_yet(transport_class: type[Transport]) -> None:
    """A call in the queue holds no URL, no headers and no secret."""
    with Server(hang) as server:
        async with client_of(transport_class(limits=ONE), server) as client:
            gc.collect()
            before = sum(isinstance(each, httpx.Request) for each in gc.get_objects())
            async with anyio.create_task_group() as tasks:
                for _ in range(10):
                    tasks.start_soon(client.projects.get, "prj_1")
                await server.has_requests(1)
                await anyio.wait_all_tasks_blocked()
                assert client.statistics().waiting == 9
                found = sum(isinstance(each, httpx.Request) for each in gc.get_objects())
                tasks.cancel_scope.cancel()
            assert (client.statistics().waiting, client.statistics().in_flight) == (0, 0)
            server.behaviour = answer
            await get_many(client, 5)
    assert found - before == 1


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


async def test_a_pool_in_a_transport_of_the_users_own_sends_a_call_once() -> None:
    """Whoever passes a request on does not make it count twice."""
    with Server(answer) as server:
        async with client_of(Wrapping(PooledTransport(limits=ONE)), server) as client:
            await get_many(client, 5)
            statistics = client.statistics()
        assert server.requests == 5
    assert (statistics.attempts, statistics.retries) == (5, 0)


async def test_a_derived_pool_may_send_another_request_than_it_is_given() -> None:
    """No call of its holds a permit while its request waits for one."""
    with Server(answer) as server:
        async with client_of(Copying(limits=ONE), server) as client:
            await get_many(client, 5)
        assert server.requests == 5


async def test_a_permit_that_nobody_takes_over_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a test's stand-in answers in place of the pool, say."""

    async def stand_in(self: PooledTransport, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={})

    with Server(answer) as server:
        async with client_of(PooledTransport(limits=ONE), server) as client:
            with monkeypatch.context() as patched:
                patched.setattr(PooledTransport, "handle_async_request", stand_in)
                await get_many(client, 5)
            assert server.requests == 0
            await get_many(client, 5)
        assert server.requests == 5


def test_a_permit_is_taken_over_by_its_own_pool_alone_and_once() -> None:
    """Another pool has to have the request wait in its own queue."""

    class Leaving(Departure):
        def may_leave(self) -> bool:
            raise NotImplementedError

        def leaves(self) -> None:
            raise NotImplementedError

    ours, other, departure = Admission(1), Admission(1), Leaving()
    assert ours.take()
    departure.permit = ours
    assert not departure.hand_over(other)
    assert departure.hand_over(ours)
    assert not departure.hand_over(ours)
    departure.give_back()
    assert ours.in_use == 1


@pytest.mark.parametrize("transport", [Wrapping(PooledTransport()), Copying()])
def test_only_the_pools_of_the_package_have_calls_wait_ahead(transport: httpx.AsyncBaseTransport) -> None:
    """Of any other transport nobody knows which request it will send, and where."""
    assert admission_of(transport) is None
    assert admission_of(PooledTransport()) is not None
