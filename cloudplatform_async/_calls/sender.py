"""The order of things for one call; nothing else knows it."""

import os
import sys
from functools import partial
from logging import DEBUG
from math import inf
from typing import TypeVar, cast
from uuid import uuid4

import httpx
from msgspec import Struct
from msgspec.structs import replace

from cloudplatform_async._calls.failures import failure_of, refusal, tell_of_answer
from cloudplatform_async._calls.messages import Messages
from cloudplatform_async._calls.progress import Progress
from cloudplatform_async._calls.state import SharedState
from cloudplatform_async._calls.watch import Watch
from cloudplatform_async._connections.connection import Lease
from cloudplatform_async._connections.exceptions import TransportClosedError
from cloudplatform_async._connections.messages import RawHeaders
from cloudplatform_async._oauth.authentication import Authentication
from cloudplatform_async._protocol.calls import Call
from cloudplatform_async._protocol.encoding import merged
from cloudplatform_async._protocol.idempotency import choose_key
from cloudplatform_async._protocol.responses import Answer
from cloudplatform_async._protocol.retries import Failure, honoured_wait, was_deleted
from cloudplatform_async._runtime.clock import CLOCK
from cloudplatform_async._runtime.raised import RaisedByUser
from cloudplatform_async.errors import (
    APITimeoutError,
    ClientStateError,
    CloudPlatformError,
    RateLimitError,
    ResponseDecodeError,
)
from cloudplatform_async.observability.logging import LOGGER
from cloudplatform_async.responses import APIResponse
from cloudplatform_async.settings import RetryPolicy, Timeouts

T = TypeVar("T")

_SHORTEST_SECRET = 4  # characters; to mask shorter header values would only make messages unreadable


