"""While the server says wait, a whole group waits; then it goes on in turn and paced."""

from collections.abc import Callable
from random import Random

import anyio
import anyio.lowlevel
import httpx
import pytest
from attrs import define, field
from msgspec.structs import replace

from cloudplatform_async import (
    APIConnectionError,
    AsyncClient,
    NotFoundError,
    PoolLimits,
    RateLimitError,
    RetryPolicy,
    Timeouts,
)
from cloudplatform_async._calls.gate import Gate
from cloudplatform_async._calls.progress import Progress
from cloudplatform_async._protocol.calls import Call
from cloudplatform_async._protocol.pacing import LONGEST_CLOSURE, QUIET
from cloudplatform_async._protocol.responses import Answer
from cloudplatform_async._protocol.retries import Failure
from cloudplatform_async._runtime.clock import CLOCK, Clock
from cloudplatform_async.sandbox.platform.rate_limits import admit
from tests.calls.scripted import PROJECT, Scripted, client_over
from tests.connections.servers import Server, send
from tests.tiers import slow

pytestmark = pytest.mark.anyio


@define
class Time:
    """A time that stands still but for sleeps, which end when a test says so."""

    now: float = 1000.0
    sleepers: list[tuple[float, anyio.Event]] = field(factory=list)

    @property
    def clock(self) -> Clock:
        return Clock(monotonic=lambda: self.now, wall=lambda: self.now, sleep=self.sleep, uniform=max)

    async def sleep(self, seconds: float) -> None:
        woken = anyio.Event()
        self.sleepers.append((self.now + seconds, woken))
        await woken.wait()

    async def advance(self, seconds: float) -> None:
        """Let time pass, and everything happen that is due meanwhile."""
        end = self.now + seconds
        await settle()
        while due := [sleeper for sleeper in self.sleepers if sleeper[0] <= end]:
            sleeper = min(due, key=lambda one: one[0])
            self.sleepers.remove(sleeper)
            self.now = max(self.now, sleeper[0])
            sleeper[1].set()
            await settle()
        self.now = end


async def settle() -> None:
    """Let every task run as far as it can."""
    for _ in range(20):
        await anyio.lowlevel.checkpoint()


class Key:
    """Stands for a credentials object."""


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def make(time: Time) -> Callable[..., Progress]:
    """Makes calls of one API key; with a total of 1,000 s and `max_retry_after` of 500 s."""
    key = Key()

    def make_flight(identity: object = key, group: str = "projects", total: float = 1000.0) -> Progress:
        return Progress(
            call=Call(method="GET", target=f"/{group}", group=group, decode=lambda answer: answer),
            identity=identity,
            clock=time.clock,
            policy=RetryPolicy(max_retry_after=500.0),
            timeouts=Timeouts(total=total),
            started=time.now,
            key=None,
            request_id="r",
        )

    return make_flight


def throttled(retry_after: float | None) -> Failure:
    error = RateLimitError("slow down", status_code=429, retry_after=retry_after, outcome="rejected")
    return Failure(error, transient=True)


def close(gate: Gate, flight: Progress, seconds: float | None) -> None:
    """Let a call that leaves now meet a 429."""
    flight.departed = flight.clock.monotonic()
    gate.learn(flight, throttled(seconds))


async def pass_gate(gate: Gate, flight: Progress, passed: list[Progress]) -> None:
    await gate.enter(flight)
    passed.append(flight)


async def test_a_group_that_was_never_throttled_is_open(make: Callable[..., Progress], time: Time) -> None:
    """No limit is assumed that nobody told of."""
    gate = Gate()
    for _ in range(1000):
        await gate.enter(make())
    assert time.sleepers == []


