"""What the package gives to its users' tests: instant waits, a platform in memory, and a client of it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
import vcr

from cloudplatform_async import AsyncClient, OAuthClientCredentials, ServerError
from cloudplatform_async._runtime.clock import CLOCK, Clock
from cloudplatform_async.sandbox import Sandbox
from cloudplatform_async.testing import WebhookEndpoint, no_waiting

pytest_plugins = ["cloudplatform_async.testing"]

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
EVERYTHING = """
import pytest

@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param

async def set_up(client, slug):
    project = await client.projects.create(name=slug.title(), slug=slug)
    run = await client.workflows.trigger("wfl_deploy", inputs={"project": project.id})
    return (await client.workflows.wait(run)).status

@pytest.mark.anyio
async def test_set_up(cloud_client, cloud_faults, cloud_webhooks, no_waiting):
    cloud_faults.add(status=429, headers={"retry-after": "30"}, times=1)
    cloud_faults.add(kind="lost_answer", times=1)
    assert await set_up(cloud_client, "payments") == "succeeded"
    event = await cloud_webhooks.wait_for("workflow.run.succeeded")
    assert event.data.inputs["project"].startswith("prj_")
    assert [each.type for each in cloud_webhooks.events].count("project.created") == 1
    assert no_waiting[0] >= 30
"""
SETTINGS = """
[pytest]
addopts = -p cloudplatform_async.testing -p no:cacheprovider
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""


@pytest.mark.slow
def test_the_fixtures_serve_users_tests_under_each_runner(tmp_path: Path) -> None:
    """Also where the event loop runs before the fixture is made."""
    (tmp_path / "test_users.py").write_text(USERS_TESTS)
    (tmp_path / "test_others.py").write_text(USERS_OTHER_TESTS)
    (tmp_path / "pytest.ini").write_text(SETTINGS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path, check=False)
    assert "6 passed" in run.stdout, run.stdout + run.stderr


@pytest.mark.slow
def test_one_short_test_of_everything_takes_no_waiting(tmp_path: Path) -> None:
    """A project, a workflow and its webhook, through a 429 and a lost answer, in at most 25 lines."""
    assert len(EVERYTHING.split("import pytest")[1].strip().splitlines()) <= 25
    (tmp_path / "test_everything.py").write_text(EVERYTHING)
    (tmp_path / "pytest.ini").write_text(SETTINGS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path, check=False)
    assert "2 passed" in run.stdout, run.stdout + run.stderr


@pytest.mark.slow
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
        clock = CLOCK.process
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
        await CLOCK.process.sleep(10.0)
    assert scope.cancelled_caught


@pytest.mark.anyio
async def test_a_sandbox_has_the_time_of_the_test() -> None:
    """What is skipped passes there too: a limit opens again, a run ends, a token expires."""
    sandbox = Sandbox(rate_limit=1)
    with no_waiting() as waits:
        before = sandbox.clock()
        async with AsyncClient(
            base_url=sandbox.base_url, api_key=sandbox.api_key, transport=sandbox.transport()
        ) as client:
            for _ in range(3):
                await client.projects.list()
            run = await client.workflows.trigger("wfl_build", inputs={"sandbox": {"seconds": 3600}})
            run = await client.workflows.wait(run, timeout=4000)
        assert run.status == "succeeded"
        assert sandbox.clock() - before >= 3600
    assert sum(waits) >= 3600
    assert sandbox.clock() - before < 60


@pytest.mark.anyio
async def test_an_endpoint_keeps_what_was_delivered_and_says_what_was_not(
    cloud_client: AsyncClient, cloud_sandbox: Sandbox, cloud_webhooks: WebhookEndpoint
) -> None:
    """In the order in which things happened; a wait that is in vain names what came."""
    project = await cloud_client.projects.create(name="n", slug="s")
    await cloud_client.projects.delete(project.id)
    event = await cloud_webhooks.wait_for("project.deleted")
    assert event.data == project
    assert [each.type for each in cloud_webhooks.events] == ["project.created", "project.deleted"]
    with pytest.raises(TimeoutError, match=r"No a\.b was delivered .* project\.created, project\.deleted"):
        await cloud_webhooks.wait_for("a.b", timeout=0.01)


@pytest.mark.anyio
async def test_an_endpoint_refuses_what_the_platform_has_not_sent(cloud_webhooks: WebhookEndpoint) -> None:
    """It verifies as an application should."""
    async with httpx.AsyncClient() as stranger:
        answer = await stranger.post(cloud_webhooks.url, content=b"{}")
    assert (answer.status_code, cloud_webhooks.events) == (400, [])


@pytest.mark.anyio
async def test_a_delivery_is_genuine_whatever_the_time_of_the_sandbox(
    cloud_client: AsyncClient, cloud_sandbox: Sandbox, cloud_webhooks: WebhookEndpoint
) -> None:
    """It is verified by the sandbox's clock, which a test may have moved by years."""
    cloud_sandbox.clock.advance(10 * 365 * 86400)
    await cloud_client.projects.create(name="n", slug="s")
    assert (await cloud_webhooks.wait_for("project.created")).created_at.year >= 2036


@pytest.mark.httpx_alone
def test_a_cassette_holds_no_credential(tmp_path: Path, cloud_vcr_config: dict[str, Any]) -> None:
    """Neither of a request nor of an answer, and it can be played back."""
    with Sandbox(projects=1) as sandbox:
        path, token = str(tmp_path / "cassette.yaml"), sandbox.issue_token()

        async def talk() -> str:
            oauth = OAuthClientCredentials(sandbox.token_url, sandbox.client_id, sandbox.client_secret)
            async with AsyncClient(base_url=sandbox.base_url, access_token=oauth) as client:
                await client.projects.list()
            async with AsyncClient(
                base_url=sandbox.base_url, api_key=sandbox.api_key, access_token=token
            ) as client:
                await client.request("POST", "/webhooks", json={"url": "http://127.0.0.1:9/"})
                return (await client.projects.list()).items[0].id

        with vcr.use_cassette(path, **cloud_vcr_config) as cassette:
            recorded = anyio.run(talk)
        with vcr.use_cassette(path, **{**cloud_vcr_config, "record_mode": "none"}):
            assert anyio.run(talk) == recorded
        assert len(cassette) == 4
        text = Path(path).read_text()
        secrets = (sandbox.api_key, sandbox.client_secret, token, sandbox.webhook_secret)
    assert [secret for secret in secrets if secret in text] == []
    assert "access_token" in text
    assert '"***"' in text


def test_after_the_block_time_is_real_again() -> None:
    """Also when a test fails within it, and when blocks are nested."""
    with no_waiting() as outer:
        with pytest.raises(ZeroDivisionError), no_waiting() as inner:
            raise ZeroDivisionError
        anyio.run(CLOCK.process.sleep, 5.0)
        assert (outer, inner) == ([5.0], [])
    assert CLOCK.process == Clock()
