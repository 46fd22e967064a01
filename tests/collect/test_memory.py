"""What a worker holds does not grow with the rows that go through it."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.collect.fast_platform import fast_platform

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("pyarrow") is None, reason="needs pyarrow"),
    pytest.mark.skipif(
        not Path("/proc/self/status").exists(), reason="the peak of a process is read in /proc"
    ),
]

JOB = """
import asyncio, json, os, re, sys
from pathlib import Path
from cloudplatform_async.collect import Shard, by_filter, collect, local, parquet

peaks = []

def on_progress(progress):
    if progress.rows >= 100_000 and not peaks or progress.rows == 1_000_000:
        peaks.append(int(re.search("VmHWM: *\\t *(\\\\d+)", Path("/proc/self/status").read_text())[1]) / 1024)

os.environ |= {"CLOUD_API_KEY": "k", "CLOUD_API_BASE_URL": sys.argv[1] + "/v1"}
shards = by_filter(Shard(page_size=1000), "label", [f"n:{number}" for number in range(40)])
asyncio.run(collect(shards, parquet(sys.argv[2]), local(concurrency=4), on_progress))
print(json.dumps([peaks[0], peaks[-1]]))
"""


def test_memory_is_flat_from_a_hundred_thousand_rows_to_a_million(tmp_path: Path) -> None:
    """The peak of a process that writes Parquet grows by less than 5 MiB between the two."""
    with fast_platform(rows=25_000) as origin:
        command = [sys.executable, "-W", "error", "-c", JOB, origin, str(tmp_path)]
        told = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    at_first, at_last = json.loads(told)
    assert at_first > 20
    assert at_last - at_first < 5, (at_first, at_last)