async def test_after_a_429_everyone_waits_and_goes_on_in_turn_and_paced(
    make: Callable[..., Progress], time: Time
) -> None:
    """Nobody before the server's time, then not all at once, first come first served."""
    gate, flights, passed = Gate(), [make() for _ in range(8)], list[Progress]()
    close(gate, make(), 10.0)
    async with anyio.create_task_group() as tasks:
        for flight in flights:
            tasks.start_soon(pass_gate, gate, flight, passed)
            await settle()
        await time.advance(9.99)
        assert passed == []
        await time.advance(0.02)
        assert passed == flights[:1]
        await time.advance(0.1)
        assert len(passed) in {2, 3}
        await time.advance(5.0)
        assert passed == flights


async def test_a_waiter_that_is_cancelled_gives_its_place_on(
    make: Callable[..., Progress], time: Time
) -> None:
    """Whether it was the first or further back."""
    gate, passed = Gate(), list[Progress]()
    first, second, third = make(), make(), make()
    scopes = {id(first): anyio.CancelScope(), id(second): anyio.CancelScope(), id(third): anyio.CancelScope()}

    async def wait(flight: Progress) -> None:
        with scopes[id(flight)]:
            await pass_gate(gate, flight, passed)

    close(gate, make(), 10.0)
    async with anyio.create_task_group() as tasks:
        for flight in (first, second, third):
            tasks.start_soon(wait, flight)
            await settle()
        scopes[id(second)].cancel()
        scopes[id(first)].cancel()
        await time.advance(10.5)
        assert passed == [third]


async def test_other_groups_and_other_keys_go_on(make: Callable[..., Progress]) -> None:
    """Limits are per API key and endpoint group."""
    gate = Gate()
    close(gate, make(), 10.0)
    await gate.enter(make(group="usage"))
    await gate.enter(make(identity=Key()))
    with pytest.raises(RateLimitError):
        await gate.enter(make(total=5.0))


@pytest.mark.parametrize(("closure", "total"), [(501.0, 1000.0), (10.0, 10.0)])
async def test_a_call_that_may_not_wait_so_long_is_refused_at_once(
    make: Callable[..., Progress], time: Time, closure: float, total: float
) -> None:
    """Nothing was sent, and the error says how long the server wants."""
    gate = Gate()
    close(gate, make(), closure)
    with pytest.raises(RateLimitError) as caught:
        await gate.enter(make(total=total))
    assert (caught.value.outcome, caught.value.retry_after) == ("not_sent", closure)
    assert time.sleepers == []


async def test_those_in_the_queue_are_refused_at_once_when_a_closure_grows(
    make: Callable[..., Progress], time: Time
) -> None:
    """Also behind a first who may wait."""
    gate, passed = Gate(), list[Progress]()
    close(gate, make(), 5.0)

    async def wait_impatiently() -> None:
        with pytest.raises(RateLimitError):
            await gate.enter(make(total=50.0))
        passed.append(make())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pass_gate, gate, make(), passed)
        await settle()
        tasks.start_soon(wait_impatiently)
        await settle()
        close(gate, make(), 100.0)
        await settle()
        assert len(passed) == 1
        await time.advance(101.0)
        assert len(passed) == 2


async def test_a_pace_that_would_pass_the_deadline_is_not_waited_for(
    make: Callable[..., Progress], time: Time
) -> None:
    """No wait is begun that cannot end in time."""
    gate = Gate()
    close(gate, make(), 1.0)
    time.now += 2.0
    await gate.enter(make())
    with pytest.raises(RateLimitError):
        await gate.enter(make(total=0.01))


def exhausted(reset: str, limit: str | None = "60", **more: str) -> Answer:
    """A success that says that nothing remains."""
    said = {} if limit is None else {"ratelimit-limit": limit}
    return Answer(200, {"ratelimit-remaining": "0", "ratelimit-reset": reset, **said, **more}, b"")


