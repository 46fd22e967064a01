"""Any list the platform has can be walked, and a client opens and closes with an application."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from attrs import frozen

from cloudplatform_async import AsyncClient, ClientStateError, InvalidRequestError
from cloudplatform_async.sandbox import Sandbox

pytestmark = pytest.mark.anyio


@frozen
class Row:
    """A model of the user's own."""

    id: str
    name: str


@pytest.fixture
async def client() -> AsyncIterator[AsyncClient]:
    """A client of a sandbox with 250 projects."""
    sandbox = Sandbox(projects=250)
    async with AsyncClient(
        base_url=sandbox.base_url, api_key=sandbox.api_key, transport=sandbox.transport()
    ) as client:
        yield client


async def test_any_list_is_walked_to_its_end(client: AsyncClient) -> None:
    """As rows, or as a model of the user's own, with pages fetched ahead."""
    rows = await client.iter_all("/projects").collect()
    assert len({row["id"] for row in rows}) == 250
    first = await client.iter_all("/projects", model=Row, params={"status": "archived"}).first()
    assert first == Row("prj_000010", "billing-api")


async def test_a_walk_of_any_list_is_resumed(client: AsyncClient) -> None:
    """Its checkpoint is that of any walk."""
    walk = client.iter_all("/projects", page_size=50, max_items=70)
    seen = [row["id"] async for row in walk]
    rest = [row["id"] async for row in client.iter_all("/projects", resume_from=walk.checkpoint)]
    assert len(set(seen + rest)) == len(seen + rest) == 250


@pytest.mark.parametrize("path", ["", "/../usage", "projects?page=2"])
async def test_a_path_that_is_none_is_refused(client: AsyncClient, path: str) -> None:
    """At once; nothing is sent."""
    with pytest.raises(InvalidRequestError):
        client.iter_all(path)


async def test_the_places_of_a_list_are_arguments(client: AsyncClient) -> None:
    """A page in the parameters would walk nowhere."""
    with pytest.raises(InvalidRequestError, match="page"):
        client.iter_all("/projects", params={"page": 2})
    wrong: Any = "a=b"
    with pytest.raises(InvalidRequestError, match="`params` must be a mapping"):
        client.iter_all("/projects", params=wrong)


async def test_a_lifespan_opens_a_client_and_closes_it(client: AsyncClient) -> None:
    """What Starlette and FastAPI call when they start and end."""
    async with client.lifespan(object()) as state:
        assert state is None
        assert (await client.projects.get("prj_000001")).id == "prj_000001"
    with pytest.raises(ClientStateError):
        await client.projects.get("prj_000001")
