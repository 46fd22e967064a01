"""A large request body, handed over in pieces so that a server that stops taking them is noticed."""

import asyncio
from collections.abc import AsyncIterator, Callable

from cloudplatform_async._connections.request_body import pieces


class PacedBody:
    """Iterates over a body, and calls for help when a piece is not taken in time.

    Args:
        content: The whole body.
        seconds: How long the peer may take for a piece; ``None`` is for ever.
        break_off: Called when that time has passed.

    Attributes:
        stalled: Whether it was called.
    """

    __slots__ = ("_break_off", "_content", "_seconds", "stalled")

    def __init__(self, content: bytes, seconds: float | None, break_off: Callable[[], None]) -> None:
        self._content = content
        self._seconds = seconds
        self._break_off = break_off
        self.stalled = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in pieces(self._content):
            timer = self._start_timer()
            try:
                yield piece
            finally:
                if timer is not None:
                    timer.cancel()

    def _start_timer(self) -> asyncio.TimerHandle | None:
        if self._seconds is None:
            return None
        return asyncio.get_running_loop().call_later(self._seconds, self._stall)

    def _stall(self) -> None:
        self.stalled = True
        self._break_off()
