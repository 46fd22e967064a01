"""Where the time of a slow call went is where the server took it: never less than it took."""

from collections.abc import AsyncIterator, Mapping
from urllib.parse import urlsplit

import anyio
import pytest

from cloudplatform_async import AsyncClient, OAuthClientCredentials, PoolLimits
from cloudplatform_async.observability import CallFinished
from cloudplatform_async.sandbox import Sandbox
from tests.observability.watching import Recorder

pytestmark = pytest.mark.anyio
TAKEN = 0.08  # seconds


class Watched:
    """A sandbox over real sockets, and a client of it with one connection."""

    def __init__(self, sandbox: Sandbox, client: AsyncClient, recorder: Recorder) -> None:
        self.sandbox = sandbox
        self.client = client
        self.recorder = recorder

    async def parts(self) -> Mapping[str, float]:
        """Make a call, and tell where its time went."""
        await self.client.projects.get("prj_000001")
        event = self.recorder.last(CallFinished)
        assert isinstance(event, CallFinished)
        assert sum(event.breakdown.values()) == pytest.approx(event.elapsed)
        return event.breakdown


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    """Warm: its connection is open."""
    recorder = Recorder()
    with Sandbox(projects=1) as sandbox:
        async with AsyncClient(
            base_url=sandbox.base_url,
            api_key=sandbox.api_key,
            limits=PoolLimits(max_connections=1),
            observers=[recorder],
        ) as client:
            await client.projects.get("prj_000001")
            yield Watched(sandbox, client, recorder)


async def test_a_slow_server_is_waited_for(watched: Watched) -> None:
    """From the last byte of the request to the first of the answer."""
    watched.sandbox.faults.add(delay=TAKEN, times=1)
    parts = await watched.parts()
    assert parts["send"] + parts["wait"] >= TAKEN  # the server may have begun before the send was over
    assert parts["wait"] > parts["send"]
    assert parts["connect"] == 0


async def test_a_slow_body_is_read(watched: Watched) -> None:
    """After the first byte of the answer."""
    watched.sandbox.faults.add(kind="drip", delay=TAKEN / 4, size=16, times=1)
    assert (await watched.parts())["read"] >= TAKEN


async def test_a_busy_pool_is_queued_for(watched: Watched) -> None:
    """While another call has the one connection."""
    watched.sandbox.faults.add(delay=TAKEN, times=1)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watched.client.projects.get, "prj_000001")
        tasks.start_soon(watched.client.projects.get, "prj_000001")
    queued = [each.breakdown["queue"] for each in watched.recorder.events if isinstance(each, CallFinished)]
    assert max(queued) >= TAKEN * 0.9  # the second call began a moment after the first


async def test_a_429_is_a_pause_for_the_limit(watched: Watched) -> None:
    """And no backoff of our own."""
    watched.sandbox.faults.add(status=429, headers={"Retry-After": str(TAKEN)}, times=1)
    parts = await watched.parts()
    assert parts["rate_limit"] >= TAKEN
    assert parts["backoff"] == 0


async def test_a_new_connection_is_connected_to(watched: Watched) -> None:
    """The first call of a client has it, the next has none."""
    first, *_ = [each for each in watched.recorder.events if isinstance(each, CallFinished)]
    assert first.breakdown["connect"] > 0
    assert (await watched.parts())["connect"] == 0


async def test_a_refresh_after_a_401_is_waited_for_as_a_token(watched: Watched) -> None:
    """As the first token is, and not as a part of the answer that was refused."""
    sandbox, recorder = watched.sandbox, Recorder()
    grant = OAuthClientCredentials(sandbox.token_url, sandbox.client_id, sandbox.client_secret)
    async with AsyncClient(base_url=sandbox.base_url, access_token=grant, observers=[recorder]) as client:
        await client.projects.get("prj_000001")
        sandbox.faults.add(status=401, path="/v1/projects/*", times=1)
        sandbox.faults.add(delay=TAKEN, path=urlsplit(sandbox.token_url).path, times=1)
        parts = await Watched(sandbox, client, recorder).parts()
    assert parts["token"] >= TAKEN


async def test_a_shared_limit_is_waited_for_as_a_limit(watched: Watched) -> None:
    """Whoever keeps it."""

    class Limit:
        async def acquire(self, name: str, most: int) -> tuple[int, float]:
            return most, TAKEN

        async def pause(self, name: str, seconds: float) -> None:
            """Never asked for."""

    sandbox, recorder = watched.sandbox, Recorder()
    async with AsyncClient(
        base_url=sandbox.base_url, api_key=sandbox.api_key, observers=[recorder], shared_limit=Limit()
    ) as client:
        parts = await Watched(sandbox, client, recorder).parts()
    assert parts["rate_limit"] >= TAKEN
