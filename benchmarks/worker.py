"""A client in a process of its own, and the measures that it takes there."""

import asyncio
import gc
import resource
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import machine
import sampling
from clients import CLIENTS, Session

Measurement = dict[str, Any]

GRACE = 30.0
"""Seconds beyond its own limit after which a measure counts as one that did not end."""


async def gets(session: Session, *, in_flight: int, seconds: float) -> Measurement:
    """Keep ``in_flight`` gets under way for some seconds, after a quarter of that time to get warm."""
    await _keep_getting(session, in_flight, seconds / 4)
    cpu, user, wall = time.process_time(), _user_time(), time.perf_counter()
    count, errors = await _keep_getting(session, in_flight, seconds)
    cpu, user, wall = time.process_time() - cpu, _user_time() - user, time.perf_counter() - wall
    costs = {"cpu_us": cpu, "user_us": user, "wall_us": wall}
    return {**{name: cost / count * 1e6 for name, cost in costs.items()}, "count": count, "errors": errors}


async def _keep_getting(session: Session, in_flight: int, seconds: float) -> tuple[int, Counter[str]]:
    count, end = 0, time.perf_counter() + seconds

    async def keep_getting() -> None:
        nonlocal count
        while True:
            await session.get()
            count += 1
            if time.perf_counter() >= end:
                return

    outcomes = await asyncio.gather(*(keep_getting() for _ in range(in_flight)), return_exceptions=True)
    return max(count, 1), _errors(outcomes)


async def burst(session: Session, *, count: int, limit: float) -> Measurement:
    """Make many gets at once, and give up after ``limit`` seconds."""
    began, cpu = time.perf_counter(), time.process_time()
    tasks = [asyncio.ensure_future(session.get()) for _ in range(count)]
    done, pending = await asyncio.wait(tasks, timeout=limit)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    errors = _errors([task.exception() for task in done])
    answered = len(done) - errors.total()
    return {
        "seconds": seconds,
        "cpu": cpu,
        "answered": answered,
        "ended": not pending,
        "errors": errors,
    }


async def rows(session: Session, *, size: int, count: int, seconds: float) -> Measurement:
    """Walk through ``count`` rows, in pages of ``size``, again and again for some seconds, once at least."""
    await _walk(session, size, 2 * size)
    cpu, wall, walked = time.process_time(), time.perf_counter(), 0
    while not walked or time.perf_counter() - wall < seconds:
        await _walk(session, size, count)
        walked += count
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {"rows_per_cpu_second": walked / cpu, "rows_per_second": walked / wall, "rows": walked}


async def walks(session: Session, *, pages: int, pause: float) -> Measurement:
    """After one get, walk through pages of 100 rows with a reader who takes ``pause`` seconds for each."""
    await session.get()
    began = time.perf_counter()
    await _walk(session, 100, 100 * pages, pause)
    return {"seconds": time.perf_counter() - began}


async def sprints(session: Session, *, pages: int, ahead: int) -> Measurement:
    """Walk through pages of 100 rows without a pause, one by one and then with ``ahead`` of them ahead."""
    if session.ahead is None:
        raise TypeError("This client fetches no pages ahead.")
    seconds = []
    for number in (0, ahead):
        began, left = time.perf_counter(), 100 * pages
        walk: Any = session.ahead(100, number)
        async for _ in walk:
            left -= 1
            if not left:
                break
        seconds.append(time.perf_counter() - began)
        await walk.aclose()
    return {"serial": seconds[0], "ahead": seconds[1], "speed_up": seconds[0] / seconds[1]}


async def memory(session: Session, *, size: int, count: int) -> Measurement:
    """Walk through ``count`` rows twice: once for the process's size, once for what Python allocates."""
    await _walk(session, size, 20 * size)
    before = _largest_size()
    await _walk(session, size, count)
    growth = _largest_size() - before
    gc.collect()
    tracemalloc.start()
    await _walk(session, size, count)
    _, peak = tracemalloc.get_traced_memory()
    gc.collect()
    left, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return {"process_growth": growth, "traced_peak": peak, "traced_left": left}


async def layers(session: Session, *, in_flight: int, seconds: float) -> Measurement:
    """Keep gets under way, and sample whose code runs."""
    await _keep_getting(session, in_flight, 0.1)
    cpu = time.process_time()
    with sampling.sampled() as samples:
        count, _ = await _keep_getting(session, in_flight, seconds)
    each = (time.process_time() - cpu) / count * 1e6
    total = samples.total() or 1
    return {"cpu_us": each, "layers": {name: each * n / total for name, n in samples.most_common()}}


async def _walk(session: Session, size: int, count: int, pause: float = 0.0) -> None:
    if session.rows is None:
        raise TypeError("This client has no lists.")
    walk = await session.rows(size)
    left = count
    async for _ in walk:
        left -= 1
        if pause and left % size == 0:
            await asyncio.sleep(pause)
        if not left:
            break
    if close := getattr(walk, "aclose", None):
        await close()


def _errors(outcomes: "list[Any]") -> Counter[str]:
    return Counter(type(outcome).__name__ for outcome in outcomes if isinstance(outcome, BaseException))


def _user_time() -> float:
    """Seconds of CPU in this process's own code; the rest of its CPU time is the system's, on its behalf."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime


def _largest_size() -> int:
    """Bytes that this process has held at most."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


Measure = Callable[..., Awaitable[Measurement]]
Take = Callable[..., Measurement | None]


@contextmanager
def working(name: str, url: str) -> Iterator[Take]:
    """Run a client on a server's URL.

    Yields:
        A function that takes a measure by its name, and notes what the host took of the cores meanwhile. It
        gives ``None`` when the measure did not end in time; after that the process is gone.
    """
    here, there = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=_run, args=(there, name, url), daemon=True)
    process.start()
    there.close()

    def take(measure: Measure, **options: Any) -> Measurement | None:
        with suppress(EOFError, OSError):  # the process is gone, or has met an error and printed it
            watch = machine.Watch()
            here.send((measure.__name__, options))
            if here.poll(options.get("limit", 300.0) + GRACE):
                measurement: Measurement = here.recv()
                return measurement | {"stolen": watch.stolen}
        process.kill()
        return None

    try:
        yield take
    finally:
        process.kill()
        process.join()


def _run(pipe: "Connection[Any, Any]", name: str, url: str) -> None:
    machine.pin(machine.CLIENT)
    machine.allow_many_sockets()
    measures = {measure.__name__: measure for measure in (gets, burst, rows, walks, sprints, memory, layers)}
    with asyncio.Runner(loop_factory=import_module(CLIENTS[name].loop).new_event_loop) as runner:
        manager = CLIENTS[name].session(url)
        session = runner.run(_enter(manager))
        while True:
            try:
                measure, options = pipe.recv()
            except EOFError:  # whoever started this process is gone
                return
            pipe.send(runner.run(measures[measure](session, **options)))


async def _enter(manager: Any) -> Session:
    session: Session = await manager.__aenter__()
    return session
