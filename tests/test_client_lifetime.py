"""A client is closed once, by its owner, in its own event loop; a forgotten one says so."""

import asyncio
import copy
import gc
import pickle
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest
import trio

from cloudplatform_async import (
    AsyncClient,
    ClientStateError,
    ConfigurationError,
    NotFoundError,
    PooledTransport,
    PoolLimits,
    RetryPolicy,
)
from cloudplatform_async.sandbox import Sandbox
from cloudplatform_async.testing import no_waiting
from tests.resources.listing import Gate, Listing, client_of, names, settle
from tests.resources.wire import Wire, always

anyio_test = pytest.mark.anyio


@anyio_test
async def test_a_closed_client_refuses_calls() -> None:
    """Each kind of call, at once; a second closing changes nothing."""
    wire = always({"data": []})
    client = client_of(wire)
    walk = client.projects.iter_all()
    await client.aclose()
    await client.aclose()
    for call in (
        client.projects.list(),
        walk.first(),
        client.request("GET", "/x"),
        client.with_options().projects.list(),
    ):
        with pytest.raises(ClientStateError, match="closed"):
            await call
    assert (wire.requests, wire.closed) == ([], 1)


@anyio_test
async def test_closing_ends_the_calls_under_way() -> None:
    """Whoever waits for an answer gets an error, not silence."""
    listing = Listing(names(30), gates={1: Gate()})
    client = client_of(listing)
    errors: list[ClientStateError] = []

    async def call() -> None:
        with pytest.raises(ClientStateError, match="closed") as caught:
            await client.projects.list()
        errors.append(caught.value)

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(call)
        await settle()
        assert client.statistics().in_flight == 3
        await client.aclose()
    assert listing.is_closed
    assert (len(errors), client.statistics().in_flight, listing.under_way) == (3, 0, 0)


class Shielded(httpx.AsyncBaseTransport):
    """A user's wrapper that no cancellation reaches: a pool that closes ends what is in it by itself."""

    def __init__(self) -> None:
        self.pool = PooledTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        with anyio.CancelScope(shield=True):
            return await self.pool.handle_async_request(request)

    async def aclose(self) -> None:
        await self.pool.aclose()


@anyio_test
async def test_a_call_that_its_connection_tells_of_the_end_says_that_the_client_was_closed() -> None:
    """The same error as where the call hears of it first; what was sent may have been done."""
    with Sandbox() as sandbox:
        sandbox.faults.add(kind="hang")
        client = AsyncClient(base_url=sandbox.base_url, api_key=sandbox.api_key, transport=Shielded())

        async def call() -> None:
            with pytest.raises(ClientStateError, match="closed while") as caught:
                await client.projects.create(name="n", slug="s")
            assert caught.value.outcome == "unknown"

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            while not sandbox.served:
                await anyio.lowlevel.checkpoint()
            await client.aclose()


@anyio_test
async def test_leaving_a_cancelled_scope_still_closes_everything() -> None:
    """A timeout round ``async with`` is the usual way to leave one."""
    async with Sandbox(projects=100, rate_limit=None) as sandbox:
        with anyio.CancelScope() as scope:
            async with AsyncClient(base_url=sandbox.base_url, api_key=sandbox.api_key) as client:
                walk = client.projects.iter_all(page_size=10, ahead=3)
                async for _ in walk:
                    if max(client.statistics().connections or 0, 1) > 1:
                        break
                scope.cancel()
                await anyio.lowlevel.checkpoint()
        assert scope.cancelled_caught
        assert (client.statistics().connections, client.statistics().in_flight) == (0, 0)
        del walk


@anyio_test
async def test_a_view_closes_nothing() -> None:
    """It shares its client's connections, and they are the client's to close."""
    wire = always({"data": []})
    async with client_of(wire) as client:
        async with client.with_options(timeout=3) as view:
            await view.projects.list()
        await view.aclose()
        del view
        gc.collect()
        await client.projects.list()
        assert wire.closed == 0
    assert (wire.closed, len(wire.requests)) == (1, 2)


@pytest.mark.parametrize("run", [asyncio.run, lambda main: trio.run(lambda: main)], ids=["asyncio", "trio"])
def test_an_application_that_is_started_again_opens_its_client_again(run: Callable[[Any], None]) -> None:
    """As tests do with one application and a ``TestClient`` each; between two runs it is closed."""
    with Sandbox(projects=1) as sandbox:
        client = AsyncClient(base_url=sandbox.base_url, api_key=sandbox.api_key)

        async def application() -> None:
            async with client.lifespan(None), client.with_options(timeout=5).lifespan(None):
                assert (await client.projects.get("prj_000001")).id == "prj_000001"
            with pytest.raises(ClientStateError, match="closed"):
                await client.projects.get("prj_000001")
            assert client.statistics().connections == 0

        for _ in range(3):
            run(application())


