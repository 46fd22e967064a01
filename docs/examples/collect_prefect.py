"""A job as a flow of Prefect: each retry goes on where the run before it stopped."""

from typing import Any

from prefect import flow

from cloudplatform_async.collect import Shard, by_filter, collect, parquet


@flow(retries=3, retry_delay_seconds=60)
async def collect_projects(target: str) -> dict[str, Any]:
    """Collect what is left; a shard that failed fails the flow, so that it is run again."""
    shards = by_filter(Shard(resource="projects"), "status", ["active", "archived"])
    report = await collect(shards, parquet(target))
    if report.failed:
        raise RuntimeError(report.failed)
    return report.to_dict()
