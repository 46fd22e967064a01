"""Serving: on loopback, from a thread, under any event loop, and without leaving anything behind."""

import gc
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from types import SimpleNamespace

import anyio
import anyio.lowlevel
import httpx
import pytest

from cloudplatform_async.sandbox import Sandbox

anyio_test = pytest.mark.anyio


def sandbox_threads() -> list[str]:
    """The threads that serve."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("sandbox")]


@anyio_test
async def test_a_sandbox_is_served_under_any_event_loop() -> None:
    """`async with` on asyncio and trio: real HTTP on 127.0.0.1."""
    async with Sandbox(projects=3) as sandbox, httpx.AsyncClient() as client:
        assert sandbox.base_url.startswith("http://127.0.0.1:")
        answer = await client.get(f"{sandbox.base_url}/projects", headers={"x-api-key": sandbox.api_key})
    assert (answer.status_code, answer.json()["pagination"]["total"]) == (200, 3)


@anyio_test
async def test_nothing_is_left_when_it_ends() -> None:
    """No thread, no listening socket, no connection; unclosed ones would be warned of."""
    async with Sandbox() as sandbox:
        port, threads = sandbox._server.port, sandbox_threads()
        async with httpx.AsyncClient(headers={"x-api-key": sandbox.api_key}) as client:
            await client.get(f"{sandbox.base_url}/projects")
    del sandbox
    gc.collect()
    assert f"sandbox :{port}" in threads
    assert f"sandbox :{port}" not in sandbox_threads()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


@pytest.mark.parametrize("kind", ["hang", "delay", "drip"])
@anyio_test
async def test_a_request_under_way_does_not_hold_the_end(kind: str) -> None:
    """Its connection is broken off, its task is gone, and the client knows."""
    errors: list[httpx.TransportError] = []

    async def ask(client: httpx.AsyncClient) -> None:
        try:
            await client.get("/projects", timeout=None)
        except httpx.TransportError as error:
            errors.append(error)

    sandbox = Sandbox(projects=1)
    sandbox.faults.add(kind=kind, delay=0 if kind == "hang" else 3600)
    async with anyio.create_task_group() as tasks:
        with sandbox:
            client = httpx.AsyncClient(base_url=sandbox.base_url, headers={"x-api-key": sandbox.api_key})
            tasks.start_soon(ask, client)
            while not sandbox._server._state.tasks:
                await anyio.lowlevel.checkpoint()
    await client.aclose()
    assert len(errors) == 1


def test_a_silent_connection_does_not_hold_the_end(served: Callable[..., Sandbox]) -> None:
    """Neither an idle one nor one in the middle of a request."""
    sandbox = served()
    address = ("127.0.0.1", sandbox._server.port)
    with socket.create_connection(address) as idle, socket.create_connection(address) as halfway:
        halfway.sendall(b"POST /v1/projects HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{")
        with httpx.Client() as client:
            client.get(sandbox.base_url)
        sandbox.stop()
        assert idle.recv(1) == b""
        assert sandbox_threads() == [name for name in sandbox_threads() if name != f"sandbox :{address[1]}"]


def test_a_connection_that_is_accepted_while_it_stops_is_closed() -> None:
    """Its client is told at once, and no socket is left to the collector."""
    clients: list[socket.socket] = []

    def connect() -> None:  # in the loop's thread: in its next turn it hears that it is to stop, and accepts
        clients.append(socket.create_connection(("127.0.0.1", server.port), timeout=5))
        server._loop.call_soon(server._stopping.set)

    sandbox = Sandbox()
    sandbox.start()
    httpx.get(sandbox.base_url)
    server = sandbox._server
    server._loop.call_soon_threadsafe(connect)
    server._thread.join()
    with clients[0] as client:
        assert client.recv(1) == b""


def test_the_platform_outlives_its_serving() -> None:
    """What was created is there when it is served again, on another port."""
    sandbox = Sandbox()
    for status in (201, 409):
        with (
            sandbox,
            httpx.Client(base_url=sandbox.base_url, headers={"x-api-key": sandbox.api_key}) as client,
        ):
            assert client.post("/projects", json={"name": "n", "slug": "s"}).status_code == status
    assert sandbox.base_url == "http://127.0.0.1/v1"


def test_a_file_database_outlives_its_sandbox(tmp_path) -> None:
    """`database=` names it, and a later sandbox goes on from there."""
    for number in (1, 2):
        with (
            Sandbox(database=str(tmp_path / "db")) as sandbox,
            httpx.Client(headers={"x-api-key": sandbox.api_key}) as client,
        ):
            client.post(f"{sandbox.base_url}/projects", json={"name": "n", "slug": f"s{number}"})
            total = client.get(f"{sandbox.base_url}/projects").json()["pagination"]["total"]
    assert total == 2


def test_serving_twice_is_refused(served: Callable[..., Sandbox]) -> None:
    """`RuntimeError`; the first one goes on."""
    sandbox = served()
    with pytest.raises(RuntimeError, match="already"):
        sandbox.start()
    assert httpx.get(f"{sandbox.base_url}/projects").status_code == 401


def test_a_port_that_is_taken_is_refused(served: Callable[..., Sandbox]) -> None:
    """`OSError` at once, and nothing is left open."""
    first = served()
    with pytest.raises(OSError, match="in use"):
        Sandbox(port=first._server.port).start()


@pytest.mark.parametrize(
    "options",
    [
        {"paging": "offset"},
        {"projects": -1},
        {"latency": -1},
        {"rate_limit": 0},
        {"port": 65_536},
        {"port": -1},
    ],
)
def test_an_option_outside_its_range_is_refused(options: dict[str, object]) -> None:
    """`ValueError` that names it."""
    with pytest.raises(ValueError, match=next(iter(options))):
        Sandbox(**options)


@anyio_test
async def test_memory_and_socket_reach_the_same_platform(served: Callable[..., Sandbox]) -> None:
    """At the same time, from two threads."""
    sandbox = served()
    headers = {"x-api-key": sandbox.api_key}
    async with (
        httpx.AsyncClient(base_url=sandbox.base_url, headers=headers) as real,
        httpx.AsyncClient(
            base_url=sandbox.base_url, headers=headers, transport=sandbox.transport()
        ) as memory,
    ):

        async def create(client: httpx.AsyncClient, number: int) -> None:
            await client.post("/projects", json={"name": "n", "slug": f"s-{number}"})

        async with anyio.create_task_group() as tasks:
            for number in range(40):
                tasks.start_soon(create, (real, memory)[number % 2], number)
        answers = [(await client.get("/projects", params={"limit": 50})).content for client in (real, memory)]
    assert answers[0] == answers[1]
    assert httpx.Response(200, content=answers[0]).json()["pagination"]["total"] == 40


@anyio_test
async def test_a_loop_of_requests_in_memory_leaves_other_tasks_their_turn() -> None:
    """As a real network does."""
    sandbox = Sandbox(rate_limit=None)
    turns: list[int] = []

    async def take_turns() -> None:
        for turn in range(5):
            await anyio.lowlevel.checkpoint()
            turns.append(turn)

    async with (
        httpx.AsyncClient(base_url=sandbox.base_url, transport=sandbox.transport()) as client,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(take_turns)
        for _ in range(20):
            await client.get("/projects")
        assert len(turns) == 5


@anyio_test
async def test_a_transport_alone_keeps_its_platform() -> None:
    """The sandbox itself may be forgotten."""
    sandbox = Sandbox(projects=2)
    client = httpx.AsyncClient(
        base_url=sandbox.base_url, headers={"x-api-key": sandbox.api_key}, transport=sandbox.transport()
    )
    del sandbox
    gc.collect()
    async with client:
        assert (await client.get("/projects")).json()["pagination"]["total"] == 2


def test_serve_forever_ends_quietly_with_ctrl_c() -> None:
    """It is served when `ready` is called, and nothing is printed or left when it ends."""
    statuses: list[int] = []

    def ready(sandbox: Sandbox) -> None:
        statuses.append(httpx.get(f"{sandbox.base_url}/projects").status_code)
        signal.raise_signal(signal.SIGINT)

    before = sandbox_threads()
    Sandbox().serve_forever(ready)
    assert (statuses, sandbox_threads()) == ([401], before)


def test_serve_forever_waits_while_it_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a `ready` too, and Ctrl-C ends the wait."""
    waiting: list[bool] = []

    def interrupted(_seconds: float) -> None:
        waiting.append(sandbox._server is not None)
        if len(waiting) == 2:
            raise KeyboardInterrupt

    sandbox = Sandbox()
    monkeypatch.setattr("cloudplatform_async.sandbox.sandbox.time", SimpleNamespace(sleep=interrupted))
    sandbox.serve_forever()
    assert (waiting, sandbox._server) == ([True, True], None)


@pytest.mark.slow
def test_a_client_that_breaks_http_leaves_no_trace_on_stderr() -> None:
    """A library does not print."""
    script = (
        "import socket\n"
        "from cloudplatform_async.sandbox import Sandbox\n"
        "with Sandbox() as sandbox, socket.create_connection(('127.0.0.1', sandbox._server.port)) as peer:\n"
        "    peer.sendall(b'nonsense\\r\\n\\r\\n')\n"
        "    assert peer.recv(100).startswith(b'HTTP/1.1 400')\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
