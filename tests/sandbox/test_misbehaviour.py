"""What faults do to a client: over a real socket and in memory alike."""

import socket
from collections.abc import AsyncIterator

import anyio
import anyio.lowlevel
import httpx
import pytest

from cloudplatform_async.sandbox import Sandbox
from tests.tiers import slow

pytestmark = pytest.mark.anyio

PROJECT = {"name": "n", "slug": "s"}


@pytest.fixture(params=["socket", *slow("memory")])
def sandbox(request: pytest.FixtureRequest, served) -> Sandbox:
    """A platform with a page of projects, served or not."""
    return served(projects=5) if request.param == "socket" else Sandbox(projects=5, rate_limit=None)


@pytest.fixture
async def client(request: pytest.FixtureRequest, sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    """A client over a socket where the platform is served."""
    transport = sandbox.transport() if sandbox._server is None else httpx.AsyncHTTPTransport(verify=False)
    headers = {"x-api-key": sandbox.api_key}
    async with httpx.AsyncClient(base_url=sandbox.base_url, transport=transport, headers=headers) as client:
        yield client


async def under_way(sandbox: Sandbox) -> None:
    """Wait until the platform works on a request with an idempotency key, or has done so meanwhile."""
    while not (sandbox._platform.memory._under_way or sandbox.served):
        await anyio.lowlevel.checkpoint()


async def slugs(client: httpx.AsyncClient) -> list[str]:
    """The slugs of all projects, without the seeded ones."""
    data = (await client.get("/projects")).json()["data"]
    return [project["slug"] for project in data if not project["id"].startswith("prj_0000")]


async def test_a_scripted_status_is_answered_and_nothing_is_done(
    sandbox: Sandbox, client: httpx.AsyncClient
) -> None:
    """With its headers, and by default an error envelope."""
    sandbox.faults.add(status=503, headers={"retry-after": "7"}, times=1)
    answer = await client.post("/projects", json=PROJECT)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
    assert answer.json()["error"]["code"] == "scripted_fault"
    assert "x-request-id" in answer.headers
    assert await slugs(client) == []


@pytest.mark.parametrize(
    ("options", "status", "body", "media_type"),
    [
        (
            {"status": 502, "body": b"<html>", "headers": {"content-type": "text/html"}},
            502,
            b"<html>",
            "text/html",
        ),
        ({"status": 200, "body": b'{"id": 5}'}, 200, b'{"id": 5}', "application/json"),
        ({"status": 500, "body": b""}, 500, b"", None),
        ({"status": 204}, 204, b"", None),
        ({"status": 302, "headers": {"location": "/v1/usage"}}, 302, b"", None),
    ],
)
async def test_any_answer_can_be_scripted(
    sandbox, client, options, status: int, body: bytes, media_type: str | None
) -> None:
    """Body and content type as they are given."""
    sandbox.faults.add(**options)
    answer = await client.get("/projects")
    assert (answer.status_code, answer.content, answer.headers.get("content-type")) == (
        status,
        body,
        media_type,
    )


async def test_a_reset_comes_before_the_work(sandbox: Sandbox, client: httpx.AsyncClient) -> None:
    """The client has no answer, and nothing was done."""
    sandbox.faults.add(kind="reset", times=1)
    with pytest.raises(httpx.ReadError):
        await client.post("/projects", json=PROJECT)
    assert await slugs(client) == []


async def test_a_lost_answer_comes_after_the_work(sandbox: Sandbox, client: httpx.AsyncClient) -> None:
    """The client has no answer, although it was done."""
    sandbox.faults.add(kind="lost_answer", times=1)
    with pytest.raises(httpx.ReadError):
        await client.post("/projects", json=PROJECT)
    assert await slugs(client) == ["s"]


@pytest.mark.parametrize("path", ["/projects", "/unknown"])
@pytest.mark.parametrize("kind", ["reset", "lost_answer"])
async def test_an_upload_in_pieces_is_met_when_it_is_complete(sandbox, client, kind: str, path: str) -> None:
    """Also where no work would have read it: the client is not cut off while it is sending."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b" " * 1000

    sandbox.faults.add(kind=kind)
    with pytest.raises(httpx.ReadError):
        await client.post(path, content=pieces(), headers={"content-type": "application/json"})


@pytest.mark.parametrize("size", [None, 0, 10])
async def test_a_cut_answer_ends_within_its_body(
    sandbox: Sandbox, client: httpx.AsyncClient, size: int | None
) -> None:
    """Status and headers arrive, then so many bytes, then the connection ends; the work is done."""
    sandbox.faults.add(kind="cut", size=size, times=1)
    received = b""

    async def read(answer: httpx.Response) -> None:
        nonlocal received
        async for piece in answer.aiter_raw():
            received += piece

    async with client.stream("POST", "/projects", json=PROJECT) as answer:
        with pytest.raises(httpx.RemoteProtocolError):
            await read(answer)
    expected = int(answer.headers["content-length"]) // 2 if size is None else size
    assert (answer.status_code, len(received)) == (201, expected)
    assert await slugs(client) == ["s"]


@pytest.mark.parametrize("size", [None, 1, 10_000])
async def test_a_dripping_answer_arrives_whole(
    sandbox: Sandbox, client: httpx.AsyncClient, size: int | None
) -> None:
    """In pieces, but every byte of it."""
    expected = (await client.get("/projects")).content
    sandbox.faults.add(kind="drip", size=size, times=1)
    assert (await client.get("/projects")).content == expected


async def test_a_drip_lasts_longer_than_any_one_read(sandbox: Sandbox, client: httpx.AsyncClient) -> None:
    """A read timeout alone does not end it: each piece comes in time."""
    sandbox.faults.add(kind="drip", delay=0.01, size=50, times=1)
    answer = await client.get("/projects", timeout=httpx.Timeout(5, read=1.0))
    assert len(answer.json()["data"]) == 5


async def test_a_hanging_request_ends_with_its_client(sandbox: Sandbox, client: httpx.AsyncClient) -> None:
    """The client's timeout is all that ends it; nothing was done."""
    sandbox.faults.add(kind="hang", method="POST")
    with pytest.raises(httpx.ReadTimeout):
        await client.post("/projects", json=PROJECT, timeout=httpx.Timeout(5, read=0.01))
    assert await slugs(client) == []


async def test_a_hanging_request_can_be_cancelled(sandbox: Sandbox, client: httpx.AsyncClient) -> None:
    """And the client goes on."""
    sandbox.faults.add(kind="hang", times=1)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: client.get("/projects", timeout=None))
        while not sandbox.served:
            await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    assert await slugs(client) == []


