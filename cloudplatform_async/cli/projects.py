"""``cloudplatform projects``: the workspace's projects."""

from datetime import UTC, datetime
from typing import Annotated

from attrs import frozen
from cyclopts import App, Parameter

from cloudplatform_async import Project
from cloudplatform_async.cli.connection import CONFIGURED, Connection, connect
from cloudplatform_async.cli.output import Column, Output, write

app: App = App(name="projects", help="The projects of the workspace.")


def _minute(moment: datetime | None) -> str | None:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}" if moment else None


def _with_time_zone(_type: object, moment: datetime | None) -> None:
    """The client says so too, but in the words of Python."""
    if moment and moment.utcoffset() is None:
        raise ValueError(f"give {moment.isoformat()} a time zone, such as {moment.isoformat()}Z")


Moment = Annotated[datetime | None, Parameter(validator=_with_time_zone)]

COLUMNS = (
    Column[Project]("ID", 10, lambda project: project.id),
    Column[Project]("NAME", 17, lambda project: project.name),
    Column[Project]("SLUG", 20, lambda project: project.slug),
    Column[Project]("STATUS", 9, lambda project: project.status),
    Column[Project]("CREATED (UTC)", 16, lambda project: _minute(project.created_at)),
)


@Parameter(name="*")
@frozen(kw_only=True)
class Filters:
    """Which projects to list.

    Attributes:
        name: Only projects of this name.
        slug: Only the project with this slug.
        status: Only active or archived ones.
        label: Only those with this label, as key:value; may be given more than once.
        created_after: Only those made after this moment, such as 2026-03-17T00:00:00Z.
        created_before: Only those made before this moment.
    """

    name: str | None = None
    slug: str | None = None
    status: str | None = None
    label: tuple[str, ...] | None = None
    created_after: Moment = None
    created_before: Moment = None


EVERY_PROJECT = Filters()


@app.command(name="list")
async def list_projects(
    *,
    output: Output = "table",
    max_items: int | None = None,
    page_size: int | None = None,
    filters: Filters = EVERY_PROJECT,
    connection: Connection = CONFIGURED,
) -> None:
    """List projects as they arrive, page by page.

    Args:
        output: A table for people, one JSON array, or one JSON object a line (ndjson).
        max_items: Stop after this many projects.
        page_size: Projects asked for with one request (1 to 100).
        filters: Which projects.
        connection: Where.
    """
    async with connect(connection) as client:
        projects = client.projects.iter_all(
            page_size=page_size,
            max_items=max_items,
            name=filters.name,
            slug=filters.slug,
            status=filters.status,
            label=filters.label,
            created_after=filters.created_after,
            created_before=filters.created_before,
        )
        await write(projects, output, COLUMNS)
