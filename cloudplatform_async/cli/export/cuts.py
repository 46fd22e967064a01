"""How an export is cut into shards: the cuts of ``cloudplatform_async.collect``, by the options' names."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from cloudplatform_async import ConfigurationError, InvalidRequestError
from cloudplatform_async.cli.api import fields_of
from cloudplatform_async.cli.export.options import Work
from cloudplatform_async.cli.export.sources import no_days, span_of
from cloudplatform_async.collect import Shard, by_created, by_credentials, by_days, by_filter, by_pages
from cloudplatform_async.collect.clients import shared_client
from cloudplatform_async.collect.shards import RESOURCES

_DAY = timedelta(days=1)


def shards_of(
    what: str, days: tuple[str | None, str | None], filters: dict[str, Any], page_size: int, work: Work
) -> list[Shard]:
    """Cut an export by everything but ranges of pages, for which the platform must be asked.

    Raises:
        ConfigurationError: Something else is to be exported, or a cut does not fit it.
        InvalidRequestError: Values make no shard.
    """
    resource = what.strip("/")
    if resource not in RESOURCES:
        raise ConfigurationError(
            f"In parts these can be exported: {', '.join(RESOURCES)}; not {what!r}: "
            "leave out --processes and --workers, and export to a file."
        )
    if page_size < 1:
        raise InvalidRequestError(f"`page_size` must be a whole number from 1 up, not {page_size}.")
    if resource == "usage":
        start, end = span_of(days, "`export usage`")
        shards = [Shard(resource=resource, start=start, end=end, filters=filters)]
    else:
        shards = [Shard(resource=resource, filters=filters, page_size=page_size)]
        if work.by_created is None:
            no_days(days)
    if work.by_days is not None:
        if resource != "usage":
            raise ConfigurationError("--by-days cuts usage.")
        shards = by_days(shards, work.by_days)
    if work.by_created is not None:
        shards = _by_created(shards, days, work.by_created)
    for name, values in _by_name(work.by_filter).items():
        if name in filters:
            raise ConfigurationError(f"--filter and --by-filter both set {name!r}: leave one out.")
        shards = by_filter(shards, name, values)
    return by_credentials(shards, work.by_credentials) if work.by_credentials else shards


def _by_name(texts: Iterable[str]) -> dict[str, list[str]]:
    found = dict[str, list[str]]()
    for text in texts:
        for name, value in fields_of((text,), ()).items():
            found.setdefault(name, []).append(value)
    return found


def _by_created(shards: list[Shard], days: tuple[str | None, str | None], parts: int) -> list[Shard]:
    if shards[0].resource != "projects":  # elsewhere there is no such filter: each shard would have every row
        raise ConfigurationError("--by-created cuts projects.")
    span = span_of(days, "--by-created")
    first, last = (datetime(day.year, day.month, day.day, tzinfo=UTC) for day in span)
    return by_created(shards, first, last + _DAY, parts)


async def totals_of(shards: Sequence[Shard], options: dict[str, Any]) -> list[int]:
    """Ask how many rows each shard has.

    Raises:
        ConfigurationError: The list has no numbered pages.
    """
    return [await _total(shard, options) for shard in shards]


async def _total(shard: Shard, options: dict[str, Any]) -> int:
    if shard.resource == "usage":
        raise ConfigurationError("--by-pages cuts lists; usage is cut by --by-days.")
    async with shared_client(shard.credentials, options) as shared:
        resource = getattr(shared.client, shard.resource)
        page = await (
            resource.list(limit=1, filters=shard.filters) if shard.filters else resource.list(limit=1)
        )
    if page.total is None or page.next_cursor is not None:
        raise ConfigurationError("This list has no numbered pages: leave out --by-pages.")
    return int(page.total)


def in_pages(shards: Sequence[Shard], totals: Sequence[int], page_size: int, work: Work) -> list[Shard]:
    """Cut shards into ranges of pages, where the options say so."""
    if work.by_pages is None:
        return list(shards)
    cut = zip(shards, totals, strict=True)
    return [part for shard, rows in cut for part in by_pages(shard, work.by_pages, rows, page_size)]


def rows_expected(shards: Sequence[Shard], totals: Sequence[int]) -> int | None:
    """Tell how many rows there will be, where that is known before."""
    if totals:
        return sum(totals)
    spans = [(shard.end - shard.start) // shard.step + 1 for shard in shards if shard.start and shard.end]
    return sum(spans) or None
