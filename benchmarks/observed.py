"""What it costs to look: a get that nobody watches, one that is logged, one that OpenTelemetry is told of.

``python benchmarks/observed.py [--processes 5] [--rounds 12] [--in-flight 64]`` prints each one's CPU time
over that of a plain get of the same round: the median of all rounds, and their quartiles. All take turns in
one process, for two processes differ by more than some of these do; and that in several, one by one.
"""

import argparse
import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from statistics import quantiles
from typing import Any

import machine
import server
import worker
from attrs import frozen
from clients import Session

from cloudplatform_async import AsyncClient

Get = Callable[[], Awaitable[Any]]
Costs = dict[str, list[float]]

PLAIN = "plain"


@frozen
class Row:
    """A way to look.

    Attributes:
        observers: Of the client, made in the process that measures.
        level: Of the log, whose lines go to the null device; ``None`` leaves logging as it is.
        around: Wraps the get of a client.
    """

    observers: Callable[[], Sequence[object]] = tuple
    level: int | None = None
    around: Callable[[Get], Get] = lambda get: get


class Last:
    """An observer of what ends, and of nothing else."""

    def call_finished(self, event: object) -> None:
        """Keep it."""
        self.event = event


def _no_op() -> Sequence[object]:
    from opentelemetry.metrics import NoOpMeterProvider
    from opentelemetry.trace import NoOpTracerProvider

    from cloudplatform_async.observability import OpenTelemetryObserver

    return [OpenTelemetryObserver(NoOpTracerProvider(), NoOpMeterProvider())]


def _no_sdk() -> Sequence[object]:
    from cloudplatform_async.observability import OpenTelemetryObserver

    return [OpenTelemetryObserver()]


def _by_hand(get: Get) -> Get:
    """Wrap a get in two spans, a header and two measurements: the least that anybody calls of the API."""
    from opentelemetry import propagate
    from opentelemetry.metrics import NoOpMeterProvider
    from opentelemetry.trace import NoOpTracerProvider, SpanKind, set_span_in_context

    tracer = NoOpTracerProvider().get_tracer("by hand")
    meter = NoOpMeterProvider().get_meter("by hand")
    calls, queue = meter.create_histogram("calls"), meter.create_histogram("queue")

    async def told() -> Any:
        call = tracer.start_span("GET /projects/{id}", attributes={"group": "projects"})
        attempt = tracer.start_span(
            "GET", set_span_in_context(call), SpanKind.CLIENT, {"http.request.method": "GET"}
        )
        propagate.inject({}, set_span_in_context(attempt))
        project = await get()
        attempt.set_attribute("http.response.status_code", 200)
        attempt.end()
        calls.record(0.0, {"outcome": "done"})
        queue.record(0.0, {"group": "projects"})
        call.set_attribute("outcome", "done")
        call.end()
        return project

    return told


ROWS = {
    PLAIN: Row(),
    "plain, again": Row(),
    "log at WARNING": Row(level=logging.WARNING),
    "log at DEBUG": Row(level=logging.DEBUG),
    "an observer of call_finished": Row(lambda: [Last()]),
    "OpenTelemetry, no-op providers": Row(_no_op),
    "OpenTelemetry, no SDK": Row(_no_sdk),
    "OpenTelemetry's API by hand, no-op": Row(around=_by_hand),
}


def main() -> None:
    """Take turns, and print what each costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=0.2)
    options = parser.parse_args()
    costs: Costs = {name: [] for name in ROWS}
    with server.running() as running:
        for _ in range(options.processes):
            here, there = get_context("spawn").Pipe()
            process = get_context("spawn").Process(
                target=_run, args=(there, running.url, options), daemon=True
            )
            process.start()
            there.close()
            for name, taken in here.recv().items():
                costs[name] += taken
            process.join()
    for name, mine in costs.items():
        over = [one / plain for one, plain in zip(mine, costs[PLAIN], strict=True)]
        low, middle, high = quantiles(over, n=4)
        print(f"{name:36} {quantiles(mine, n=4)[1]:6.1f} µs   {middle:.3f} ({low:.3f} to {high:.3f})")


def _run(pipe: "Connection[Any, Any]", url: str, options: argparse.Namespace) -> None:
    machine.pin(machine.CLIENT)
    machine.allow_many_sockets()
    pipe.send(asyncio.run(_taken(url, options)))


async def _taken(url: str, options: argparse.Namespace) -> Costs:
    costs: Costs = {name: [] for name in ROWS}
    async with AsyncExitStack() as stack:
        sessions = {}
        for name, row in ROWS.items():
            client = AsyncClient(base_url=f"{url}/v1", api_key="key", observers=row.observers())
            await stack.enter_async_context(client)
            sessions[name] = Session(row.around(lambda client=client: client.projects.get("prj_0000001")))
        names = list(ROWS)
        for number in range(-1, options.rounds):  # the first is to get warm
            for name in names[number:] + names[:number]:
                with _logged(ROWS[name].level):
                    taken = await worker.gets(
                        sessions[name], in_flight=options.in_flight, seconds=options.seconds
                    )
                if taken["errors"]:
                    raise SystemExit(f"{name}: {taken['errors']}")
                if number >= 0:
                    costs[name].append(taken["cpu_us"])
    return costs


@contextmanager
def _logged(level: int | None) -> Iterator[None]:
    """Write lines of a level and above to nowhere."""
    logger = logging.getLogger("cloudplatform_async")
    if level is None:
        yield
        return
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        handler = logging.StreamHandler(nowhere)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
        logger.addHandler(handler)
        logger.setLevel(level)
        yield
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)


if __name__ == "__main__":
    main()
