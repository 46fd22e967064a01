"""Hands out connections: a lease is a permit first, then a connection, and gives both back."""

from collections import OrderedDict, deque
from collections.abc import Callable

import httpx

from cloudplatform_async._connections.connection import Connection, Connections, Lease, Route
from cloudplatform_async._connections.exceptions import TransportClosedError, caused_by
from cloudplatform_async._connections.messages import Origin, Request, Response
from cloudplatform_async._connections.permits import Permits
from cloudplatform_async._runtime.clock import CLOCK
from cloudplatform_async.settings import PoolLimits

_CLOSED = "The transport was closed while the request was in flight."


class IdleConnections:
    """The connections at rest, found by route (last used first) and by age (oldest first), all in O(1)."""

    __slots__ = ("_by_age", "_by_route")

    def __init__(self) -> None:
        self._by_age: OrderedDict[Connection, None] = OrderedDict()
        self._by_route: dict[Route, deque[Connection]] = {}

    def __len__(self) -> int:
        return len(self._by_age)

    def put(self, connection: Connection, now: float) -> None:
        """Lay a connection to rest at ``now`` (monotonic seconds)."""
        connection.idle_since = now
        self._by_age[connection] = None
        same = self._by_route.get(connection.route)
        if same is None:
            same = self._by_route[connection.route] = deque()
        same.append(connection)

    def take(self, route: Route) -> Connection | None:
        """Take the one of a route that was used last."""
        same = self._by_route.get(route)
        return self._taken(same.pop()) if same else None

    def take_oldest(
        self, route: Route | None = None, *, idle_before: float | None = None
    ) -> Connection | None:
        """Take the one that has been idle for longest.

        Args:
            route: Only of this one.
            idle_before: Only if it has been idle since then, or longer (monotonic seconds).
        """
        queue = self._by_age if route is None else self._by_route.get(route)
        oldest = next(iter(queue)) if queue else None
        if oldest is None or (idle_before is not None and oldest.idle_since > idle_before):
            return None
        # The oldest of all is also the oldest of its own route.
        return self._taken(self._by_route[oldest.route].popleft())

    def _taken(self, connection: Connection) -> Connection:
        del self._by_age[connection]
        if not self._by_route[connection.route]:
            del self._by_route[connection.route]
        return connection


