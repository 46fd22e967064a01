"""Kills an export at random moments and resumes it until it is whole: each row must be there once.

``python benchmarks/export_resume.py [--rows 100000] [--kills 20] [--seed 1]`` prints a line a format.
"""

import argparse
import contextlib
import csv
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from cloudplatform_async.sandbox import Sandbox

FORMATS = ("ndjson", "csv", "sqlite", "parquet")


def ids_in(file: Path) -> Iterator[str]:
    """The ids of an export."""
    if file.suffix == ".ndjson":
        with file.open("rb") as stream:
            yield from (msgspec.json.decode(line)["id"] for line in stream)
    elif file.suffix == ".csv":
        with file.open(newline="") as stream:
            yield from (row["id"] for row in csv.DictReader(stream))
    elif file.suffix == ".parquet":
        import pyarrow.parquet as pq

        yield from pq.read_table(file, columns=["id"])["id"].to_pylist()
    else:
        with contextlib.closing(sqlite3.connect(file)) as database:
            yield from (row[0] for row in database.execute("SELECT id FROM projects"))


def killed(command: list[str], environment: dict[str, str], sandbox: Sandbox, after: float) -> bool:
    """Kill it so long after its first request; tells whether that was before its end."""
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        served = sandbox.served
        while sandbox.served == served and process.poll() is None:
            time.sleep(0.01)
        try:
            return process.wait(after) != 0
        except subprocess.TimeoutExpired:
            process.kill()
            return True


def main() -> int:
    """Export in every format, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    dice, failed = random.Random(options.seed), 0
    with (
        tempfile.TemporaryDirectory() as folder,
        Sandbox(projects=options.rows, rate_limit=None) as sandbox,
    ):
        environment = {**os.environ, "CLOUD_API_BASE_URL": sandbox.base_url, "CLOUD_API_KEY": sandbox.api_key}
        for kind in FORMATS:
            file = Path(folder, f"projects.{kind}")
            program = [sys.executable, "-m", "cloudplatform_async", "export", "projects"]
            command = [*program, str(file), "--resume"]
            begun = time.monotonic()
            whole = Path(folder, f"whole.{kind}")
            subprocess.run([*program, str(whole)], env=environment, check=True, stderr=subprocess.DEVNULL)
            once, served = time.monotonic() - begun, sandbox.served
            kills = sum(
                killed(command, environment, sandbox, dice.uniform(0, 1.5 * once / options.kills))
                for _ in range(options.kills)
            )
            subprocess.run(command, env=environment, check=True, stderr=subprocess.DEVNULL)
            ids = list(ids_in(file))
            right = len(ids) == len(set(ids)) == options.rows
            failed += not right
            verdict = "right" if right else "WRONG"
            told = f"{kind}: {kills} kills, {len(ids)} rows, {len(set(ids))} different"
            requests = sandbox.served - served
            print(f"{told}, {requests} requests; in one piece {once:.1f} s: {verdict}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
