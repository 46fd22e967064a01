"""The platform's nouns as frozen, slotted attrs classes."""

from cloudplatform_async.models.events import (
    Event,
    ProjectCreated,
    ProjectDeleted,
    ProjectEvent,
    ProjectUpdated,
    WorkflowRunCancelled,
    WorkflowRunEvent,
    WorkflowRunFailed,
    WorkflowRunStarted,
    WorkflowRunSucceeded,
)
from cloudplatform_async.models.projects import Project
from cloudplatform_async.models.usage import Usage
from cloudplatform_async.models.workflows import RunFailure, Workflow, WorkflowRun

__all__ = [
    "Event",
    "Project",
    "ProjectCreated",
    "ProjectDeleted",
    "ProjectEvent",
    "ProjectUpdated",
    "RunFailure",
    "Usage",
    "Workflow",
    "WorkflowRun",
    "WorkflowRunCancelled",
    "WorkflowRunEvent",
    "WorkflowRunFailed",
    "WorkflowRunStarted",
    "WorkflowRunSucceeded",
]