@pytest.mark.parametrize(
    ("reset", "limit", "spacing"),
    [("30", "60", 0.5), ("60", "60", 1.0), ("10", "5", 2.0), ("30", None, 0.5), ("30", "0", 0.5)],
)
async def test_an_exhausted_limit_lets_calls_go_one_by_one_and_refuses_none(
    make: Callable[..., Progress], time: Time, reset: str, limit: str | None, spacing: float
) -> None:
    """`RateLimit-Remaining: 0` of a success is no refusal: only a 429 closes a group."""
    gate, passed = Gate(), list[Progress]()
    gate.learn(make(), exhausted(reset, limit))
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(pass_gate, gate, make(total=20.0), passed)
            await settle()
        for number in (1, 2, 3):
            await time.advance(spacing - 0.01)
            assert len(passed) == number - 1
            await time.advance(0.01)
            assert len(passed) == number


@pytest.mark.parametrize(("under_way", "waits"), [(4, True), (3, True), (2, False)])
async def test_what_is_left_belongs_first_to_the_requests_that_are_under_way(
    make: Callable[..., Progress], time: Time, under_way: int, waits: bool
) -> None:
    """Where no more than theirs remains, another one would be refused: it is spaced instead."""
    gate, passed = Gate(), list[Progress]()
    call = make()
    gate.under_way = {(call.identity, call.call.group): under_way, ("other", call.call.group): 9}
    gate.learn(
        call,
        Answer(200, {"ratelimit-limit": "60", "ratelimit-remaining": "3", "ratelimit-reset": "60"}, b""),
    )
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pass_gate, gate, make(), passed)
        await settle()
        assert bool(passed) is not waits
        await time.advance(1.0)
        assert passed


async def test_a_request_that_was_cancelled_or_broke_is_not_under_way_any_more(time: Time) -> None:
    """What is left is not kept for it."""
    hang, broken = anyio.Event(), ["hang", "break", "hang", "break"]
    left = {"ratelimit-limit": "60", "ratelimit-remaining": "1", "ratelimit-reset": "60"}

    async def answer(_: httpx.Request) -> httpx.Response:
        if broken:
            if broken.pop() == "hang":
                await hang.wait()
            raise httpx.ReadError("broken")
        return httpx.Response(200, json=PROJECT, headers=left)

    async def get() -> None:
        with pytest.raises(APIConnectionError):
            await client.projects.get("prj_1")

    CLOCK.process = time.clock
    async with client_over(Scripted(answer), retries=RetryPolicy(max_retries=0)) as client:
        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(get)
            await settle()
            tasks.cancel_scope.cancel()
        for _ in range(3):
            await client.projects.get("prj_1")
    assert time.sleepers == []


async def test_a_call_that_has_no_time_for_caution_goes(make: Callable[..., Progress], time: Time) -> None:
    """Nobody has refused anything: no call fails for a guess, first in the queue or behind it."""
    gate, passed = Gate(), list[Progress]()
    gate.learn(make(), exhausted("60", "6"))
    async with anyio.create_task_group() as tasks:
        assert await gate.enter(make(total=5.0))
        for _ in range(3):
            tasks.start_soon(pass_gate, gate, make(total=1000.0), passed)
            await settle()
        assert await gate.enter(make(total=30.0))
        assert passed == []
        await time.advance(40.0)
        assert len(passed) == 3


def _retry_after(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name == "retry-after"}


