"""Processes that share a limit use it up, keep to it, and go on alone where Redis is gone."""

import pickle
import subprocess
import sys
import time
import warnings
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import anyio
import httpx
import pytest

from cloudplatform_async import AsyncClient, ConfigurationError, RateLimitError
from cloudplatform_async.collect import RedisLimit
from tests.collect.fast_platform import fast_platform, stats
from tests.collect.servers import Redis
from tests.tiers import slow

pytestmark = pytest.mark.anyio

pytest.importorskip("redis")
pytest.importorskip("pyrate_limiter")

PROCESS = """
import asyncio, sys, time
from cloudplatform_async import AsyncClient
from cloudplatform_async.collect import RedisLimit

async def main(origin, redis, seconds):
    served, limit = 0, RedisLimit(redis, requests=100, per=1.0)
    async with AsyncClient(api_key="k", base_url=origin + "/v1", shared_limit=limit, timeout=60) as client:
        print("ready", flush=True)
        sys.stdin.readline()
        end = time.monotonic() + seconds

        async def task():
            nonlocal served
            while time.monotonic() < end:
                await client.projects.list(limit=1)
                served += 1
        await asyncio.gather(*(task() for _ in range(50)))
    print(served)

asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
"""


@pytest.fixture
def redis() -> Iterator[Redis]:
    """A real server, where Debian's package is installed."""
    server = Redis()
    yield server
    server.stop()


class Counting(httpx.AsyncBaseTransport):
    """Answers at once; the first answers are as a script says."""

    def __init__(self, *answers: httpx.Response) -> None:
        self.answers = list(answers)
        self.requests = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        self.requests += 1
        return self.answers.pop(0) if self.answers else httpx.Response(200, json={"data": []})


def client_of(limit: RedisLimit, transport: Counting, key: str = "k", timeout: float = 30) -> AsyncClient:
    """A client as another process would make it."""
    return AsyncClient(
        api_key=key, base_url="http://127.0.0.1/v1", transport=transport, shared_limit=limit, timeout=timeout
    )


async def in_parallel(function: Callable[[bool], Awaitable[None]], arguments: list[bool]) -> None:
    """Call a function for each argument, all at one time."""
    async with anyio.create_task_group() as group:
        for argument in arguments:
            group.start_soon(function, argument)


async def test_two_clients_have_one_budget(redis: Redis) -> None:
    """What one has used the other must wait for, or say that its time is too short for that."""
    transport = Counting()
    async with (
        client_of(RedisLimit(redis.url, requests=3, per=60), transport) as one,
        client_of(RedisLimit(redis.url, requests=3, per=60), transport, timeout=5) as other,
    ):
        for _ in range(3):
            await one.projects.list()
        with pytest.raises(RateLimitError) as caught:
            await other.projects.list()
        assert (caught.value.outcome, caught.value.code) == ("not_sent", "held_back")
        await other.workflows.list()
    assert transport.requests == 4


async def test_another_key_has_a_budget_of_its_own(redis: Redis) -> None:
    """And no key is to be read in Redis."""
    import redis as library

    limit, transport = RedisLimit(redis.url, requests=1, per=60), Counting()
    async with (
        client_of(limit, transport, "cp_live_one") as one,
        client_of(limit, transport, "cp_live_two") as two,
    ):
        await one.projects.list()
        await two.projects.list()
    with library.Redis(port=redis.port) as server:
        names = server.keys("*")
        assert len(names) == 2
        assert b"cp_live" not in b"".join(names)
        assert all(server.pttl(name) > 0 for name in names)


async def test_a_429_makes_all_wait(redis: Redis) -> None:
    """Also a client that has not met it."""
    refusing = Counting(httpx.Response(429, headers={"Retry-After": "30"}))
    limit, transport = RedisLimit(redis.url, requests=100, per=1), Counting()
    async with client_of(limit, refusing, timeout=5) as one, client_of(limit, transport, timeout=5) as other:
        with pytest.raises(RateLimitError):
            await one.projects.list()
        with pytest.raises(RateLimitError):
            await other.projects.list()
    assert transport.requests == 0


@pytest.mark.slow
async def test_waiting_calls_go_in_turn(redis: Redis) -> None:
    """Some wait for others, and a cancelled one holds nobody up."""
    transport = Counting()
    async with client_of(RedisLimit(redis.url, requests=50, per=1), transport) as client:

        async def call(is_cancelled: bool) -> None:
            with anyio.CancelScope() as scope:
                if is_cancelled:
                    scope.cancel()
                await client.projects.list()

        await in_parallel(call, [number % 10 == 9 for number in range(60)])
    assert transport.requests == 54


