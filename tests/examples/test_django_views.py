"""The Django views of the documentation, async and not."""

import json
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from cloudplatform_async.sandbox import Sandbox
from tests.examples.programs import program

django = pytest.importorskip("django", reason="Django is not installed")
pytestmark = pytest.mark.slow  # for what Django itself takes to be loaded


@pytest.fixture
def views(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The views behind their routes, over a sandbox with 250 projects."""
    from django.conf import settings
    from django.urls import clear_url_caches, path

    if not settings.configured:
        settings.configure(ALLOWED_HOSTS=["testserver"], ROOT_URLCONF="routes_of_the_example")
        django.setup()
    views = program("django_views")
    routes = ModuleType("routes_of_the_example")
    routes.__dict__["urlpatterns"] = [
        path("projects", views.projects),
        path("projects/<str:id>", views.project),
        path("slugs/<str:id>", views.slug),
    ]
    monkeypatch.setitem(sys.modules, routes.__name__, routes)
    clear_url_caches()
    with Sandbox(projects=250) as sandbox:
        monkeypatch.setenv("CLOUD_API_BASE_URL", sandbox.base_url)
        monkeypatch.setenv("CLOUD_API_KEY", sandbox.api_key)
        yield views


@pytest.fixture
def anyio_backend() -> str:
    """Django knows asyncio only."""
    return "asyncio"


async def close(views: ModuleType) -> None:
    """End the client of this process, as a server does when it stops."""
    await views.client().aclose()


@pytest.mark.anyio
async def test_async_views_answer_and_stream(views: Any) -> None:
    """One project, none, and all of them, line by line."""
    from django.test import AsyncClient

    browser = AsyncClient()
    assert (await browser.get("/projects/prj_000002")).json()["name"] == "search-web"
    gone = await browser.get("/projects/prj_gone")
    assert (gone.status_code, gone.json()) == (404, {"error": "project_not_found"})
    answer = await browser.get("/projects")
    text = b"".join([part async for part in answer.streaming_content])
    assert len({json.loads(line)["id"] for line in text.splitlines()}) == 250
    await close(views)


def test_a_view_that_is_not_async_uses_the_same_client_on_loops_of_its_own(views: Any) -> None:
    """Each request brings an event loop that ends with it."""
    from asgiref.sync import async_to_sync
    from django.test import Client

    browser = Client()
    slugs = [browser.get(f"/slugs/prj_{number:06}").json()["slug"] for number in (2, 3)]
    assert slugs == ["search-web-2", "billing-gateway-3"]
    async_to_sync(close)(views)
