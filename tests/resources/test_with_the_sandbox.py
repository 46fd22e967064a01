"""Workflows, events and many creates against the sandbox, which has spelled the wire a second time."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import anyio
import pytest

from cloudplatform_async import (
    AsyncClient,
    ConflictError,
    NotFoundError,
    ProjectCreated,
    ProjectDeleted,
    ProjectUpdated,
    RetryPolicy,
    WorkflowFailedError,
    WorkflowRunCancelled,
    WorkflowRunFailed,
    WorkflowRunStarted,
    WorkflowRunSucceeded,
)
from cloudplatform_async.sandbox import Sandbox
from cloudplatform_async.testing import no_waiting
from tests.tiers import quick_on_asyncio

pytestmark = pytest.mark.anyio


@pytest.fixture
def sandbox() -> Sandbox:
    """A platform without a limit."""
    return Sandbox(rate_limit=None)


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[AsyncClient]:
    """Of it, where nobody waits."""
    async with AsyncClient(
        base_url=sandbox.base_url, api_key=sandbox.api_key, transport=sandbox.transport()
    ) as client:
        with no_waiting():
            yield client


def steered(**how: Any) -> dict[str, Any]:
    """Inputs that say how a run goes."""
    return {"sandbox": how}


async def test_the_seeded_workflows_are_there(client: AsyncClient) -> None:
    """By the list, the walk and one by one."""
    workflows = await client.workflows.iter_all(page_size=1).collect()
    assert {each.id for each in workflows} == {"wfl_build", "wfl_deploy", "wfl_report"}
    assert len((await client.workflows.list(limit=2)).items) == 2
    assert await client.workflows.get("wfl_build") in workflows
    with pytest.raises(NotFoundError):
        await client.workflows.get("wfl_none")


async def test_a_run_goes_as_it_was_told_to(client: AsyncClient, sandbox: Sandbox) -> None:
    """It succeeds with outputs, fails with an error, or is cancelled, and each is an event."""
    run = await client.workflows.trigger("wfl_build", inputs=steered(seconds=90, outputs={"sha": "abc"}))
    assert run.status == "queued"
    good = await client.workflows.wait(run)
    assert (good.status, good.outputs) == ("succeeded", {"sha": "abc"})
    assert good.started_at
    assert good.finished_at
    assert good.finished_at - good.started_at == timedelta(seconds=90)

    error = {"code": "tests_failed", "message": "2 of 9 failed."}
    run = await client.workflows.trigger("wfl_build", inputs=steered(result="failed", error=error))
    with pytest.raises(
        WorkflowFailedError, match=rf"{run.id}.*failed: tests_failed: 2 of 9 failed\."
    ) as caught:
        await client.workflows.wait(run)
    bad = caught.value.run

    run = await client.workflows.trigger("wfl_build", inputs=steered(seconds=3600))
    gone = await client.workflows.cancel_run("wfl_build", run.id)
    assert gone.status == "cancelled"
    with pytest.raises(ConflictError) as refused:
        await client.workflows.cancel_run("wfl_build", run.id)
    assert refused.value.code == "run_finished"

    assert await client.workflows.iter_runs("wfl_build", page_size=1).collect() == [good, bad, gone]
    assert (await client.workflows.list_runs("wfl_build", status="failed")).items == [bad]
    assert await client.workflows.get_run("wfl_build", good.id) == good
    events = await client.events.iter_all(type="workflow.run.*").collect()
    ends = {type(each): each.data for each in events if not isinstance(each, WorkflowRunStarted)}
    assert ends == {WorkflowRunSucceeded: good, WorkflowRunFailed: bad, WorkflowRunCancelled: gone}


async def test_a_trigger_whose_answer_is_lost_starts_one_run(client: AsyncClient, sandbox: Sandbox) -> None:
    """The second attempt gets the first one's run."""
    sandbox.faults.add(kind="lost_answer", times=1)
    run = await client.workflows.trigger("wfl_deploy")
    assert [each.id for each in (await client.workflows.list_runs("wfl_deploy")).items] == [run.id]


