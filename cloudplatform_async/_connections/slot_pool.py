"""Hands each request a slot, and takes it back only when the answer was read to its end."""

from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import cast

import httpx
from anyio import CancelScope

from cloudplatform_async._connections.admission import Admission
from cloudplatform_async._connections.departure import departure_of
from cloudplatform_async._connections.exceptions import TransportClosedError
from cloudplatform_async._connections.slots import HIGHEST_PORT, IdleSlots, Origin, Slot
from cloudplatform_async._runtime.clock import CLOCK
from cloudplatform_async.settings import PoolLimits

_MOST_BUFFERED_CHUNKS = 64
_CLOSED_IN_FLIGHT = "The transport was closed while the request was in flight."


class SlotPool:
    """Connections behind a fair queue, at a cost per request that hardly grows with their number.

    The permit of a request covers every socket it opens or closes, so that there are never more
    sockets than permits. Nothing runs in the background: expired slots are swept in passing.

    Args:
        limits: How many sockets there may be, and how long an idle one is kept.
        open_slot: Makes the slot for a request that no idle slot can take.

    Attributes:
        admission: The queue, in which a call may wait itself before it has its request made.
        closed: No more requests are taken.
    """

    __slots__ = ("_busy", "_expiry", "_idle", "_max", "_open_slot", "admission", "closed")

    def __init__(self, limits: PoolLimits, open_slot: Callable[[httpx.URL, Origin], Slot]) -> None:
        self.closed = False
        self._max = limits.max_connections
        self._expiry = limits.keepalive_expiry
        self._open_slot = open_slot
        self.admission = Admission(limits.max_connections)
        self._idle = IdleSlots()
        self._busy: set[Slot] = set()

    @property
    def connections(self) -> int:
        """Connections open or being opened, idle ones included."""
        return len(self._busy) + len(self._idle)

    @property
    def waiting(self) -> int:
        """Requests in the queue for a connection."""
        return self.admission.waiting

    async def send(self, request: httpx.Request) -> httpx.Response:
        """Send a request when its turn comes; the response's stream holds the slot until it is closed.

        Raises:
            httpx.TransportError: With ``request`` set; nothing else but a cancellation comes out.
        """
        try:
            slot = await self._check_out(request)
            response = await self._exchange(slot, request)
        except httpx.TransportError as error:
            failure = self.failure(error, request)
            raise failure from failure.__cause__
        response.stream = SlotStream(self, slot, response, request)
        return response

    def failure(self, error: httpx.TransportError, request: httpx.Request) -> httpx.TransportError:
        """What to raise for an error of a request: once the pool is closed, that was the reason."""
        if self.closed and not isinstance(error, TransportClosedError):
            cause, error = error, TransportClosedError(_CLOSED_IN_FLIGHT)
            error.__cause__ = cause
        error.request = request
        return error

    async def check_in(self, slot: Slot) -> None:
        """Take back a slot whose answer was read to its end."""
        if self.closed or not slot.keep:
            await self.discard(slot)
            return
        now = CLOCK.get().monotonic()
        self._busy.remove(slot)
        self._idle.put(slot, now)
        try:
            if self._has_expired(now):
                await self._sweep(now)
        finally:
            self.admission.release()

    async def discard(self, slot: Slot) -> None:
        """Close a slot whose request was interrupted; its permit is free when the socket is."""
        try:
            await _close(slot)
        finally:
            self._busy.remove(slot)
            self.admission.release()

    async def aclose(self) -> None:
        """Close every connection and fail every request, in flight or queued."""
        self.closed = True
        self.admission.close()
        while (slot := self._idle.take_oldest()) is not None:
            await _close(slot)
        for slot in list(self._busy):
            if slot.opening is not None:
                slot.opening.cancel()
            else:
                await _close(slot)

    async def _check_out(self, request: httpx.Request) -> Slot:
        departure = departure_of(request)
        if (departure is None or not departure.hand_over(self.admission)) and not self.admission.take():
            timeouts = request.extensions.get("timeout")
            await self.admission.acquire(timeouts.get("pool") if timeouts else None)
        taken = False
        try:
            slot = await self._find_or_open(request)
            taken = True
        finally:
            if not taken:
                self.admission.release()
        self._busy.add(slot)
        return slot

    async def _find_or_open(self, request: httpx.Request) -> Slot:
        if self._has_expired(now := CLOCK.get().monotonic()):
            await self._sweep(now)
        url = request.url
        origin = (url.scheme, url.netloc)
        if not request.extensions.get("fresh"):
            while (slot := self._idle.take(origin)) is not None:
                if slot.is_usable():
                    return slot
                await _close(slot)
        if (url.port or 0) > HIGHEST_PORT:
            raise httpx.ConnectError(f"There is no port {url.port}.")
        await self._make_room()
        return self._open_slot(url, origin)

    async def _make_room(self) -> None:
        """Close idle slots, whatever their origin, until one more socket may be opened."""
        while self.admission.in_use + len(self._idle) > self._max:
            oldest = self._idle.take_oldest()
            if oldest is not None:
                await _close(oldest)

    async def _exchange(self, slot: Slot, request: httpx.Request) -> httpx.Response:
        response = None
        try:
            if not self.closed:
                # A call of the client is in a scope of its own, which closing the client cancels.
                is_scoped = slot.used and departure_of(request) is not None
                response = await (slot.send(request) if is_scoped else self._open(slot, request))
        finally:
            if response is None or self.closed:
                await self.discard(slot)
        if response is None or self.closed:
            raise TransportClosedError(_CLOSED_IN_FLIGHT)
        return response

    async def _open(self, slot: Slot, request: httpx.Request) -> httpx.Response | None:
        """Send a request that `aclose` can cancel: there may be no socket yet, or httpx may open another."""
        try:
            with CancelScope() as slot.opening:
                return await slot.send(request)
        finally:
            slot.opening = None
        return None

    def _has_expired(self, now: float) -> bool:
        return self._expiry is not None and self._idle.has_expired(now - self._expiry)

    async def _sweep(self, now: float) -> None:
        if self._expiry is not None:
            while (slot := self._idle.take_expired(now - self._expiry)) is not None:
                await _close(slot)


