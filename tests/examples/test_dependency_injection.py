"""The program of the documentation that is given what it needs."""

from collections.abc import AsyncIterator
from unittest.mock import create_autospec

import pytest

from cloudplatform_async import AsyncClient, Paginator, Project
from cloudplatform_async.sandbox import Sandbox
from tests.examples.programs import program

pytestmark = pytest.mark.anyio
module = program("dependency_injection")
GIVEN = [Project(id="prj_1", name="search-web"), Project(id="prj_2", name="search-api")]


class Given:
    """Stands for ``client.projects``."""

    def iter_all(self, *, status: str | None = None) -> AsyncIterator[Project]:
        """Walk the given ones."""
        return Paginator.of(GIVEN)


async def test_it_counts_what_a_test_gives() -> None:
    """No platform, no client, no mock library."""
    assert await module.Report(Given()).counts() == {"search": 2}


async def test_it_counts_with_a_mock_of_the_client() -> None:
    """The resources of a mocked client can be told what to walk."""
    client = create_autospec(AsyncClient)
    client.projects.iter_all.return_value = Paginator.of(GIVEN)
    assert await module.report(client).counts() == {"search": 2}
    client.projects.iter_all.assert_called_once_with(status="active")


async def test_it_counts_what_the_platform_has() -> None:
    """The same program, wired to a client."""
    sandbox = Sandbox(projects=20)
    async with AsyncClient(
        base_url=sandbox.base_url, api_key=sandbox.api_key, transport=sandbox.transport()
    ) as client:
        counts = await module.report(client).counts()
    assert sum(counts.values()) == 18
