"""Keeps the token of an OAuth grant: one refresh however many calls wait, one failure a back-off."""

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from math import inf
from typing import cast

from anyio.lowlevel import RunVar
from msgspec import Struct

from cloudplatform_async._connections.connection import Connections
from cloudplatform_async._oauth.shared_tokens import shared_grant
from cloudplatform_async._oauth.token_endpoint import ask_for_token
from cloudplatform_async._protocol.retries import backoff
from cloudplatform_async._protocol.token_answers import Grant, current_refresh_token
from cloudplatform_async._protocol.tokens import Phase, phase
from cloudplatform_async._runtime.background import Background, Job
from cloudplatform_async._runtime.clock import CLOCK
from cloudplatform_async._runtime.raised import another, of_user
from cloudplatform_async.credentials import OAuth, OAuthRefreshToken
from cloudplatform_async.credentials.token_slot import AccessToken, Refusal, TokenSlot
from cloudplatform_async.errors import ClientStateError, TokenRefreshError
from cloudplatform_async.settings import RetryPolicy

_POLICY = RetryPolicy()
_GRACE = 2.0  # seconds for an answer that may hold the only refresh token which is still good
_PAUSE = 1.0  # seconds between two early refreshes, where what the first raised is heard by no call

_Refresh = Job[AccessToken | Refusal]

# Jobs belong to an event loop, and a credentials object may outlive several: so they are kept apart.
_UNDER_WAY: RunVar[dict[TokenSlot, _Refresh]] = RunVar("cloudplatform_async_refreshes")


class TokenKeeper(Struct, frozen=True, eq=False):
    """Serves the tokens of OAuth grants to one client.

    A refresh is a background job, so neither the deadline nor the cancellation of the call that
    started it reaches the others. One with a refresh token, which may be good for one use only, is
    given some time when its client is closed; else a waiting call of another client starts the next.
    """

    _background: Background
    _connections: Connections
    _around: Callable[[], AbstractContextManager[object]]

    def serving(self, oauth: OAuth) -> AccessToken | None:
        """Give the token that serves now, and start its early refresh when that is due.

        ``None`` means that `fetched` must be awaited.
        """
        slot, now = oauth.slot, CLOCK.process.now()
        if slot.token is None:
            return None
        stands = phase(slot.token, now, oauth.skew)
        if stands is Phase.EXPIRED:
            return None
        if stands is Phase.STALE and _under_way(slot) is None:
            if slot.unannounced is not None or slot.is_unsaved:  # a function of the user's failed: say so
                return None
            rests_until = max(slot.refusal.until if slot.refusal else 0.0, slot.began_early + _PAUSE)
            if rests_until <= now.monotonic:
                slot.began_early = now.monotonic
                self._start(oauth)
        return slot.token

    async def fetched(self, oauth: OAuth) -> AccessToken:
        """Wait for the next token; it serves this call however short its life.

        Raises:
            TokenRefreshError: The token endpoint failed, just now or within its back-off.
        """
        while True:
            job, refusal = _under_way(oauth.slot), oauth.slot.refusal
            if job is None:
                if refusal is not None and CLOCK.process.monotonic() < refusal.until:
                    raise _error_of(refusal)
                job = self._start(oauth)
            with suppress(ClientStateError):  # the client whose job it was is closed: start another
                outcome = await job.wait()
                break
        if isinstance(outcome, Refusal):
            raise _error_of(outcome)
        return outcome

    async def replace(self, oauth: OAuth, sent: bytes) -> None:
        """See that a token which the server rejected is replaced, unless it already is.

        Args:
            oauth: The grant.
            sent: The rejected token's ``Authorization`` header.

        Raises:
            TokenRefreshError: The token endpoint failed, just now or within its back-off.
        """
        slot = oauth.slot
        if slot.token is not None and slot.token.header[1] == sent:
            slot.token, slot.rejected = None, sent
        if slot.token is None:
            await self.fetched(oauth)

    def _start(self, oauth: OAuth) -> _Refresh:
        jobs = _jobs()

        async def refresh() -> AccessToken | Refusal:
            try:
                return await self._refresh(oauth)
            finally:
                jobs.pop(oauth.slot, None)

        grace = _GRACE if isinstance(oauth, OAuthRefreshToken) else 0.0
        job = jobs[oauth.slot] = self._background.start(refresh, grace=grace)
        return job

    async def _refresh(self, oauth: OAuth) -> AccessToken | Refusal:
        slot = oauth.slot
        try:
            token = slot.unannounced or await self._grant(oauth)
        except TokenRefreshError as error:
            clock, number = CLOCK.process, 1 if slot.refusal is None else slot.refusal.number + 1
            longest = backoff(_POLICY, number - 1)
            asked = min(error.retry_after or 0.0, _POLICY.max_retry_after)
            # At least half of the longest one, so that the back-off is never empty.
            until = clock.monotonic() + max(asked, clock.uniform(longest / 2, longest))
            slot.refusal = Refusal(error=error.with_traceback(None), until=until, number=number)
            return slot.refusal
        slot.refusal, rotated = None, slot.refresh_token
        if slot.unannounced and rotated and isinstance(oauth, OAuthRefreshToken) and oauth.on_rotate:
            await of_user(oauth.on_rotate, rotated.reveal())
        slot.token, slot.unannounced, slot.began_early = token, None, -inf
        return token

    async def _grant(self, oauth: OAuth) -> AccessToken:
        """Ask the endpoint; a rotated refresh token is kept at once, for the old one is spent."""
        began, rotated = CLOCK.process.monotonic(), False

        async def ask() -> Grant:
            nonlocal rotated
            with self._around():
                grant = await ask_for_token(self._connections, oauth)
            oauth.slot.news = CLOCK.process.monotonic() - began
            if isinstance(oauth, OAuthRefreshToken) and grant.refresh_token is not None:
                rotated = grant.refresh_token.reveal() != current_refresh_token(oauth).reveal()
                oauth.slot.refresh_token = grant.refresh_token  # a store may fail to take it
                oauth.slot.is_unsaved = rotated
            return grant

        grant = await (ask() if oauth.store is None else shared_grant(oauth, oauth.store, ask))
        oauth.slot.unannounced, oauth.slot.is_unsaved = (grant.token if rotated else None), False
        return grant.token


def _jobs() -> dict[TokenSlot, _Refresh]:
    jobs = _UNDER_WAY.get(None)
    if jobs is None:
        jobs = dict[TokenSlot, _Refresh]()
        _UNDER_WAY.set(jobs)
    return jobs


def _under_way(slot: TokenSlot) -> _Refresh | None:
    job = _jobs().get(slot)
    return None if job is None or job.done else job


def _error_of(refusal: Refusal) -> TokenRefreshError:
    """Make an error for one of the calls that wait: each gets its own."""
    error = cast("TokenRefreshError", another(refusal.error))
    error.retry_after = max(0.0, refusal.until - CLOCK.process.monotonic())
    return error
