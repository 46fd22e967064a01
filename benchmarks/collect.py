"""Measures what collect can do: rows a second by engine and workers, and the cost of a row on its way.

``python benchmarks/collect.py [--rows 400000] [--rounds 5] [--only cost,local,dask,limit]`` prints a table
for each. The platform is ``tests/collect/fast_platform.py`` in a process of its own on the same cores; its
pages are made before it is measured.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from cloudplatform_async import ArrowTable, Project
from cloudplatform_async.collect import Executor, Shard, by_filter, collect, dask, local, parquet
from cloudplatform_async.collect.formats import ParquetFormat
from cloudplatform_async.collect.state import ShardState
from tests.collect.fast_platform import fast_platform, stats

SHARDS, PAGE, CHUNK = 40, 1_000, 10_000


def rows_a_second(origin: str, rows: int, executor: Executor) -> float:
    """Run a job into a fresh folder."""
    shards = by_filter(Shard(page_size=PAGE), "label", [f"n:{number}" for number in range(SHARDS)])
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        sink = parquet(folder, chunk_rows=CHUNK)
        report = asyncio.run(collect(shards, sink, executor, base_url=f"{origin}/v1"))
        seconds = time.perf_counter() - began
    if report.rows != rows or report.failed:
        raise RuntimeError(report)
    return rows / seconds


@contextmanager
def engine(name: str, workers: int) -> Iterator[Executor]:
    """An executor with so many worker processes of two shards each; Dask's are up before it is measured."""
    if name == "local":
        yield local(concurrency=2, processes=workers)
        return
    import distributed

    options = {"dashboard_address": "127.0.0.1:0", "host": "127.0.0.1", "silence_logs": 50}
    with (
        distributed.LocalCluster(n_workers=workers, threads_per_worker=2, **options) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield dask(client)


def scaling(name: str, rows: int, rounds: int) -> None:
    """From one worker to two, the one after the other in each round; the best of each counts."""
    best = {1: 0.0, 2: 0.0}
    with fast_platform(rows=rows // SHARDS) as origin:
        rows_a_second(origin, rows, local(concurrency=2))  # the platform makes its pages
        for number in range(rounds):
            for workers in sorted(best, reverse=bool(number % 2)):
                with engine(name, workers) as executor:
                    best[workers] = max(best[workers], rows_a_second(origin, rows, executor))
    one, two = best[1], best[2]
    print(f"| `{name}` | {one:,.0f} | {two:,.0f} | {two / one:.2f} |", flush=True)


def cost(rounds: int) -> None:
    """What a row costs in one thread, in µs of CPU: from the bytes of a page, to Arrow, to Parquet."""
    import msgspec

    made = [_project(number) for number in range(200_000)]
    body = msgspec.json.encode(made)
    decode = msgspec.json.Decoder(list[Project]).decode
    state, table, encode = ShardState(chunks=1), ArrowTable.of, ParquetFormat().encode
    rows = decode(body)
    steps: dict[str, Callable[[], object]] = {
        "decoded from JSON": lambda: decode(body),
        "rows to Arrow, batches of 10,000": lambda: [
            table(Project, rows[start : start + CHUNK]) for start in range(0, len(rows), CHUNK)
        ],
        "rows to Arrow, one batch of 200,000": lambda: table(Project, rows),
        "rows to Parquet, chunks of 10,000": lambda: [
            encode(Project, rows[start : start + CHUNK], state) for start in range(0, len(rows), CHUNK)
        ],
    }
    best = dict.fromkeys(steps, float("inf"))
    for _ in range(rounds):
        for name, step in steps.items():
            began = time.process_time()
            step()
            best[name] = min(best[name], (time.process_time() - began) / len(rows) * 1e6)
    for name, microseconds in best.items():
        print(f"| {name} | {microseconds:.2f} |", flush=True)


def _project(number: int) -> Project:
    moment = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=number, microseconds=number)
    return Project(
        id=f"prj_{number:07d}",
        name=f"project {number}",
        slug=f"project-{number}",
        status="active",
        labels={"team": "core"},
        created_at=moment,
        updated_at=moment,
    )


def limit(rounds: int, seconds: float = 20.0) -> None:
    """Eight processes of 50 tasks against 100 requests a second over Redis; the best of the rounds."""
    from tests.collect.servers import Redis
    from tests.collect.test_redis_limit import Eight

    outcomes: list[tuple[float, int, int]] = []
    for _ in range(rounds):
        redis = Redis()
        try:
            with fast_platform(rows=10, limit=100) as origin:
                served, _ = Eight(origin, redis, seconds).ended()
                seen = stats(origin)
        finally:
            redis.stop()
        used = served / (100 * (seen["last"] - seen["first"]))
        outcomes.append((used, seen["rejected"], seen["requests"]))
    for used, rejected, requests in sorted(outcomes, reverse=True):
        print(f"| {used:.1%} | {rejected} of {requests:,} ({rejected / requests:.2%}) |", flush=True)


def main() -> None:
    """Print a table for each measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=400_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="cost,local,dask,limit")
    options = parser.parse_args()
    os.environ["CLOUD_API_KEY"] = "k"
    wanted = options.only.split(",")
    if "cost" in wanted:
        print("\n| a row | µs of CPU |\n|---|---|")
        cost(options.rounds)
    if engines := [name for name in ("local", "dask") if name in wanted]:
        print("\n| engine | rows a second, 1 worker | 2 workers | ratio |\n|---|---|---|---|")
        for name in engines:
            scaling(name, options.rows, options.rounds)
    if "limit" in wanted:
        print("\n| of the limit used | refused |\n|---|---|")
        limit(options.rounds)
    print(f"\nload of the machine in the end: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
