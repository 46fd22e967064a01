"""The one source of time and dice, so that tests can pass in their own."""

import random
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar, Token

import anyio
from msgspec import Struct


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


class CurrentClock:
    """The clock in use: the one set for a context, else the one of the whole process.

    Attributes:
        process: Also seen by tasks that were started before it was put here.
    """

    def __init__(self) -> None:
        self.process = Clock()
        self._context: ContextVar[Clock] = ContextVar("cloudplatform_async_clock")

    def get(self) -> Clock:
        """Give the clock for the code that asks."""
        return self._context.get(self.process)

    def set(self, clock: Clock) -> Token[Clock]:
        """Use a clock in this context and in those made from it."""
        return self._context.set(clock)

    def reset(self, token: Token[Clock]) -> None:
        """Go back to what was before a `set`."""
        self._context.reset(token)


CLOCK = CurrentClock()
