"""A delivery that comes twice is handled once: in one task, in many, in several processes, after a crash."""

import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from cloudplatform_async import ConfigurationError
from cloudplatform_async._runtime.clock import CLOCK
from cloudplatform_async.testing import no_waiting
from cloudplatform_async.webhooks import Claim, MemoryGuard, SQLiteGuard, WebhookGuard

pytestmark = pytest.mark.anyio

Make = Callable[..., WebhookGuard]


@pytest.fixture(params=["memory", "SQLite"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Makes a guard of each kind."""
    if request.param == "memory":
        return MemoryGuard
    return lambda **options: SQLiteGuard(tmp_path / "deliveries.db", **options)


@pytest.fixture
def time_passes() -> Iterator[Callable[[float], Any]]:
    """Moves the package's clock."""
    with no_waiting():
        yield lambda seconds: CLOCK.process.sleep(seconds)


async def test_a_delivery_is_claimed_once_until_it_is_done_and_never_after(make: Make) -> None:
    """Granted, then held by the first, then done; another one is not touched by that."""
    guard = make()
    first = await guard.claim("msg_1")
    assert (first.id, first.state) == ("msg_1", "granted")
    assert (await guard.claim("msg_1")).state == "held"
    assert (await guard.claim("msg_2")).state == "granted"
    await guard.done(first)
    assert (await guard.claim("msg_1")).state == "done"
    await guard.release(first)
    assert (await guard.claim("msg_1")).state == "done"


async def test_a_claim_that_is_freed_is_the_next_ones(make: Make) -> None:
    """A handler that failed is tried again by the next delivery."""
    guard = make()
    await guard.release(await guard.claim("msg_1"))
    assert (await guard.claim("msg_1")).state == "granted"


async def test_a_claim_ends_with_its_lease(make: Make, time_passes: Callable[[float], Any]) -> None:
    """Where a process died with it; a latecomer of that process frees nobody else's claim."""
    guard = make(lease=timedelta(seconds=30))
    first = await guard.claim("msg_1")
    await time_passes(29)
    assert (await guard.claim("msg_1")).state == "held"
    await time_passes(2)
    second = await guard.claim("msg_1")
    assert second.state == "granted"
    assert second.token != first.token
    await guard.release(first)
    assert (await guard.claim("msg_1")).state == "held"
    await guard.done(first)  # handled is handled, by whomever
    await guard.release(second)
    assert (await guard.claim("msg_1")).state == "done"


async def test_what_was_handled_is_forgotten_in_the_end(
    make: Make, time_passes: Callable[[float], Any]
) -> None:
    """A guard does not grow for ever."""
    guard = make(kept=timedelta(hours=1))
    await guard.done(await guard.claim("msg_1"))
    await time_passes(3599)
    assert (await guard.claim("msg_1")).state == "done"
    await time_passes(2)
    assert (await guard.claim("msg_1")).state == "granted"


async def test_memory_is_bounded() -> None:
    """The oldest are forgotten first."""
    guard = MemoryGuard(most=3)
    for number in range(5):
        await guard.done(await guard.claim(f"msg_{number}"))
    states = [(await guard.claim(f"msg_{number}")).state for number in range(5)]
    assert states == ["granted", "granted", "done", "done", "done"]


async def test_a_file_remembers_across_restarts(tmp_path: Path) -> None:
    """A second guard on it, as of the process after a deploy, knows what was handled and what is held."""
    path = tmp_path / "deliveries.db"
    guard = SQLiteGuard(path)
    await guard.done(await guard.claim("msg_1"))
    await guard.claim("msg_2")
    del guard
    later = SQLiteGuard(str(path))
    states = [(await later.claim(f"msg_{number}")).state for number in (1, 2, 3)]
    assert states == ["done", "held", "granted"]


async def test_many_processes_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    """As the workers of a server do that starts: none is refused, and one gets the claim."""
    start, claims = threading.Barrier(8), list[Claim]()

    def work(path: Path) -> None:
        guard = SQLiteGuard(path)  # a connection of its own, as of another process
        start.wait()
        claims.append(anyio.run(guard.claim, "msg_1"))

    for number in range(5):
        threads = [threading.Thread(target=work, args=[tmp_path / f"{number}.db"]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            await anyio.to_thread.run_sync(thread.join)
    assert Counter(each.state for each in claims) == {"granted": 5, "held": 35}


async def test_a_file_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    """At the first claim, so that the delivery is sent again; nothing is left open."""
    path = tmp_path / "no.db"
    path.write_bytes(b"this is no database, however long one looks at it" * 99)
    with pytest.raises(sqlite3.DatabaseError):
        await SQLiteGuard(path).claim("msg_1")
    with pytest.raises(sqlite3.OperationalError):
        await SQLiteGuard(tmp_path / "no" / "such" / "folder").claim("msg_1")


async def test_of_many_tasks_one_gets_the_claim(make: Make) -> None:
    """Whoever asks at the same time."""
    guard = make()
    claims: list[Claim] = []

    async def claim() -> None:
        claims.append(await guard.claim("msg_1"))

    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(claim)
    assert Counter(each.state for each in claims) == {"granted": 1, "held": 49}


@pytest.mark.parametrize("options", [{"lease": timedelta(0)}, {"kept": timedelta(-1)}, {"lease": 5}])
async def test_a_term_that_is_none_is_refused(make: Make, options: dict[str, Any]) -> None:
    """It is a span of time above 0."""
    with pytest.raises(ConfigurationError, match="above 0"):
        make(**options)


async def test_room_for_nothing_is_refused() -> None:
    """A guard that remembers nothing guards nothing."""
    with pytest.raises(ConfigurationError, match="at least 1"):
        MemoryGuard(most=0)


PROCESS = """
import sys
from collections import Counter
import anyio
from cloudplatform_async.webhooks import SQLiteGuard, WebhookVerifier, receiver

path, handled, count = sys.argv[1], open(sys.argv[2], "a", buffering=1), int(sys.argv[3])
verifier = WebhookVerifier("whsec_bmV2ZXIgdGVsbCB0aGlzIHNlY3JldA==")
app = receiver(verifier, lambda event: handled.write(event.id + "\\n"), guard=SQLiteGuard(path))

async def deliver(number, statuses):
    body = b'{"id": "evt_%d", "type": "a.b", "created_at": "2026-03-17T00:00:00Z"}' % number
    headers = verifier.sign(body, id=f"msg_{number}").items()
    scope = {"type": "http", "method": "POST", "headers": [(a.encode(), b.encode()) for a, b in headers]}
    async def receive():
        return {"type": "http.request", "body": body}
    async def send(message):
        if "status" in message:
            statuses[message["status"]] += 1
    await app(scope, receive, send)

async def main():
    statuses = Counter()
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(count):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(deliver, number, statuses)
            tasks.start_soon(deliver, number, statuses)
    print(statuses[204] + statuses[409], flush=True)

anyio.run(main)
"""


@pytest.mark.slow
def test_of_doubled_deliveries_to_two_processes_each_is_handled_once(tmp_path: Path) -> None:
    """Both processes get each delivery twice, at the same time, and share one file."""
    handled, count = tmp_path / "handled.txt", 1_000
    command = [sys.executable, "-c", PROCESS, str(tmp_path / "guard.db"), str(handled), str(count)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as one, subprocess.Popen(command, **pipes) as other:
        for process in (one, other):
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        answered = [process.communicate(timeout=300)[0].strip() for process in _go(one, other)]
    assert answered == [str(2 * count)] * 2
    assert Counter(handled.read_text().split()) == {f"evt_{number}": 1 for number in range(count)}


def _go(*processes: "subprocess.Popen[str]") -> Iterator["subprocess.Popen[str]"]:
    """Start all before the first is waited for."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    yield from processes
