"""A slot holds one connection; here is what the pool asks of it, and where it keeps the idle ones."""

from abc import ABC, abstractmethod
from collections import OrderedDict, deque
from typing import ClassVar

import httpx
from anyio import CancelScope

Origin = tuple[str, bytes]
"""Scheme and authority: requests with the same origin may share a connection (RFC 9110 §4.3.1)."""

HIGHEST_PORT = 65_535
"""Httpx lets higher ones pass, and the sockets below raise what nobody expects."""


class Slot(ABC):
    """One connection to one origin, opened by its first request, for one request at a time.

    Attributes:
        origin: Whom the connection leads to.
        idle_since: Monotonic seconds at which the last request ended.
        keep: Whether the connection may carry another request, by what both sides have said.
        used: Whether the connection has carried a request to the beginning of its answer.
        opening: The cancel scope around the first request, which opens the connection, to end it early.
        errors: What reading an answer's body may raise; `translate` knows each of them.
    """

    errors: ClassVar[tuple[type[Exception], ...]] = (httpx.TransportError,)
    __slots__ = ("idle_since", "keep", "opening", "origin", "used")

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.idle_since = 0.0
        self.keep = True
        self.used = False
        self.opening: CancelScope | None = None

    @abstractmethod
    async def send(self, request: httpx.Request) -> httpx.Response:
        """Send the request and read the answer's header.

        Raises:
            httpx.TransportError: No other error of the network comes out.
        """

    @abstractmethod
    def translate(self, error: Exception) -> httpx.TransportError:
        """The httpx error for one of `errors`: the same object, or a new one."""

    @abstractmethod
    def is_usable(self) -> bool:
        """Whether, as far as can be seen without I/O, the peer has kept the connection open."""

    @abstractmethod
    async def aclose(self) -> None:
        """Close the connection at once, whatever it is doing; may be called again."""


class IdleSlots:
    """The slots at rest, found by origin (last used first) and by age (oldest first), all in O(1).

    Example:
        >>> idle = IdleSlots()
        >>> idle.take(("https", b"api.example.com")) is None
        True
    """

    __slots__ = ("_by_age", "_by_origin")

    def __init__(self) -> None:
        self._by_age: OrderedDict[Slot, None] = OrderedDict()
        self._by_origin: dict[Origin, deque[Slot]] = {}

    def __len__(self) -> int:
        return len(self._by_age)

    def put(self, slot: Slot, now: float) -> None:
        """Lay a slot to rest at ``now`` (monotonic seconds)."""
        slot.idle_since = now
        self._by_age[slot] = None
        stack = self._by_origin.get(slot.origin)
        if stack is None:
            stack = self._by_origin[slot.origin] = deque()
        stack.append(slot)

    def take(self, origin: Origin) -> Slot | None:
        """The origin's slot that was used last, or ``None``."""
        stack = self._by_origin.get(origin)
        if stack is None:
            return None
        slot = stack.pop()
        self._forget(slot, stack)
        return slot

    def take_oldest(self) -> Slot | None:
        """The slot that has been idle for longest, of whichever origin, or ``None``."""
        if not self._by_age:
            return None
        # The oldest of all is also the oldest of its own origin, so it lies at the bottom there.
        slot = next(iter(self._by_age))
        stack = self._by_origin[slot.origin]
        stack.popleft()
        self._forget(slot, stack)
        return slot

    def has_expired(self, idle_before: float) -> bool:
        """Whether the oldest slot has been idle since ``idle_before`` (monotonic seconds) or longer."""
        return bool(self._by_age) and next(iter(self._by_age)).idle_since <= idle_before

    def take_expired(self, idle_before: float) -> Slot | None:
        """The oldest slot if it has been idle since ``idle_before`` (monotonic seconds) or longer."""
        return self.take_oldest() if self.has_expired(idle_before) else None

    def _forget(self, slot: Slot, stack: deque[Slot]) -> None:
        del self._by_age[slot]
        if not stack:
            del self._by_origin[slot.origin]
