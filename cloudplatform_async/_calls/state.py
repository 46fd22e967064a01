"""What a client and all of its views share."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib import import_module

import httpx
from anyio import CancelScope, NoEventLoopError
from msgspec import Struct, field
from msgspec.structs import asdict

from cloudplatform_async._calls.gate import Gate
from cloudplatform_async._calls.shared_turns import SharedTurns
from cloudplatform_async._connections.connection import Connections
from cloudplatform_async._connections.foreign import connections_of
from cloudplatform_async._protocol.budget import RetryBudget
from cloudplatform_async._protocol.rate_limits import SharedLimit
from cloudplatform_async._runtime.background import Background
from cloudplatform_async._runtime.event_loop import Leftovers, current_clock, current_event_loop, has_ended
from cloudplatform_async.errors import ClientStateError, ConfigurationError
from cloudplatform_async.observability.dispatch import Dispatch
from cloudplatform_async.observability.logging import follow_environment
from cloudplatform_async.responses import RateLimit
from cloudplatform_async.statistics import ClientStatistics

_FOR_CALLS = (  # cattrs and tenacity: an import leaves them out, and no call is to wait for them
    "cloudplatform_async._protocol.decoding.structuring",
    "cloudplatform_async._calls.attempts",
)


class Counters(Struct):
    """What statistics are made of."""

    in_flight: int = 0
    attempts: int = 0
    retries: int = 0
    throttled: int = 0
    replayed: int = 0


def _turns(limit: object) -> SharedTurns | None:
    if limit is not None and not isinstance(limit, SharedLimit):
        kind = type(limit).__name__
        raise ConfigurationError(f"shared_limit must be one such as collect.RedisLimit, not a {kind}.")
    return None if limit is None else SharedTurns(limit)


class SharedState(Struct, eq=False, kw_only=True):
    """The open house: connections, gate, budget, background tasks and counters.

    Attributes:
        connections: Owned: closed with the state.
        shared_turns: At a limit that other processes share, if there is one.
        dispatch: Who is told of what happens.
        limits: What the latest answer of each group said of its limit.
        deprecated: Endpoints whose end was told.
        scopes: Of the calls under way: closing the client cancels them, wherever they wait.
        scope_type: Of the event loop: anyio would look up whose loop this is for each scope.
    """

    connections: Connections
    dispatch: Dispatch = field(default_factory=Dispatch)
    limits: dict[str, RateLimit] = field(default_factory=dict[str, RateLimit])
    deprecated: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    background: Background = field(default_factory=Background)
    gate: Gate = field(default_factory=Gate)
    budget: RetryBudget = field(default_factory=RetryBudget)
    counters: Counters = field(default_factory=Counters)
    shared_turns: SharedTurns | None = None
    closed: bool = False
    scopes: set[CancelScope] = field(default_factory=set[CancelScope])
    _loop: object = None
    _time: Callable[[], float] = lambda: 0.0
    scope_type: type[CancelScope] = CancelScope
    _leftovers: Leftovers = field(default_factory=Leftovers)

    @classmethod
    def over(
        cls,
        transport: httpx.AsyncBaseTransport,
        *,
        observers: Iterable[object] = (),
        shared_limit: SharedLimit | None = None,
    ) -> "SharedState":
        """Open a house over a transport, which may be the user's own."""
        for name in _FOR_CALLS:
            import_module(name)
        with suppress(NoEventLoopError):
            CancelScope()  # has anyio load its part for the event loop, where there is one already
        follow_environment()
        return cls(
            connections=connections_of(transport),
            dispatch=Dispatch(observers),
            shared_turns=_turns(shared_limit),
        )

    async def enter(self) -> float:
        """Check that a call may start here and now; the first one binds the client to its event loop.

        Returns:
            The time of the event loop, in seconds, to reckon a deadline from.

        Raises:
            ClientStateError: When the client is closed, or belongs to another event loop that still runs.
        """
        if self.closed:
            raise ClientStateError("This client is closed; make a new one, or keep it open for longer.")
        loop = current_event_loop()
        if loop is not self._loop:
            await self._move_to(loop)
        return self._time()

    async def _move_to(self, loop: object) -> None:
        """Begin anew where the last event loop has ended; a transport without sockets is at home anywhere."""
        before, is_bound = self._loop, self._loop is not None and self.connections.opens_sockets
        if is_bound and not has_ended(before):
            raise ClientStateError(
                "This client belongs to another event loop; make one client in each, and close it there."
            )
        self._loop, self._time = loop, current_clock()
        self.scope_type = type(CancelScope())
        if is_bound:
            self.scopes.clear()
            left = self.connections.renew()
            if left is not None:
                self._leftovers.add(before, left.aclose, left.abandon)
            await self._leftovers.close()

    def statistics(self) -> ClientStatistics:
        """Take a snapshot."""
        connections, waiting = self.connections.count()
        return ClientStatistics(
            connections=connections,
            waiting=waiting,
            limits=dict(self.limits),
            **asdict(self.counters),
        )

    def reopen(self) -> None:
        """Begin anew after a close, with what was learnt so far; does nothing while it is open."""
        if self.closed:
            self.closed, self._loop = False, None
            self.connections.renew()

    async def aclose(self) -> None:
        """End calls and background tasks, then the connections; a second time does nothing."""
        if not self.closed:
            self.closed = True
            loop = self._loop if self.connections.opens_sockets else None
            self._leftovers.add(loop, self._close, self.connections.abandon)
        await self._leftovers.close()

    async def _close(self) -> None:
        for scope in list(self.scopes):
            scope.cancel()
        try:
            await self.background.aclose()
        finally:  # also where closing is cancelled: no connection stays open
            await self.connections.aclose()