class Sender(Struct, eq=False, kw_only=True):
    """Sends the calls of one client or view.

    Attributes:
        state: Shared with the other views.
        authentication: Puts credentials on each attempt.
        messages: Writes requests and reads responses.
        timeouts: Of a call that brings none.
        retries: When a call is tried again.
    """

    state: SharedState
    authentication: Authentication
    messages: Messages
    timeouts: Timeouts
    retries: RetryPolicy

    async def send(self, call: Call[T]) -> APIResponse[T]:
        """Make a call: key, deadline, attempts, decoding.

        Raises:
            CloudPlatformError: Signed with the attempts, the key and the outcome of the whole call.
        """
        now = await self.state.enter()
        clock = CLOCK.process
        progress = Progress(
            call=call,
            identity=self.authentication.identity,
            clock=clock,
            policy=self.retries,
            timeouts=call.timeouts or self.timeouts,
            started=clock.monotonic(),
            key=choose_key(call.method, call.idempotency_key, lambda: str(uuid4())),
            request_id=self.messages.request_id_of(call) or os.urandom(16).hex(),
        )
        dispatch = self.state.dispatch
        if (dispatch.followers and dispatch.is_followed()) or LOGGER.isEnabledFor(DEBUG):
            progress.watch = self._watch(progress)
            progress.watch.call_started()
        response: APIResponse[T] | None = None
        error_of_theirs: BaseException | None = None
        self.state.counters.in_flight += 1
        try:
            response = self._response(progress, call, await self._settled(progress, now))
        except CloudPlatformError as error:
            progress.sign(error, self._secrets(progress, ()))
            raise
        except RaisedByUser as raised:
            error_of_theirs = raised.error
        finally:
            self.state.counters.in_flight -= 1
            if progress.watch is not None:
                if response is not None:
                    progress.watch.finished(progress.attempts, response.status_code, None, "done")
                else:
                    raised_now = error_of_theirs or sys.exception()
                    outcome = progress.outcome_with("unknown" if progress.is_sent else "not_sent")
                    progress.watch.finished(progress.attempts, None, raised_now, outcome)
        if error_of_theirs is not None:
            raise error_of_theirs  # here, so that it has no other context than its own
        return cast("APIResponse[T]", response)

    def _watch(self, progress: Progress) -> Watch:
        """See a call as its observers do; of one that nobody watches, only what is rare is told."""
        return progress.watch or Watch(
            self.state.dispatch, progress.call, progress.request_id, progress.clock
        )

    async def _settled(self, progress: Progress, now: float) -> Answer:
        """Attempt the call until it succeeds, its deadline passes, or nothing more is worth trying."""
        total = progress.timeouts.total
        outcome: Answer | Failure | None = None
        scope = self.state.scope_type(deadline=inf if total is None else now + total)
        self.state.scopes.add(scope)
        try:
            with scope:
                outcome = await self._attempt(progress)
                if isinstance(outcome, Failure) and outcome.wait is not None:
                    # Loaded when the client was made: an import of the package is to stay light.
                    from cloudplatform_async._calls.attempts import until_settled

                    failure, outcome = outcome, None
                    sleep = progress.clock.sleep if progress.watch is None else progress.watch.sleep
                    outcome = await until_settled(failure, partial(self._attempt, progress), sleep)
        finally:
            self.state.scopes.discard(scope)
        if isinstance(outcome, Answer):
            return outcome
        last = progress.failures[-1].error if progress.failures else None
        if self.state.closed and (
            outcome is None or isinstance(outcome.error.__cause__, TransportClosedError)
        ):
            raise ClientStateError("The client was closed while this call was under way.") from last
        if outcome is not None:
            raise outcome.error
        raise APITimeoutError(f"The call did not end within its timeout of {total:g} s.") from last

    async def _attempt(self, progress: Progress) -> Answer | Failure:
        """Send once, unless the retry budget is spent; a failure comes back with what follows it."""
        if progress.failures and (last := progress.unaffordable(self.state.budget)):
            return last
        try:
            if self.state.shared_turns is not None:
                progress.enter("rate_limit")
                await self.state.shared_turns.enter(progress, self.authentication)
            outcome = await self._sent(progress)
        except RateLimitError as error:  # the gate's, or the shared limit's: the server was not asked
            outcome = Failure(error, transient=False)
        if isinstance(outcome, Answer):
            return outcome
        if was_deleted(progress.call.method, outcome.error, progress.outcome_with()):
            return Answer(204, {}, b"")
        failure = progress.settle(outcome, self.state.budget)
        if failure.wait is not None:
            self._watch(progress).retry_scheduled(progress.attempts, failure.error, failure.wait)
        return failure

    async def _sent(self, progress: Progress) -> Answer | Failure:
        """Acquire a connection, pass the gate, put credentials on, send, and judge what comes back.

        What has to wait at the gate or for credentials lets go of the connection meanwhile: others may
        need it, the token's own request first of all.
        """
        gate, scope, slot = self.state.gate, progress.call.scope, self.authentication.slot
        credentials: RawHeaders | None = None
        while True:
            if progress.watch is not None:
                progress.watch.enter("queue")
            try:
                lease = await self.state.connections.acquire(
                    progress.timeouts.pool, fresh=progress.wants_fresh
                )
            except httpx.TransportError as error:
                return failure_of(error, self.messages.base.origin)
            try:
                if gate.lets_leave(progress):
                    if credentials is None:
                        credentials = self.authentication.headers_now(scope)
                    if credentials is not None:
                        if slot is not None and slot.news is not None:
                            seconds, slot.news = slot.news, None
                            self._watch(progress).token_refreshed(progress.attempts, seconds)
                        outcome = await self._exchanged(progress, lease, credentials)
                        break
            finally:
                await lease.release()
            progress.enter("token")
            credentials = await self.authentication.headers(scope)
            progress.identity = self.authentication.identity_of(credentials)
            progress.enter("rate_limit")
            if await gate.enter(progress):  # they may have changed meanwhile
                progress.enter("token")
                credentials = await self.authentication.headers(scope)
        if isinstance(outcome, Answer):
            return outcome
        return await self._renewed(progress, outcome, credentials)

    async def _exchanged(self, progress: Progress, lease: Lease, credentials: RawHeaders) -> Answer | Failure:
        """Send one request on a lease, and judge its answer."""
        self.state.counters.attempts += 1
        self.state.counters.retries += progress.attempts > 0
        progress.begin_attempt(lease)
        watch = progress.watch
        outcome: Answer | Failure | None = None  # as long as it is under way
        carried: RawHeaders = ()
        if watch is not None:
            carried = watch.attempt_started(progress.attempts, self.messages.origin)
        request = self.messages.request(progress, credentials, carried)
        under_way, lane = self.state.gate.under_way, (progress.identity, progress.call.group)
        under_way[lane] = under_way.get(lane, 0) + 1
        try:
            try:
                response = await lease.exchange(request, self.messages.packed_limit)
            finally:
                under_way[lane] -= 1
                if not under_way[lane]:
                    del under_way[lane]
        except httpx.TransportError as error:
            progress.end_attempt(broken=True)
            outcome = failure_of(error, self.messages.base.origin)
            return outcome
        else:
            progress.end_attempt(broken=False)
            outcome = self._judged(progress, self.messages.answer(response), credentials)
            return outcome
        finally:
            progress.unsettled = outcome
            if outcome is None:
                await progress.distrust()
            if watch is not None:
                connections, _ = self.state.connections.count()
                watch.attempt_finished(progress.attempts, outcome, progress.rate_limit, connections)

    def _judged(self, progress: Progress, answer: Answer, credentials: RawHeaders) -> Answer | Failure:
        """Take an answer for a success or a failure, and take in what it says of limits and endpoints."""
        outcome: Answer | Failure = answer
        if not 200 <= answer.status < 300:
            outcome = refusal(answer, progress.clock, self._secrets(progress, credentials))
        said = progress.rate_limit = self.state.gate.learn(progress, outcome, answer.headers)
        if said is not None:
            self.state.limits[progress.call.group] = said
        if "deprecation" in answer.headers or "sunset" in answer.headers:
            self._watch(progress).endpoint_deprecated(progress.attempts, answer, self.state.deprecated)
        return outcome

    def _secrets(self, progress: Progress, credentials: RawHeaders) -> tuple[str, ...]:
        """Collect what an error must not repeat: credentials, and header values of the user (but the id)."""
        given = merged(self.messages.headers, progress.call.headers)
        values = (each for name, each in given if len(each) >= _SHORTEST_SECRET and name != "x-request-id")
        return (*self.authentication.secrets(credentials), *values)

    async def _renewed(self, progress: Progress, outcome: Failure, credentials: RawHeaders) -> Failure:
        """After a 429, tell of it; after a 401, refresh the token once and have the call sent at once."""
        if outcome.error.status_code == 429:
            self.state.counters.throttled += 1
            seconds = honoured_wait(outcome.error)
            closed = max(self.state.gate.closure(progress), seconds or 0.0)  # some of it has passed already
            self._watch(progress).rate_limited(progress.attempts, closed)
            if self.state.shared_turns is not None:
                await self.state.shared_turns.pause(progress, self.authentication, seconds)
        if outcome.error.status_code != 401 or progress.renewed:
            return outcome
        progress.enter("token")
        progress.renewed = await self.authentication.renew(credentials)
        return replace(outcome, immediate=progress.renewed)

    def _response(self, progress: Progress, call: Call[T], answer: Answer) -> APIResponse[T]:
        """Decode a success."""
        self.state.budget.succeed(progress.spent)
        if progress.watch is not None:
            progress.watch.enter("decode")
        replayed = answer.headers.get("idempotency-replayed", "").lower() == "true"
        self.state.counters.replayed += replayed
        try:
            data, meta = call.decode(answer)
        except ResponseDecodeError as error:
            tell_of_answer(error, call, answer.status, answer.headers.get("x-request-id"))
            raise
        return APIResponse(
            data=data,
            status_code=answer.status,
            headers=answer.headers,
            request_id=answer.headers.get("x-request-id", progress.request_id),
            meta=meta,
            attempts=progress.attempts,
            elapsed=progress.clock.monotonic() - progress.started,
            idempotency_key=progress.key,
            replayed=replayed,
            rate_limit=progress.rate_limit,
        )