@pytest.mark.parametrize("requests", [29, 130, *slow(100, 109, 600)])
async def test_no_turn_of_a_window_is_left_out(redis: Redis, requests: int) -> None:
    """However many turns at a time, and parts of the window, the limit divides into."""
    limit, turns, wait = RedisLimit(redis.url, requests=requests, per=60), 0, 0.0
    while True:
        given, wait = await limit.acquire("name", 50)
        if wait > 60:
            break
        turns += given
    assert 0.97 * requests <= turns <= requests


async def test_where_redis_is_gone_no_call_fails_and_one_warning_says_so(redis: Redis) -> None:
    """Each process goes on alone."""
    transport = Counting()
    async with client_of(RedisLimit(redis.url, requests=2, per=60), transport) as client:
        await client.projects.list()
        redis.stop()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(5):
                await client.projects.list()
    assert transport.requests == 6
    assert len([each for each in caught if "Redis" in str(each.message)]) == 1


def test_a_limit_travels_without_its_password(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable of the environment names it wherever it is used."""
    monkeypatch.setenv("LIMIT_URL", "redis://:secret@127.0.0.1:1")
    named = RedisLimit("$LIMIT_URL", requests=1)
    body = pickle.dumps(named)
    assert b"secret" not in body
    assert pickle.loads(body) == named
    given = RedisLimit("redis://:secret@127.0.0.1:1", requests=1)
    assert "secret" not in repr(given)
    with pytest.raises(TypeError, match="environment"):
        pickle.dumps(given)


@pytest.mark.parametrize("per", [0.001, 0.01, 0.3, 0.33, 1.7])
async def test_a_window_may_be_short(redis: Redis, per: float) -> None:
    """From a millisecond up, whatever its parts are rounded to."""
    for requests in (1, 20, 50, 997):
        turns, wait = await RedisLimit(redis.url, requests=requests, per=per).acquire(f"of {requests}", 1)
        assert turns == 1
        assert wait <= 2 * per


@pytest.mark.parametrize(
    "given",
    [
        {"requests": 0},
        {"requests": 2.5},
        {"requests": "6"},
        {"requests": True},
        {"requests": 1, "per": 0},
        {"requests": 1, "per": 0.0004},
        {"requests": 1, "per": float("inf")},
        {"requests": 1, "per": float("nan")},
    ],
)
def test_a_limit_that_lets_nothing_through_or_is_none_is_refused(given: Any) -> None:
    """At once."""
    with pytest.raises(ConfigurationError):
        RedisLimit("redis://127.0.0.1", **given)


@pytest.mark.parametrize("url", ["http://127.0.0.1", "$NO_SUCH_VARIABLE"])
def test_an_address_that_leads_nowhere_is_refused(url: str) -> None:
    """With the fix."""
    with pytest.raises(ConfigurationError):
        RedisLimit(url, requests=1)


class Eight:
    """Processes of 50 tasks each that share a limit of 100 requests a second, and begin together."""

    def __init__(self, origin: str, redis: Redis, seconds: float) -> None:
        command = [sys.executable, "-c", PROCESS, origin, redis.url, str(seconds)]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        self.processes = [subprocess.Popen(command, text=True, **pipes) for _ in range(8)]
        for process in self.processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n", process.communicate()
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()

    def ended(self) -> tuple[int, str]:
        """Wait for all; gives the calls that were answered, and what was printed to standard error."""
        told = [process.communicate(timeout=120) for process in self.processes]
        assert [process.returncode for process in self.processes] == [0] * 8, told
        return sum(int(output) for output, _ in told), "".join(errors for _, errors in told)


@pytest.mark.slow
def test_eight_processes_use_one_limit_up_and_keep_to_it(redis: Redis) -> None:
    """Little of it is left unused, and hardly a request is refused."""
    with fast_platform(rows=10, limit=100) as origin:
        served, _ = Eight(origin, redis, 12).ended()
        seen = stats(origin)
    used = served / (100 * (seen["last"] - seen["first"]))
    print(f"{used:.1%} of the limit, {seen['rejected']} of {seen['requests']} refused")  # noqa: T201
    assert seen["requests"] - seen["rejected"] == served
    assert seen["rejected"] < 0.02 * seen["requests"]  # 0.5 % where the machine has nothing else to do
    assert served > 500


@pytest.mark.slow
def test_eight_processes_lose_no_call_where_redis_stops_meanwhile(redis: Redis) -> None:
    """Each goes on with what the platform tells it, and says so once."""
    with fast_platform(rows=10, limit=100) as origin:
        eight = Eight(origin, redis, 10)
        while stats(origin)["requests"] < 300:
            time.sleep(0.1)
        redis.stop()
        before = stats(origin)["requests"]
        served, errors = eight.ended()
        seen = stats(origin)
    assert seen["requests"] - seen["rejected"] == served > before
    assert errors.count("RuntimeWarning: Redis is gone") == 8, errors
