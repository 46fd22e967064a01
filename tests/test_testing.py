"""What the package gives to its users' tests: instant waits, a platform in memory, and a client of it."""

import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from cloudplatform_async import AsyncClient, ServerError
from cloudplatform_async._runtime.clock import CLOCK, Clock
from cloudplatform_async.sandbox import Sandbox
from cloudplatform_async.testing import no_waiting

USERS_TESTS = """
import pytest

@pytest.fixture(scope="module", params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param

@pytest.fixture(scope="module")
async def early(anyio_backend):  # starts the event loop before no_waiting
    return None

async def meet_an_outage(client, sandbox):
    sandbox.faults.add(status=503, times=2, headers={"retry-after": "50"})
    await client.projects.list()

@pytest.mark.anyio
async def test_anyio(early, no_waiting, cloud_client, cloud_sandbox):
    await meet_an_outage(cloud_client, cloud_sandbox)
    assert len(no_waiting) == 2

@pytest.mark.anyio
@pytest.mark.parametrize("cloud_sandbox", [{"projects": 7, "paging": "cursor"}], indirect=True)
async def test_break_with_a_page_on_its_way(cloud_client):
    async for project in cloud_client.projects.iter_all(page_size=2):
        if project.id == "prj_000002":
            break
    assert len(await cloud_client.projects.iter_all().collect()) == 7
"""
USERS_OTHER_TESTS = """
import anyio
import pytest
from test_users import meet_an_outage

@pytest.mark.asyncio
async def test_asyncio(no_waiting, cloud_client, cloud_sandbox):
    await meet_an_outage(cloud_client, cloud_sandbox)
    assert len(no_waiting) == 2

def test_no_plugin_at_all(no_waiting, cloud_client, cloud_sandbox):
    anyio.run(meet_an_outage, cloud_client, cloud_sandbox, backend="trio")
    assert len(no_waiting) == 2
"""
SETTINGS = """
[pytest]
addopts = -p cloudplatform_async.testing -p no:cacheprovider
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""


def test_the_fixtures_serve_users_tests_under_each_runner(tmp_path: Path) -> None:
    """Also where the event loop runs before the fixture is made."""
    (tmp_path / "test_users.py").write_text(USERS_TESTS)
    (tmp_path / "test_others.py").write_text(USERS_OTHER_TESTS)
    (tmp_path / "pytest.ini").write_text(SETTINGS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path, check=False)
    assert "6 passed" in run.stdout, run.stdout + run.stderr


def test_the_plugin_loads_no_sandbox_before_a_test_asks_for_it() -> None:
    """A test run that has no use for the platform does not pay for it."""
    code = "import sys, cloudplatform_async.testing; assert 'cloudplatform_async.sandbox' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.anyio
async def test_waits_are_instant_recorded_and_counted() -> None:
    """Skipped time is time for the deadline of a call."""
    sandbox = Sandbox(rate_limit=None)
    sandbox.faults.add(status=503, headers={"retry-after": "40"})
    with no_waiting() as waits:
        async with AsyncClient(
            base_url=sandbox.base_url, api_key=sandbox.api_key, transport=sandbox.transport(), timeout=100
        ) as client:
            with pytest.raises(ServerError):
                await client.projects.list()
    assert len(waits) == 2
    assert all(40 <= wait <= 44 for wait in waits)


@pytest.mark.anyio
async def test_waits_side_by_side_take_as_long_as_the_longest() -> None:
    """Ten tasks that wait ten seconds each do not take a hundred."""
    with no_waiting() as waits:
        clock = CLOCK.get()
        started = clock.monotonic()
        async with anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(clock.sleep, 10.0)
        passed = clock.monotonic() - started
    assert waits == [10.0] * 10
    assert 10.0 <= passed < 20.0


@pytest.mark.anyio
async def test_a_wait_that_is_skipped_can_still_be_cancelled() -> None:
    """It is a checkpoint like the real one."""
    with no_waiting(), anyio.CancelScope() as scope:
        scope.cancel()
        await CLOCK.get().sleep(10.0)
    assert scope.cancelled_caught


def test_after_the_block_time_is_real_again() -> None:
    """Also when a test fails within it, and when blocks are nested."""
    with no_waiting() as outer:
        with pytest.raises(ZeroDivisionError), no_waiting() as inner:
            raise ZeroDivisionError
        anyio.run(CLOCK.get().sleep, 5.0)
        assert (outer, inner) == ([5.0], [])
    assert CLOCK.get() == Clock()
