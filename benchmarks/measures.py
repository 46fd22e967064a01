"""The measures: which clients take part, and in which order the rounds go."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from tempfile import TemporaryDirectory
from typing import Any

import machine
import worker
from attrs import frozen
from clients import CLIENTS, OURS, OURS_AIOHTTP
from server import running

Results = dict[str, dict[str, list[Any]]]
"""By client, then by case: the measurements of each round in turn, ``None`` where one did not end."""


@frozen(kw_only=True)
class Effort:
    """How much a run does.

    Attributes:
        rounds: Of every measure but memory and layers; of imports three times as many.
        seconds: Of one measure of gets, and at least of one of rows.
        turn: Seconds of one measure of gets for each that is in flight, at least: in a short one of 1,000
            most tasks would make their first get or their last.
        in_flight: Calls under way at the same time.
        burst: Gets at once.
        latency: Of the server in a burst, in seconds.
        limit: Seconds after which a burst is given up.
        row_count: Rows of one walk for the rate.
        walk: Pages to read at leisure from the slow server.
        sprint: Pages to read from it as fast as they come.
        ahead: Pages to fetch ahead then.
        memory_rows: Rows to walk through for the memory.
    """

    rounds: int = 6
    seconds: float = 0.5
    turn: float = 0.0015
    in_flight: tuple[int, ...] = (1, 16, 64, 256, 1000)
    burst: int = 2000
    latency: float = 0.05
    limit: float = 60.0
    row_count: int = 20_000
    walk: int = 20
    sprint: int = 64
    ahead: int = 8
    memory_rows: int = 100_000


SMOKE = Effort(
    rounds=1,
    seconds=0.1,
    in_flight=(1, 64),
    burst=100,
    limit=10.0,
    row_count=1000,
    walk=2,
    sprint=8,
    memory_rows=2000,
)
"""Enough to show that everything runs."""

PAGE_SIZES = (100, 1000)

_IMPORT = """
import os, sys, time
sys.modules["click"] = None
if sys.argv[2]: os.sched_setaffinity(0, {int(sys.argv[2])})
cpu = time.process_time()
__import__(sys.argv[1])
print(time.process_time() - cpu)
"""


def gets(effort: Effort, names: list[str]) -> Results:
    """CPU time of a get, with different numbers of them in flight."""
    results = _empty(names, map(str, effort.in_flight))
    with running() as server:
        for name in _interleaved(names, effort.rounds):
            with worker.working(name, server.url) as take:
                for number in _there_and_back(effort.in_flight):
                    options = {"in_flight": number, "seconds": max(effort.seconds, number * effort.turn)}
                    results[name][str(number)].append(take(worker.gets, **options))
    return results


def burst(effort: Effort, names: list[str]) -> Results:
    """Many gets at once on a slow server, from a cold pool and then from a warm one."""
    results = _empty(names, ("cold", "warm"))
    for name in _interleaved(names, effort.rounds):
        if not all(result and result["ended"] for pool in results[name].values() for result in pool):
            continue  # a client that does not end is not asked again
        # A server for each client: sockets that the one before left behind are not counted.
        with running(latency=effort.latency) as server, worker.working(name, server.url) as take:
            for pool in results[name]:
                result = take(worker.burst, count=effort.burst, limit=effort.limit)
                if result is not None:
                    result["sockets"] = server.most_sockets()
                results[name][pool].append(result)
                if result is None or not result["ended"]:
                    break
    return results


def rows(effort: Effort, names: list[str]) -> Results:
    """Typed rows per second of CPU, page by page."""
    names = _walkers(names)
    results = _empty(names, map(str, PAGE_SIZES))
    with running() as server:
        for name in _interleaved(names, effort.rounds):
            with worker.working(name, server.url) as take:
                for size in _there_and_back(PAGE_SIZES):
                    options = {"size": size, "count": effort.row_count, "seconds": effort.seconds}
                    results[name][str(size)].append(take(worker.rows, **options))
    return results


def walks(effort: Effort, names: list[str]) -> Results:
    """A walk through a list on a slow server, with a reader as slow as that; ours also in a hurry."""
    names = _walkers(names)
    results = _empty(names, ("read", "sprint"))
    with running(latency=effort.latency) as server:
        for name in _interleaved(names, effort.rounds):
            with worker.working(name, server.url) as take:
                read = take(worker.walks, pages=effort.walk, pause=effort.latency)
                results[name]["read"].append(read)
                if name in {OURS, OURS_AIOHTTP}:
                    sprint = take(worker.sprints, pages=effort.sprint, ahead=effort.ahead)
                    results[name]["sprint"].append(sprint)
    return results


def memory(effort: Effort, names: list[str]) -> Results:
    """How much a process grows while it walks through a long list."""
    names = _walkers(names)
    results = _empty(names, ("100",))
    with running() as server:
        for name in names:
            with worker.working(name, server.url) as take:
                results[name]["100"].append(take(worker.memory, size=100, count=effort.memory_rows))
    return results


def layers(effort: Effort, names: list[str]) -> Results:
    """Whose code the CPU time of a get is spent in."""
    names = [name for name in names if name in {OURS, OURS_AIOHTTP}]
    results = _empty(names, ("64",))
    with running() as server:
        for name in names:
            with worker.working(name, server.url) as take:
                results[name]["64"].append(take(worker.layers, in_flight=64, seconds=10 * effort.seconds))
    return results


def imports(effort: Effort, names: list[str]) -> Results:
    """CPU time of an import in a fresh interpreter.

    Without click: where it is installed, httpx loads a command line, and with it rich, which neither a bare
    install of it nor one of ours brings.
    """
    names = [name for name in names if CLIENTS[name].imports]
    results = _empty(names, ("seconds",))
    with TemporaryDirectory() as compiled:
        for name in names:
            _import_time(name, compiled)
        for name in _interleaved(names, 1 if effort is SMOKE else 3 * effort.rounds):
            results[name]["seconds"].append(_import_time(name, compiled))
    return results


MEASURES: dict[str, Callable[[Effort, list[str]], Results]] = {
    measure.__name__: measure for measure in (gets, burst, rows, walks, imports, memory, layers)
}
"""Every measure by its name, which ``--only`` takes."""


def _empty(names: list[str], cases: Any) -> Results:
    cases = tuple(cases)
    return {name: {case: [] for case in cases} for name in names}


def _walkers(names: list[str]) -> list[str]:
    return [name for name in names if CLIENTS[name].walks]


def _interleaved(names: list[str], rounds: int) -> Iterator[str]:
    """Give every name once a round, each time beginning with another."""
    for number in range(rounds):
        start = number % max(len(names), 1)
        for name in [*names[start:], *names[:start]]:
            print(f"  round {number + 1}: {name}", file=sys.stderr)
            yield name


def _there_and_back(cases: tuple[int, ...]) -> tuple[int, ...]:
    """Give each case twice, so that what drifts one way while a client is at work cancels out."""
    return (*cases, *reversed(cases))


def _import_time(name: str, compiled: str) -> dict[str, float]:
    """Import a client's module with its bytecode in the folder ``compiled``, written there if need be."""
    allowed = machine.cores()
    core = str(allowed[machine.CLIENT]) if len(allowed) > machine.CLIENT else ""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    answer = subprocess.run(
        [sys.executable, "-c", _IMPORT, str(CLIENTS[name].imports), core],
        env={**environment, "PYTHONPYCACHEPREFIX": compiled},
        check=True,
        capture_output=True,
        text=True,
    )
    return {"seconds": float(answer.stdout)}
