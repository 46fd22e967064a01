"""A job as a task of Airflow: each try goes on where the one before it stopped."""

import asyncio
from typing import Any

from airflow.sdk import dag, task

from cloudplatform_async.collect import Shard, by_filter, collect, parquet


@task(retries=3)
def collect_projects(target: str) -> dict[str, Any]:
    """Collect what is left; a shard that failed fails the task, so that it is tried again."""
    shards = by_filter(Shard(resource="projects"), "status", ["active", "archived"])
    report = asyncio.run(collect(shards, parquet(target)))
    if report.failed:
        raise RuntimeError(report.failed)
    return report.to_dict()


@dag(schedule="@daily", params={"folder": "/data/projects"})
def projects() -> None:
    """A folder for each day, and so a job for each."""
    collect_projects("{{ params.folder }}/{{ ds }}")


daily = projects()
