"""The blocking client seen as the awaited one, so that one test shows the promises of both."""

from collections.abc import Awaitable, Callable
from functools import partial
from inspect import iscoroutinefunction
from typing import Any, Self

import pytest
from anyio import to_thread

from cloudplatform_async import (
    AsyncClient,
    CreateResults,
    Events,
    EventTail,
    Paginator,
    Projects,
    UsageMetrics,
    Workflows,
)
from cloudplatform_async.blocking import Client, Pages, RecordBatches, Stream, Tail, Walk
from cloudplatform_async.blocking.client import (
    BlockingEvents,
    BlockingProjects,
    BlockingUsage,
    BlockingWorkflows,
)
from tests.tiers import slow

over_both_clients = pytest.mark.parametrize(
    ("anyio_backend", "client_class"),
    [("asyncio", "awaited"), ("trio", "awaited"), ("asyncio", "blocking")],
    ids=["asyncio", "trio", "blocking"],
    indirect=True,
)
"""Runs a test with the awaited client on each event loop, and with the blocking one."""
awaited_when_quick = pytest.mark.parametrize(
    ("anyio_backend", "client_class"),
    [("asyncio", "awaited"), *slow(("trio", "awaited"), ("asyncio", "blocking"))],
    ids=["asyncio", "trio", "blocking"],
    indirect=True,
)
"""The same for a test that takes long: only the first of these in the quick tier."""

_END: Any = object()


class Awaited:
    """Something of the blocking client; what the awaited client awaits is called in another thread."""

    def __init__(self, blocking: Any, kind: type) -> None:
        self._blocking = blocking
        self._kind = kind

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # what is inside is the awaited client's own
            return getattr(self._blocking._client, name)
        found = getattr(self._blocking, "close" if name == "aclose" else name)
        if not callable(found):
            return _seen(found)
        if iscoroutinefunction(getattr(self._kind, name)):
            return partial(_in_thread, found)
        return lambda *args, **options: _seen(found(*args, **options))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        item = await _in_thread(next, self._blocking, _END)
        if item is _END:
            raise StopAsyncIteration
        return item

    async def __aenter__(self) -> Self:
        await _in_thread(self._blocking.__enter__)
        return self

    async def __aexit__(self, *_: object) -> None:
        await _in_thread(self._blocking.close)


def awaited_client(**options: Any) -> Any:
    """Make a blocking client, to be used as an ``AsyncClient``."""
    return Awaited(Client(**options), AsyncClient)


_KINDS: dict[type, type] = {
    Client: AsyncClient,
    BlockingProjects: Projects,
    BlockingUsage: UsageMetrics,
    BlockingWorkflows: Workflows,
    BlockingEvents: Events,
    Walk: Paginator,
    Tail: EventTail,
    Stream: CreateResults,
    Pages: object,
    RecordBatches: object,
}


def _seen(value: Any) -> Any:
    kind = _KINDS.get(type(value))
    return value if kind is None else Awaited(value, kind)


def _in_thread(function: Callable[..., Any], *args: Any, **options: Any) -> Awaitable[Any]:
    return to_thread.run_sync(partial(function, *args, **options))
