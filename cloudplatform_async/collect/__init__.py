"""Collect: one job, from a laptop to a cluster, each row once."""

from cloudplatform_async.collect.commits import Commit, LocalCommit, ObjectStoreCommit
from cloudplatform_async.collect.engines.dask_executor import dask
from cloudplatform_async.collect.engines.executors import Executor, Observer, local
from cloudplatform_async.collect.job import collect
from cloudplatform_async.collect.redis_limit import RedisLimit
from cloudplatform_async.collect.report import FailedShard, Progress, Report
from cloudplatform_async.collect.shards import Shard, by_created, by_credentials, by_days, by_filter, by_pages
from cloudplatform_async.collect.sinks import Sink, csv, ndjson, parquet, sqlite
from cloudplatform_async.collect.task import ShardProgress, ShardTask
from cloudplatform_async.collect.token_stores import FileTokenStore, MemoryTokenStore, RedisTokenStore

__all__ = [
    "Commit",
    "Executor",
    "FailedShard",
    "FileTokenStore",
    "LocalCommit",
    "MemoryTokenStore",
    "ObjectStoreCommit",
    "Observer",
    "Progress",
    "RedisLimit",
    "RedisTokenStore",
    "Report",
    "Shard",
    "ShardProgress",
    "ShardTask",
    "Sink",
    "by_created",
    "by_credentials",
    "by_days",
    "by_filter",
    "by_pages",
    "collect",
    "csv",
    "dask",
    "local",
    "ndjson",
    "parquet",
    "sqlite",
]
