"""What it costs to have no event loop: the blocking client beside the least that a thread can do.

``python benchmarks/blocking.py [--rounds 40] [--calls 500] [--rows 20000]`` prints wall times and, over what
stands beside them in the same round, the median of all rounds and their quartiles. All take turns in one
process, one call at a time.
"""

import argparse
import asyncio
import time
from collections.abc import Callable
from statistics import quantiles
from threading import Thread
from typing import Any

import machine
import server

from cloudplatform_async import AsyncClient
from cloudplatform_async.blocking import Client

ID = "prj_0000001"
Timed = Callable[[], object]


def main() -> None:
    """Take turns, and print what each costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--rows", type=int, default=20_000)
    options = parser.parse_args()
    machine.pin(machine.CLIENT)
    with server.running() as running:
        settings: dict[str, Any] = {"base_url": f"{running.url}/v1", "api_key": "key"}
        loop, awaited = asyncio.new_event_loop(), AsyncClient(**settings)
        thread = Thread(target=loop.run_forever)
        thread.start()
        with Client(**settings) as blocking:
            _compare(options, loop, awaited, blocking)
        asyncio.run_coroutine_threadsafe(awaited.aclose(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _compare(
    options: argparse.Namespace, loop: asyncio.AbstractEventLoop, awaited: AsyncClient, blocking: Client
) -> None:
    """Print a line for each thing that can be done with and without the blocking client."""
    portal = blocking._portal  # noqa: SLF001 - the crossing alone
    over = asyncio.run_coroutine_threadsafe
    calls, rows = range(options.calls), options.rows

    async def walk() -> None:
        async for _ in awaited.projects.iter_all(page_size=100, max_items=rows):
            pass

    def nothing(through: Callable[[], object]) -> Timed:
        return lambda: [through() for _ in calls]

    _line(
        options,
        "a call of nothing",
        nothing(lambda: over(_nothing(), loop).result()),
        nothing(lambda: portal.call(_nothing)),
        each=options.calls,
    )
    _line(
        options,
        "a get",
        nothing(lambda: over(awaited.projects.get(ID), loop).result()),
        nothing(lambda: blocking.projects.get(ID)),
        each=options.calls,
    )
    _line(
        options,
        "a row of 100 a page",
        lambda: over(walk(), loop).result(),
        lambda: sum(1 for _ in blocking.projects.iter_all(page_size=100, max_items=rows)),
        each=rows,
    )


async def _nothing() -> None:
    return None


def _line(options: argparse.Namespace, name: str, bare: Timed, ours: Timed, *, each: int) -> None:
    ways, taken = (bare, ours), ([], [])
    for number in range(-1, options.rounds):  # the first is to get warm
        for place in (0, 1) if number % 2 else (1, 0):
            begun = time.perf_counter()
            ways[place]()
            if number >= 0:
                taken[place].append((time.perf_counter() - begun) / each * 1e6)
    over = [one / other for one, other in zip(taken[1], taken[0], strict=True)]
    low, middle, high = quantiles(over, n=4)
    beside, mine = (quantiles(each, n=4)[1] for each in taken)
    print(f"{name:20} {mine:7.2f} µs beside {beside:7.2f} µs   {middle:.2f} ({low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