@anyio_test
async def test_a_view_keeps_its_client_alive() -> None:
    """A function may return a view; the client behind it is still there, and is what is forgotten."""
    view = client_of(always({"data": []})).with_options(timeout=3).with_options(timeout=4)
    gc.collect()
    await view.projects.list()
    holder = [view]
    del view
    with pytest.warns(ResourceWarning, match="never closed"):
        holder.clear()


@anyio_test
async def test_a_forgotten_client_warns_and_does_no_more() -> None:
    """A finalizer may run anywhere: it sends nothing and closes nothing."""
    wire = always({})
    client = client_of(wire)
    await client.request("GET", "/x")
    holder = [client]
    del client
    with pytest.warns(ResourceWarning, match=r"AsyncClient https://.* was never closed") as caught:
        holder.clear()
    assert (len(caught), wire.closed, len(wire.requests)) == (1, 0, 1)


def test_a_client_that_was_refused_is_not_said_to_be_forgotten(recwarn: pytest.WarningsRecorder) -> None:
    """There is nothing to close where the constructor raised."""
    with suppress(ConfigurationError):
        AsyncClient(api_key="k", retries=-1)
    gc.collect()
    assert list(recwarn) == []


def test_another_event_loop_is_refused_while_the_first_lives() -> None:
    """Connections belong to one loop: a call from a second one sends nothing."""
    wire = always({"data": []})
    client = client_of(wire)

    async def call_again() -> None:
        with pytest.raises(ClientStateError, match="another event loop"):
            await client.projects.list()

    with asyncio.Runner() as first, asyncio.Runner() as second:
        first.run(_listed(client))
        second.run(call_again())
        second.run(client.aclose())
    assert (len(wire.requests), wire.closed) == (1, 1)


async def _listed(client: AsyncClient) -> None:
    await client.projects.list()


@pytest.mark.parametrize("run", [asyncio.run, lambda main: trio.run(lambda: main)], ids=["asyncio", "trio"])
def test_after_its_event_loop_has_ended_a_client_starts_afresh(run: object) -> None:
    """A script with several ``asyncio.run`` needs one client only."""
    wire = always({"data": []})
    client = client_of(wire)
    for _ in range(3):
        run(_listed(client))  # type: ignore[operator]
    run(client.aclose())  # type: ignore[operator]
    assert (len(wire.requests), wire.closed) == (3, 1)


@pytest.mark.parametrize("spoil", [pickle.dumps, copy.copy, copy.deepcopy])
@anyio_test
async def test_a_client_is_neither_pickled_nor_copied(spoil: object) -> None:
    """It holds connections and secrets; the message says what to do instead."""
    async with client_of(always({})) as client:
        for each in (client, client.with_options(timeout=3)):
            with pytest.raises(TypeError, match="make a new one"):
                spoil(each)  # type: ignore[operator]


@anyio_test
async def test_a_client_works_without_async_with() -> None:
    """Opened in one task and closed in another, as web frameworks do."""
    wire = always({"data": []})
    client = client_of(wire)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.projects.list)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.aclose)
    assert (wire.closed, len(wire.requests)) == (1, 1)


@anyio_test
async def test_statistics_count_what_was_done() -> None:
    """Attempts, retries, refusals for lack of quota, replays; connections only where the transport says."""
    replies = iter(
        [
            httpx.Response(503),
            httpx.Response(200, json={"id": "a", "name": "a"}, headers={"Idempotency-Replayed": "true"}),
            httpx.Response(429),
            httpx.Response(200, json={"id": "a", "name": "a"}),
            httpx.Response(404),
        ]
    )
    wire = Wire(lambda _: next(replies))
    async with client_of(wire, retries=RetryPolicy(base=0)) as client:
        assert client.statistics().connections is None
        with no_waiting():
            await client.projects.create(name="a", slug="a")
            await client.projects.get("a")
            with pytest.raises(NotFoundError):
                await client.with_options().projects.get("b")
        found = client.statistics()
    assert (found.attempts, found.retries, found.throttled, found.replayed) == (5, 2, 1, 1)
    assert (found.in_flight, found.waiting) == (0, None)


@anyio_test
async def test_statistics_show_what_is_being_done() -> None:
    """Calls in flight, sockets open, and requests that wait for one."""
    async with Sandbox(projects=3, rate_limit=None) as sandbox:
        sandbox.faults.add(kind="hang", path="/v1/projects")
        limits = PoolLimits(max_connections=2)
        async with AsyncClient(base_url=sandbox.base_url, api_key=sandbox.api_key, limits=limits) as client:
            async with anyio.create_task_group() as tasks:
                for _ in range(5):
                    tasks.start_soon(client.projects.list)
                while sandbox.served < 2:
                    await anyio.lowlevel.checkpoint()
                found = client.statistics()
                tasks.cancel_scope.cancel()
            assert (found.in_flight, found.connections, found.waiting) == (5, 2, 3)
            assert client.statistics().in_flight == 0
        assert client.statistics().connections == 0
