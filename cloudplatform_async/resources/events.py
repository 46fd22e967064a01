"""Events: what happened on the platform, as a list and as it happens (API contract §4, §10)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal, TypeVar, Unpack, cast, overload

from attrs import define

from cloudplatform_async._calls.sender import Sender
from cloudplatform_async._paging.source import Page, PageSource
from cloudplatform_async._protocol.encoding import Query
from cloudplatform_async.errors import InvalidRequestError
from cloudplatform_async.models.events import Event
from cloudplatform_async.pagination import PAGE_SIZE, Paginator
from cloudplatform_async.resources.event_tail import EventTail
from cloudplatform_async.resources.operations import (
    one_page,
    page_source,
    taken_call_options,
    with_call_options,
)
from cloudplatform_async.settings import CallOptions, is_finite, shown

T = TypeVar("T")

_READ: Final = "events:read"
_POLLED = 100  # events of one request of a tail: as many as the platform gives


class EventFilters(CallOptions, total=False):
    """Which events a list is about, and the options of its calls; ``None`` means any.

    Attributes:
        type: Of this type, such as ``"project.created"``, of a family such as ``"project.*"``, or of any
            of several.
        since: At this moment or later; it needs a time zone.
        after: What follows the event with this id, and not the event itself.
        order: ``"asc"``, oldest first, as it is unless told otherwise, or ``"desc"``.
        filters: Query parameters that are newer than this package, sent as they are.
    """

    type: str | Sequence[str] | None
    since: datetime | None
    after: str | None
    order: Literal["asc", "desc"] | None
    filters: Query | None


@define(eq=False, repr=False, slots=False)
class Events:
    """The events of the workspace; reached as ``client.events``.

    Example:
        >>> async for event in client.events.iter_all(type="project.*"):  # doctest: +SKIP
        ...     print(event.type, event.id)
    """

    _sender: Sender

    async def list(
        self, *, limit: int | None = None, cursor: str | None = None, **filters: Unpack[EventFilters]
    ) -> Page[Event]:
        """Fetch one page of events, oldest first.

        Args:
            limit: Most items of the page, from 1; the platform takes 20 by default and caps it at 100.
            cursor: ``next_cursor`` of the page before.
            **filters: See ``EventFilters``.

        Raises:
            InvalidRequestError: For arguments that the platform could never accept; nothing is sent.

        Example:
            >>> page = await client.events.list(type="project.*", limit=10)  # doctest: +SKIP
        """
        return await one_page(self._source(Event, limit, filters), page=None, cursor=cursor)

    @overload
    def iter_all(
        self,
        *,
        page_size: int | None = PAGE_SIZE,
        max_items: int | None = None,
        ahead: int = 1,
        resume_from: str | None = None,
        **filters: Unpack[EventFilters],
    ) -> Paginator[Event]: ...

    @overload
    def iter_all(
        self,
        *,
        page_size: int | None = PAGE_SIZE,
        max_items: int | None = None,
        ahead: int = 1,
        resume_from: str | None = None,
        model: type[dict[str, Any]],
        **filters: Unpack[EventFilters],
    ) -> Paginator[dict[str, Any]]: ...

    @overload
    def iter_all(
        self,
        *,
        page_size: int | None = PAGE_SIZE,
        max_items: int | None = None,
        ahead: int = 1,
        resume_from: str | None = None,
        model: type[T],
        **filters: Unpack[EventFilters],
    ) -> Paginator[T]: ...

    def iter_all(
        self,
        *,
        page_size: int | None = PAGE_SIZE,
        max_items: int | None = None,
        ahead: int = 1,
        resume_from: str | None = None,
        model: type[Any] = Event,
        **filters: Unpack[EventFilters],
    ) -> Paginator[Any]:
        """Walk the events there are, lazily; it ends with the last one, where ``tail`` would wait.

        Args:
            page_size: Items to ask for at a time, from 1; the platform caps it at 100. A checkpoint fixes it.
            max_items: Stop after so many, from 0.
            ahead: Pages to fetch ahead, from 0 (strictly on demand).
            resume_from: A ``checkpoint`` of the same walk.
            model: Of an item: an attrs class such as a subclass of ``Event``, or ``dict``.
            **filters: See ``EventFilters``.

        Raises:
            InvalidRequestError: At once, for arguments that the platform could never accept.

        Example:
            >>> async for event in client.events.iter_all(type="workflow.run.*"):  # doctest: +SKIP
            ...     print(event.type, event.created_at)
        """
        source = self._source(model, None, filters)
        return Paginator(
            source, page_size=page_size, ahead=ahead, max_items=max_items, resume_from=resume_from
        )

    def tail(
        self,
        *,
        after: str | None = None,
        since: datetime | None = None,
        type: str | Sequence[str] | None = None,  # noqa: A002 - the platform's own word
        poll_interval: float = 2.0,
        **options: Unpack[CallOptions],
    ) -> EventTail:
        """Follow the events as they happen, each one once; it never ends by itself.

        Args:
            after: Id of the last event that was dealt with: go on with the one that follows it.
            since: Begin with the first event at this moment or later; it needs a time zone.
            type: As of ``iter_all``.
            poll_interval: Seconds between two looks while nothing happens, above 0.
            **options: ``timeout=`` and ``headers=`` of each look; see ``CallOptions``.

        Without ``after`` and ``since`` it begins with what happens from now on: from when the first
        event is asked for, or the tail is entered with ``async with``.

        Raises:
            InvalidRequestError: At once, for arguments that the platform could never accept.

        Example:
            >>> async with client.events.tail(after=load_position()) as tail:  # doctest: +SKIP
            ...     async for event in tail:
            ...         await deal_with(event)
            ...         save_position(event.id)
        """
        if not _is_number(poll_interval) or poll_interval <= 0:
            raise InvalidRequestError(f"`poll_interval` must be seconds above 0, not {shown(poll_interval)}.")
        looks = Events(with_call_options(self._sender, options))
        looks._source(Event, _POLLED, {"type": type, "since": since, "after": after})  # refused here and now

        async def fetch(position: EventFilters, limit: int) -> Page[Event]:
            return await one_page(
                looks._source(Event, limit, {"type": type, **position}), page=None, cursor=None
            )

        return EventTail(fetch, after=after, since=since, poll_interval=poll_interval)

    def _source(self, model: type[T], limit: int | None, filters: EventFilters) -> PageSource[T]:
        if unknown := filters.keys() - EventFilters.__annotations__.keys():
            raise TypeError(f"Unknown filters {sorted(unknown)}; pass newer ones as `filters={{...}}`.")
        own: dict[str, Any] = {**filters}
        sender = with_call_options(self._sender, taken_call_options(own))
        extra: Query | None = own.pop("filters", None)
        _check_filters(own)
        return page_source(sender, "/events", _READ, model, limit=limit, filters=own, extra=extra)


def _check_filters(filters: dict[str, Any]) -> None:
    kinds = filters.get("type")
    if kinds is not None and not _is_name(kinds) and not _are_names(kinds):
        raise InvalidRequestError(f"`type` must be one such as 'project.created', or a list, not {kinds!r}.")
    since = filters.get("since")
    if since is not None and not isinstance(since, datetime):  # one without a zone is refused later
        raise InvalidRequestError(f"`since` must be a datetime with a time zone, not {since!r}.")
    after = filters.get("after")
    if after is not None and not _is_name(after):
        raise InvalidRequestError(f"`after` must be the `id` of an event, not {after!r}.")
    if filters.get("order") not in {None, "asc", "desc"}:
        raise InvalidRequestError(f"`order` must be 'asc' or 'desc', not {filters['order']!r}.")


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _are_names(values: object) -> bool:
    return isinstance(values, (list, tuple)) and all(map(_is_name, cast("Sequence[object]", values)))


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and is_finite(value)
