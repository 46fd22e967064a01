"""Takes a grant's next token from a store that other processes share, or refreshes for all of them."""

import hashlib
from collections.abc import Awaitable, Callable
from math import inf
from uuid import uuid4

import anyio
import msgspec
from msgspec.structs import replace

from cloudplatform_async._protocol.decoding.native import UNDECODABLE
from cloudplatform_async._protocol.token_answers import Grant
from cloudplatform_async._protocol.tokens import Phase, phase, read_token
from cloudplatform_async._runtime.clock import CLOCK
from cloudplatform_async._runtime.raised import of_user
from cloudplatform_async.credentials import OAuth, OAuthRefreshToken, Secret, SecretBytes
from cloudplatform_async.credentials.secrets import SecretStruct, is_sendable
from cloudplatform_async.credentials.token_slot import Expiry
from cloudplatform_async.credentials.token_store import TokenStore

_LEASE = 45.0  # seconds: longer than a token request may take
_POLL = 0.1  # seconds
_SHIELD = 5.0  # seconds for a store to take what must not be lost


class _Kept(SecretStruct, frozen=True):
    access_token: str
    expires_at: float | None  # on the wall's clock: others have another monotonic one
    life: float | None
    scopes: frozenset[str] | None
    refresh_token: str | None


_decode = msgspec.json.Decoder(_Kept).decode


async def shared_grant(oauth: OAuth, store: TokenStore, ask: Callable[[], Awaitable[Grant]]) -> Grant:
    """Give the next token: another process's, or else one that is asked for here.

    Raises:
        TokenRefreshError: It was this process's turn to ask, and the endpoint gave none.
    """
    key, owner = _key(oauth), uuid4().hex
    while (grant := _adopted(oauth, await of_user(store.read, key))) is None:
        if not await of_user(store.claim, key, owner, _LEASE):
            await CLOCK.process.sleep(_POLL)
            continue
        try:  # another may have saved one just before; else ask, with the newest refresh token
            if (grant := _adopted(oauth, await of_user(store.read, key))) is None:
                grant = await ask()
                with anyio.move_on_after(_SHIELD, shield=True):
                    await of_user(store.save, key, owner, _value(oauth, grant))
            return grant
        finally:
            with anyio.move_on_after(_SHIELD, shield=True):
                await of_user(store.release, key, owner)
    return grant


def _adopted(oauth: OAuth, value: bytes | None) -> Grant | None:
    """Take a refresh token that another process was given, and its access token where that serves."""
    try:
        kept = None if value is None else _decode(value)
    except UNDECODABLE:
        return None
    if kept is None or not is_sendable(kept.access_token):
        return None
    slot, found, at = oauth.slot, kept.refresh_token, kept.expires_at
    # One that stood there before may be spent, where a save failed.
    if found and (slot.stored is None or slot.stored.reveal() != found):
        slot.stored = slot.refresh_token = Secret(found)
    life = inf if kept.life is None else kept.life
    expiry = None if at is None else Expiry(at=at, on_wall=True, life=life)
    token = replace(read_token(Secret(kept.access_token)), expiry=expiry, scopes=kept.scopes)
    stands = phase(token, CLOCK.process.now(), oauth.skew)
    return Grant(token, None) if stands is Phase.FRESH and token.header[1] != slot.rejected else None


def _value(oauth: OAuth, grant: Grant) -> SecretBytes:
    expiry, clock, at = grant.token.expiry, CLOCK.process, None
    if expiry is not None:
        at = expiry.at if expiry.on_wall else clock.wall() + expiry.at - clock.monotonic()
    newest = grant.refresh_token or oauth.slot.refresh_token
    kept = _Kept(
        access_token=grant.token.secret.reveal(),
        expires_at=at,
        life=None if expiry is None or expiry.life == inf else expiry.life,
        scopes=grant.token.scopes,
        refresh_token=None if newest is None else newest.reveal(),
    )
    return SecretBytes(msgspec.json.encode(kept))


def _key(oauth: OAuth) -> str:
    """Name a grant by all that says what its tokens may do; whoever lacks its secret cannot find them."""
    refreshes = isinstance(oauth, OAuthRefreshToken)
    secret = oauth.refresh_token if isinstance(oauth, OAuthRefreshToken) else oauth.client_secret
    parts = [oauth.token_url, oauth.client_id, *sorted(oauth.scopes), secret.reveal(), str(refreshes)]
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()
