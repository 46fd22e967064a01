"""The one source of time and dice, so that tests can pass in their own."""

import random
import time
from collections.abc import Awaitable, Callable

import anyio
from msgspec import Struct

from cloudplatform_async._protocol.tokens import Instant


class Clock(Struct, frozen=True, kw_only=True):
    """Four functions through which the package meets time and chance.

    Attributes:
        monotonic: Seconds on a clock that never goes back.
        wall: Seconds since the epoch.
        sleep: Waits for a number of seconds; cancellable.
        uniform: Draws a float between two bounds.
    """

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep
    uniform: Callable[[float, float], float] = random.uniform

    def now(self) -> Instant:
        """Read both clocks."""
        return Instant(self.monotonic(), self.wall())


class CurrentClock:
    """The clock of the whole process: tasks and threads that run already see a change at once.

    Attributes:
        process: The clock in use.
    """

    process = Clock()


CLOCK = CurrentClock()
