"""What happened on the platform: events of the types we know, and a plain one for every other."""

from typing import Any

from attrs import field, frozen

from cloudplatform_async.models.base import Model
from cloudplatform_async.models.projects import Project
from cloudplatform_async.models.timestamps import AwareDatetime
from cloudplatform_async.models.workflows import WorkflowRun

# A plain event carries whatever JSON object the platform sent.
EventData = dict[str, Any] | Project | WorkflowRun

_SOURCE = "https://api.cloudplatform.dev"


@frozen(kw_only=True)
class Event(Model):
    """Something that happened on the platform (API contract §10).

    An event of a known type whose data is as we know it is of the subclass for that type, such as
    ``ProjectCreated``. Any other is a plain ``Event`` with its data as a dict: no event is lost
    because it is newer than this package.

    Attributes:
        id: The platform's name for it, the same in the list of events and in every webhook delivery.
        type: Such as ``"project.created"``.
        created_at: When it happened.
        data: What it happened to, as it was then.
        api_version: Of the form of ``data``.

    Example:
        >>> match event:  # doctest: +SKIP
        ...     case ProjectEvent(data=project):
        ...         print(event.type, project.name)
        ...     case WorkflowRunFailed(data=run):
        ...         print(run.id, run.error)
        ...     case _:
        ...         print(event.type, event.data)
    """

    id: str
    type: str
    created_at: AwareDatetime
    data: EventData = field(hash=False)  # a dict has no hash
    api_version: str | None = None

    def to_cloudevent(self, *, source: str = _SOURCE) -> dict[str, Any]:
        """Give the event in the JSON format of CloudEvents 1.0, as event buses and brokers take it.

        Args:
            source: URI of where it happened; with ``id`` it names the event among all others.

        Returns:
            Plain JSON values. ``subject`` is the id of what it happened to, and ``apiversion`` an
            extension attribute; either is left out where the event does not say it.

        Example:
            >>> from datetime import UTC, datetime
            >>> moment = datetime(2026, 3, 17, tzinfo=UTC)
            >>> event = Event(id="evt_1", type="quota.raised", created_at=moment, data={})
            >>> event.to_cloudevent()["time"]
            '2026-03-17T00:00:00Z'
        """
        plain = self.to_dict()
        subject = plain["data"].get("id")
        found = {
            "specversion": "1.0",
            "id": self.id,
            "source": source,
            "type": self.type,
            "subject": subject if isinstance(subject, str) else None,
            "time": plain["created_at"],
            "datacontenttype": "application/json",
            "apiversion": self.api_version,
            "data": plain["data"],
        }
        # An attribute is never empty (CloudEvents 1.0 §3); data may be.
        return {name: value for name, value in found.items() if value or name == "data"}


@frozen(kw_only=True)
class ProjectEvent(Event):
    """An event of a project: ``ProjectCreated``, ``ProjectUpdated`` or ``ProjectDeleted``."""

    data: Project


# The classes of single types add no field: attrs need not write their methods anew.
class ProjectCreated(ProjectEvent):
    """``project.created``."""

    __slots__ = ()


class ProjectUpdated(ProjectEvent):
    """``project.updated``: ``data`` is the project as it was after the change."""

    __slots__ = ()


class ProjectDeleted(ProjectEvent):
    """``project.deleted``: ``data`` is the project as it was last."""

    __slots__ = ()


@frozen(kw_only=True)
class WorkflowRunEvent(Event):
    """An event of a workflow run: that it was started, or how it ended."""

    data: WorkflowRun


class WorkflowRunStarted(WorkflowRunEvent):
    """``workflow.run.started``."""

    __slots__ = ()


class WorkflowRunSucceeded(WorkflowRunEvent):
    """``workflow.run.succeeded``: ``data.outputs`` is what it has made."""

    __slots__ = ()


class WorkflowRunFailed(WorkflowRunEvent):
    """``workflow.run.failed``: ``data.error`` says why."""

    __slots__ = ()


class WorkflowRunCancelled(WorkflowRunEvent):
    """``workflow.run.cancelled``."""

    __slots__ = ()


EVENT_OF_TYPE: dict[str, type[ProjectEvent] | type[WorkflowRunEvent]] = {
    "project.created": ProjectCreated,
    "project.updated": ProjectUpdated,
    "project.deleted": ProjectDeleted,
    "workflow.run.started": WorkflowRunStarted,
    "workflow.run.succeeded": WorkflowRunSucceeded,
    "workflow.run.failed": WorkflowRunFailed,
    "workflow.run.cancelled": WorkflowRunCancelled,
}
"""The class of each event type that this package knows."""
