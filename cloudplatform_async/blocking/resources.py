"""The resources of a blocking client: each method is the awaited one of the same name, waited for."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar, Unpack, overload

from anyio import to_thread

from cloudplatform_async import (
    CallOptions,
    CreateResult,
    Event,
    EventFilters,
    Events,
    Project,
    ProjectFilters,
    Projects,
    UsageMetrics,
    Workflows,
)
from cloudplatform_async.blocking.methods import Resource, follows, waits, walks
from cloudplatform_async.blocking.walks import Stream, Walk

T = TypeVar("T")
_END: Any = object()


class BlockingProjects(Resource[Projects]):
    """The projects of the workspace; reached as ``client.projects``."""

    list: Final = waits(Projects.list)
    create: Final = waits(Projects.create)
    get: Final = waits(Projects.get)
    update: Final = waits(Projects.update)
    delete: Final = waits(Projects.delete)

    @overload
    def iter_all(
        self,
        *,
        page_size: int | None = 100,
        max_items: int | None = None,
        ahead: int = 1,
        resume_from: str | None = None,
        **filters: Unpack[ProjectFilters],
    ) -> Walk[Project]: ...

    @overload
    def iter_all(
        self,
        *,
        page_size: int | None = 100,
        max_items: int | None = None,
        ahead: int = 1,
        resume_from: str | None = None,
        model: type[dict[str, Any]],
        **filters: Unpack[ProjectFilters],
    ) -> Walk[dict[str, Any]]: ...

    @overload
    def iter_all(
        self,
        *,
        page_size: int | None = 100,
        max_items: int | None = None,
        ahead: int = 1,
        resume_from: str | None = None,
        model: type[T],
        **filters: Unpack[ProjectFilters],
    ) -> Walk[T]: ...

    def iter_all(
        self,
        *,
        page_size: int | None = 100,
        max_items: int | None = None,
        ahead: int = 1,
        resume_from: str | None = None,
        model: type[Any] = Project,
        **filters: Unpack[ProjectFilters],
    ) -> Walk[Any]:
        """Walk all projects lazily; the arguments are those of ``AsyncClient.projects.iter_all``."""
        walk = self.awaited.iter_all(
            page_size=page_size,
            max_items=max_items,
            ahead=ahead,
            resume_from=resume_from,
            model=model,
            **filters,
        )
        return Walk(self.portal, walk)

    def create_many(
        self,
        items: Iterable[Mapping[str, Any]],
        *,
        concurrency: int = 16,
        **options: Unpack[CallOptions],
    ) -> Stream[CreateResult]:
        """Create many projects side by side; the arguments are those of ``AsyncClient.projects.create_many``.

        The items are taken from their iterable in a thread, so that it may block, or use this client; those
        of a list or tuple are there already.
        """
        given: Any = items  # whatever comes: what is no iterable of mappings is refused as ever
        may_block = isinstance(given, Iterable) and not isinstance(given, (str, Mapping, list, tuple))
        taken = _Taken(iter(items)) if may_block else items
        return Stream(self.portal, self.awaited.create_many(taken, concurrency=concurrency, **options))


class BlockingUsage(Resource[UsageMetrics]):
    """The usage of the workspace; reached as ``client.usage``."""

    get: Final = waits(UsageMetrics.get)
    iter_windows: Final = walks(UsageMetrics.iter_windows)


class BlockingWorkflows(Resource[Workflows]):
    """The workflows of the workspace and their runs; reached as ``client.workflows``."""

    list: Final = waits(Workflows.list)
    iter_all: Final = walks(Workflows.iter_all)
    get: Final = waits(Workflows.get)
    trigger: Final = waits(Workflows.trigger)
    list_runs: Final = waits(Workflows.list_runs)
    iter_runs: Final = walks(Workflows.iter_runs)
    get_run: Final = waits(Workflows.get_run)
    cancel_run: Final = waits(Workflows.cancel_run)
    wait: Final = waits(Workflows.wait)


class BlockingEvents(Resource[Events]):
    """The events of the workspace; reached as ``client.events``."""

    list: Final = waits(Events.list)
    tail: Final = follows(Events.tail)

    @overload
    def iter_all(
        self,
        *,
        page_size: int | None = 100,
        max_items: int | None = None,
        ahead: int = 1,
        resume_from: str | None = None,
        **filters: Unpack[EventFilters],
    ) -> Walk[Event]: ...

    @overload
    def iter_all(
        self,
        *,
        page_size: int | None = 100,
        max_items: int | None = None,
        ahead: int = 1,
        resume_from: str | None = None,
        model: type[dict[str, Any]],
        **filters: Unpack[EventFilters],
    ) -> Walk[dict[str, Any]]: ...

    @overload
    def iter_all(
        self,
        *,
        page_size: int | None = 100,
        max_items: int | None = None,
        ahead: int = 1,
        resume_from: str | None = None,
        model: type[T],
        **filters: Unpack[EventFilters],
    ) -> Walk[T]: ...

    def iter_all(
        self,
        *,
        page_size: int | None = 100,
        max_items: int | None = None,
        ahead: int = 1,
        resume_from: str | None = None,
        model: type[Any] = Event,
        **filters: Unpack[EventFilters],
    ) -> Walk[Any]:
        """Walk the events there are, lazily; the arguments are those of ``AsyncClient.events.iter_all``."""
        walk = self.awaited.iter_all(
            page_size=page_size,
            max_items=max_items,
            ahead=ahead,
            resume_from=resume_from,
            model=model,
            **filters,
        )
        return Walk(self.portal, walk)


class _Taken:
    """An iterable of the user's, taken from in a thread."""

    def __init__(self, items: Iterator[Mapping[str, Any]]) -> None:
        self._items = items

    def __aiter__(self) -> "_Taken":
        return self

    async def __anext__(self) -> Mapping[str, Any]:
        item: Any = await to_thread.run_sync(next, self._items, _END)
        if item is _END:
            raise StopAsyncIteration
        return item  # type: ignore[no-any-return]  # it is none of the marks
