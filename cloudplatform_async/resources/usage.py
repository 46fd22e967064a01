"""Usage: request counts and error rates of spans of days (API contract §4)."""

from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from datetime import date, datetime, timedelta
from functools import partial
from itertools import islice
from typing import Self

from attrs import frozen

from cloudplatform_async._calls.sender import Sender
from cloudplatform_async._paging.window import Window
from cloudplatform_async._protocol.calls import target_of
from cloudplatform_async._protocol.conversion import payload_decoder
from cloudplatform_async._protocol.encoding import query_string, whole_number
from cloudplatform_async.errors import InvalidRequestError
from cloudplatform_async.models.usage import Usage
from cloudplatform_async.resources.operations import operation

_DAY = timedelta(days=1)


@frozen(eq=False, repr=False)
class UsageMetrics:
    """The usage of the workspace; reached as ``client.usage``."""

    _sender: Sender

    async def get(self, start: date, end: date) -> Usage:
        """Fetch the usage of a span of days.

        Args:
            start: First day, included.
            end: Last day, included; not before ``start``.

        Raises:
            InvalidRequestError: For a ``start`` after ``end``, or a datetime; nothing is sent.

        Example:
            >>> usage = await client.usage.get(date(2026, 3, 1), date(2026, 3, 17))  # doctest: +SKIP
        """
        _check_span(start, end)
        target = target_of("/usage", query_string({"from": start, "to": end}))
        call = operation("GET", target, "usage:read", payload_decoder(Usage))
        return (await self._sender.send(call)).data

    def iter_windows(
        self, start: date, end: date, *, step: timedelta = _DAY, ahead: int = 8
    ) -> "UsageWindows":
        """Walk a span of days in windows, in order, several fetched side by side.

        Args:
            start: First day, included.
            end: Last day, included; the last window ends with it.
            step: Length of a window, in whole days.
            ahead: Windows to fetch ahead, from 0 (strictly on demand); nothing is sent before the first
                is asked for.

        Raises:
            InvalidRequestError: At once, for arguments that make no windows.

        Example:
            >>> windows = client.usage.iter_windows(date(2026, 1, 1), date(2026, 3, 31))  # doctest: +SKIP
            >>> async for usage in windows:  # doctest: +SKIP
            ...     print(usage.start, usage.requests)
        """
        _check_span(start, end)
        _check_step(step)
        window: Window[Usage] = Window(self._sender.state.background)
        return UsageWindows(self.get, window, _spans(start, end, step), whole_number("ahead", ahead, least=0))


class UsageWindows:
    """The windows of a span of days, as an async iterator; after an error the same window is tried again."""

    def __init__(
        self,
        get: Callable[[date, date], Awaitable[Usage]],
        window: Window[Usage],
        spans: Iterator[tuple[date, date]],
        ahead: int,
    ) -> None:
        self._get = get
        self._window = window
        self._spans = spans
        self._ahead = ahead
        self._pending: deque[tuple[date, date]] = deque()
        self._ready: deque[Usage] = deque()  # fetched, and not yet handed out

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Usage:
        while not self._ready:
            await self._look_ahead()
            if not self._pending:
                raise StopAsyncIteration
            usage = await self._window.take(partial(self._get, *self._pending[0]))
            self._pending.popleft()
            self._ready.append(usage)
            await self._look_ahead()
        return self._ready.popleft()

    async def aclose(self) -> None:
        """End the walk, and wait until nothing of it is under way."""
        self._spans = iter(())
        self._pending.clear()
        self._ready.clear()
        await self._window.aclose()

    async def _look_ahead(self) -> None:
        self._pending.extend(islice(self._spans, max(1, self._ahead) - len(self._pending)))
        missing = list(islice(self._pending, len(self._window), self._ahead))
        for span in missing:
            self._window.start(partial(self._get, *span))
        if missing:
            await self._window.set_out()


def _check_day(name: str, day: object) -> None:
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


def _spans(start: date, end: date, step: timedelta) -> Iterator[tuple[date, date]]:
    while end - start >= step:  # compared like this, no day beyond the calendar's last is ever computed
        yield start, start + step - _DAY
        start += step
    yield start, end
