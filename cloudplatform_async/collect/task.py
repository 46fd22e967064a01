"""One shard from where it stands to its end: what every executor runs, in whatever process."""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Any

import attrs
from anyio import to_thread
from msgspec import Struct

from cloudplatform_async import CloudPlatformError
from cloudplatform_async.collect.clients import SharedClient, shared_client
from cloudplatform_async.collect.shards import Shard
from cloudplatform_async.collect.sinks import Sink
from cloudplatform_async.collect.state import ShardState, Standing
from cloudplatform_async.collect.walks import Walk, model_of, walk


class ShardProgress(Struct, frozen=True, kw_only=True):
    """What a task tells of its shard: after each chunk, and at the end; plain values.

    Attributes:
        shard: Its key.
        rows: In the target, of this shard, as far as this task knows.
        chunks: In the target, likewise.
        retries: Of the client that the task shares with others, since that last told.
        throttled: Answers 429, likewise.
        done: Nothing of the shard is left.
        error: Why the task ended before, as ``"Class: message"``.
    """

    shard: str
    rows: int
    chunks: int
    retries: int = 0
    throttled: int = 0
    done: bool = False
    error: str | None = None


Told = Callable[[ShardProgress], object]


class _Batch(Struct):
    """Rows of the next chunk, and how the walk goes on after them."""

    rows: list[Any]
    checkpoint: str
    done: bool = False
    error: CloudPlatformError | None = None


@attrs.frozen(kw_only=True)
class ShardTask:
    """One shard of a job, as a value that any process can run; pickle it, and call ``await task.run()``.

    Attributes:
        shard: What to list.
        sink: Where rows go.
        options: Arguments of the client, such as ``shared_limit``.
        losses: How often a worker was lost with it since the last chunk: each time chunks get smaller.

    Example:
        >>> progress = await pickle.loads(pickle.dumps(task)).run()  # doctest: +SKIP
    """

    shard: Shard
    sink: Sink
    options: Mapping[str, Any] = attrs.field(factory=dict[str, Any])
    losses: int = 0

    async def run(self, told: Told | None = None) -> ShardProgress:
        """Collect what is left of the shard; what fails is told, and stops no other.

        Args:
            told: Called in this event loop after each chunk.
        """
        key, state, shared = self.shard.key, ShardState(), None
        try:
            state = (await to_thread.run_sync(self._standing)).state
            if not state.done:
                async with shared_client(self.shard.credentials, self.options) as shared:
                    while not state.done:
                        state = await self._collect(shared, state, told or _nobody)
        except (CloudPlatformError, OSError, sqlite3.Error) as error:
            return _progress(key, state, shared, error=f"{type(error).__name__}: {error}")
        return _progress(key, state, shared)

    async def _collect(self, shared: SharedClient, state: ShardState, told: Told) -> ShardState:
        """Walk from a state to the end of the shard, or until another writer turns out to be ahead."""
        size = max(1, self.sink.chunk_rows >> self.losses)
        key, model = self.shard.key, model_of(self.shard)
        async with aclosing(_Rows(walk(shared.client, self.shard, state.checkpoint))) as rows:
            while not state.done:
                batch = await rows.batch(size)
                if batch.rows or batch.done:
                    following = state.after(len(batch.rows), batch.checkpoint, done=batch.done)
                    won = await to_thread.run_sync(self.sink.commit, key, following, model, batch.rows)
                    batch.rows = []  # gone before those of the next chunk come
                    if not won:
                        return (await to_thread.run_sync(self._standing)).state
                    state = following
                    told(_progress(key, state, shared))
                if batch.error is not None:
                    raise batch.error
        return state

    def _standing(self) -> Standing:
        return self.sink.survey([self.shard.key]).get(self.shard.key, Standing())


class _Rows:
    """A walk, taken in batches: one row is read ahead, so that the last batch knows that it is the last."""

    def __init__(self, source: Walk) -> None:
        self._walk = source
        self._next: list[Any] = []

    async def batch(self, size: int) -> _Batch:
        """Take the next rows; a failure of the walk comes with those before it."""
        rows, walk = self._next, self._walk
        self._next = []
        try:
            while len(rows) < size:
                rows.append(await walk.__anext__())
            checkpoint = walk.checkpoint
            self._next.append(await walk.__anext__())
        except StopAsyncIteration:
            return _Batch(rows, walk.checkpoint, done=True)
        except CloudPlatformError as error:
            return _Batch(rows, walk.checkpoint, error=error)
        return _Batch(rows, checkpoint)

    async def aclose(self) -> None:
        """End the walk."""
        await self._walk.aclose()


def _progress(
    key: str, state: ShardState, shared: SharedClient | None, *, error: str | None = None
) -> ShardProgress:
    retries, throttled = shared.news() if shared else (0, 0)
    return ShardProgress(
        shard=key,
        rows=state.rows,
        chunks=state.chunks,
        retries=retries,
        throttled=throttled,
        done=state.done,
        error=error,
    )


def _nobody(_: ShardProgress) -> None:
    """Nobody listens."""
