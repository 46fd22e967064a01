"""The tools that change something: offered only where whoever starts the server allows it."""

from typing import Annotated, Any

from attrs import frozen
from pydantic import Field

from cloudplatform_async import AUTO, AsyncClient
from cloudplatform_async.mcp.failures import told
from cloudplatform_async.mcp.reading import Plain, ProjectId, RunId, WorkflowId

Key = Annotated[
    str | None,
    Field(
        description="Makes a repeated call the same call: pass the idempotency_key that an error named. "
        "None makes a new one."
    ),
]
Labels = Annotated[dict[str, str] | None, Field(description="Labels of the user's own, as keys and values.")]


@frozen(eq=False)
class Writing:
    """Tools that change something; each says what became of it, and is done once."""

    _client: AsyncClient

    async def projects_create(
        self,
        name: Annotated[str, Field(description="What people call it.")],
        slug: Annotated[str, Field(description="Unique in the workspace: lower case, digits and hyphens.")],
        labels: Labels = None,
        idempotency_key: Key = None,
    ) -> Plain:
        """Create a project."""
        with told():
            project = await self._client.projects.create(
                name=name, slug=slug, labels=labels, idempotency_key=idempotency_key or AUTO
            )
            return _done(project=project.to_dict())

    async def projects_update(
        self,
        id: ProjectId,  # noqa: A002 - the platform's own word
        name: Annotated[str | None, Field(description="The new name; none leaves it.")] = None,
        slug: Annotated[str | None, Field(description="The new slug; none leaves it.")] = None,
        status: Annotated[str | None, Field(description="active or archived; none leaves it.")] = None,
        labels: Labels = None,
        idempotency_key: Key = None,
    ) -> Plain:
        """Change the fields of a project that are given, and no others."""
        with told():
            project = await self._client.projects.update(
                id,
                name=name,
                slug=slug,
                status=status,
                labels=labels,
                idempotency_key=idempotency_key or AUTO,
            )
            return _done(project=project.to_dict())

    async def projects_delete(
        self,
        id: ProjectId,  # noqa: A002 - the platform's own word
        idempotency_key: Key = None,
    ) -> Plain:
        """Delete a project for good."""
        with told():
            await self._client.projects.delete(id, idempotency_key=idempotency_key or AUTO)
            return _done(deleted=id)

    async def workflows_trigger(
        self,
        id: WorkflowId,  # noqa: A002 - the platform's own word
        inputs: Annotated[dict[str, Any] | None, Field(description="Inputs of the run.")] = None,
        idempotency_key: Key = None,
    ) -> Plain:
        """Start a run of a workflow; look at it with runs_get until it has ended."""
        with told():
            run = await self._client.workflows.trigger(
                id, inputs=inputs, idempotency_key=idempotency_key or AUTO
            )
            return _done(run=run.to_dict())

    async def workflows_cancel(
        self, workflow_id: WorkflowId, run_id: RunId, idempotency_key: Key = None
    ) -> Plain:
        """Cancel a run that has not ended."""
        with told():
            run = await self._client.workflows.cancel_run(
                workflow_id, run_id, idempotency_key=idempotency_key or AUTO
            )
            return _done(run=run.to_dict())


def _done(**what: object) -> Plain:
    return {**what, "outcome": "done"}