class Pool(Connections):
    """Connections behind a fair queue, at a cost per request that hardly grows with their number.

    A lease covers every socket that is opened or closed for it, so that there are never more sockets
    than permits. Nothing runs in the background: expired connections are closed in passing.

    Args:
        limits: How many sockets there may be, and how long an idle one is kept.
        route: Says how a request to an origin travels now.
        connect: Makes a connection, yet unopened.
    """

    opens_sockets = True

    def __init__(
        self, limits: PoolLimits, route: Callable[[Origin], Route], connect: Callable[[Route], Connection]
    ) -> None:
        self._limits = limits
        self._route = route
        self._connect = connect
        self._begin()

    def _begin(self) -> None:
        self.is_closed: bool = False
        self._permits = Permits(self._limits.max_connections)
        self._idle = IdleConnections()
        self._busy: set[Connection] = set()

    def count(self) -> tuple[int, int]:
        return len(self._busy) + len(self._idle), self._permits.waiting

    async def acquire(self, timeout: float | None, *, fresh: bool = False) -> "PooledLease":
        permits = self._permits
        if not permits.take():
            await permits.acquire(timeout)
        return PooledLease(self, permits, fresh=fresh)

    async def check_out(self, origin: Origin, *, fresh: bool) -> Connection:
        """Find a connection for a lease, or make one."""
        now = CLOCK.process.monotonic()
        await self._sweep(now)
        route = self._route(origin)
        if not fresh:
            while (connection := self._idle.take(route)) is not None:
                if connection.is_usable():
                    self._busy.add(connection)
                    return connection
                await connection.aclose()
        while self._permits.in_use + len(self._idle) > self._limits.max_connections:
            if (oldest := self._idle.take_oldest()) is not None:
                await oldest.aclose()
        connection = self._connect(route)
        self._busy.add(connection)
        return connection

    async def check_in(self, connection: Connection) -> None:
        """Take a connection back; one that may not carry another request is closed."""
        try:
            if self.is_closed or not connection.is_reusable:
                await connection.aclose()
                return
        finally:
            self._busy.discard(connection)
        now = CLOCK.process.monotonic()
        self._idle.put(connection, now)
        await self._sweep(now)

    async def drop_as_old_as(self, failed: Connection) -> None:
        """Close the idle ones that were last used no later than one that failed: they may be as dead."""
        while (old := self._idle.take_oldest(failed.route, idle_before=failed.idle_since)) is not None:
            await old.aclose()

    async def _sweep(self, now: float) -> None:
        expiry = self._limits.keepalive_expiry
        while expiry is not None and (old := self._idle.take_oldest(idle_before=now - expiry)) is not None:
            await old.aclose()

    def renew(self) -> "Pool":
        left = Pool(self._limits, self._route, self._connect)
        left._permits, left._idle, left._busy = self._permits, self._idle, self._busy
        self._begin()
        return left

    def abandon(self) -> None:
        self.is_closed = True
        while (connection := self._idle.take_oldest()) is not None:
            connection.abandon()
        for connection in self._busy:
            connection.abandon()
        self._busy.clear()

    async def aclose(self) -> None:
        self.is_closed = True
        self._permits.close()
        for connection in list(self._busy):
            connection.interrupt(TransportClosedError(_CLOSED))
        while (idle := self._idle.take_oldest()) is not None:
            await idle.aclose()


class PooledLease(Lease):
    """A permit of a pool, and the connection that was found for it."""

    def __init__(self, pool: Pool, permits: Permits, *, fresh: bool) -> None:
        self._pool = pool
        self._permits: Permits | None = permits
        self._fresh = fresh
        self._connection: Connection | None = None

    async def exchange(self, request: Request, limit: int) -> Response:
        response = await self.open(request)
        if self.enter is not None:
            self.enter("read")
        chunks: list[bytes] = []
        size = 0
        while size <= limit and (chunk := await self.read()):
            chunks.append(chunk)
            size += len(chunk)
        return Response(response.status, response.headers, b"".join(chunks)[: limit + 1])

    async def open(self, request: Request) -> Response:
        """Send a request and wait for the beginning of its answer."""
        self.sent = self.reused = False
        connection = self._connection = await self._pool.check_out(request.origin, fresh=self._fresh)
        self.reused, connection.enter = connection.used, self.enter
        try:
            if not connection.used:
                if self.enter is not None:
                    self.enter("connect")
                await connection.open(request)
            return await connection.send(request)
        except httpx.TransportError as error:
            failure = await self._failure(error)
        finally:
            self.sent = connection.sent
        raise failure

    async def read(self) -> bytes:
        """Give the next piece of the answer's body; nothing after the last."""
        if self._connection is None:
            raise httpx.StreamClosed
        try:
            return await self._connection.read()
        except httpx.TransportError as error:
            failure = await self._failure(error)
        raise failure

    async def _failure(self, error: httpx.TransportError) -> httpx.TransportError:
        if self.reused:
            await self.distrust()
        if self._pool.is_closed and not isinstance(error, TransportClosedError):
            return caused_by(error, TransportClosedError(_CLOSED))
        return error

    async def distrust(self) -> None:
        if self._connection is not None:
            await self._pool.drop_as_old_as(self._connection)

    async def release(self) -> None:
        connection, permits = self._connection, self._permits
        self._connection = self._permits = None
        try:
            if connection is not None:
                await self._pool.check_in(connection)
        finally:
            if permits is not None:
                permits.release()
