"""A call ends when it was told to: by its timeout, by a deadline around it, by a cancel, by closing."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

import anyio
import httpx
import pytest

from cloudplatform_async import (
    APITimeoutError,
    AsyncClient,
    ClientStateError,
    CloudPlatformError,
    ConfigurationError,
    PoolLimits,
    RateLimitError,
    RetryPolicy,
    ServerError,
    Timeouts,
)
from cloudplatform_async.testing import no_waiting
from tests.blocking.awaited import awaited_when_quick, over_both_clients
from tests.calls.scripted import Scripted, answer, client_over, refuse
from tests.connections.servers import Behaviour, Peer, Server, hang
from tests.tiers import slow

TOTAL = 0.2  # seconds

on_both_loops = pytest.mark.anyio


def drip(head: bytes) -> Behaviour:
    """Send this, then a byte every 20 ms for ever: no silence is long enough for a read timeout."""

    def behave(peer: Peer, request: bytes) -> None:
        def send_next() -> None:
            if not peer.transport.is_closing():
                peer.transport.write(b"a")
                peer.server.loop.call_later(0.02, send_next)

        peer.transport.write(head)
        send_next()

    return behave


def client_of(
    server: Server, client_class: type[AsyncClient] = AsyncClient, **options: object
) -> AsyncClient:
    return client_class(base_url=f"{server.url}/v1", api_key="cp_test_key_1", **options)  # type: ignore[arg-type]


@awaited_when_quick
@on_both_loops
@pytest.mark.parametrize(
    "behaviour",
    [
        hang,
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"),
        *slow(drip(b"HTTP/1.1 200 OK\r\nX-Long: ")),
    ],
    ids=["hung server", "dripping body", "dripping header"],
)
async def test_a_call_ends_at_its_timeout_whatever_the_server_does(
    behaviour: Behaviour, client_class: type[AsyncClient]
) -> None:
    """The bound is the promise: `timeout=` is for the whole call."""
    with Server(behaviour) as server:
        async with client_of(server, client_class, timeout=TOTAL) as client:
            started = monotonic()
            with pytest.raises(APITimeoutError) as caught:
                await client.projects.create(name="one", slug="one")
            elapsed = monotonic() - started
    assert 0.9 * TOTAL <= elapsed <= TOTAL + 0.5
    assert (caught.value.outcome, caught.value.attempts) == ("unknown", 1)


@on_both_loops
async def test_a_timeout_in_the_queue_for_a_connection_is_not_sent() -> None:
    """What never had a connection was surely not done."""
    with Server(hang) as server:
        limits = PoolLimits(max_connections=1)
        async with client_of(server, limits=limits) as client, anyio.create_task_group() as tasks:
            tasks.start_soon(swallow, client.projects.get, "prj_1")
            await server.has_requests(1)
            with pytest.raises(APITimeoutError) as caught:
                await client.with_options(timeout=0.05).projects.create(name="one", slug="one")
            tasks.cancel_scope.cancel()
        assert server.requests == 1
    assert (caught.value.outcome, caught.value.attempts) == ("not_sent", 0)


class SlowPause:
    """A shared limit that does not come back from being told of a pause."""

    async def acquire(self, name: str, most: int) -> tuple[int, float]:
        return most, 0.0

    async def pause(self, name: str, seconds: float) -> None:
        await anyio.sleep_forever()


@on_both_loops
@pytest.mark.parametrize("status", [401, 429])
async def test_a_call_that_ends_after_a_refusal_was_refused(status: int) -> None:
    """While a new token or a shared limit is waited for: a request was sent, and the server said no."""
    asked = 0

    async def token() -> str:
        nonlocal asked
        asked += 1
        if asked > 1 and status == 401:
            await anyio.sleep_forever()
        return f"token_{asked}"

    transport = Scripted(refuse(status, headers={"retry-after": "0.01"}))
    limit = SlowPause() if status == 429 else None
    async with client_over(
        transport, api_key=None, access_token=token, timeout=0.1, shared_limit=limit
    ) as client:
        with pytest.raises(APITimeoutError) as caught:
            await client.projects.create(name="one", slug="one")
    assert (caught.value.outcome, caught.value.attempts) == ("rejected", 1)


@on_both_loops
async def test_what_cannot_be_sent_after_a_refusal_does_not_undo_it() -> None:
    """A function that gives no token any more: the outcome is that of the whole call."""
    tokens = iter(["first", ""])
    transport = Scripted(refuse(401))
    async with client_over(transport, api_key=None, access_token=lambda: next(tokens)) as client:
        with pytest.raises(ConfigurationError) as caught:
            await client.projects.create(name="one", slug="one")
    assert (caught.value.outcome, caught.value.attempts) == ("rejected", 1)


async def swallow(function: Callable[[str], Awaitable[object]], argument: str) -> None:
    try:
        await function(argument)
    except CloudPlatformError:
        return


@over_both_clients
@on_both_loops
@pytest.mark.parametrize(("status", "kind"), [(503, ServerError), (429, RateLimitError)])
async def test_a_wait_that_would_pass_the_deadline_is_not_begun(
    status: int, kind: type[CloudPlatformError], client_class: type[AsyncClient]
) -> None:
    """The last error comes at once, with a note that names the wait."""
    transport = Scripted(refuse(status, headers={"retry-after": "30"}))
    with no_waiting() as waits:
        async with client_over(transport, client_class, timeout=20) as client:
            with pytest.raises(kind) as caught:
                await client.projects.get("prj_1")
    assert waits == []
    assert "the next wait of 3" in caught.value.__notes__[0]


@over_both_clients
@on_both_loops
async def test_waits_count_against_the_deadline(client_class: type[AsyncClient]) -> None:
    """Three waits of 9 s fit into 30, a fourth does not."""
    transport = Scripted(refuse(503, headers={"retry-after": "9"}))
    with no_waiting() as waits:
        async with client_over(transport, client_class, timeout=30) as client:
            with pytest.raises(ServerError):
                await client.projects.get("prj_1")
    assert len(waits) == 3


@on_both_loops
async def test_a_deadline_around_the_call_counts_too() -> None:
    """A retry that cannot finish within the caller's own `fail_after` is not waited for."""
    transport = Scripted(refuse(503, headers={"retry-after": "30"}))
    with no_waiting() as waits:
        async with client_over(transport) as client:
            with anyio.fail_after(20), pytest.raises(ServerError):
                await client.projects.get("prj_1")
    assert waits == []


