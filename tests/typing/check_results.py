"""What type checkers make of each result; mypy and pyright read this file, and nothing runs it."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any, assert_type

from attrs import frozen

from cloudplatform_async import (
    OMIT,
    APIResponse,
    AsyncClient,
    ClientStatistics,
    CreateResult,
    Drift,
    Event,
    Page,
    Paginator,
    Project,
    ProjectEvent,
    Usage,
    WebhookVerifier,
    WorkflowFailedError,
    WorkflowRun,
    WorkflowRunFailed,
)
from cloudplatform_async.webhooks import MemoryGuard, Receiver, SQLiteGuard, WebhookGuard, receiver


@frozen(kw_only=True)
class Tiered(Project):
    """A project with a field that is newer than the package."""

    tier: str


async def projects(client: AsyncClient) -> None:
    """The operations on projects."""
    assert_type(await client.projects.get("prj_01"), Project)
    assert_type(await client.projects.create(name="n", slug="s"), Project)
    assert_type(await client.projects.update("prj_01", name="n"), Project)
    assert_type(await client.projects.list(limit=5, status="active"), Page[Project])
    deleted: None = await client.projects.delete("prj_01")  # type: ignore[func-returns-value]  # that is the promise
    assert_type(deleted, None)


async def walks(client: AsyncClient) -> None:
    """A walk is of the model that was asked for, by item and by page."""
    walk = client.projects.iter_all(label=["team:blue"], ahead=8)
    assert_type(walk, Paginator[Project])
    assert_type(await walk.first(), Project | None)
    assert_type(await walk.collect(), list[Project])
    assert_type(walk.checkpoint, str)
    assert_type(walk.drift, Drift)
    async for project in walk:
        assert_type(project, Project)
    async for page in walk.pages():
        assert_type(page, Page[Project])
        assert_type(page.items, list[Project])
    async with client.projects.iter_all(model=Tiered) as tiered:
        assert_type(tiered, Paginator[Tiered])
    assert_type([each.tier async for each in client.projects.iter_all(model=Tiered, max_items=1)], list[str])
    assert_type(client.projects.iter_all(model=dict), Paginator[dict[str, Any]])


async def usage(client: AsyncClient) -> None:
    """One span, or many."""
    day = date(2026, 3, 17)
    assert_type(await client.usage.get(day, day), Usage)
    windows: AsyncIterator[Usage] = client.usage.iter_windows(day, day)
    async for window in windows:
        assert_type(window, Usage)


async def workflows(client: AsyncClient) -> None:
    """Runs, and the error that holds one."""
    run = await client.workflows.trigger("wfl_build", inputs={"ref": "main"})
    assert_type(run, WorkflowRun)
    assert_type(client.workflows.iter_runs("wfl_build"), Paginator[WorkflowRun])
    try:
        assert_type(await client.workflows.wait(run, timeout=5), WorkflowRun)
    except WorkflowFailedError as error:
        assert_type(error.run, WorkflowRun)


async def events(client: AsyncClient) -> None:
    """The class of an event says what its data is."""
    assert_type(client.events.iter_all(model=dict), Paginator[dict[str, Any]])
    async for event in client.events.tail(type="project.*"):
        match event:
            case ProjectEvent(data=project):
                assert_type(project, Project)
            case WorkflowRunFailed():
                assert_type(event.data, WorkflowRun)
            case _:
                assert_type(event.data, dict[str, Any] | Project | WorkflowRun)


async def webhooks() -> None:
    """A verifier, its guards, and the endpoint that they make."""
    verifier = WebhookVerifier(["whsec_a", "whpk_b"], tolerance=timedelta(minutes=1), clock=lambda: 0.0)
    assert_type(verifier.verify(b"", {"webhook-id": "msg_1"}), Event)
    assert_type(verifier.verify(b"", [(b"webhook-id", b"msg_1")]), Event)
    assert_type(verifier.sign(b"", id="msg_1", timestamp=0), dict[str, str])
    guards: list[WebhookGuard] = [
        MemoryGuard(lease=timedelta(minutes=1), kept=timedelta(days=1), most=5),
        SQLiteGuard("deliveries.db", lease=timedelta(minutes=1), kept=timedelta(days=1)),
    ]

    async def handle(event: Event) -> None: ...

    assert_type(receiver(verifier, handle, guard=guards[0], max_body=5, background=True), Receiver)
    assert_type(receiver(verifier, print), Receiver)


async def many(client: AsyncClient) -> None:
    """Results, from any iterable of mappings."""
    async for result in client.projects.create_many([{"name": "n", "slug": "s"}], concurrency=4):
        assert_type(result, CreateResult)
        assert_type(result.project, Project | None)


async def requests(client: AsyncClient) -> None:
    """Any endpoint, into any model."""
    assert_type(await client.request("GET", "/x"), APIResponse[dict[str, Any]])
    assert_type(await client.request("GET", "/x", model=Tiered), APIResponse[Tiered])
    assert_type(await client.request("GET", "/x", model=list[Tiered]), APIResponse[list[Tiered]])
    assert_type(await client.request("DELETE", "/x", model=None), APIResponse[None])
    assert_type((await client.request("GET", "/x", model=Usage)).data.error_rate, float)


async def lifetime(client: AsyncClient) -> None:
    """Views and statistics."""
    assert_type(client.with_options(timeout=3), AsyncClient)
    assert_type(client.statistics(), ClientStatistics)
    async with client as opened:
        assert_type(opened, AsyncClient)


class Mine(AsyncClient):
    """A client of a user's own."""


async def views(client: AsyncClient, mine: Mine) -> None:
    """A view is of the class that it is made from; a number is a number of retries."""
    assert_type(client.with_options(retries=3), AsyncClient)
    assert_type(mine.with_options(timeout=5, api_key=OMIT, access_token="t"), Mine)
    assert_type(await mine.projects.get("prj_01", timeout=5, headers={"x-a": "b"}), Project)
