"""The order of things for one call; nothing else knows it."""

import os
from collections.abc import Mapping
from functools import partial
from math import inf
from typing import Any, TypeVar
from uuid import uuid4

from msgspec import Struct
from msgspec.structs import replace

from cloudplatform_async._calls.exchange import Exchange, refusal
from cloudplatform_async._calls.flight import Flight
from cloudplatform_async._calls.state import SharedState
from cloudplatform_async._connections.departure import Departure
from cloudplatform_async._connections.wire_headers import RawHeaders
from cloudplatform_async._oauth.authentication import Authentication
from cloudplatform_async._protocol.calls import Call
from cloudplatform_async._protocol.encoding import merged
from cloudplatform_async._protocol.idempotency import choose_key
from cloudplatform_async._protocol.responses import Answer
from cloudplatform_async._protocol.retries import Failure, was_deleted
from cloudplatform_async._runtime.clock import CLOCK
from cloudplatform_async.errors import (
    APITimeoutError,
    ClientStateError,
    CloudPlatformError,
    RateLimitError,
    ResponseDecodeError,
)
from cloudplatform_async.responses import APIResponse
from cloudplatform_async.settings import RetryPolicy, Timeouts

T = TypeVar("T")

_SHORTEST_SECRET = 4  # characters; to mask shorter header values would only make messages unreadable


