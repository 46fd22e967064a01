"""What one part of a job lists, as plain values that travel to any process; and cuts of a job into parts."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from hashlib import blake2b
from itertools import chain, pairwise
from typing import Any

import msgspec
from attrs import Attribute, evolve, field, frozen

from cloudplatform_async import InvalidRequestError

RESOURCES = ("projects", "usage", "workflows", "events")
"""What can be collected: each is an attribute of the client."""

_DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)


def _check_resource(_: "Shard", __: "Attribute[Any]", resource: object) -> None:
    if resource not in RESOURCES:
        raise InvalidRequestError(f"`resource` must be one of {', '.join(RESOURCES)}, not {resource!r}.")


def _as_dict(filters: Mapping[str, Any] | None) -> dict[str, Any]:
    return {} if filters is None else dict(filters)


def _check_page_size(_: "Shard", __: "Attribute[Any]", size: object) -> None:
    if size is not None and (not isinstance(size, int) or isinstance(size, bool) or size < 1):
        raise InvalidRequestError(f"`page_size` must be a whole number from 1 up, not {size!r}.")


def _check_filters(shard: "Shard", _: "Attribute[Any]", filters: Mapping[str, Any]) -> None:
    if filters and shard.resource in {"usage", "workflows"}:
        raise InvalidRequestError(f"{shard.resource.capitalize()} cannot be filtered.")


def _check_span(shard: "Shard", _: "Attribute[Any]", end: object) -> None:
    start = shard.start
    if shard.resource != "usage":
        if start is not None or end is not None:
            raise InvalidRequestError("`start` and `end` are for usage; lists have filters.")
        return
    if not (_is_day(start) and _is_day(end)):
        raise InvalidRequestError("A shard of usage needs `start=` and `end=`, both dates.")
    if shard.start is not None and shard.end is not None and shard.start > shard.end:
        raise InvalidRequestError(f"`start` ({shard.start}) is after `end` ({shard.end}); swap them.")


def _check_step(_: "Shard", __: "Attribute[Any]", step: object) -> None:
    if not isinstance(step, timedelta) or step < _DAY or step % _DAY:
        raise InvalidRequestError(f"`step` must be a timedelta of whole days, not {step!r}.")


def _check_pages(shard: "Shard", _: "Attribute[Any]", pages: "tuple[int, int | None] | None") -> None:
    if pages is None:
        return
    first, last = pages
    if shard.resource == "usage" or first < 1 or (last is not None and last < first):
        raise InvalidRequestError(f"`pages` must be (first, last) of a list, from 1 up, not {pages!r}.")
    if shard.page_size is None:
        raise InvalidRequestError("`pages` count pages of one size: give `page_size=` too.")


def _is_day(value: object) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime)


@frozen(kw_only=True)
class Shard:
    """One part of a job: plain values, to be pickled and sent to any process.

    Two shards that list the same are the same shard; ``page_size`` is no part of what it lists.

    Attributes:
        resource: ``"projects"``, ``"usage"``, ``"workflows"`` or ``"events"``.
        filters: Query parameters of a list, as the platform names them.
        page_size: Rows asked for with one request; the most that the platform gives where it is left out.
        credentials: Name of the credentials to speak with, looked up in the environment of the process
            that does the work: ``"team-a"`` means ``CLOUD_API_KEY_TEAM_A`` or
            ``CLOUD_ACCESS_TOKEN_TEAM_A``. None: ``CLOUD_API_KEY`` or ``CLOUD_ACCESS_TOKEN``. Never a
            secret itself.
        start: First day of usage, included.
        end: Last day of usage, included.
        step: Length of one window of usage, in whole days.
        pages: First and last page of a numbered list (last ``None``: to the end). Right only for a list
            that does not change meanwhile: a project that is deleted moves another over the border.

    Raises:
        InvalidRequestError: For values that make no shard.

    Example:
        >>> Shard(filters={"status": "active"}).resource
        'projects'
    """

    resource: str = field(default="projects", validator=_check_resource)
    filters: Mapping[str, Any] = field(default=None, converter=_as_dict, hash=False, validator=_check_filters)
    page_size: int | None = field(default=None, eq=False, validator=_check_page_size)
    credentials: str | None = None
    start: date | None = None
    end: date | None = field(default=None, validator=_check_span)
    step: timedelta = field(default=_DAY, validator=_check_step)
    pages: tuple[int, int | None] | None = field(default=None, validator=_check_pages)

    @property
    def key(self) -> str:
        """Names the shard in targets: the same in every run for the same values.

        Example:
            >>> Shard(page_size=10).key == Shard(page_size=20).key
            True
        """
        size = self.page_size if self.pages else None  # else the checkpoint remembers it
        named = [self.resource, self.filters, self.credentials, self.start, self.end, self.step.days]
        text = msgspec.json.encode([*named, self.pages, size], order="deterministic")
        return f"{self.resource}-{blake2b(text, digest_size=8).hexdigest()}"


Shards = Shard | Iterable[Shard]


def by_filter(shards: Shards, name: str, values: Iterable[Any]) -> list[Shard]:
    """Cut by the values of one filter: a shard for each.

    Args:
        shards: To cut.
        name: Of the query parameter.
        values: That it takes; a row that fits none of them is in no shard.

    Example:
        >>> [shard.filters for shard in by_filter(Shard(), "status", ["active", "archived"])]
        [{'status': 'active'}, {'status': 'archived'}]
    """
    chosen = list(values)
    return [
        evolve(shard, filters={**shard.filters, name: value}) for shard in listed(shards) for value in chosen
    ]


def by_credentials(shards: Shards, names: Iterable[str | None]) -> list[Shard]:
    """Cut by workspace: the same shards for each name of credentials.

    Example:
        >>> [shard.credentials for shard in by_credentials(Shard(), ["team-a", "team-b"])]
        ['team-a', 'team-b']
    """
    chosen = list(names)
    return [evolve(shard, credentials=name) for shard in listed(shards) for name in chosen]


def by_days(shards: Shards, days: int) -> list[Shard]:
    """Cut usage into spans of at most so many days, whole windows each.

    Example:
        >>> year = Shard(resource="usage", start=date(2026, 1, 1), end=date(2026, 12, 31))
        >>> [str(shard.end) for shard in by_days(year, 200)]
        ['2026-07-19', '2026-12-31']
    """
    return list(chain.from_iterable(_spans(shard, days) for shard in listed(shards)))


def by_created(shards: Shards, start: datetime, end: datetime, parts: int) -> list[Shard]:
    """Cut a list by when its rows were made, into spans of equal length from ``start`` up to ``end``.

    A row is in exactly one span: each begins with its first moment and ends just before the next one.

    Raises:
        InvalidRequestError: For moments without a time zone, or in the wrong order.

    Example:
        >>> from datetime import UTC
        >>> len(by_created(Shard(), datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC), 40))
        40
    """
    if start.utcoffset() is None or end.utcoffset() is None or start >= end or parts < 1:
        raise InvalidRequestError("`start` and `end` need a time zone, and time and parts between them.")
    borders = [start + (end - start) * part / parts for part in range(parts)] + [end]
    return [
        evolve(
            shard,
            filters={
                **shard.filters,
                "created_after": (first - _INSTANT).isoformat(),  # the platform leaves out both borders
                "created_before": following.isoformat(),
            },
        )
        for shard in listed(shards)
        for first, following in pairwise(borders)
    ]


def by_pages(shards: Shards, pages: int, total: int, page_size: int = 100) -> list[Shard]:
    """Cut a numbered list that does not change into ranges of pages; the last one goes to the end.

    Args:
        shards: To cut.
        pages: In one range.
        total: Rows of the list, about: ``(await client.projects.list(limit=1)).total``.
        page_size: Rows on a page.

    Example:
        >>> [shard.pages for shard in by_pages(Shard(), 2, total=450)]
        [(1, 2), (3, 4), (5, None)]
    """
    last = max(1, -(-total // page_size))
    ranges = [(first, first + pages - 1) for first in range(1, last + 1, pages)]
    ends = [*ranges[:-1], (ranges[-1][0], None)]
    return [evolve(shard, page_size=page_size, pages=each) for shard in listed(shards) for each in ends]


def listed(shards: Shards) -> list[Shard]:
    """Give shards as a list, also a single one."""
    return [shards] if isinstance(shards, Shard) else list(shards)


def _spans(shard: Shard, days: int) -> Iterator[Shard]:
    if shard.start is None or shard.end is None or days < 1:
        raise InvalidRequestError("by_days() cuts shards of usage, into spans of at least a day.")
    length = max(1, days // shard.step.days) * shard.step
    start = shard.start
    while shard.end - start >= length:
        yield evolve(shard, start=start, end=start + length - _DAY)
        start += length
    yield evolve(shard, start=start)
