"""Holds a group's calls back while the server says wait, and lets them go paced and in turn."""

from collections import OrderedDict
from weakref import WeakKeyDictionary

import anyio
from attrs import define, field

from cloudplatform_async._protocol.pacing import Pace
from cloudplatform_async._protocol.rate_limits import exhausted_for
from cloudplatform_async._protocol.responses import Answer
from cloudplatform_async._protocol.retries import Failure, backoff, honoured_wait
from cloudplatform_async._transport.flight import Flight
from cloudplatform_async.errors import RateLimitError


@define(eq=False)
class Lane:
    """The calls of one credentials object and endpoint group, first come first served.

    Attributes:
        group: Endpoint group, for messages.
        pace: What the server has taught.
    """

    group: str
    pace: Pace = field(factory=Pace)
    _queue: "OrderedDict[anyio.Event, None]" = field(factory=OrderedDict)

    @property
    def is_empty(self) -> bool:
        """Tell whether nobody waits."""
        return not self._queue

    async def enter(self, flight: Flight) -> None:
        """Wait for this call's turn.

        Raises:
            RateLimitError: At once, when the server wants a longer wait than the call may make.
        """
        turn = anyio.Event()
        self._queue[turn] = None
        try:
            self._refuse_impatient(flight)
            if next(iter(self._queue)) is not turn:
                await turn.wait()
            await self._wait_as_first(flight)
        finally:
            self._leave(turn)

    async def _wait_as_first(self, flight: Flight) -> None:
        while (wait := self.pace.wait(flight.clock.monotonic())) > 0:
            self._refuse_impatient(flight)
            await flight.clock.sleep(wait)
        self.pace.take(flight.clock.monotonic())

    def _leave(self, turn: anyio.Event) -> None:
        """Give the place on, whether the turn was used or cancelled."""
        del self._queue[turn]
        if self._queue:
            next(iter(self._queue)).set()

    def _refuse_impatient(self, flight: Flight) -> None:
        closure = self.pace.closure(flight.clock.monotonic())
        if closure > flight.policy.max_retry_after or 0 < closure >= flight.remaining:
            raise RateLimitError(
                f"The server wants no requests to {self.group!r} for another {closure:.1f} s, "
                "longer than this call may wait; nothing was sent.",
                status_code=429,
                retry_after=closure,
            )


class Gate:
    """All lanes of a client and its views; a lane exists only while its group is throttled.

    A lane's key is the credentials object and the group, never a secret's value (API contract §7).
    """

    def __init__(self) -> None:
        self._lanes: WeakKeyDictionary[object, dict[str, Lane]] = WeakKeyDictionary()

    async def enter(self, flight: Flight) -> None:
        """Let a call pass, at once unless its group is throttled.

        Raises:
            RateLimitError: At once, when the server wants a longer wait than the call may make.
        """
        flight.lane = self._find(flight)
        if flight.lane is not None:
            await flight.lane.enter(flight)

    def lets_leave(self, flight: Flight) -> bool:
        """Tell whether a call that entered may still be sent, now that a connection is free for it."""
        lane = self._find(flight)
        return lane is None or (lane is flight.lane and not lane.pace.closure(flight.clock.monotonic()))

    def learn(self, flight: Flight, sent: float, outcome: Answer | Failure) -> None:
        """Take in what the server answered to a request that left at ``sent``, in monotonic seconds."""
        now = flight.clock.monotonic()
        if isinstance(outcome, Failure):
            if outcome.error.status_code == 429:
                seconds = honoured_wait(outcome.error)
                if seconds is None:
                    seconds = flight.clock.uniform(0.0, backoff(flight.policy, len(flight.failures)))
                self._open(flight).pace.refuse(now, seconds, sent)
            return
        if self._lanes and (lane := self._find(flight)):
            lane.pace.deliver()
        if seconds := exhausted_for(outcome.headers, flight.clock.wall()):
            self._open(flight).pace.close(now, seconds)

    def _open(self, flight: Flight) -> Lane:
        return self._lanes.setdefault(flight.identity, {}).setdefault(flight.call.group, Lane(flight.call.group))

    def _find(self, flight: Flight) -> Lane | None:
        if not self._lanes:
            return None
        lanes = self._lanes.get(flight.identity, {})
        lane = lanes.get(flight.call.group)
        if lane and lane.is_empty and lane.pace.is_forgotten(flight.clock.monotonic()):
            del lanes[flight.call.group]
            return None
        return lane
