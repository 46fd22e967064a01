"""What can be exported: a list of the platform, or the usage of each day of a span."""

from collections.abc import AsyncIterator, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from cloudplatform_async import ConfigurationError

if TYPE_CHECKING:
    from cloudplatform_async import AsyncClient
    from cloudplatform_async.cli.export.checkpoint import Checkpoint

_AHEAD = 4
_DAY = timedelta(days=1)
_FIELDS = {
    "projects": ("id", "name", "slug", "status", "labels", "created_at", "updated_at"),
    "events": ("id", "type", "created_at", "data", "api_version"),
    "usage": ("from", "to", "requests", "error_rate"),
}


@frozen(kw_only=True)
class Batch:
    """Rows, and where to go on after them.

    Attributes:
        rows: In order.
        resume_from: For the checkpoint.
        total: Rows of the whole list, where that is known.
    """

    rows: Sequence[dict[str, Any]]
    resume_from: str | None
    total: int | None


@frozen(kw_only=True)
class Source:
    """What is exported.

    Attributes:
        path: Of the list.
        params: Its filters.
        page_size: Rows asked for at a time.
        limit: Stop after so many.
        days: First and last day, of usage.
    """

    path: str
    params: dict[str, Any] = field(factory=dict[str, Any])
    page_size: int = 100
    limit: int | None = None
    days: tuple[date, date] | None = None

    @property
    def name(self) -> str:
        """Name it, as a table of a database does."""
        return self.path.strip("/").rpartition("/")[2] or "rows"

    @property
    def fields(self) -> tuple[str, ...]:
        """Give the fields of its rows, as far as they are known."""
        return _FIELDS.get(self.path.strip("/"), ())

    async def batches(self, client: "AsyncClient", standing: "Checkpoint") -> AsyncIterator[Batch]:
        """Walk it from a checkpoint on."""
        left = None if self.limit is None else max(0, self.limit - standing.rows)
        walk = _usage(self, client, standing, left) if self.days else _list(self, client, standing, left)
        async for batch in walk:
            yield batch


async def _list(
    source: Source, client: "AsyncClient", standing: "Checkpoint", left: int | None
) -> AsyncIterator[Batch]:
    walk = client.iter_all(
        source.path,
        params=source.params,
        page_size=source.page_size,
        max_items=left,
        ahead=_AHEAD,
        resume_from=standing.resume_from,
    )
    async with walk:
        async for page in walk.pages():
            yield Batch(rows=page.items, resume_from=walk.checkpoint, total=page.total)


async def _usage(
    source: Source, client: "AsyncClient", standing: "Checkpoint", left: int | None
) -> AsyncIterator[Batch]:
    first, last = source.days or (date.min, date.min)
    total = (last - first).days + 1
    first += _DAY * standing.rows
    last = last if left is None else min(last, first + _DAY * (left - 1))
    if first > last:
        return
    async for usage in client.usage.iter_windows(first, last):
        yield Batch(rows=[usage.to_dict()], resume_from=None, total=total)


def source_of(what: str, days: tuple[str | None, str | None], **options: Any) -> Source:
    """Read what is to be exported.

    Raises:
        ConfigurationError: Days without usage, or usage without days.
    """
    if what == "usage":
        return Source(path="/usage", days=span_of(days, "`export usage`"), **options)
    no_days(days)
    return Source(path=what if what.startswith("/") else f"/{what}", **options)


def span_of(days: tuple[str | None, str | None], taker: str) -> tuple[date, date]:
    """Read the first and the last day.

    Raises:
        ConfigurationError: They are no days, or in the wrong order.
    """
    try:
        first, last = (date.fromisoformat(day or "") for day in days)
    except ValueError:
        raise ConfigurationError(f"{taker} takes --from and --to, days such as 2026-03-01.") from None
    if first > last:
        raise ConfigurationError(f"--from ({first}) is after --to ({last}); swap them.")
    return first, last


def no_days(days: tuple[str | None, str | None]) -> None:
    """Refuse days that nothing takes.

    Raises:
        ConfigurationError: There are some.
    """
    if any(days):
        raise ConfigurationError("--from and --to are for `export usage`, and for --by-created.")
