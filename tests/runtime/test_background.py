"""Background jobs keep their outcome, never raise by themselves, and end with their owner."""

import asyncio
import gc
from contextvars import ContextVar
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from cloudplatform_async import ClientStateError
from cloudplatform_async._runtime.background import Background, Job

pytestmark = pytest.mark.anyio

NAME: ContextVar[str] = ContextVar("NAME", default="nobody")
EAGER: Any = getattr(asyncio, "eager_task_factory", None)


async def test_a_job_runs_by_itself_and_keeps_its_value_for_many() -> None:
    """Whoever asks, and however often."""
    background = Background()

    async def work() -> int:
        await anyio.lowlevel.checkpoint()
        return 7

    job = background.start(work)
    assert not job.done
    assert [await job.wait(), await job.wait()] == [7, 7]
    assert job.done
    assert background._jobs == {}


async def test_the_error_of_a_job_is_raised_to_its_consumer_alone() -> None:
    """Nobody who did not ask hears of it, not even as a warning."""
    background = Background()

    async def fail() -> None:
        raise LookupError("gone")

    asked, forgotten = background.start(fail), background.start(fail)
    with pytest.raises(LookupError):
        await asked.wait()
    await forgotten.ended()
    del forgotten
    gc.collect()


async def test_cancelling_a_consumer_leaves_the_job_running() -> None:
    """Another may still want its outcome."""
    background, release = Background(), anyio.Event()

    async def work() -> str:
        await release.wait()
        return "done"

    job = background.start(work)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await job.wait()
    assert scope.cancelled_caught
    release.set()
    assert await job.wait() == "done"


async def test_closing_cancels_every_job_and_waits_for_its_end() -> None:
    """A consumer is told why."""
    background, ended = Background(), list[int]()

    async def work() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(1)

    jobs: list[Job[None]] = [background.start(work) for _ in range(3)]
    await anyio.wait_all_tasks_blocked()
    await background.aclose()
    assert ended == [1, 1, 1]
    for job in jobs:
        with pytest.raises(ClientStateError):
            await job.wait()


async def test_closing_lets_a_job_with_some_grace_end_by_itself() -> None:
    """While the others are cancelled at once."""
    background, release, events = Background(), anyio.Event(), list[str]()

    async def finish() -> str:
        await release.wait()
        return "done"

    async def close() -> None:
        await background.aclose()
        events.append("closed")

    graced, other = background.start(finish, grace=60), background.start(finish)
    async with anyio.create_task_group() as group:
        group.start_soon(close)
        await other.ended()
        assert (graced.done, events) == (False, [])
        release.set()
    assert (await graced.wait(), events) == ("done", ["closed"])


async def test_closing_cancels_a_job_that_needs_more_than_its_grace() -> None:
    """Closing has an end."""
    background = Background()
    job = background.start(anyio.sleep_forever, grace=1e-9)
    await background.aclose()
    with pytest.raises(ClientStateError):
        await job.wait()


async def test_a_job_sees_the_context_of_its_starter() -> None:
    """A clock, a trace: what was set for the caller holds for its background work."""
    background = Background()
    NAME.set("caller")

    async def work() -> str:
        return NAME.get()

    assert await background.start(work).wait() == "caller"


def test_closing_from_another_loop_does_not_hang_on_jobs_of_the_first() -> None:
    """A loop that no longer runs can end nothing."""
    background = Background()
    first = asyncio.Runner()

    async def start() -> None:
        background.start(anyio.sleep_forever)
        await anyio.lowlevel.checkpoint()

    with first:
        first.run(start())
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as second:
            second.run(background.aclose())


def test_a_job_may_be_cancelled_after_its_loop_has_ended() -> None:
    """As a finalizer may do."""
    jobs: list[Job[None]] = []

    async def start() -> None:
        jobs.append(Background().start(anyio.sleep_forever))

    for backend in ("asyncio", "trio"):
        anyio.run(start, backend=backend)
    for job in jobs:
        job.cancel()
    assert len(jobs) == 2


@pytest.mark.skipif(EAGER is None, reason="eager tasks came with Python 3.12")
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_job_that_ends_as_it_is_made_is_a_job_like_any_other() -> None:
    """Under asyncio's eager task factory a function without a pause has run when its task is there."""
    background, loop = Background(), asyncio.get_running_loop()

    async def work() -> int:
        return 7

    loop.set_task_factory(EAGER)
    try:
        job = background.start(work)
    finally:
        loop.set_task_factory(None)
    assert await job.wait() == 7
    await anyio.lowlevel.checkpoint()
    assert background._jobs == {}
