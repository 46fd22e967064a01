"""However the network fails, a write that returns was done exactly once, and an error says what it knows."""

from collections import Counter

import anyio
import pytest

from cloudplatform_async import AsyncClient, CloudPlatformError, RetryPolicy
from cloudplatform_async.sandbox import Sandbox
from cloudplatform_async.testing import no_waiting
from tests.blocking.awaited import awaited_when_quick, over_both_clients
from tests.tiers import slow

pytestmark = pytest.mark.anyio

CREATES = 100
TASKS = 50


def lossy(seed: int) -> Sandbox:
    """A platform that does a fifth of the creates and then resets, and answers 503 to a tenth."""
    sandbox = Sandbox(rate_limit=None)
    sandbox.faults.add(kind="lost_answer", probability=0.2, seed=seed, method="POST")
    sandbox.faults.add(status=503, probability=0.125, seed=seed + 1000, method="POST")
    return sandbox


async def create_all(client: AsyncClient) -> tuple[dict[str, str], dict[str, CloudPlatformError]]:
    """Make every project; give the ids of those that returned and the errors of those that did not."""
    done: dict[str, str] = {}
    failed: dict[str, CloudPlatformError] = {}
    slugs = iter([f"project-{number}" for number in range(CREATES)])

    async def work() -> None:
        for slug in slugs:
            try:
                done[slug] = (await client.projects.create(name=slug, slug=slug)).id
            except CloudPlatformError as error:
                failed[slug] = error

    async with anyio.create_task_group() as tasks:
        for _ in range(TASKS):
            tasks.start_soon(work)
    return done, failed


async def ids_by_slug(client: AsyncClient) -> dict[str, str]:
    projects = await client.projects.iter_all(page_size=100).collect()
    assert max(Counter(project.slug for project in projects).values()) == 1
    return {str(project.slug): project.id for project in projects}


@awaited_when_quick
@pytest.mark.parametrize("seed", [1, *slow(2, 3)])
async def test_heavy_loss_with_patience_ends_in_exactly_as_many_projects(
    seed: int, client_class: type[AsyncClient]
) -> None:
    """Nothing is done twice, nothing fails, and the default budget never starves."""
    with no_waiting(), lossy(seed) as sandbox:
        async with client_class(
            base_url=sandbox.base_url, api_key=sandbox.api_key, retries=RetryPolicy(max_retries=12)
        ) as client:
            done, failed = await create_all(client)
            sandbox.faults.clear()
            assert failed == {}
            assert await ids_by_slug(client) == done
            assert client.statistics().replayed > 0


@awaited_when_quick
async def test_an_error_under_loss_tells_the_truth_and_its_key_finishes_the_work(
    client_class: type[AsyncClient],
) -> None:
    """Repeating the call with the error's key ends in exactly one project, the same one."""
    with no_waiting(), lossy(4) as sandbox:
        async with client_class(
            base_url=sandbox.base_url, api_key=sandbox.api_key, retries=RetryPolicy(max_retries=1)
        ) as client:
            done, failed = await create_all(client)
            sandbox.faults.clear()
            there = await ids_by_slug(client)
            assert failed
            assert done.items() <= there.items()
            for slug, error in failed.items():
                assert error.outcome == "unknown"
                again = await client.projects.create(
                    name=slug, slug=slug, idempotency_key=error.idempotency_key
                )
                assert there.get(slug, again.id) == again.id
            assert len(await ids_by_slug(client)) == CREATES


@over_both_clients
async def test_a_delete_whose_answer_is_lost_is_done_and_succeeds(client_class: type[AsyncClient]) -> None:
    """Even where the server has no memory of the key, gone is gone."""
    with no_waiting(), Sandbox(projects=1, rate_limit=None) as sandbox:
        sandbox.faults.add(kind="lost_answer", times=1, method="DELETE")
        sandbox.faults.add(status=404, times=1, method="DELETE")
        async with client_class(base_url=sandbox.base_url, api_key=sandbox.api_key) as client:
            await client.projects.delete("prj_000001")
            assert (await client.projects.list()).total == 0


@over_both_clients
async def test_an_answer_that_is_cut_off_is_fetched_again(client_class: type[AsyncClient]) -> None:
    """The retry loop stands above the body, so that half of one is no result."""
    with no_waiting() as waits, Sandbox(projects=20, rate_limit=None) as sandbox:
        sandbox.faults.add(kind="cut", times=2, method="GET")
        async with client_class(base_url=sandbox.base_url, api_key=sandbox.api_key) as client:
            assert len((await client.projects.list()).items) == 20
    assert len(waits) == 2
