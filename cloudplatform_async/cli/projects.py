"""``cloudplatform projects``: the workspace's projects."""

from datetime import datetime
from typing import Annotated, Literal

from attrs import frozen
from cyclopts import App, Parameter

from cloudplatform_async import AUTO, ConfigurationError
from cloudplatform_async.cli.output.show import AS_USUAL, Output, View
from cloudplatform_async.cli.session.options import CONFIGURED, Connection, Limit, PageSize

app: App = App(name="projects", help="The projects of the workspace.")

FIELDS = ("id", "name", "slug", "status", "labels", "created_at", "updated_at")
COLUMNS = ("id", "name", "slug", "status", "created_at")


def _with_time_zone(_type: object, moment: datetime | None) -> None:
    """The client says so too, but in the words of Python."""
    if moment and moment.utcoffset() is None:
        raise ValueError(f"give {moment.isoformat()} a time zone, such as {moment.isoformat()}Z")


Moment = Annotated[datetime | None, Parameter(validator=_with_time_zone)]
Key = Annotated[str | None, Parameter(name="--idempotency-key")]
Labels = Annotated[tuple[str, ...] | None, Parameter(name="--label")]


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
    limit: Limit = None,
    page_size: PageSize = 100,
    filters: Filters = EVERY_PROJECT,
    output: Output = AS_USUAL,
    connection: Connection = CONFIGURED,
) -> None:
    """List projects as they arrive, page by page.

    Args:
        limit: Stop after this many projects.
        page_size: Projects asked for with one request (1 to 100).
        filters: Which projects.
        output: How.
        connection: Where.
    """
    from cloudplatform_async.cli.session.connect import connect

    view = View(output, FIELDS, COLUMNS)
    async with connect(connection) as client:
        projects = client.projects.iter_all(
            page_size=page_size if limit is None else min(page_size, max(limit, 1)),
            max_items=limit,
            model=dict,
            name=filters.name,
            slug=filters.slug,
            status=filters.status,
            label=filters.label,
            created_after=filters.created_after,
            created_before=filters.created_before,
        )
        await view.list(projects)


@app.command(name="get")
async def get_project(
    id: str,  # noqa: A002 - the platform's own word
    /,
    *,
    output: Output = AS_USUAL,
    connection: Connection = CONFIGURED,
) -> None:
    """Show one project.

    Args:
        id: Of the project.
        output: How.
        connection: Where.
    """
    from cloudplatform_async.cli.session.connect import connect

    view = View(output, FIELDS, COLUMNS)
    async with connect(connection) as client:
        view.one(await client.projects.get(id))


@app.command(name="create")
async def create_project(
    *,
    name: str,
    slug: str,
    label: Labels = None,
    idempotency_key: Key = None,
    output: Output = AS_USUAL,
    connection: Connection = CONFIGURED,
) -> None:
    """Create a project, exactly once however the network fails.

    Args:
        name: What people call it.
        slug: Unique in the workspace.
        label: A label of your own, as key:value; may be given more than once.
        idempotency_key: Makes this the same create as an earlier one with the same key.
        output: How to show it.
        connection: Where.
    """
    from cloudplatform_async.cli.session.connect import connect

    view, labels = View(output, FIELDS, COLUMNS), labels_of(label)
    async with connect(connection) as client:
        key = idempotency_key or AUTO
        view.one(await client.projects.create(name=name, slug=slug, labels=labels, idempotency_key=key))


@app.command(name="update")
async def update_project(
    id: str,  # noqa: A002 - the platform's own word
    /,
    *,
    name: str | None = None,
    slug: str | None = None,
    status: Literal["active", "archived"] | None = None,
    label: Labels = None,
    idempotency_key: Key = None,
    output: Output = AS_USUAL,
    connection: Connection = CONFIGURED,
) -> None:
    """Change the fields of a project that are given, and no others.

    Args:
        id: Of the project.
        name: Its new name.
        slug: Its new slug.
        status: Its new status.
        label: Its new labels, as key:value, in place of all it has; may be given more than once.
        idempotency_key: Makes this the same update as an earlier one with the same key.
        output: How to show it.
        connection: Where.
    """
    from cloudplatform_async.cli.session.connect import connect

    view, labels = View(output, FIELDS, COLUMNS), labels_of(label)
    async with connect(connection) as client:
        project = await client.projects.update(
            id, name=name, slug=slug, status=status, labels=labels, idempotency_key=idempotency_key or AUTO
        )
        view.one(project)


@app.command(name="delete")
async def delete_project(
    id: str,  # noqa: A002 - the platform's own word
    /,
    *,
    yes: Annotated[bool, Parameter(name=["--yes", "-y"])] = False,
    idempotency_key: Key = None,
    connection: Connection = CONFIGURED,
) -> None:
    """Delete a project; asks first.

    Args:
        id: Of the project.
        yes: Do not ask; needed where there is no terminal.
        idempotency_key: Makes this the same delete as an earlier one with the same key.
        connection: Where.
    """
    from cloudplatform_async.cli.session.asking import confirm
    from cloudplatform_async.cli.session.connect import connect

    confirm(f"Delete project {id}?", yes=yes or connection.dry_run)
    async with connect(connection) as client:
        await client.projects.delete(id, idempotency_key=idempotency_key or AUTO)


def labels_of(texts: tuple[str, ...] | None) -> dict[str, str] | None:
    """Read labels as they are typed.

    Raises:
        ConfigurationError: One is not ``key:value``.
    """
    if texts is None:
        return None
    labels: dict[str, str] = {}
    for text in texts:
        key, colon, value = text.partition(":")
        if not key or not colon or not value:
            raise ConfigurationError(f"--label takes key:value, not {text!r}.")
        labels[key] = value
    return labels
