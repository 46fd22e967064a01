"""The tools that only read: projects, usage, workflows, runs and events, a bounded page at a time."""

from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
from typing import Annotated, Any, Protocol

from attrs import frozen
from pydantic import AwareDatetime, Field

from cloudplatform_async import AsyncClient, Page, Paginator
from cloudplatform_async.mcp.failures import told

Limit = Annotated[int, Field(ge=1, le=100, description="Most items to return, 1 to 100.")]
Cursor = Annotated[
    str | None,
    Field(description="The `cursor` of the answer before, beside the same filters; none at the start."),
]
ProjectId = Annotated[str, Field(description="Id of a project, such as prj_000001.")]
WorkflowId = Annotated[str, Field(description="Id of a workflow, such as wfl_build.")]
RunId = Annotated[str, Field(description="Id of a run, such as run_000001.")]

Plain = dict[str, Any]  # Any: JSON values


class Model(Protocol):
    """What every model of the platform can do."""

    def to_dict(self) -> Mapping[str, Any]:
        """Give plain JSON values."""
        ...


@frozen(eq=False)
class Reading:
    """Tools that change nothing; the name of a method is the name of its tool."""

    _client: AsyncClient

    async def projects_list(
        self,
        limit: Limit = 20,
        cursor: Cursor = None,
        name: Annotated[str | None, Field(description="Only projects with this name.")] = None,
        slug: Annotated[str | None, Field(description="Only the project with this slug.")] = None,
        status: Annotated[str | None, Field(description="Only with this status: active or archived.")] = None,
        label: Annotated[str | None, Field(description="Only with this label, as key:value.")] = None,
    ) -> Plain:
        """List projects of the workspace, a page at a time."""
        with told():
            filters = {"name": name, "slug": slug, "status": status, "label": label}
            return await _page("projects", partial(self._client.projects.iter_all, **filters), limit, cursor)

    async def projects_get(self, id: ProjectId) -> Plain:  # noqa: A002 - the platform's own word
        """Get one project by its id."""
        with told():
            return dict((await self._client.projects.get(id)).to_dict())

    async def usage_get(
        self,
        start: Annotated[date, Field(description="First day, included, as YYYY-MM-DD.")],
        end: Annotated[date, Field(description="Last day, included, as YYYY-MM-DD.")],
    ) -> Plain:
        """Get the number of requests and the share of failed ones over a span of days."""
        with told():
            return dict((await self._client.usage.get(start, end)).to_dict())

    async def workflows_list(self, limit: Limit = 20, cursor: Cursor = None) -> Plain:
        """List the workflows that can be triggered, a page at a time."""
        with told():
            return await _page("workflows", self._client.workflows.iter_all, limit, cursor)

    async def runs_list(
        self,
        workflow_id: WorkflowId,
        limit: Limit = 20,
        cursor: Cursor = None,
        status: Annotated[
            str | None,
            Field(description="Only queued, running, succeeded, failed or cancelled runs."),
        ] = None,
    ) -> Plain:
        """List the runs of a workflow, a page at a time."""
        with told():
            walk = partial(self._client.workflows.iter_runs, workflow_id, status=status)
            return await _page("runs", walk, limit, cursor)

    async def runs_get(self, workflow_id: WorkflowId, run_id: RunId) -> Plain:
        """Get one run of a workflow: its status, inputs, outputs and error."""
        with told():
            return dict((await self._client.workflows.get_run(workflow_id, run_id)).to_dict())

    async def events_list(
        self,
        limit: Limit = 20,
        cursor: Cursor = None,
        type: Annotated[  # noqa: A002 - the platform's own word
            str | None,
            Field(description="Only of this type, such as project.created, or family: project.*"),
        ] = None,
        since: Annotated[
            AwareDatetime | None, Field(description="Only from this moment on, with its time zone.")
        ] = None,
        after: Annotated[str | None, Field(description="Only what follows the event with this id.")] = None,
    ) -> Plain:
        """List what has happened on the platform, oldest first, a page at a time."""
        with told():
            filters = {"type": type, "since": since, "after": after}
            return await _page("events", partial(self._client.events.iter_all, **filters), limit, cursor)


Walks = Callable[..., Paginator[Any]]  # Any: of whatever model


async def _page(noun: str, walks: Walks, limit: int, cursor: str | None) -> Plain:
    """Take one page of a walk; its checkpoint serves as the cursor, whatever paging the platform uses.

    A cursor knows the length of its pages. Where that is more than is wanted now, only so much is taken.
    """
    walk = walks(page_size=None if cursor else limit, ahead=0, resume_from=cursor)
    page = await _first(walk)
    has_more = page is not None and page.has_more
    if page is not None and len(page) > limit:
        walk, has_more = walks(page_size=None, ahead=0, resume_from=cursor, max_items=limit), True
        page = await _first(walk)
    rows: list[Model] = [] if page is None else page.items
    return {
        noun: [row.to_dict() for row in rows],
        "total": 0 if page is None else page.total,
        "cursor": walk.checkpoint if has_more else None,
    }


async def _first(walk: Paginator[Any]) -> Page[Any] | None:
    async with walk:
        return await anext(walk.pages(), None)
