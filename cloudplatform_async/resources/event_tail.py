"""Follows events as they happen: polls, and holds nothing open between two looks."""

from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from datetime import datetime
from ssl import SSLCertVerificationError
from types import TracebackType
from typing import Any, Final, Self

import anyio

from cloudplatform_async._paging.source import Page
from cloudplatform_async._protocol.retries import RETRYABLE_STATUSES
from cloudplatform_async._runtime.clock import CLOCK
from cloudplatform_async._runtime.raised import is_of_user
from cloudplatform_async.errors import (
    APIConnectionError,
    APIStatusError,
    ClientStateError,
    CloudPlatformError,
    TokenRefreshError,
)
from cloudplatform_async.models.events import Event

Fetch = Callable[[Any, int], Awaitable[Page[Event]]]
"""Fetches one page of at most so many events, by these filters."""

_PAGE: Final = 100  # as many as the platform gives at once
_REMEMBERED: Final = 10_000  # ids of events handed out, for pages that overlap
_LONGEST_PAUSE: Final = 30.0  # seconds between two looks in an outage, unless the server asks for more
_DEEPEST: Final = 20  # causes of an error that are looked at
_LONGEST_ASKED: Final = 3600.0  # seconds of a server's wish that are respected


class EventTail:
    """The events from some point on, each handed out once, as an async iterator that never ends by itself.

    It polls: after a look that brought nothing new it waits, and holds no connection meanwhile. An
    outage is outlived, whatever its length: where the platform cannot be reached, answers 5xx or asks
    to wait, the tail looks again later, with growing pauses, from where it stood. A refusal, such as a
    key that was revoked or a certificate that is not trusted, is raised, and the next event may be
    asked for after it.

    Attributes:
        after: Id of the last event that was handed out: pass it to ``tail(after=)`` in another process.

    Example:
        >>> async for event in client.events.tail():  # doctest: +SKIP
        ...     print(event.type)
    """

    def __init__(
        self, fetch: Fetch, *, after: str | None, since: datetime | None, poll_interval: float
    ) -> None:
        self.after = after
        self._fetch = fetch
        self._last = after  # fetched, and perhaps not yet handed out
        self._since = since
        self._knows_now = after is not None or since is not None
        self._poll_interval = poll_interval
        self._due = 0.0  # when to look again, in the clock's monotonic seconds
        self._failures = 0
        self._ready: deque[Event] = deque()
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._is_closed = False
        self._looking: anyio.CancelScope | None = None
        self._looked = anyio.Event()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._ready:
            await self._look(self._fill)
            if self._is_closed:
                raise StopAsyncIteration
        event = self._ready.popleft()
        self.after = event.id
        return event

    async def aclose(self) -> None:
        """End the tail; a task that waits for its next event finds it ended."""
        self._is_closed = True
        self._ready.clear()
        if self._looking is not None:
            self._looking.cancel()
            await self._looked.wait()

    async def __aenter__(self) -> Self:
        """Begin here and now, where neither ``after`` nor ``since`` says otherwise."""
        await self._look(self._find_now)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _look(self, look: Callable[[], Awaitable[None]]) -> None:
        """Let one task look, until it has found what it looks for or the tail is closed."""
        if self._looking is not None:
            raise ClientStateError("A tail serves one task at a time; give each its own.")
        if self._is_closed:
            return
        self._looked = anyio.Event()
        with anyio.CancelScope() as self._looking:
            try:
                await look()
            finally:
                self._looking = None
                self._looked.set()

    async def _fill(self) -> None:
        await self._find_now()
        while not self._ready:
            since = None if self._last else self._since
            page = await self._survive({"after": self._last, "since": since}, _PAGE)
            new = self._new(page.items)
            self._ready.extend(new)
            # Where more follows, the next look may be at once; but not where a page brought nothing new.
            pause = 0.0 if page.has_more and new else self._poll_interval
            self._due = CLOCK.process.monotonic() + pause

    def _new(self, items: list[Event]) -> list[Event]:
        """Give the events of a page that no page before has shown."""
        ids = [event.id for event in items]
        # Whatever stands before the last one known is older, also where another process has seen it.
        known = ids.index(self._last) + 1 if self._last in ids else 0
        new = [event for event in items[known:] if event.id not in self._seen]
        for event in new:
            self._seen[event.id] = None
            self._last = event.id
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return new

    async def _find_now(self) -> None:
        """Find where now is: behind the newest event there is."""
        if not self._knows_now:
            newest = (await self._survive({"order": "desc"}, 1)).items
            self._last = self.after = newest[0].id if newest else None
            self._knows_now = True

    async def _survive(self, filters: dict[str, Any], limit: int) -> Page[Event]:
        """Fetch a page when it is due, however long the platform cannot be asked."""
        while True:
            clock = CLOCK.process
            if (wait := self._due - clock.monotonic()) > 0:
                await clock.sleep(wait)
            try:
                page = await self._fetch(filters, limit)
            except (APIConnectionError, APIStatusError, TokenRefreshError) as error:
                if is_of_user(error) or not _passes(error):
                    raise
                self._failures += 1
                self._due = clock.monotonic() + self._pause(error, clock.uniform(0.5, 1.0))
            else:
                self._failures = 0
                return page

    def _pause(self, error: CloudPlatformError, jitter: float) -> float:
        """Give the seconds until the next look in an outage: more each time, and what is asked for."""
        growing = min(_LONGEST_PAUSE, max(self._poll_interval, 0.5) * 2.0 ** min(self._failures, 16))
        return max(growing * jitter, min(error.retry_after or 0.0, _LONGEST_ASKED))


def _passes(error: CloudPlatformError) -> bool:
    """Tell whether an error is of an outage, which passes, and no refusal on either side."""
    if error.status_code is None:
        return not _is_of_certificate(error)
    return error.status_code >= 500 or error.status_code in RETRYABLE_STATUSES


def _is_of_certificate(error: BaseException) -> bool:
    """Tell whether the server's certificate was not trusted, which no waiting mends."""
    link: BaseException | None = error
    for _ in range(_DEEPEST):
        if link is None or isinstance(link, SSLCertVerificationError):
            break
        link = link.__cause__ or link.__context__
    return isinstance(link, SSLCertVerificationError)
