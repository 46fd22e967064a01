"""Holds a group's calls back while the server says wait, and lets them go paced and in turn."""

from collections import OrderedDict
from collections.abc import Mapping
from types import MappingProxyType

import anyio
from msgspec import Struct, field

from cloudplatform_async._calls.progress import Progress
from cloudplatform_async._protocol.pacing import Pace
from cloudplatform_async._protocol.rate_limits import rate_limit_of
from cloudplatform_async._protocol.responses import Answer
from cloudplatform_async._protocol.retries import Failure, backoff, honoured_wait
from cloudplatform_async.errors import RateLimitError
from cloudplatform_async.responses import RateLimit

NO_HEADERS: Mapping[str, str] = MappingProxyType({})
HELD_BACK = "held_back"
"""Code of the error of a call that the client itself did not let go."""


class Place:
    """One call in a queue.

    Attributes:
        has_turn: A turn was reserved for it, where others are asked for turns.
    """

    def __init__(self) -> None:
        self.has_turn = False
        self._bell = anyio.Event()

    def ring(self) -> None:
        """Wake the call, to look where it stands."""
        self._bell.set()

    async def rung(self) -> None:
        """Wait until somebody rings."""
        await self._bell.wait()
        self._bell = anyio.Event()


class Lane(Struct, eq=False):
    """The calls with one credential to one endpoint group, first come first served.

    Attributes:
        group: Endpoint group, for messages.
        pace: What the server has taught.
    """

    group: str
    pace: Pace = field(default_factory=Pace)
    _queue: OrderedDict[Place, None] = field(default_factory=OrderedDict[Place, None])

    def is_forgotten(self, now: float) -> bool:
        """Tell whether nobody waits, and the limit no longer counts."""
        return not self._queue and self.pace.is_forgotten(now)

    async def enter(self, progress: Progress) -> None:
        """Wait for this call's turn.

        Raises:
            RateLimitError: At once, when the server wants a longer wait than the call may make.
        """
        now = progress.clock.monotonic()
        spacing = self.pace.caution(now)
        if spacing and self.pace.wait(now) + spacing * len(self._queue) >= progress.remaining:
            return  # nobody has refused anything: rather a request too many than a call that fails for it
        place = Place()
        self._queue[place] = None
        try:
            while next(iter(self._queue)) is not place:
                self._refuse_impatient(progress)
                await place.rung()
            while (wait := self._refuse_impatient(progress)) > 0:
                await progress.clock.sleep(wait)
            self.pace.take(progress.clock.monotonic())
        finally:  # whether the turn was used or cancelled
            del self._queue[place]
            if self._queue:
                next(iter(self._queue)).ring()

    def refuse(self, now: float, seconds: float, sent: float) -> None:
        """Take in a 429, and let everyone in the queue see whether the closure is too long for them."""
        self.pace.refuse(now, seconds, sent)
        for place in self._queue:
            place.ring()

    def _refuse_impatient(self, progress: Progress) -> float:
        """Tell how long the first has to wait, which must not be longer than the call may."""
        now = progress.clock.monotonic()
        wait, closure = self.pace.wait(now), self.pace.closure(now)
        if closure > progress.policy.max_retry_after or 0 < wait >= progress.remaining:
            raise RateLimitError(
                f"The server wants no requests to {self.group!r} for another {wait:.1f} s, "
                "longer than this call may wait; the client held it back.",
                code=HELD_BACK,
                retry_after=wait,
            )
        return wait


class Gate:
    """All lanes of a client and its views; a lane exists only while its group is throttled, or about to be.

    A lane's key is a digest of the credential and the group, never the secret itself (API contract §7):
    whoever sends the same credential waits together.

    Attributes:
        under_way: Requests of each lane that have no answer yet; whoever sends them keeps it.
    """

    def __init__(self) -> None:
        self._lanes: dict[tuple[object, str], Lane] = {}
        self.under_way: dict[tuple[object, str], int] = {}

    async def enter(self, progress: Progress) -> bool:
        """Let a call pass, at once unless its group is throttled.

        Returns:
            Whether it may have waited.

        Raises:
            RateLimitError: At once, when the server wants a longer wait than the call may make.
        """
        lane = progress.lane = self._find(progress)
        if lane is None:
            return False
        await lane.enter(progress)
        return True

    def lets_leave(self, progress: Progress) -> bool:
        """Tell whether a call that entered may still be sent, now that a connection is free for it."""
        lane = self._find(progress)
        return lane is None or (lane is progress.lane and not lane.pace.closure(progress.clock.monotonic()))

    def closure(self, progress: Progress) -> float:
        """Tell for how many seconds the group of a call is closed."""
        lane = self._find(progress)
        return 0.0 if lane is None else lane.pace.closure(progress.clock.monotonic())

    def learn(
        self, progress: Progress, outcome: Answer | Failure, headers: Mapping[str, str] = NO_HEADERS
    ) -> RateLimit | None:
        """Take in what the server answered to a call: only a 429 closes its group.

        Of what remains, requests that are under way have their part already: when no more than theirs is
        left, another one would be refused.

        Args:
            progress: Of the call.
            outcome: A success, or an error.
            headers: Of the answer that it was made of.

        Returns:
            What the answer says of the limit; that of an error is no reason for caution.
        """
        now = progress.clock.monotonic()
        status = outcome.error.status_code if isinstance(outcome, Failure) else outcome.status
        if status == 429 and isinstance(outcome, Failure):
            self._refuse(progress, now, honoured_wait(outcome.error))
        elif status is not None and status < 500 and (lane := self._find(progress)):
            lane.pace.deliver()  # also a 404: the limit let it through
        if isinstance(outcome, Failure):
            return rate_limit_of(headers, progress.clock.wall())
        said = rate_limit_of(outcome.headers, progress.clock.wall())
        if said is None or said.remaining > self.under_way.get((progress.identity, progress.call.group), 0):
            return said
        reset = said.reset or 0.0
        if 0 < reset <= progress.policy.max_retry_after:
            spacing = reset / said.limit if said.limit else progress.policy.base
            self._open(progress).pace.be_cautious(now, reset, spacing)
        return said

    def _refuse(self, progress: Progress, now: float, seconds: float | None) -> None:
        """Close a lane for as long as the server says, else once for all calls that were refused together."""
        lane = self._open(progress)
        if seconds is None:
            news = lane.pace.is_news(progress.departed)
            seconds = (
                progress.clock.uniform(0.0, backoff(progress.policy, len(progress.failures))) if news else 0.0
            )
        lane.refuse(now, seconds, progress.departed)

    def _open(self, progress: Progress) -> Lane:
        key, now = (progress.identity, progress.call.group), progress.clock.monotonic()
        lane = self._lanes.get(key)
        if lane is None:  # credentials come and go in a long-lived client: so do their lanes
            for other in [each for each, lane in self._lanes.items() if lane.is_forgotten(now)]:
                del self._lanes[other]
            lane = self._lanes[key] = Lane(progress.call.group)
        return lane

    def _find(self, progress: Progress) -> Lane | None:
        if not self._lanes:  # nearly always
            return None
        key = (progress.identity, progress.call.group)
        lane = self._lanes.get(key)
        if lane and lane.is_forgotten(progress.clock.monotonic()):
            del self._lanes[key]
            return None
        return lane