@pytest.mark.parametrize("kind", ["delay", "lost_answer", "cut"])
async def test_a_delay_is_within_the_work(sandbox: Sandbox, client: httpx.AsyncClient, kind: str) -> None:
    """A repeat meanwhile is told to wait; when the work is done, it gets that answer or can do it itself."""
    sandbox.faults.add(kind=kind, delay=0.05, times=1)
    headers = {"idempotency-key": "k"}
    statuses: list[int] = []

    async def first() -> None:
        try:
            await client.post("/projects", json=PROJECT, headers=headers)
        except httpx.TransportError:
            assert kind != "delay"

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(first)
        await under_way(sandbox)
        while 201 not in statuses:
            statuses.append((await client.post("/projects", json=PROJECT, headers=headers)).status_code)
    assert set(statuses) <= {201, 409}
    assert await slugs(client) == ["s"]


async def test_a_client_that_leaves_does_not_stop_the_work(served) -> None:
    """Over a socket: the platform goes on and remembers the answer that nobody waited for."""
    sandbox: Sandbox = served()
    sandbox.faults.add(delay=0.05, times=1)
    headers = {"x-api-key": sandbox.api_key, "idempotency-key": "k"}
    async with httpx.AsyncClient(base_url=sandbox.base_url, headers=headers) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: client.post("/projects", json=PROJECT))
            await under_way(sandbox)
            tasks.cancel_scope.cancel()
        repeat = await client.post("/projects", json=PROJECT)
        while repeat.status_code == 409:
            repeat = await client.post("/projects", json=PROJECT)
    assert (repeat.status_code, repeat.headers["idempotency-replayed"]) == (201, "true")


@pytest.mark.parametrize("kind", ["reset", "lost_answer", "cut", "drip", "hang"])
async def test_a_client_that_left_is_no_trouble(served, caplog, kind: str) -> None:
    """A fault whose time comes when nobody is there does nothing, and is no error."""
    sandbox: Sandbox = served()
    sandbox.faults.add(kind=kind, delay=0.02, times=1)
    with socket.create_connection(("127.0.0.1", sandbox._server.port)) as connection:
        connection.sendall(b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n")
        while not sandbox.faults.script()[0].met:
            await anyio.lowlevel.checkpoint()
    while kind != "drip" and sandbox._server._state.tasks:
        await anyio.lowlevel.checkpoint()
    sandbox.stop()
    assert caplog.records == []


@pytest.mark.parametrize("kind", ["reset", "lost_answer"])
def test_a_reset_is_a_real_one(served, kind: str) -> None:
    """TCP RST: the peer's kernel says so, and there is not one byte of an answer."""
    sandbox: Sandbox = served()
    sandbox.faults.add(kind=kind)
    with socket.create_connection(("127.0.0.1", sandbox._server.port), timeout=5) as connection:
        connection.sendall(b"GET /v1/projects HTTP/1.1\r\nhost: x\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_a_cut_connection_ends_in_order(served) -> None:
    """TCP FIN: what was sent arrives before the end."""
    sandbox: Sandbox = served()
    sandbox.faults.add(kind="cut", size=3)
    with socket.create_connection(("127.0.0.1", sandbox._server.port), timeout=5) as connection:
        connection.sendall(b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.partition(b"\r\n\r\n")[2] == b'{"o'


@pytest.mark.parametrize("path", ["/v1/projects", "/oauth/token", "/v1/unknown"])
async def test_faults_meet_every_path(sandbox: Sandbox, client: httpx.AsyncClient, path: str) -> None:
    """Also those outside of the API."""
    sandbox.faults.add(status=503, path=path)
    assert (await client.get(str(httpx.URL(sandbox.base_url).join(path)))).status_code == 503
