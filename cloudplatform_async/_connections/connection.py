"""What every kind of connection does, and what whoever hands them out does: the two verbs."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from typing import NamedTuple

import httpx

from cloudplatform_async._connections.messages import Origin, Request, Response

Enter = Callable[[str], None]
"""Told that a part of a call begins, by its name."""


class Route(NamedTuple):
    """What two requests must have in common to share a connection.

    Attributes:
        origin: Where they go.
        kind: How they travel there.
    """

    origin: Origin
    kind: Hashable


class Connection(ABC):
    """One connection to one origin, opened by its first request.

    Attributes:
        route: Whom it leads to, and how.
        idle_since: Monotonic seconds at which the last request ended.
        used: It has carried a request to the beginning of its answer.
        sent: The first byte of the request under way may have left.
        is_reusable: The last answer was read to its end, and both sides keep the connection.
        enter: Told which part of an exchange begins, where somebody looks: ``"wait"`` after ``"send"``.
    """

    __slots__ = ("enter", "idle_since", "is_reusable", "route", "sent", "used")

    def __init__(self, route: Route) -> None:
        self.route: Route = route
        self.idle_since: float = 0.0
        self.used: bool = False
        self.sent: bool = False
        self.is_reusable: bool = False
        self.enter: Enter | None = None

    @abstractmethod
    async def open(self, request: Request) -> None:
        """Make ready for a first request.

        Raises:
            httpx.TransportError: Nothing of the request has been sent.
        """

    @abstractmethod
    async def send(self, request: Request) -> Response:
        """Send a request and wait for the beginning of its answer.

        Raises:
            httpx.TransportError: No other error of the network comes out.
        """

    @abstractmethod
    async def read(self) -> bytes:
        """Give the next piece of the answer's body; nothing after the last.

        Raises:
            httpx.TransportError: As above.
        """

    @abstractmethod
    def is_usable(self) -> bool:
        """Tell whether an idle connection is open, and nothing at all has come on it."""

    @abstractmethod
    def interrupt(self, error: httpx.TransportError) -> None:
        """End whatever is under way here with an error; may be called from any task of the event loop."""

    @abstractmethod
    def abandon(self) -> None:
        """Close the socket alone, where its event loop has ended."""

    @abstractmethod
    async def aclose(self) -> None:
        """Close the connection at once, whatever it is doing; may be called again."""


class Lease(ABC):
    """The right to one exchange at a time, until it is released.

    Attributes:
        sent: The first byte of the last request may have left.
        reused: Its connection had carried an earlier request.
        enter: Told which part of the exchange begins, where somebody looks.
    """

    sent: bool = False
    reused: bool = False
    enter: Enter | None = None

    @abstractmethod
    async def exchange(self, request: Request, limit: int) -> Response:
        """Send a request and read its answer whole.

        Args:
            request: What to send.
            limit: Most bytes of a body; a longer one is cut one byte behind it.

        Raises:
            httpx.TransportError: Whatever the network did.
        """

    @abstractmethod
    async def distrust(self) -> None:
        """Close idle connections that are as old as the last one here, which was silent for too long."""

    @abstractmethod
    async def release(self) -> None:
        """Give back what the lease holds; may be called again."""


class Connections(ABC):
    """Whatever carries the requests of a client.

    Attributes:
        opens_sockets: It belongs to the event loop that it is used in.
    """

    opens_sockets: bool

    @abstractmethod
    async def acquire(self, timeout: float | None, *, fresh: bool = False) -> Lease:
        """Wait for a lease.

        Args:
            timeout: Seconds to wait at most.
            fresh: Use no connection that carried a request before.

        Raises:
            httpx.PoolTimeout: None came free in time.
            ClosedBeforeSendingError: There are no more.
        """

    @abstractmethod
    def count(self) -> tuple[int | None, int | None]:
        """Tell the open connections, and the leases waited for; ``None`` where that is not known."""

    @abstractmethod
    def renew(self) -> "Connections | None":
        """Begin anew in another event loop; give what was opened so far, if it has to be closed."""

    @abstractmethod
    def abandon(self) -> None:
        """Close the sockets alone, where their event loop has ended; no call waits for them."""

    @abstractmethod
    async def aclose(self) -> None:
        """Close all connections at once, whatever they are doing."""