class SlotStream(httpx.AsyncByteStream):
    """The raw bytes of an answer. Read to the end it gives the slot back; closed earlier it ends the slot.

    An iterator rather than a generator: one that is dropped half-way leaves nothing to be finalized.
    """

    __slots__ = ("_chunks", "_pool", "_request", "_slot", "_started", "_stream")

    def __init__(self, pool: SlotPool, slot: Slot, response: httpx.Response, request: httpx.Request) -> None:
        self._pool = pool
        self._slot: Slot | None = slot
        self._stream = cast("httpx.AsyncByteStream", response.stream)
        self._chunks = aiter(self._stream)
        self._request = request
        self._started = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        slot = self._slot
        if slot is None:
            raise StopAsyncIteration if self._started else httpx.StreamClosed
        self._started = True
        try:
            return await anext(self._chunks)
        except StopAsyncIteration:
            await self._finish(slot)
            raise
        except slot.errors as error:
            failure = self._pool.failure(slot.translate(error), self._request)
            raise failure from failure.__cause__

    async def aclose(self) -> None:
        """Let go of the slot; only the first call does anything."""
        slot, self._slot = self._slot, None
        if slot is None:
            return
        await self._pool.discard(slot)
        if self._started:
            await self._unwind(slot)

    async def _finish(self, slot: Slot) -> None:
        self._slot = None
        finished = False
        try:
            await self._stream.aclose()
            finished = True
        finally:
            await (self._pool.check_in(slot) if finished else self._pool.discard(slot))

    async def _unwind(self, slot: Slot) -> None:
        """Let the generators below run into the closed socket: trio warns of those that are abandoned."""
        with CancelScope(shield=True), suppress(*slot.errors, StopAsyncIteration):
            for _ in range(_MOST_BUFFERED_CHUNKS):
                await anext(self._chunks)


async def _close(slot: Slot) -> None:
    with CancelScope(shield=True):
        await slot.aclose()
