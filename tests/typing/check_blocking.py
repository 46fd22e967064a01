"""Types of the blocking client: what the awaited one gives, without the await."""

from datetime import date
from typing import Any, assert_type

from cloudplatform_async import (
    APIResponse,
    CreateResult,
    Event,
    Page,
    Project,
    Usage,
    Workflow,
    WorkflowRun,
)
from cloudplatform_async.blocking import Client, Walk
from cloudplatform_async.blocking.walks import Stream


class MyProject(Project):
    """A subclass of a user."""


def check(client: Client) -> None:
    """Read by type checkers, never run."""
    assert_type(client.projects.list(limit=1, status="active"), Page[Project])
    assert_type(client.projects.get("prj_01", timeout=5), Project)
    assert_type(client.projects.create(name="n", slug="s"), Project)
    assert_type(client.projects.update("prj_01", name="n"), Project)
    assert_type(client.projects.delete("prj_01"), None)
    assert_type(client.projects.iter_all(), Walk[Project])
    assert_type(client.projects.iter_all(model=dict), Walk[dict[str, Any]])
    assert_type(client.projects.iter_all(model=MyProject), Walk[MyProject])
    assert_type(client.projects.create_many([]), Stream[CreateResult])
    assert_type(client.usage.get(date(2026, 3, 1), date(2026, 3, 2)), Usage)
    assert_type(client.usage.iter_windows(date(2026, 3, 1), date(2026, 3, 2)), Walk[Usage])
    assert_type(client.workflows.list(), Page[Workflow])
    assert_type(client.workflows.iter_all(), Walk[Workflow])
    assert_type(client.workflows.trigger("wfl_build", inputs={}), WorkflowRun)
    assert_type(client.workflows.iter_runs("wfl_build"), Walk[WorkflowRun])
    assert_type(client.events.list(), Page[Event])
    assert_type(client.events.iter_all(), Walk[Event])
    assert_type(client.events.tail(), Stream[Event])
    assert_type(client.request("GET", "/projects/1"), APIResponse[dict[str, Any]])
    assert_type(client.request("DELETE", "/projects/1", model=None), APIResponse[None])
    assert_type(client.iter_all("/projects"), Walk[dict[str, Any]])
    assert_type(client.iter_all("/projects", model=Project), Walk[Project])
    assert_type(client.with_options(timeout=5), Client)
