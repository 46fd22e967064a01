"""Workflows, and their runs."""

from typing import Any, Literal

from attrs import field, frozen

from cloudplatform_async.models.base import Model
from cloudplatform_async.models.timestamps import AwareDatetime

RunStatus = Literal["queued", "running", "succeeded", "failed", "cancelled"]


@frozen(kw_only=True)
class Workflow(Model):
    """Something that the platform can be told to do (API contract §4).

    Attributes:
        id: The platform's name for it, such as ``"wfl_build"``.
        name: What people call it.
        description: What it does.
        created_at: When it was made.
    """

    id: str
    name: str
    description: str | None = None
    created_at: AwareDatetime | None = None


@frozen(kw_only=True)
class RunFailure(Model):
    """Why a run did not succeed.

    Attributes:
        code: The platform's machine-readable code.
        message: One sentence for a person.
    """

    code: str | None = None
    message: str = ""


@frozen(kw_only=True)
class WorkflowRun(Model):
    """One run of a workflow (API contract §4).

    Attributes:
        id: The platform's name for it, such as ``"run_01"``.
        workflow_id: Of the workflow that runs.
        status: ``"queued"``, ``"running"``, ``"succeeded"``, ``"failed"``, ``"cancelled"``, or a status
            newer than this package, which is not an end.
        inputs: What it was triggered with.
        outputs: What it has made; empty until it succeeds.
        error: Why it failed.
        created_at: When it was triggered.
        started_at: When it began to run.
        finished_at: When it ended.
    """

    id: str
    workflow_id: str
    status: RunStatus | str
    # Whatever the workflow takes and gives.
    inputs: dict[str, Any] = field(factory=dict[str, Any], hash=False)  # a dict has no hash
    outputs: dict[str, Any] = field(factory=dict[str, Any], hash=False)
    error: RunFailure | None = None
    created_at: AwareDatetime | None = None
    started_at: AwareDatetime | None = None
    finished_at: AwareDatetime | None = None

    @property
    def is_finished(self) -> bool:
        """Tell whether it has ended; a status that this package does not know is not an end.

        Example:
            >>> WorkflowRun(id="run_01", workflow_id="wfl_build", status="paused").is_finished
            False
        """
        return self.status in {"succeeded", "failed", "cancelled"}
