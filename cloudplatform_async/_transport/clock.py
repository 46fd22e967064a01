"""The one source of time and dice, so that tests can pass in their own."""

import random
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar

import anyio
from attrs import frozen


@frozen(kw_only=True)
class Clock:
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


CLOCK: ContextVar[Clock] = ContextVar("cloudplatform_async_clock", default=Clock())  # noqa: B039 - frozen
