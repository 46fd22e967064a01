"""A client outlives its event loop, and leaves no socket behind in any."""

import asyncio
import gc
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import httpx
import pytest
import trio

from cloudplatform_async import AsyncClient, ClientStateError
from cloudplatform_async._connections.transport import PooledTransport
from cloudplatform_async.sandbox import Sandbox
from tests.connections.servers import HttpxTransport, Server, Transport, identified, send, trusting
from tests.tiers import slow

OK = send(b'HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\n{"id": "prj", "name": "n"}')
Run = Callable[[Callable[[], Awaitable[Any]]], Any]


def with_new_loop(function: Callable[[], Awaitable[Any]]) -> None:
    """As some frameworks do it: no generator is closed, nothing is awaited after the function."""
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(function())
    finally:
        loop.close()


runs = pytest.mark.parametrize(
    "run",
    [lambda function: asyncio.run(function()), with_new_loop, trio.run],
    ids=["asyncio", "bare", "trio"],
)
kinds = pytest.mark.parametrize(
    ("tls", "transport_class"),
    [
        (False, PooledTransport),
        (True, HttpxTransport),
        *slow((True, PooledTransport), (False, HttpxTransport)),
    ],
    ids=["native", "httpx-tls", "native-tls", "httpx"],
)


def client_of(server: Server, transport_class: type[Transport]) -> AsyncClient:
    return AsyncClient(base_url=f"{server.url}/v1", api_key="k", transport=transport_class(verify=trusting()))


@runs
@kinds
def test_several_runs_share_a_client(run: Run, tls: bool, transport_class: type[Transport]) -> None:
    """Each finds it ready, with new connections; the old ones are closed, and nothing warns of them."""
    with Server(OK, tls=identified() if tls else None) as server:
        client = client_of(server, transport_class)

        async def calls() -> None:
            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(client.projects.get, "prj")
            assert client.statistics().connections in (1, 2, 3)

        for _ in range(3):
            run(calls)
        assert server.peak <= 6
        run(client.aclose)
        anyio.run(server.has_peers, 0)
    gc.collect()


class Wrapper(httpx.AsyncBaseTransport):
    """A middleware of the user's own round the pool."""

    def __init__(self) -> None:
        self._inner = PooledTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


class Subclass(PooledTransport):
    """The same, as a subclass of it."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await super().handle_async_request(request)


@runs
@pytest.mark.parametrize("transport_class", [Wrapper, Subclass])
def test_several_runs_share_a_client_with_a_transport_of_the_users_own(
    run: Run, transport_class: type[httpx.AsyncBaseTransport]
) -> None:
    """A middleware loses no promise of the pool that it stands before."""
    with Server(OK) as server:
        client = AsyncClient(base_url=f"{server.url}/v1", api_key="k", transport=transport_class())

        async def calls() -> None:
            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(client.projects.get, "prj")

        for _ in range(3):
            run(calls)
        run(client.aclose)
        anyio.run(server.has_peers, 0)
    gc.collect()


def test_a_transport_in_plain_httpx_starts_afresh_too() -> None:
    """In scripts with several `asyncio.run`; while its loop runs, another is refused."""
    with Server(OK) as server:
        transport = PooledTransport()

        async def ask() -> None:
            request = httpx.Request("GET", f"{server.url}/v1/projects/prj")
            await (await transport.handle_async_request(request)).aread()

        async def ask_in_another() -> None:
            await ask()
            with pytest.raises(ClientStateError):
                await anyio.to_thread.run_sync(asyncio.run, ask())

        asyncio.run(ask())
        trio.run(ask)
        asyncio.run(ask_in_another())
        asyncio.run(transport.aclose())
        anyio.run(server.has_peers, 0)
    gc.collect()


@runs
@kinds
@pytest.mark.parametrize("closing", ["asyncio", "trio"])
def test_a_client_whose_loop_is_gone_is_closed_from_another(
    run: Run, tls: bool, transport_class: type[Transport], closing: str
) -> None:
    """Every socket is closed, and nothing of asyncio's comes out."""
    with Server(OK, tls=identified() if tls else None) as server:
        client = client_of(server, transport_class)

        async def calls() -> None:
            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(client.projects.get, "prj")

        run(calls)
        anyio.run(client.aclose, backend=closing)
        assert client.statistics().connections == 0
        anyio.run(server.has_peers, 0)
        anyio.run(client.aclose, backend=closing)
    gc.collect()


def cancelled(function: Callable[[], Awaitable[Any]]) -> None:
    """Run a function that is cancelled in its first turn, as `asyncio.run` does to what it leaves."""

    async def start() -> None:
        task = asyncio.ensure_future(function())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(start())


@kinds
@pytest.mark.parametrize("what", ["call", "close"])
def test_a_cancelled_call_in_a_new_loop_loses_no_socket_of_the_old_one(
    what: str, tls: bool, transport_class: type[Transport]
) -> None:
    """It was about to close them: the next close does."""
    with Server(OK, tls=identified() if tls else None) as server:
        client = client_of(server, transport_class)
        asyncio.run(client.projects.get("prj"))
        cancelled(partial(client.projects.get, "prj") if what == "call" else client.aclose)
        asyncio.run(client.aclose())
        anyio.run(server.has_peers, 0)
    gc.collect()


def test_a_cancelled_request_of_plain_httpx_in_a_new_loop_loses_no_socket_of_the_old_one() -> None:
    """A transport by itself keeps the promise too."""
    with Server(OK) as server:
        transport = PooledTransport()

        async def ask() -> None:
            request = httpx.Request("GET", f"{server.url}/v1/projects/prj")
            await (await transport.handle_async_request(request)).aread()

        asyncio.run(ask())
        cancelled(ask)
        asyncio.run(transport.aclose())
        anyio.run(server.has_peers, 0)
    gc.collect()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@kinds
def test_a_client_is_closed_from_another_loop_while_its_own_runs(
    backend: str, tls: bool, transport_class: type[Transport]
) -> None:
    """A second loop may not call, but it may close."""
    with Server(OK, tls=identified() if tls else None) as server:
        client = client_of(server, transport_class)
        ready, done = threading.Event(), threading.Event()

        async def live() -> None:
            await client.projects.get("prj")
            ready.set()
            await anyio.to_thread.run_sync(done.wait)

        async def elsewhere() -> None:
            with pytest.raises(ClientStateError, match="another event loop"):
                await client.projects.get("prj")
            await client.aclose()

        thread = threading.Thread(target=lambda: anyio.run(live, backend=backend))
        thread.start()
        try:
            ready.wait()
            anyio.run(elsewhere)
            assert client.statistics().connections == 0
            anyio.run(server.has_peers, 0)
        finally:
            done.set()
            thread.join()


def test_a_transport_without_sockets_is_at_home_in_every_loop() -> None:
    """Two loops may use it by turns, though both live."""
    sandbox = Sandbox(projects=1)
    client = AsyncClient(base_url=sandbox.base_url, api_key=sandbox.api_key, transport=sandbox.transport())

    async def call() -> None:
        assert len((await client.projects.list()).items) == 1

    with asyncio.Runner() as first, asyncio.Runner() as second:
        for runner in (first, second, first):
            runner.run(call())
        second.run(client.aclose())
