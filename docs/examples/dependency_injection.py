"""The client as a dependency: code asks for what it needs, and a test gives something else."""

from collections.abc import AsyncIterator
from typing import Protocol

from attrs import frozen

from cloudplatform_async import AsyncClient, Project


class ProjectSource(Protocol):
    """What this program needs of the platform, and no more."""

    def iter_all(self, *, status: str | None = None) -> AsyncIterator[Project]:
        """Walk projects."""
        ...


@frozen
class Report:
    """Counts projects by the first word of their name.

    Attributes:
        projects: Such as ``client.projects``; in a test, anything that walks.
    """

    projects: ProjectSource

    async def counts(self) -> dict[str, int]:
        """Count."""
        counted: dict[str, int] = {}
        async for project in self.projects.iter_all(status="active"):
            word = project.name.partition("-")[0]
            counted[word] = counted.get(word, 0) + 1
        return counted


def report(client: AsyncClient) -> Report:
    """Wire the program."""
    return Report(client.projects)
