"""What a client and all of its views share."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib import import_module

import httpx
from anyio import CancelScope, NoEventLoopError
from msgspec import Struct, field

from cloudplatform_async._calls.gate import Gate
from cloudplatform_async._calls.shared_turns import SharedTurns
from cloudplatform_async._connections.connection import Connections
from cloudplatform_async._connections.foreign import connections_of
from cloudplatform_async._protocol.budget import RetryBudget
from cloudplatform_async._protocol.rate_limits import SharedLimit
from cloudplatform_async._runtime.background import Background
from cloudplatform_async._runtime.event_loop import close_in, current_clock, current_event_loop, has_ended
from cloudplatform_async.errors import ClientStateError
from cloudplatform_async.observability.dispatch import Dispatch
from cloudplatform_async.observability.logging import follow_environment
from cloudplatform_async.responses import RateLimit
from cloudplatform_async.settings import BaseURL
from cloudplatform_async.statistics import ClientStatistics

_FOR_CALLS = (  # cattrs and tenacity
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


def _load() -> None:
    """Load what an import leaves out and calls may need: none of them is to keep the event loop waiting."""
    for name in _FOR_CALLS:
        import_module(name)
    with suppress(NoEventLoopError):
        CancelScope()  # has anyio load its part for the event loop, where there is one already


class SharedState(Struct, eq=False, kw_only=True):
    """The open house: connections, gate, budget, background tasks and counters.

    Attributes:
        base: Where every request goes.
        connections: Owned: closed with the state.
        max_response_bytes: Most bytes of a body.
        shared_turns: At a limit that other processes share, if there is one.
        dispatch: Who is told of what happens.
        limits: What the latest answer of each group said of its limit.
        deprecated: Endpoints whose end was told.
        scopes: Of the calls under way.
    """

    base: BaseURL
    connections: Connections
    max_response_bytes: int
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
    _scope: type[CancelScope] = CancelScope

    @classmethod
    def over(
        cls,
        transport: httpx.AsyncBaseTransport,
        *,
        base: BaseURL,
        max_response_bytes: int,
        observers: Iterable[object] = (),
    ) -> "SharedState":
        """Open a house over a transport, which may be the user's own."""
        _load()
        follow_environment()
        return cls(
            base=base,
            connections=connections_of(transport),
            max_response_bytes=max_response_bytes,
            dispatch=Dispatch(observers),
        )

    def share(self, limit: SharedLimit | None) -> None:
        """Keep a limit with other processes too."""
        self.shared_turns = None if limit is None else SharedTurns(limit)

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
        self._scope = type(CancelScope())  # anyio would look up whose loop this is for each scope
        if is_bound:
            self.scopes.clear()
            left = self.connections.renew()
            if left is not None:
                await close_in(before, left.aclose, left.abandon)

    def statistics(self) -> ClientStatistics:
        """Take a snapshot."""
        connections, waiting = self.connections.count()
        return ClientStatistics(
            connections=connections,
            waiting=waiting,
            in_flight=self.counters.in_flight,
            attempts=self.counters.attempts,
            retries=self.counters.retries,
            throttled=self.counters.throttled,
            replayed=self.counters.replayed,
            limits=dict(self.limits),
        )

    def open_scope(self, deadline: float) -> CancelScope:
        """Bound a call by its deadline, and let closing the client cancel it wherever it waits.

        Args:
            deadline: In the event loop's seconds; a call that meets it ends without an outcome.

        Returns:
            A scope that the call enters, and takes out of ``scopes`` when it is over.
        """
        scope = self._scope(deadline=deadline)
        self.scopes.add(scope)
        return scope

    def reopen(self) -> None:
        """Begin anew after a close, with what was learnt so far; does nothing while it is open."""
        if self.closed:
            self.closed, self._loop = False, None
            self.connections.renew()

    async def aclose(self) -> None:
        """End calls and background tasks, then the connections; a second time does nothing."""
        if self.closed:
            return
        self.closed = True
        loop = self._loop if self.connections.opens_sockets else None
        await close_in(loop, self._close, self.connections.abandon)

    async def _close(self) -> None:
        for scope in list(self.scopes):
            scope.cancel()
        try:
            await self.background.aclose()
        finally:  # also where closing is cancelled: no connection stays open
            await self.connections.aclose()
