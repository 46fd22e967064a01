"""The rows of a shard in order, from any checkpoint: one interface over lists, page ranges and usage."""

from collections.abc import Mapping
from typing import Any, Protocol

from cloudplatform_async import AsyncClient, Event, Project, Usage, Workflow
from cloudplatform_async.collect.shards import Shard

_MODELS: Mapping[str, type[Any]] = {
    "projects": Project,
    "usage": Usage,
    "workflows": Workflow,
    "events": Event,
}
_MOST = 100  # rows that the platform puts on a page


class Walk(Protocol):
    """Rows one by one."""

    @property
    def checkpoint(self) -> str:
        """After the last row handed out."""
        ...

    async def __anext__(self) -> Any: ...

    async def aclose(self) -> None:
        """End it."""
        ...


def model_of(shard: Shard) -> type[Any]:
    """Give the class of a shard's rows."""
    return _MODELS[shard.resource]


def walk(client: AsyncClient, shard: Shard, checkpoint: str) -> Walk:
    """Begin at the start of a shard, or after a checkpoint."""
    if shard.start is not None and shard.end is not None:
        return client.usage.iter_windows(
            shard.start, shard.end, step=shard.step, resume_from=checkpoint or None
        )
    if shard.pages is not None:
        return PagesWalk(client, shard, checkpoint)
    resource = getattr(client, shard.resource)
    size = None if checkpoint else shard.page_size or _MOST  # a checkpoint has its own
    paginator: Walk = resource.iter_all(page_size=size, resume_from=checkpoint or None, **_filters(shard))
    return paginator


class PagesWalk:
    """A range of pages of a numbered list; the checkpoint is a page and the rows of it that are done."""

    def __init__(self, client: AsyncClient, shard: Shard, checkpoint: str) -> None:
        first, self._last = shard.pages or (1, None)
        page, _, offset = checkpoint.partition("+")
        self._resource = getattr(client, shard.resource)
        self._shard = shard
        self._page, self._offset = int(page or first), int(offset or 0)
        self._rows: list[Any] | None = None
        self._has_more = True

    @property
    def checkpoint(self) -> str:
        """The page, and how many of its rows were handed out."""
        return f"{self._page}+{self._offset}"

    async def __anext__(self) -> Any:
        while self._rows is None or self._offset >= len(self._rows):
            if self._rows is not None:
                if not self._has_more or self._page == self._last:
                    raise StopAsyncIteration
                self._page, self._offset = self._page + 1, 0
            page = await self._resource.list(
                page=self._page, limit=self._shard.page_size, **_filters(self._shard)
            )
            self._rows, self._has_more = page.items, page.has_more
        row = self._rows[self._offset]
        self._offset += 1
        return row

    async def aclose(self) -> None:
        """End it: nothing is under way."""
        self._rows, self._has_more, self._offset = [], False, 0


def _filters(shard: Shard) -> dict[str, Any]:
    return {"filters": shard.filters} if shard.filters else {}
