"""What a client and all of its views share."""

from collections.abc import Callable
from contextlib import suppress
from contextvars import Token
from importlib import import_module
from types import TracebackType

import httpx
from anyio import CancelScope, NoEventLoopError
from msgspec import Struct, field
from sniffio import current_async_library, current_async_library_cvar

from cloudplatform_async._calls.gate import Gate
from cloudplatform_async._protocol.budget import RetryBudget
from cloudplatform_async._runtime.background import TURNS_TO_SEND, Background
from cloudplatform_async._runtime.event_loop import current_clock, current_event_loop
from cloudplatform_async.errors import ClientStateError
from cloudplatform_async.settings import BaseURL
from cloudplatform_async.statistics import ClientStatistics

_FOR_CALLS = (  # cattrs and tenacity
    "cloudplatform_async._protocol.structuring",
    "cloudplatform_async._calls.attempts",
)


class Counters(Struct):
    """What statistics are made of."""

    in_flight: int = 0
    attempts: int = 0
    retries: int = 0
    throttled: int = 0
    replayed: int = 0


class CallScope:
    """A cancel scope that is known to the client for as long as it is open.

    Within it the event loop's library is on record, as sniffio offers: anyio and httpcore ask fourteen
    times a call, and would have to search each time.
    """

    __slots__ = ("_library", "_open", "_scope", "_token")

    def __init__(self, open_scopes: set[CancelScope], scope: CancelScope, library: str) -> None:
        self._open = open_scopes
        self._scope = scope
        self._library = library
        self._token: Token[str | None] | None = None

    def __enter__(self) -> None:
        self._open.add(self._scope)
        self._token = current_async_library_cvar.set(self._library)
        self._scope.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._open.discard(self._scope)
        if self._token is not None:
            current_async_library_cvar.reset(self._token)
        return self._scope.__exit__(kind, error, trace)


def _load() -> None:
    """Load what an import leaves out and calls may need: none of them is to keep the event loop waiting."""
    for name in _FOR_CALLS:
        import_module(name)
    with suppress(NoEventLoopError):
        CancelScope()  # has anyio load its part for the event loop, where there is one already


class SharedState(Struct, eq=False, kw_only=True):
    """The open house: transport, gate, budget, background tasks and counters.

    Attributes:
        base: Where every request goes.
        transport: Owned: closed with the state.
        background: Owned as well: ends before the transport does.
        max_response_bytes: Most bytes of a body.
    """

    base: BaseURL
    transport: httpx.AsyncBaseTransport
    background: Background
    max_response_bytes: int
    gate: Gate = field(default_factory=Gate)
    budget: RetryBudget = field(default_factory=RetryBudget)
    counters: Counters = field(default_factory=Counters)
    closed: bool = False
    _loop: object = None
    _time: Callable[[], float] = lambda: 0.0
    _library: str = ""
    _scope: type[CancelScope] = CancelScope
    _scopes: set[CancelScope] = field(default_factory=set[CancelScope])

    @classmethod
    def over(
        cls, transport: httpx.AsyncBaseTransport, *, base: BaseURL, max_response_bytes: int
    ) -> "SharedState":
        """Open a house over a transport, which may be the user's own."""
        _load()
        background = Background(getattr(transport, "turns_to_send", TURNS_TO_SEND))
        return cls(
            base=base, transport=transport, background=background, max_response_bytes=max_response_bytes
        )

    def enter(self) -> float:
        """Check that a call may start here and now; the first one binds the client to its event loop.

        Returns:
            The time of the event loop, in seconds, to reckon a deadline from.

        Raises:
            ClientStateError: When the client is closed, or belongs to another event loop.
        """
        if self.closed:
            raise ClientStateError("This client is closed; make a new one, or keep it open for longer.")
        loop = current_event_loop()
        if self._loop is None:
            self._loop, self._time, self._library = loop, current_clock(), current_async_library()
            self._scope = type(CancelScope())  # anyio would look up whose loop this is for each scope
        elif self._loop is not loop:
            raise ClientStateError(
                "This client belongs to another event loop; make one client in each, and close it there."
            )
        return self._time()

    def statistics(self) -> ClientStatistics:
        """Take a snapshot."""
        return ClientStatistics(
            connections=getattr(self.transport, "connections", None),
            waiting=getattr(self.transport, "waiting", None),
            in_flight=self.counters.in_flight,
            attempts=self.counters.attempts,
            retries=self.counters.retries,
            throttled=self.counters.throttled,
            replayed=self.counters.replayed,
        )

    def call_scope(self, deadline: float) -> "CallScope":
        """Bound a call by its deadline, and let closing the client cancel it wherever it waits.

        Args:
            deadline: In the event loop's seconds; a call that meets it ends without an outcome.
        """
        return CallScope(self._scopes, self._scope(deadline=deadline), self._library)

    async def aclose(self) -> None:
        """End calls and background tasks, then the transport; a second time does nothing."""
        if not self.closed:
            self.closed = True
            for scope in list(self._scopes):
                scope.cancel()
            try:
                await self.background.aclose()
            finally:  # also where closing is cancelled: no connection stays open
                await self.transport.aclose()
