"""Holds a group's calls back while the server says wait, and lets them go paced and in turn."""

from collections import OrderedDict
from weakref import WeakKeyDictionary

import anyio
from msgspec import Struct, field

from cloudplatform_async._calls.progress import Progress
from cloudplatform_async._protocol.pacing import Pace
from cloudplatform_async._protocol.rate_limits import exhausted_for
from cloudplatform_async._protocol.responses import Answer
from cloudplatform_async._protocol.retries import Failure, backoff, honoured_wait
from cloudplatform_async.errors import RateLimitError


class _Place:
    """One call in a queue."""

    def __init__(self) -> None:
        self._bell = anyio.Event()

    def ring(self) -> None:
        """Wake the call, to look where it stands."""
        self._bell.set()

    async def rung(self) -> None:
        """Wait until somebody rings."""
        await self._bell.wait()
        self._bell = anyio.Event()


class Lane(Struct, eq=False):
    """The calls of one credentials object and endpoint group, first come first served.

    Attributes:
        group: Endpoint group, for messages.
        pace: What the server has taught.
    """

    group: str
    pace: Pace = field(default_factory=Pace)
    _queue: OrderedDict[_Place, None] = field(default_factory=OrderedDict[_Place, None])

    @property
    def is_empty(self) -> bool:
        """Tell whether nobody waits."""
        return not self._queue

    async def enter(self, flight: Progress) -> None:
        """Wait for this call's turn.

        Raises:
            RateLimitError: At once, when the server wants a longer wait than the call may make.
        """
        place = _Place()
        self._queue[place] = None
        try:
            while next(iter(self._queue)) is not place:
                self._refuse_impatient(flight)
                await place.rung()
            while (wait := self._refuse_impatient(flight)) > 0:
                await flight.clock.sleep(wait)
            self.pace.take(flight.clock.monotonic())
        finally:
            self._leave(place)

    def refuse(self, now: float, seconds: float, sent: float) -> None:
        """Take in a 429."""
        self.pace.refuse(now, seconds, sent)
        self._ring_all()

    def close(self, now: float, seconds: float) -> None:
        """Let nobody ask for a time."""
        self.pace.close(now, seconds)
        self._ring_all()

    def _ring_all(self) -> None:
        """Let everyone in the queue see whether a closure is too long for them."""
        for place in self._queue:
            place.ring()

    def _leave(self, place: _Place) -> None:
        """Give the place on, whether the turn was used or cancelled."""
        del self._queue[place]
        if self._queue:
            next(iter(self._queue)).ring()

    def _refuse_impatient(self, flight: Progress) -> float:
        """Tell how long the first has to wait, which must not be longer than the call may."""
        now = flight.clock.monotonic()
        wait, closure = self.pace.wait(now), self.pace.closure(now)
        if closure > flight.policy.max_retry_after or 0 < wait >= flight.remaining:
            raise RateLimitError(
                f"The server wants no requests to {self.group!r} for another {wait:.1f} s, "
                "longer than this call may wait; nothing was sent.",
                status_code=429,
                retry_after=wait,
            )
        return wait


class Gate:
    """All lanes of a client and its views; a lane exists only while its group is throttled.

    A lane's key is the credentials object and the group, never a secret's value (API contract §7).
    """

    def __init__(self) -> None:
        self._was_throttled = False  # until then there is nothing to look for
        self._lanes: WeakKeyDictionary[object, dict[str, Lane]] = WeakKeyDictionary()

    async def enter(self, flight: Progress) -> None:
        """Let a call pass, at once unless its group is throttled.

        Raises:
            RateLimitError: At once, when the server wants a longer wait than the call may make.
        """
        lane = flight.lane = self._find(flight)
        if lane is not None:
            await lane.enter(flight)

    def lets_leave(self, flight: Progress) -> bool:
        """Tell whether a call that entered may still be sent, now that a connection is free for it."""
        lane = self._find(flight)
        return lane is None or (lane is flight.lane and not lane.pace.closure(flight.clock.monotonic()))

    def learn(self, flight: Progress, outcome: Answer | Failure) -> None:
        """Take in what the server answered to a call."""
        now = flight.clock.monotonic()
        if isinstance(outcome, Failure):
            if outcome.error.status_code == 429:
                self._refuse(flight, now, honoured_wait(outcome.error))
            return
        if lane := self._find(flight):
            lane.pace.deliver()
        if seconds := exhausted_for(outcome.headers, flight.clock.wall()):
            self._open(flight).close(now, seconds)

    def _refuse(self, flight: Progress, now: float, seconds: float | None) -> None:
        """Close a lane for as long as the server says, else once for all calls that were refused together."""
        lane = self._open(flight)
        if seconds is None:
            news = lane.pace.is_news(flight.departed)
            seconds = flight.clock.uniform(0.0, backoff(flight.policy, len(flight.failures))) if news else 0.0
        lane.refuse(now, seconds, flight.departed)

    def _open(self, flight: Progress) -> Lane:
        self._was_throttled = True
        return self._lanes.setdefault(flight.identity, {}).setdefault(
            flight.call.group, Lane(flight.call.group)
        )

    def _find(self, flight: Progress) -> Lane | None:
        if not self._was_throttled:
            return None
        lanes = self._lanes.get(flight.identity, {})
        lane = lanes.get(flight.call.group)
        if lane and lane.is_empty and lane.pace.is_forgotten(flight.clock.monotonic()):
            del lanes[flight.call.group]
            return None
        return lane
