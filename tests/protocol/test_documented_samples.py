"""The vendor's documented samples, byte for byte: three answers, and the headers of its cURL examples."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from cloudplatform_async import AsyncClient
from cloudplatform_async.models import Project, Usage
from cloudplatform_async.pagination import Page

pytestmark = pytest.mark.anyio

PROJECT_LIST = b"""{
  "data": [{ "id": "prj_01", "name": "core-api" }],
  "pagination": { "page": 1, "limit": 20, "total": 1 }
}"""
CREATED_PROJECT = b"""{
  "id": "prj_92ab",
  "name": "payments-api",
  "slug": "payments-api",
  "created_at": "2026-03-17T10:22:14Z"
}"""
USAGE = b"""{
  "from": "2026-03-01",
  "to": "2026-03-17",
  "requests": 184203,
  "error_rate": 0.0021
}"""
ENV = """# .env
CLOUD_API_BASE_URL=https://api.cloudplatform.dev/v1
CLOUD_API_KEY=cp_live_xxxxxxxxxxxxx
CLOUD_ACCESS_TOKEN=eyJhbGciOi...
"""


async def exchange(
    answer: bytes, ask: Callable[[AsyncClient], Awaitable[Any]], **settings: Any
) -> tuple[httpx.Request, Any]:
    """Ask a client something, and give the one request and what came of its answer."""
    requests: list[httpx.Request] = []

    def serve(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, content=answer)

    async with AsyncClient(
        transport=httpx.MockTransport(serve), **(settings or {"access_token": "t"})
    ) as client:
        value = await ask(client)
    (request,) = requests
    return request, value


async def test_the_project_list_is_read() -> None:
    """``GET /v1/projects``: one page of one project, and the URL of the sample."""
    request, page = await exchange(PROJECT_LIST, lambda client: client.projects.list(page=1, limit=20))
    assert (request.method, str(request.url)) == (
        "GET",
        "https://api.cloudplatform.dev/v1/projects?page=1&limit=20",
    )
    assert page == Page(
        items=[Project(id="prj_01", name="core-api")], page=1, limit=20, total=1, request_id=page.request_id
    )


async def test_the_project_list_is_walked() -> None:
    """Its one page is the whole list."""
    request, projects = await exchange(PROJECT_LIST, lambda client: client.projects.iter_all().collect())
    assert str(request.url) == "https://api.cloudplatform.dev/v1/projects?limit=100"
    assert projects == [Project(id="prj_01", name="core-api")]


async def test_the_created_project_is_read() -> None:
    """``POST /v1/projects``: the bare object, from the body of the sample."""
    request, project = await exchange(
        CREATED_PROJECT, lambda client: client.projects.create(name="payments-api", slug="payments-api")
    )
    assert (request.method, str(request.url)) == ("POST", "https://api.cloudplatform.dev/v1/projects")
    assert request.content == b'{"name":"payments-api","slug":"payments-api"}'
    assert request.headers["content-type"] == "application/json"
    assert project == Project(
        id="prj_92ab",
        name="payments-api",
        slug="payments-api",
        created_at=datetime(2026, 3, 17, 10, 22, 14, tzinfo=UTC),
    )


async def test_the_usage_is_read() -> None:
    """``GET /v1/usage``: both days as dates, and the URL of the sample."""
    request, usage = await exchange(
        USAGE, lambda client: client.usage.get(date(2026, 3, 1), date(2026, 3, 17))
    )
    assert str(request.url) == "https://api.cloudplatform.dev/v1/usage?from=2026-03-01&to=2026-03-17"
    assert usage == Usage(start=date(2026, 3, 1), end=date(2026, 3, 17), requests=184203, error_rate=0.0021)


@pytest.mark.parametrize(
    ("settings", "sent"),
    [
        ({"api_key": "cp_live_xxxxxxxxxxxxx"}, {"x-api-key": "cp_live_xxxxxxxxxxxxx"}),
        ({"access_token": "eyJhbGciOi..."}, {"authorization": "Bearer eyJhbGciOi..."}),
        (
            {"api_key": "cp_live_xxxxxxxxxxxxx", "access_token": "eyJhbGciOi..."},
            {"x-api-key": "cp_live_xxxxxxxxxxxxx", "authorization": "Bearer eyJhbGciOi..."},
        ),
    ],
    ids=["key", "token", "both"],
)
async def test_credentials_are_sent_in_the_documented_headers(
    settings: dict[str, str], sent: dict[str, str]
) -> None:
    """One header a credential, and both where there are two, as in the vendor's own example."""
    request, _ = await exchange(PROJECT_LIST, lambda client: client.projects.list(), **settings)
    found = {
        name: request.headers[name] for name in ("x-api-key", "authorization") if name in request.headers
    }
    assert found == sent
    assert request.headers["accept"] == "application/json"


async def test_the_documented_env_file_is_read(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """All three names of it."""
    for name in ("CLOUD_API_BASE_URL", "CLOUD_API_KEY", "CLOUD_ACCESS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / ".env"
    path.write_text(ENV)
    request, _ = await exchange(PROJECT_LIST, lambda client: client.projects.list(), env_file=path)
    assert request.url.host == "api.cloudplatform.dev"
    assert request.headers["x-api-key"] == "cp_live_xxxxxxxxxxxxx"
    assert request.headers["authorization"] == "Bearer eyJhbGciOi..."