class Sender(Struct, eq=False, kw_only=True):
    """Sends the calls of one client or view.

    Attributes:
        state: Shared with the other views.
        authentication: Puts credentials on each attempt.
        exchange: Builds requests and sends them.
        timeouts: Of a call that brings none.
        retries: When a call is tried again.
    """

    state: SharedState
    authentication: Authentication
    exchange: Exchange
    timeouts: Timeouts
    retries: RetryPolicy

    async def send(self, call: Call[T]) -> APIResponse[T]:
        """Make a call: key, deadline, attempts, decoding.

        Raises:
            CloudPlatformError: Signed with the attempts, the key and the outcome of the whole call.
        """
        now = self.state.enter()
        flight = self._board(call)
        self.state.counters.in_flight += 1
        try:
            return self._arrive(flight, call, await self._settle(flight, now))
        except CloudPlatformError as error:
            flight.sign(error)
            raise
        finally:
            self.state.counters.in_flight -= 1

    def _board(self, call: Call[T]) -> Flight:
        clock = CLOCK.get()
        return Flight(
            call=call,
            identity=self.authentication.identity,
            clock=clock,
            policy=self.retries,
            timeouts=call.timeouts or self.timeouts,
            started=clock.monotonic(),
            key=choose_key(call.method, call.idempotency_key, _new_key),
            request_id=self.exchange.request_id_of(call) or os.urandom(16).hex(),
        )

    async def _settle(self, flight: Flight, now: float) -> Answer:
        """Attempt the call until it succeeds, its deadline passes, or nothing more is worth trying."""
        total = flight.timeouts.total
        outcome: Answer | Failure | None = None
        with self.state.call_scope(inf if total is None else now + total):
            first = await self._attempt(flight)
            outcome = first if isinstance(first, Answer) else await self._attempt_again(flight, first)
        if outcome is None:
            raise self._interrupted(flight) from (flight.failures[-1].error if flight.failures else None)
        if isinstance(outcome, Failure):
            raise outcome.error
        return outcome

    async def _attempt_again(self, flight: Flight, first: Failure) -> Answer | Failure:
        # Loaded when the client was made: an import of the package is to stay light.
        from cloudplatform_async._calls.attempts import until_settled

        attempt, decide = partial(self._attempt, flight), partial(flight.decide, self.state.budget)
        return await until_settled(first, attempt, decide, flight.clock.sleep)

    def _interrupted(self, flight: Flight) -> CloudPlatformError:
        if self.state.closed:
            return ClientStateError("The client was closed while this call was under way.")
        return APITimeoutError(f"The call did not end within its timeout of {flight.timeouts.total:g} s.")

    async def _attempt(self, flight: Flight) -> Answer | Failure:
        """Send once, unless the retry budget is spent, and learn from what came back."""
        if last := flight.unaffordable(self.state.budget):
            return last
        try:
            outcome = await self._exchange(flight)
        except RateLimitError as error:  # the gate's: the server itself was not asked
            return flight.note(Failure(error, transient=False))
        if isinstance(outcome, Answer):
            return outcome
        if was_deleted(flight.call.method, outcome.error, flight.outcome):
            return Answer(204, {}, b"")
        return flight.note(outcome)

    async def _exchange(self, flight: Flight) -> Answer | Failure:
        """Pass the gate, put credentials on, send; again from the gate where it closed meanwhile."""
        gate, departure = self.state.gate, _Departure(self.state, flight)
        while True:
            await gate.enter(flight)
            credentials = await self.authentication.headers(flight.call.scope)
            outcome = await self.exchange.run(flight, credentials, departure)
            if outcome is not None:
                break
        flight.under_way = False
        if isinstance(outcome, Answer) and not outcome.is_success:
            outcome = refusal(outcome, flight.clock, self._secrets(flight, credentials))
        gate.learn(flight, outcome)
        return await self._renewed(flight, outcome, credentials)

    def _secrets(self, flight: Flight, credentials: RawHeaders) -> tuple[str, ...]:
        """Collect what an error must not repeat: credentials, and header values of the user."""
        given = merged(self.exchange.headers, flight.call.headers)
        values = (value for _, value in given if len(value) >= _SHORTEST_SECRET)
        return (*self.authentication.secrets(credentials), *values)

    async def _renewed(
        self, flight: Flight, outcome: Answer | Failure, credentials: RawHeaders
    ) -> Answer | Failure:
        """After a 401, refresh the token once and have the call sent again at once."""
        if isinstance(outcome, Answer):
            return outcome
        self.state.counters.throttled += outcome.error.status_code == 429
        if outcome.error.status_code != 401 or flight.renewed:
            return outcome
        flight.renewed = await self.authentication.renew(credentials)
        return replace(outcome, immediate=flight.renewed)

    def _arrive(self, flight: Flight, call: Call[T], answer: Answer) -> APIResponse[T]:
        """Decode a success."""
        self.state.budget.succeed(flight.spent)
        replayed = answer.headers.get("idempotency-replayed", "").lower() == "true"
        self.state.counters.replayed += replayed
        data, meta = _decoded(call, answer)
        return APIResponse(
            data=data,
            status_code=answer.status,
            headers=answer.headers,
            request_id=answer.headers.get("x-request-id", flight.request_id),
            meta=meta,
            attempts=flight.attempts,
            elapsed=flight.clock.monotonic() - flight.started,
            idempotency_key=flight.key,
            replayed=replayed,
        )


class _Departure(Departure):
    """Holds a call back where its group was closed while it waited for a connection, and counts it if not."""

    __slots__ = ("_flight", "_state")

    def __init__(self, state: SharedState, flight: Flight) -> None:
        super().__init__()
        self._state = state
        self._flight = flight

    def may_leave(self) -> bool:
        state, flight = self._state, self._flight
        if not state.gate.lets_leave(flight):
            return False
        flight.departed = flight.clock.monotonic()
        state.counters.attempts += 1
        state.counters.retries += flight.attempts > 0
        flight.attempts += 1
        return True

    def leaves(self) -> None:
        self._flight.leave()


def _decoded(call: Call[T], answer: Answer) -> tuple[T, Mapping[str, Any]]:
    try:
        return call.decode(answer)
    except ResponseDecodeError as error:
        error.outcome = "unknown"  # the server did it, and what it said cannot be read
        error.status_code = answer.status
        error.request_id = answer.headers.get("x-request-id")
        error.message = f"{call.method} {call.target.partition('?')[0]}: {error.message}"
        error.args = (error.message,)
        raise


def _new_key() -> str:
    return str(uuid4())