async def test_every_change_of_a_project_is_an_event_with_the_project_as_it_was(client: AsyncClient) -> None:
    """Typed, in order, found by type, moment and predecessor."""
    made = await client.projects.create(name="a", slug="a")
    changed = await client.projects.update(made.id, name="b")
    await client.projects.delete(made.id)
    events = await client.events.iter_all().collect()
    assert [type(each) for each in events] == [ProjectCreated, ProjectUpdated, ProjectDeleted]
    assert [each.data for each in events] == [made, changed, changed]
    first, second, third = events
    assert (await client.events.list(type=["project.updated", "project.deleted"])).items == [second, third]
    assert (await client.events.list(after=first.id)).items == [second, third]
    assert (await client.events.list(since=third.created_at)).items[-1] == third
    assert (await client.events.list(order="desc", limit=1)).items == [third]


async def test_a_tail_follows_the_platform_through_faults(client: AsyncClient, sandbox: Sandbox) -> None:
    """Each event once and in order, while three of ten requests fail."""
    impatient = client.with_options(retries=RetryPolicy(max_retries=0))
    async with client.events.tail() as tail:
        slugs = [f"s{number}" for number in range(60)]
        for slug in slugs:
            await client.projects.create(name=slug, slug=slug)
        sandbox.faults.add(status=503, probability=0.15, path="/v1/events")
        sandbox.faults.add(kind="lost_answer", probability=0.15, path="/v1/events", seed=2)
        assert [(await anext(tail)).data.slug for _ in slugs[:30]] == slugs[:30]
        async with impatient.events.tail(after=tail.after) as restarted:
            rest = [await anext(restarted) for _ in slugs[30:]]
    assert [each.data.slug for each in rest if isinstance(each, ProjectCreated)] == slugs[30:]


@quick_on_asyncio
async def test_many_creates_through_faults_make_each_once(client: AsyncClient, sandbox: Sandbox) -> None:
    """Whatever is lost on the way: the results and the platform agree in the end."""
    sandbox.faults.add(kind="lost_answer", probability=0.2)
    sandbox.faults.add(status=503, probability=0.2, seed=3)
    items = [{"name": f"n{number}", "slug": f"s{number % 90}"} for number in range(100)]
    results = [result async for result in client.projects.create_many(items, concurrency=8)]
    sandbox.faults.clear()
    there = {each.slug for each in await client.projects.iter_all().collect()}
    created = [result.project.slug for result in results if result.project]
    failed = [(item["slug"], result) for item, result in zip(items, results, strict=True) if result.error]
    assert len(created) == len(set(created))
    assert set(created) <= there <= {*created, *(slug for slug, each in failed if each.outcome == "unknown")}
    assert {each.outcome for _, each in failed if each.error and each.error.code != "slug_taken"} <= {
        "unknown"
    }


async def test_a_wait_is_cancelled_with_its_task(client: AsyncClient) -> None:
    """On the sandbox's clock too."""
    run = await client.workflows.trigger("wfl_build", inputs=steered(seconds=1_000_000))
    with anyio.move_on_after(0.05) as scope:
        await client.workflows.wait(run, timeout=2_000_000)
    assert scope.cancelled_caught


@pytest.mark.parametrize("number", [1, 2, 3])
async def test_a_page_alone_says_whether_another_follows(number: int) -> None:
    """Its own number, limit and total are believed: the last one may be short."""
    sandbox = Sandbox(projects=25)
    async with AsyncClient(
        base_url=sandbox.base_url, api_key=sandbox.api_key, transport=sandbox.transport()
    ) as client:
        page = await client.projects.list(page=number, limit=10)
    assert (len(page), page.has_more) == ((10, True) if number < 3 else (5, False))
