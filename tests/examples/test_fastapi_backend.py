"""The service of the documentation keeps what its page promises."""

import gc
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from types import ModuleType
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest
from attrs import frozen

from cloudplatform_async import AsyncClient
from cloudplatform_async.sandbox import Sandbox
from tests.examples.programs import program

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def backend() -> ModuleType:
    """The program."""
    return program("fastapi_backend")


@frozen
class Service:
    """The service, its client, and the platform behind it."""

    sandbox: Sandbox
    client: AsyncClient
    app: Any
    browser: httpx.AsyncClient


@pytest.fixture
async def service(backend: ModuleType) -> AsyncIterator[Service]:
    """The service over a sandbox with 250 projects."""
    with Sandbox(projects=250, rate_limit=None) as sandbox:
        client = AsyncClient(base_url=sandbox.base_url, api_key=sandbox.api_key)
        app = backend.create_app(client)
        async with (
            client.lifespan(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as browser,
        ):
            yield Service(sandbox, client, app, browser)


async def test_a_project_is_an_answer(service: Service) -> None:
    """A model serialises by itself."""
    answer = await service.browser.get("/projects/prj_000002")
    assert (answer.status_code, answer.json()["id"]) == (200, "prj_000002")


async def test_an_error_of_the_platform_is_an_answer_of_the_service(service: Service) -> None:
    """One handler maps all of them, without a word of the platform's."""
    answer = await service.browser.get("/projects/prj_gone")
    assert (answer.status_code, answer.json()["error"]) == (404, "project_not_found")


async def test_each_user_speaks_with_a_token_of_their_own(service: Service) -> None:
    """A view for each request; what one may, the other need not."""
    token = service.sandbox.issue_token(scopes=["usage:read"])
    answer = await service.browser.get("/projects/prj_000002", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["error"]) == (502, "insufficient_scope")
    assert (await service.browser.get("/projects/prj_000002")).status_code == 200


async def test_a_stream_gives_each_row_on_a_line(service: Service) -> None:
    """All 250, across pages."""
    answer = await service.browser.get("/projects")
    assert len(set(answer.text.splitlines())) == 250


async def test_a_stream_that_fails_at_its_first_row_has_the_status_of_the_failure(service: Service) -> None:
    """No 200 that breaks in the middle, where it could be known before."""
    service.sandbox.faults.add(status=403, times=1)
    assert (await service.browser.get("/projects")).status_code == 502


async def test_work_after_the_answer_is_done_once(service: Service) -> None:
    """A request that is repeated has the same key."""
    for _ in range(2):
        assert (await service.browser.post("/projects/prj_000002/archive")).status_code == 202
    assert service.client.statistics().replayed == 1
    assert (await service.client.projects.get("prj_000002")).status == "archived"


async def leave_in_the_middle(app: Any) -> None:
    """Ask for the stream, take its first piece, and be gone."""
    gone = anyio.Event()

    async def receive() -> dict[str, object]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message.get("body"):
            gone.set()
            await anyio.lowlevel.checkpoint()

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/projects",
        "raw_path": b"/projects",
        "query_string": b"",
        "headers": [],
        "client": ("127.0.0.1", 1),
        "server": ("app", 80),
    }
    application: Callable[..., Awaitable[None]] = app
    await application(scope, receive, send)


@pytest.mark.slow
async def test_clients_that_leave_in_the_middle_leave_nothing(service: Service) -> None:
    """Of 500 at once 100 go: no call is left in flight, no task is lost, no warning comes."""

    async def read() -> None:
        answer = await service.browser.get("/projects/prj_000001")
        assert answer.status_code == 200

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        async with anyio.create_task_group() as tasks:
            for number in range(500):
                if number % 5:
                    tasks.start_soon(read)
                else:
                    tasks.start_soon(leave_in_the_middle, service.app)
        gc.collect()
    assert service.client.statistics().in_flight == 0
