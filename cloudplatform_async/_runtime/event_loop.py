"""Which event loop runs here; the question loads neither asyncio nor trio."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from anyio import current_time

if TYPE_CHECKING:
    import asyncio


def running_asyncio_loop() -> "asyncio.AbstractEventLoop | None":
    """Give the running asyncio loop; ``None`` under trio."""
    if "asyncio" not in sys.modules:  # then none of its loops runs
        return None
    import asyncio

    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def current_event_loop() -> object:
    """Give an object that stands for the running event loop, of asyncio or trio."""
    return running_asyncio_loop() or _trio_token()


def current_clock() -> Callable[[], float]:
    """Give the clock that the running event loop's deadlines are set by, in seconds."""
    loop = running_asyncio_loop()
    return current_time if loop is None else loop.time


def _trio_token() -> object:
    import trio

    return trio.lowlevel.current_trio_token()
