"""Whatever storm passes over a pool, it answers the next calls."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial

import anyio
import anyio.lowlevel
import httpx
import pytest

from cloudplatform_async._connections.transport import PooledTransport
from cloudplatform_async.settings import PoolLimits
from tests.connections.servers import (
    HttpxTransport,
    Server,
    Transport,
    answer,
    everywhere,
    get,
    hang,
    identified,
    trusting,
)

pytestmark = [pytest.mark.anyio]
secured = pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])


def server_for(tls: bool) -> Server:
    return Server(answer, tls=identified() if tls else None)


async def storm(
    transport: Transport, server: Server, calls: int, until: Callable[[anyio.Event], Awaitable[object]]
) -> None:
    """Start calls at once, and cancel those that are left when something has happened."""
    answered = anyio.Event()

    async def call() -> None:
        await get(transport, server.url)
        answered.set()

    async with anyio.create_task_group() as group:
        for _ in range(calls):
            group.start_soon(call)
        await until(answered)
        group.cancel_scope.cancel()


async def steps(count: int, _: object = None) -> None:
    """Let the event loop turn so many times."""
    for _ in range(count):
        await anyio.lowlevel.checkpoint()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("anyio_backend", "transport_class", "calls"),
    [
        ("asyncio", PooledTransport, 2_000),
        pytest.param("asyncio", PooledTransport, 10_000, marks=pytest.mark.slow),
        ("trio", PooledTransport, 1_000),
        ("asyncio", HttpxTransport, 1_000),
    ],
)
async def test_thousands_of_calls_at_once_are_all_answered(
    transport_class: type[Transport], calls: int
) -> None:
    """They share a hundred connections, and each gets its answer."""
    transport = transport_class()
    bodies: Counter[bytes] = Counter()
    with server_for(tls=False) as server:

        async def call() -> None:
            bodies[await get(transport, server.url)] += 1

        async with anyio.create_task_group() as group:
            for _ in range(calls):
                group.start_soon(call)
        await transport.aclose()
    assert bodies == {b'{"data": 1}': calls}
    assert server.peak <= 100


@pytest.mark.slow
@everywhere
@secured
async def test_after_storms_of_cancellations_the_next_calls_are_answered(
    transport_class: type[Transport], tls: bool
) -> None:
    """Cancelled while connecting, waiting or answered: no permit and no socket is lost."""
    await weather_storms(transport_class, tls, 500 if tls else 3_334, (1, 4, 8, 12) if tls else (1,))


@pytest.mark.slow
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@secured
async def test_after_ten_thousand_cancellations_of_each_kind_twenty_of_twenty_calls_are_answered(
    tls: bool,
) -> None:
    """On native connections, in clear and over TLS."""
    await weather_storms(PooledTransport, tls, 10_000, (4,) if tls else (1,))


async def weather_storms(
    transport_class: type[Transport], tls: bool, calls: int, counts: tuple[int, ...]
) -> None:
    """Cancel so many calls while they connect, wait, or are answered; then make twenty more."""
    transport = transport_class(limits=PoolLimits(max_connections=10), verify=trusting())
    with server_for(tls) as server:
        for count in counts:
            await storm(transport, server, calls, partial(steps, count))
        server.behaviour = hang
        await storm(transport, server, calls, lambda _: server.has_requests(server.requests + 10))
        server.behaviour = answer
        await storm(transport, server, calls, lambda answered: answered.wait())
        assert transport.waiting == 0
        assert [await get(transport, server.url) for _ in range(20)] == [b'{"data": 1}'] * 20
        assert transport.connections <= 10
        await transport.aclose()
    assert server.peak <= 10


@pytest.mark.parametrize("transport_class", [PooledTransport, HttpxTransport])
@secured
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_tasks_cancelled_twice_leave_no_task_and_no_socket(
    transport_class: type[Transport], tls: bool
) -> None:
    """A second ``Task.cancel`` reaches into the clean-up of the first; the pool survives that too."""
    before = asyncio.all_tasks()
    transport = transport_class(limits=PoolLimits(max_connections=10), verify=trusting())
    with server_for(tls) as server:
        for patience in (1, 5, 20):
            tasks = [asyncio.create_task(get(transport, server.url)) for _ in range(300)]
            await steps(patience)
            for _ in range(2):
                for task in tasks:
                    task.cancel()
                await asyncio.sleep(0)
            await asyncio.gather(*tasks, return_exceptions=True)
        assert [await get(transport, server.url) for _ in range(20)] == [b'{"data": 1}'] * 20
        await transport.aclose()
    assert asyncio.all_tasks() <= before
    assert server.peak <= 10


@everywhere
@secured
async def test_closing_ends_calls_in_flight_and_queued(transport_class: type[Transport], tls: bool) -> None:
    """``aclose`` does not wait for a silent server: each call ends at once, with a typed error."""
    transport = transport_class(limits=PoolLimits(max_connections=50), verify=trusting())
    errors: list[httpx.TransportError] = []

    async def call(url: str) -> None:
        with pytest.raises(httpx.CloseError) as caught:
            await get(transport, url)
        errors.append(caught.value)

    with Server(hang, tls=identified() if tls else None) as server:
        async with anyio.create_task_group() as group:
            for _ in range(80):
                group.start_soon(call, server.url)
            await server.has_requests(50)
            assert (transport.connections, transport.waiting) == (50, 30)
            with anyio.fail_after(1):
                await transport.aclose()
    assert len(errors) == 80
    assert {error.request.url.port for error in errors} == {server.port}
    assert (transport.connections, transport.waiting) == (0, 0)


@everywhere
@pytest.mark.parametrize("turns", range(6))
async def test_closing_ends_calls_on_kept_connections_wherever_they_are(
    transport_class: type[Transport], turns: int
) -> None:
    """Before they are sent or after: none opens a connection of its own, to wait for its answer there."""
    transport = transport_class()
    with Server(answer) as server:
        async with anyio.create_task_group() as warming:
            for _ in range(5):
                warming.start_soon(get, transport, server.url)
        server.behaviour = hang

        async def call() -> None:
            with pytest.raises(httpx.CloseError):
                await get(transport, server.url)

        with anyio.fail_after(5):
            async with anyio.create_task_group() as group:
                for _ in range(5):
                    group.start_soon(call)
                await steps(turns)
                await transport.aclose()
        await server.has_peers(0)
    assert (transport.connections, server.accepted) == (0, 5)