@on_both_loops
async def test_a_deadline_around_the_call_ends_it_as_the_callers_own() -> None:
    """Its `TimeoutError` is the caller's; it is not renamed."""

    async def never(request: httpx.Request) -> httpx.Response:
        await anyio.sleep_forever()
        raise AssertionError

    async with client_over(Scripted(never)) as client:
        with pytest.raises(TimeoutError):
            with anyio.fail_after(0.01):
                await client.projects.get("prj_1")
        assert client.statistics().in_flight == 0


@on_both_loops
async def test_a_cancel_ends_a_backoff_at_once() -> None:
    """An hour's wait does not outlive its caller."""
    transport = Scripted(refuse(503, headers={"retry-after": "3000"}))
    policy = RetryPolicy(max_retry_after=5000)
    async with client_over(transport, retries=policy, timeout=Timeouts(total=None)) as client:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.projects.get, "prj_1")
                await anyio.wait_all_tasks_blocked()
                scope.cancel()
        assert scope.cancelled_caught
        assert client.statistics().in_flight == 0


@pytest.mark.asyncio
async def test_a_native_cancel_ends_a_backoff_and_is_never_swallowed() -> None:
    """`task.cancel()` leaves a cancelled task."""
    transport = Scripted(refuse(503, headers={"retry-after": "50"}))
    async with client_over(transport) as client:
        task = asyncio.create_task(client.projects.get("prj_1"))
        await anyio.wait_all_tasks_blocked()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()


@pytest.mark.asyncio
async def test_a_native_cancel_at_the_moment_of_the_deadline_is_not_swallowed() -> None:
    """Whoever comes first, the caller's cancel counts."""

    async def step(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(60)
        raise AssertionError

    async with client_over(Scripted(step)) as client:
        task = asyncio.create_task(client.projects.get("prj_1"))
        await anyio.wait_all_tasks_blocked()
        (scope,) = client._sender.state.scopes
        scope.deadline = anyio.current_time()
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled()


@on_both_loops
async def test_sleepers_in_backoff_do_not_delay_others() -> None:
    """A hundred wait, and the next goes through: nothing is held while waiting."""

    async def step(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("down"):
            return httpx.Response(503, headers={"retry-after": "50"})
        return httpx.Response(200, json={"id": "prj_1", "name": "one"})

    async with client_over(Scripted(step)) as client, anyio.create_task_group() as tasks:
        for _ in range(100):
            tasks.start_soon(client.projects.get, "down")
        await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(5):
            await client.projects.get("prj_1")
        assert client.statistics().in_flight == 100
        tasks.cancel_scope.cancel()


@on_both_loops
async def test_closing_ends_calls_in_flight_asleep_and_at_the_gate() -> None:
    """Each with an error that is ours, and that tells what may have happened."""
    errors: dict[str, CloudPlatformError] = {}

    async def step(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("hang"):
            await anyio.sleep_forever()
        return httpx.Response(429 if "usage" in request.url.path else 503, headers={"retry-after": "50"})

    async def call(name: str, path: str) -> None:
        with pytest.raises(CloudPlatformError) as caught:
            await client.request("POST", path)
        errors[name] = caught.value

    client = client_over(Scripted(step))
    with anyio.fail_after(100):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call, "in flight", "/projects/hang")
            tasks.start_soon(call, "asleep", "/projects/down")
            tasks.start_soon(call, "limited", "/usage")
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(call, "at the gate", "/usage")
            await anyio.wait_all_tasks_blocked()
            await client.aclose()
    assert {type(error) for error in errors.values()} == {ClientStateError}
    assert {name: (error.outcome, error.attempts) for name, error in errors.items()} == {
        "in flight": ("unknown", 1),
        "asleep": ("unknown", 1),
        "limited": ("rejected", 1),
        "at the gate": ("not_sent", 0),
    }


@on_both_loops
async def test_closing_ends_calls_on_real_connections() -> None:
    """Also those that queue for one."""
    errors: list[CloudPlatformError] = []

    async def get() -> None:
        with pytest.raises(CloudPlatformError) as caught:
            await client.projects.get("prj_1")
        errors.append(caught.value)

    with Server(hang) as server, anyio.fail_after(5):
        client = client_of(server, limits=PoolLimits(max_connections=1))
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(get)
            await server.has_requests(1)
            await client.aclose()
        await server.has_peers(0)
    assert sorted(error.outcome for error in errors) == ["not_sent", "not_sent", "unknown"]


@over_both_clients
@on_both_loops
async def test_a_client_that_is_closed_refuses_calls(client_class: type[AsyncClient]) -> None:
    """Nothing is sent, and a second close does nothing."""
    transport = Scripted(answer())
    client = client_over(transport, client_class)
    await client.aclose()
    await client.aclose()
    with pytest.raises(ClientStateError):
        await client.projects.get("prj_1")
    assert (transport.requests, transport.closed) == ([], 1)
