"""What a job tells: its progress on the way, its report at the end, both as plain values."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from attrs import field, frozen

from cloudplatform_async.collect.shards import Shard
from cloudplatform_async.collect.state import Standing
from cloudplatform_async.collect.task import ShardProgress


@frozen(kw_only=True)
class Progress:
    """How far a job is.

    Attributes:
        shards: Of the job.
        shards_done: Of these, with nothing left.
        rows: In the target.
        new_rows: Of these, since this run began.
        rows_per_second: Of this run, on average.
    """

    shards: int
    shards_done: int
    rows: int
    new_rows: int
    rows_per_second: float


@frozen(kw_only=True)
class FailedShard:
    """A shard that did not come to its end.

    Attributes:
        shard: Its key.
        credentials: Name of its credentials.
        resource: What it lists.
        filters: Of the list.
        error: Class and message of what went wrong.
    """

    shard: str
    resource: str
    filters: Mapping[str, Any]
    credentials: str | None
    error: str


@frozen(kw_only=True)
class Report:
    """What a job did; ``to_dict()`` gives plain JSON values.

    Attributes:
        shards: Of the job.
        rows: In the target, of these shards.
        new_rows: Of these, by this run.
        bytes: In the target, of these shards.
        retries: Requests that were sent again.
        throttled: Answers with status 429.
        lost_workers: Times that a shard was given out again because its worker was lost.
        seconds: That the run took.
        failed: Shards that did not come to their end; run the job again to go on with them.

    Example:
        >>> report = await collect(shards, ndjson("out"))  # doctest: +SKIP
        >>> report.to_dict()  # doctest: +SKIP
    """

    shards: int
    rows: int
    new_rows: int
    bytes: int
    retries: int
    throttled: int
    lost_workers: int
    seconds: float
    failed: list[FailedShard] = field(factory=list[FailedShard])

    def to_dict(self) -> dict[str, Any]:
        """Give the report as plain JSON values."""
        failed = [
            {
                "shard": each.shard,
                "resource": each.resource,
                "filters": msgspec.to_builtins(each.filters),
                "credentials": each.credentials,
                "error": each.error,
            }
            for each in self.failed
        ]
        return {
            "shards": self.shards,
            "rows": self.rows,
            "new_rows": self.new_rows,
            "bytes": self.bytes,
            "retries": self.retries,
            "throttled": self.throttled,
            "lost_workers": self.lost_workers,
            "seconds": round(self.seconds, 3),
            "failed": failed,
        }


class Board:
    """Keeps what tasks tell, and passes it on.

    Args:
        shards: Of the job, by key.
        standings: Of these before the run.
        on_progress: Called after each chunk and at each end.
    """

    def __init__(
        self,
        shards: Mapping[str, Shard],
        standings: Mapping[str, Standing],
        on_progress: Callable[[Progress], object] | None,
    ) -> None:
        self._shards = shards
        self._rows = {key: standing.state.rows for key, standing in standings.items()}
        self._done = {key for key, standing in standings.items() if standing.state.done}
        self._before = sum(self._rows.values())
        self._on_progress = on_progress
        self._started = time.monotonic()
        self._retries = self._throttled = 0
        self.lost_workers = 0
        self.errors: dict[str, str] = {}

    def told(self, progress: ShardProgress) -> None:
        """Take in what a task tells of its shard."""
        key = progress.shard
        self._retries += progress.retries
        self._throttled += progress.throttled
        self._rows[key] = max(self._rows.get(key, 0), progress.rows)
        if progress.done:
            self._done.add(key)
        if progress.error is not None:
            self.errors[key] = progress.error
        if self._on_progress is not None:
            self._on_progress(self.progress())

    def progress(self) -> Progress:
        """Tell how far the job is."""
        rows = sum(self._rows.values())
        seconds = time.monotonic() - self._started
        return Progress(
            shards=len(self._shards),
            shards_done=len(self._done),
            rows=rows,
            new_rows=rows - self._before,
            rows_per_second=(rows - self._before) / max(seconds, 1e-3),
        )

    def compare(self, standings: Mapping[str, Standing]) -> None:
        """Take in what the target holds in the end: chunks that are somewhere else are no success."""
        for key in self._shards:
            if key not in self.errors and (key not in standings or not standings[key].state.done):
                self.errors[key] = (
                    "OSError: its worker has written, but nothing of it is in the target that this process "
                    "sees: choose a folder that all of them share, or an object store."
                )

    def report(self, standings: Mapping[str, Standing]) -> Report:
        """Sum up, by what the target holds in the end."""
        rows = sum(standing.state.rows for standing in standings.values())
        failed = [self._failed(key) for key in self._shards if key in self.errors]
        return Report(
            shards=len(self._shards),
            rows=rows,
            new_rows=rows - self._before,
            bytes=sum(standing.bytes for standing in standings.values()),
            retries=self._retries,
            throttled=self._throttled,
            lost_workers=self.lost_workers,
            seconds=time.monotonic() - self._started,
            failed=failed,
        )

    def _failed(self, key: str) -> FailedShard:
        shard = self._shards[key]
        return FailedShard(
            shard=key,
            resource=shard.resource,
            filters=shard.filters,
            credentials=shard.credentials,
            error=self.errors[key],
        )
