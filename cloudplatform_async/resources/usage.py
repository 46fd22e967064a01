"""Usage: request counts and error rates of spans of days (API contract §4)."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from typing import Self, Unpack

from attrs import define, evolve, frozen

from cloudplatform_async._calls.sender import Sender
from cloudplatform_async._paging.source import Fetched, page_of
from cloudplatform_async._protocol.calls import target_of
from cloudplatform_async._protocol.decoding.conversion import payload_decoder
from cloudplatform_async._protocol.encoding import query_string
from cloudplatform_async._protocol.lists.checkpoints import list_identity
from cloudplatform_async._protocol.lists.page_walk import PageFacts, Position
from cloudplatform_async._runtime.background import Background
from cloudplatform_async.errors import InvalidRequestError
from cloudplatform_async.models.usage import Usage
from cloudplatform_async.pagination import Paginator
from cloudplatform_async.resources.operations import operation, with_call_options
from cloudplatform_async.settings import CallOptions

_DAY = timedelta(days=1)


@define(eq=False, repr=False, slots=False)
class UsageMetrics:
    """The usage of the workspace; reached as ``client.usage``.

    Example:
        >>> await client.usage.get(date(2026, 3, 1), date(2026, 3, 31))  # doctest: +SKIP
    """

    _sender: Sender

    async def get(self, start: date, end: date, **options: Unpack[CallOptions]) -> Usage:
        """Fetch the usage of a span of days.

        Args:
            start: First day, included.
            end: Last day, included; not before ``start``.
            **options: ``timeout=`` and ``headers=`` of this call; see ``CallOptions``.

        Raises:
            InvalidRequestError: For a ``start`` after ``end``, or a datetime; nothing is sent.

        Example:
            >>> usage = await client.usage.get(date(2026, 3, 1), date(2026, 3, 17))  # doctest: +SKIP
        """
        _check_span(start, end)
        target = target_of("/usage", query_string({"from": start, "to": end}))
        call = operation("GET", target, "usage:read", payload_decoder(Usage), **options)
        return (await self._sender.send(call)).data

    def iter_windows(
        self,
        start: date,
        end: date,
        *,
        step: timedelta = _DAY,
        ahead: int = 8,
        resume_from: str | None = None,
        **options: Unpack[CallOptions],
    ) -> Paginator[Usage]:
        """Walk a span of days in windows, in order, several fetched side by side.

        The walk is one like that of any list: each window is an item, and a page of its own.

        Args:
            start: First day, included.
            end: Last day, included; the last window ends with it.
            step: Length of a window, in whole days.
            ahead: Windows to fetch ahead, from 0 (strictly on demand); nothing is sent before the first
                is asked for, and one request until the second.
            resume_from: A ``checkpoint`` of a walk through the same windows.
            **options: ``timeout=`` and ``headers=`` of each window's call; see ``CallOptions``.

        Raises:
            InvalidRequestError: At once, for arguments that make no windows.

        Example:
            >>> windows = client.usage.iter_windows(date(2026, 1, 1), date(2026, 3, 31))  # doctest: +SKIP
            >>> async for usage in windows:  # doctest: +SKIP
            ...     print(usage.start, usage.requests)
        """
        _check_span(start, end)
        _check_step(step)
        sender = with_call_options(self._sender, options)
        source = _WindowSource(
            get=UsageMetrics(sender).get, background=sender.state.background, start=start, end=end, step=step
        )
        return Paginator(source, ahead=ahead, resume_from=resume_from)


@frozen(eq=False, kw_only=True)
class _WindowSource:
    """The windows of a span of days, as a numbered list with one item a page."""

    get: Callable[[date, date], Awaitable[Usage]]
    background: Background | None
    start: date
    end: date
    step: timedelta
    limit: int | None = 1
    model: type[Usage] = Usage

    @property
    def identity(self) -> str:
        """Names the windows."""
        return list_identity("/usage", f"from={self.start}&to={self.end}&step={self.step.days}")

    def sized(self, limit: int | None) -> Self:
        """Give the same windows: each is a page, whatever the size."""
        return evolve(self, limit=limit)

    async def fetch(self, position: Position) -> Fetched[Usage]:
        """Fetch one window."""
        number = position.page or 1
        first = self.start + (number - 1) * self.step
        # Compared like this, no day beyond the calendar's last is ever computed.
        last = self.end if self.end - first < self.step else first + (self.step - _DAY)
        usage = await self.get(first, last)
        facts = PageFacts(count=1, page=number, limit=1, total=(self.end - self.start) // self.step + 1)
        return Fetched(page=page_of([usage], facts, position, 1), asked=position, facts=facts)


def _check_day(name: str, day: object) -> None:
    if isinstance(day, str):
        raise InvalidRequestError(
            f"`{name}` must be a date, not the text {day!r}; read it with date.fromisoformat({day!r})."
        )
    if not isinstance(day, date) or isinstance(day, datetime):
        raise InvalidRequestError(f"`{name}` must be a date, not {day!r}; take .date() of a datetime.")


def _check_step(step: object) -> None:
    if not isinstance(step, timedelta) or step < _DAY or step % _DAY:
        raise InvalidRequestError(f"`step` must be a timedelta of whole days, not {step!r}.")


def _check_span(start: date, end: date) -> None:
    _check_day("start", start)
    _check_day("end", end)
    if start > end:
        raise InvalidRequestError(f"`start` ({start}) is after `end` ({end}); swap them.")