@pytest.mark.parametrize("announced", ["RateLimit", "X-RateLimit, a whole window", "nothing"])
@pytest.mark.parametrize(
    ("limit", "burst", "pause", "first_wave"),
    [(60, 60, 2.0, 0), *slow((600, 600, 0.2, 0), (600, 650, 0.2, 50))],
)
async def test_half_the_limit_after_a_burst_never_fails(
    time: Time, announced: str, limit: int, burst: int, pause: float, first_wave: int
) -> None:
    """For 25 s, with 10 s for each call; beyond the first wave, at most one request in twenty is wasted."""
    full_at, requests, refused = time.now, 0, 0

    async def answer(_: httpx.Request) -> httpx.Response:
        nonlocal full_at, requests, refused
        await anyio.lowlevel.checkpoint()
        full_at, quota = admit(full_at, time.now, limit=limit)
        headers = quota.headers()
        if announced == "nothing":
            headers = {}
        elif announced.startswith("X"):
            left = {"x-ratelimit-limit": str(limit), "x-ratelimit-remaining": str(quota.remaining)}
            headers = {"x-ratelimit-reset": "60", **left, **_retry_after(headers)}
        requests += 1
        refused += not quota.allowed
        return httpx.Response(200 if quota.allowed else 429, json=PROJECT, headers=headers)

    CLOCK.process = replace(time.clock, uniform=Random(5).uniform)
    async with client_over(Scripted(answer), timeout=10) as client, anyio.create_task_group() as tasks:
        for _ in range(burst):
            tasks.start_soon(client.projects.get, "prj_1")
        await settle()
        for _ in range(round(25 / pause)):
            await time.advance(pause)
            tasks.start_soon(client.projects.get, "prj_1")
        await time.advance(10)
    assert refused - first_wave <= 0.05 * requests


async def test_caution_ends_when_the_reset_has_passed(make: Callable[..., Progress], time: Time) -> None:
    """And then nothing is left of it."""
    gate = Gate()
    gate.learn(make(), exhausted("30"))
    time.now += 30.1
    for _ in range(100):
        assert not await gate.enter(make())
    assert time.sleepers == []


@pytest.mark.parametrize("reset", ["501", "86400", "0", "soon", ""])
async def test_a_reset_that_cannot_be_is_not_believed_without_a_429(
    make: Callable[..., Progress], reset: str
) -> None:
    """Longer than any wait that the caller allows, or none at all: the call goes."""
    gate = Gate()
    gate.learn(make(), exhausted(reset))
    assert not await gate.enter(make(total=1.0))


async def test_a_pause_is_shared_by_all_who_send_the_same_credential(make: Callable[..., Progress]) -> None:
    """Whatever object it is held in; another credential goes on."""
    gate, closed = Gate(), "digest"
    close(gate, make(identity=closed[:3] + closed[3:]), 10.0)
    with pytest.raises(RateLimitError):
        await gate.enter(make(identity="".join(list(closed)), total=5.0))
    assert not await gate.enter(make(identity="other", total=5.0))


async def test_a_call_that_is_held_back_says_so(make: Callable[..., Progress]) -> None:
    """No server refused it: it has no status, and its code is the client's own."""
    gate = Gate()
    close(gate, make(), 100.0)
    with pytest.raises(RateLimitError) as caught:
        await gate.enter(make(total=5.0))
    error = caught.value
    assert (error.code, error.status_code, error.outcome, error.attempts) == (
        "held_back",
        None,
        "not_sent",
        0,
    )
    assert str(error).startswith("held_back: The server wants no requests to 'projects'")


async def test_lanes_of_credentials_that_are_gone_are_let_go(
    make: Callable[..., Progress], time: Time
) -> None:
    """A backend with a view for each user keeps no lane of every user it ever had."""
    gate = Gate()
    for number in range(50):
        close(gate, make(identity=number), 1.0)
        time.now += 10.0
    assert len(gate._lanes) < 10


async def test_a_learned_limit_is_forgotten_when_the_server_stops_sending_it(
    make: Callable[..., Progress], time: Time
) -> None:
    """After some quiet the group is as open as if there had never been one."""
    gate = Gate()
    close(gate, make(), 10.0)
    time.now += 10.0 + QUIET + 0.1
    for _ in range(100):
        await gate.enter(make())
    assert time.sleepers == []


