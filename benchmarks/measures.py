"""The measures: which clients take part, and in which order the rounds go."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any

import machine
import worker
from clients import CLIENTS, OURS
from disturbance import Taken, undisturbed
from effort import SMOKE, Effort
from server import running

Results = dict[str, dict[str, list[Any]]]
"""By client, then by case: the measurements of each round in turn, ``None`` where one did not end."""

PAGE_SIZES = (100, 1000)
POOLS = ("cold", "warm")

_IMPORT = """
import os, sys, time
sys.modules["click"] = None
if sys.argv[2]: os.sched_setaffinity(0, {int(sys.argv[2])})
cpu = time.process_time()
exec(sys.argv[1])
print(time.process_time() - cpu)
"""


def gets(effort: Effort, names: list[str]) -> Results:
    """CPU time of a get, with different numbers of them in flight."""
    results = _empty(names, map(str, effort.in_flight))
    with running() as server:
        for name in _interleaved(names, effort.rounds):
            with worker.working(name, server.url) as take:
                for number in effort.passes * _there_and_back(effort.in_flight):
                    seconds = max(effort.slice, number * effort.turn)
                    keep = partial(_one, take, worker.gets, in_flight=number, seconds=seconds)
                    results[name][str(number)] += undisturbed(effort, keep)
    return results


def burst(effort: Effort, names: list[str]) -> Results:
    """Many gets at once on a slow server, from a cold pool and then from a warm one."""
    results = _empty(names, POOLS)
    for name in _interleaved(names, effort.rounds):
        if not all(result and result["ended"] for pool in results[name].values() for result in pool):
            continue  # a client that does not end is not asked again
        taken = undisturbed(effort, partial(_bursts, effort, name))
        for pool, result in zip(POOLS, taken, strict=False):
            results[name][pool].append(result)
    return results


def _bursts(effort: Effort, name: str) -> Taken:
    """One burst with a client that was just made, and one more if it ended.

    A server for each client: sockets that the one before left behind are not counted.
    """
    taken: Taken = []
    with running(latency=effort.latency) as server, worker.working(name, server.url) as take:
        while len(taken) < len(POOLS) and all(result and result["ended"] for result in taken):
            result = take(worker.burst, count=effort.burst, limit=effort.limit)
            if result is not None:
                result["sockets"] = server.most_sockets()
            taken.append(result)
    return taken


def rows(effort: Effort, names: list[str]) -> Results:
    """Typed rows per second of CPU, page by page."""
    names = _walkers(names)
    results = _empty(names, map(str, PAGE_SIZES))
    with running() as server:
        for name in _interleaved(names, effort.rounds):
            with worker.working(name, server.url) as take:
                for size in _there_and_back(PAGE_SIZES):
                    options = {"size": size, "count": effort.row_count, "seconds": effort.seconds}
                    walk = partial(_one, take, worker.rows, **options)
                    results[name][str(size)] += undisturbed(effort, walk)
    return results


def walks(effort: Effort, names: list[str]) -> Results:
    """A walk through a list on a slow server, with a reader as slow as that; ours also in a hurry."""
    names = _walkers(names)
    results = _empty(names, ("read", "sprint"))
    with running(latency=effort.latency) as server:
        for name in _interleaved(names, effort.rounds):
            with worker.working(name, server.url) as take:
                read = partial(_one, take, worker.walks, pages=effort.walk, pause=effort.latency)
                results[name]["read"] += undisturbed(effort, read)
                if name == OURS:
                    sprint = partial(_one, take, worker.sprints, pages=effort.sprint, ahead=effort.ahead)
                    results[name]["sprint"] += undisturbed(effort, sprint)
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
    names = [name for name in names if name == OURS]
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
            _imported(name, compiled)
        for name in _interleaved(names, 1 if effort is SMOKE else 3 * effort.rounds):
            results[name]["seconds"] += undisturbed(effort, partial(_imported, name, compiled))
    return results


MEASURES: dict[str, Callable[[Effort, list[str]], Results]] = {
    measure.__name__: measure for measure in (gets, burst, rows, walks, imports, memory, layers)
}
"""Every measure by its name, which ``--only`` takes."""


def _one(take: worker.Take, measure: worker.Measure, **options: Any) -> Taken:
    return [take(measure, **options)]


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


def _imported(name: str, compiled: str) -> Taken:
    """Import what a client's program begins with; its bytecode is in ``compiled``, or is written there."""
    allowed = machine.cores()
    core = str(allowed[machine.CLIENT]) if len(allowed) > machine.CLIENT else ""
    watch = machine.Watch()
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    answer = subprocess.run(
        [sys.executable, "-c", _IMPORT, str(CLIENTS[name].imports), core],
        env={**environment, "PYTHONPYCACHEPREFIX": compiled},
        check=True,
        capture_output=True,
        text=True,
    )
    return [{"seconds": float(answer.stdout), "stolen": watch.stolen}]
