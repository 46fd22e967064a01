"""Types of the blocking client: what the awaited one gives, without the await."""

from datetime import date
from typing import Any, assert_type

from cloudplatform_async import (
    APIResponse,
    ArrowTable,
    ClientStatistics,
    CreateResult,
    Drift,
    Event,
    Page,
    Project,
    Usage,
    Workflow,
    WorkflowRun,
)
from cloudplatform_async.blocking import Client, RecordBatches, Stream, Tail, Walk


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
    assert_type(client.workflows.get("wfl_build"), Workflow)
    assert_type(client.workflows.trigger("wfl_build", inputs={}), WorkflowRun)
    assert_type(client.workflows.list_runs("wfl_build"), Page[WorkflowRun])
    assert_type(client.workflows.iter_runs("wfl_build"), Walk[WorkflowRun])
    assert_type(client.workflows.get_run("wfl_build", "run_01"), WorkflowRun)
    assert_type(client.workflows.cancel_run("wfl_build", "run_01"), WorkflowRun)
    assert_type(client.workflows.wait(client.workflows.trigger("wfl_build")), WorkflowRun)
    assert_type(client.events.list(), Page[Event])
    assert_type(client.events.iter_all(), Walk[Event])
    assert_type(client.events.iter_all(model=dict), Walk[dict[str, Any]])
    assert_type(client.events.tail(), Tail)
    assert_type(client.request("GET", "/projects/1"), APIResponse[dict[str, Any]])
    assert_type(client.request("GET", "/projects/1", model=Project), APIResponse[Project])
    assert_type(client.request("DELETE", "/projects/1", model=None), APIResponse[None])
    assert_type(client.iter_all("/projects"), Walk[dict[str, Any]])
    assert_type(client.iter_all("/projects", model=Project), Walk[Project])
    assert_type(client.with_options(timeout=5), Client)
    assert_type(client.statistics(), ClientStatistics)
    assert_type(client.close(), None)


def check_walks(walk: Walk[Project], tail: Tail) -> None:
    """What comes of a list, and of events that are followed."""
    assert_type(next(walk), Project)
    assert_type(next(walk.pages()), Page[Project])
    assert_type(walk.first(), Project | None)
    assert_type(walk.peek(), Project | None)
    assert_type(walk.collect(), list[Project])
    assert_type(walk.arrow(), ArrowTable)
    assert_type(walk.record_batches(), RecordBatches)
    assert_type(walk.total, int | None)
    assert_type(walk.drift, Drift)
    assert_type(walk.checkpoint, str)
    with walk as same:
        assert_type(same, Walk[Project])
    assert_type(next(tail), Event)
    assert_type(tail.after, str | None)
    with tail as followed:
        assert_type(followed, Tail)