async def test_what_is_not_there_was_let_through_all_the_same(
    make: Callable[..., Progress], time: Time
) -> None:
    """A limit is learned from 404s as it is from rows: they count as what the server lets through."""
    missing = Failure(NotFoundError("none", status_code=404, outcome="rejected"), transient=False)
    rates: list[list[float]] = []
    for outcome in (Answer(200, {}, b""), missing):
        gate, flight = Gate(), make()
        for _ in range(3):
            close(gate, flight, 1.0)
            time.now += 1.0
            for _ in range(20):
                await gate.enter(flight)
                gate.learn(flight, outcome)
                time.now += 0.2
        rates.append([lane.pace.rate for lane in gate._lanes.values()])
    assert rates[0] == rates[1]


async def test_a_request_in_the_pools_queue_is_held_back_by_a_closure(
    make: Callable[..., Progress], time: Time
) -> None:
    """Whoever passed the gate before a 429 is not sent after it."""
    gate, early = Gate(), make()
    await gate.enter(early)
    assert gate.lets_leave(early)
    close(gate, make(), 5.0)
    assert not gate.lets_leave(early)
    time.now += 5.0
    await gate.enter(early)
    assert gate.lets_leave(early)


async def test_many_429s_without_a_time_close_the_group_once(
    make: Callable[..., Progress], time: Time
) -> None:
    """Of calls refused together, only the first makes a guess; `max` stands for the dice here."""
    gate, together = Gate(), [make() for _ in range(10)]
    for flight in together:
        flight.departed = time.now
    for flight in together:
        gate.learn(flight, throttled(None))
        time.now += 0.01
    passed: list[Progress] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pass_gate, gate, make(), passed)
        await time.advance(0.38)
        assert passed == []
        await time.advance(0.05)
        assert len(passed) == 1


async def test_an_absurd_closure_is_cut(make: Callable[..., Progress]) -> None:
    """One bad header cannot lock a group out for the life of a client."""
    gate = Gate()
    close(gate, make(), 1e14)
    with pytest.raises(RateLimitError) as caught:
        await gate.enter(make())
    assert caught.value.retry_after == LONGEST_CLOSURE


@pytest.mark.parametrize("seed", [31, *slow(0, 1, 139)])  # 31 and 139: a first pause far too short
async def test_many_tasks_that_meet_a_limit_slow_down_together(time: Time, seed: int) -> None:
    """All are answered, and after the first wave, of which nobody was told, next to none is refused."""
    bucket = [0.0, time.now]

    async def limit(request: httpx.Request) -> httpx.Response:
        await anyio.lowlevel.checkpoint()
        bucket[:] = [max(0.0, bucket[0] - 50 * (time.now - bucket[1])), time.now]
        if bucket[0] > 10:
            return httpx.Response(429)
        bucket[0] += 1
        return httpx.Response(200, json=PROJECT)

    CLOCK.process = replace(time.clock, uniform=Random(seed).uniform)
    async with client_over(Scripted(limit)) as client, anyio.create_task_group() as tasks:
        for _ in range(200):
            tasks.start_soon(client.projects.get, "prj_1")
        for _ in range(40):
            await time.advance(0.5)
        statistics = client.statistics()
        tasks.cancel_scope.cancel()
    first_wave = 200 - 11
    assert statistics.in_flight == 0
    assert first_wave <= statistics.throttled <= first_wave + 15


async def test_what_queues_for_a_connection_is_not_sent_after_a_429() -> None:
    """A call asks again when its turn comes; held back, it goes through the gate once more."""
    head = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1000\r\nContent-Length: 0\r\n\r\n"
    errors: list[RateLimitError] = []

    async def get() -> None:
        with pytest.raises(RateLimitError) as caught:
            await client.projects.get("prj_1")
        errors.append(caught.value)

    with Server(send(head)) as server:
        client = AsyncClient(
            base_url=f"{server.url}/v1", api_key="cp_test_key_1", limits=PoolLimits(max_connections=1)
        )
        async with client, anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(get)
        assert server.requests == 1
    assert sorted(error.outcome for error in errors) == ["not_sent"] * 4 + ["rejected"]
    assert sorted(error.attempts for error in errors) == [0, 0, 0, 0, 1]
