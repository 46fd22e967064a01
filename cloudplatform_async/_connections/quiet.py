"""Sees, at the cost of one system call, whether the peer has closed an idle socket."""

import select
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol


class NetworkStream(Protocol):
    """What httpx's ``trace`` extension tells of the socket below a connection."""

    async def aclose(self) -> None: ...

    def get_extra_info(self, info: str) -> Any: ...  # Any: depends on the name


class QuietSocket:
    """A socket on which nothing is due: one that can be read from was closed by its peer, or is broken.

    Args:
        socket: Whatever has a file descriptor, which is -1 once it is closed.
    """

    __slots__ = ("_descriptor", "_poll", "_socket")

    def __init__(self, socket: Any) -> None:  # of asyncio, of trio, or the standard library's
        self._socket = socket
        self._descriptor: int = socket.fileno()
        self._poll = select.poll()
        if self._descriptor != -1:
            self._poll.register(self._descriptor, select.POLLIN)

    def is_quiet(self) -> bool:
        """Tell whether the socket is open and has nothing to read."""
        # The descriptor of a socket that was closed may be another one's by now.
        is_open = self._descriptor == self._socket.fileno() != -1
        return is_open and not self._poll.poll(0)


def quiet_check(stream: NetworkStream) -> Callable[[], bool]:
    """Prepare the check of a connection; httpx's own looks the socket up and registers it each time."""
    socket = stream.get_extra_info("socket")
    if socket is None or not hasattr(select, "poll"):  # as on Windows
        return partial(_seems_quiet, stream)
    return QuietSocket(socket).is_quiet


def _seems_quiet(stream: NetworkStream) -> bool:
    try:
        return not stream.get_extra_info("is_readable")
    except ValueError:  # trio's word for a socket that httpcore has closed
        return False
