"""What an access token says of itself, and how long it serves (RFC 7519, RFC 6749, API contract §2)."""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable
from datetime import UTC, datetime
from enum import Enum
from math import inf
from typing import TypeVar

import msgspec

from cloudplatform_async._protocol.decoding.native import UNDECODABLE, mended
from cloudplatform_async.credentials.secrets import Secret, SecretBytes, SecretStruct
from cloudplatform_async.credentials.token_slot import AccessToken, Expiry
from cloudplatform_async.errors import InsufficientScopeError, TokenExpiredError

T = TypeVar("T")

SKEW = 30.0  # seconds before its end at which a token that nobody can refresh is no longer sent
_LONGEST = 253_402_300_800  # seconds from the epoch to the year 10000: a later end is no end

_DIGITS = r"[0-9]{1,15}"

NOTHING = msgspec.Raw(b"null")


class Phase(Enum):
    """Where a token stands in its life."""

    FRESH = "serves"
    STALE = "serves, and should be replaced"
    EXPIRED = "serves no more"


class Instant(msgspec.Struct, frozen=True):
    """One moment on both clocks, in seconds."""

    monotonic: float
    wall: float


class _Claims(SecretStruct, frozen=True):
    exp: msgspec.Raw = NOTHING
    scope: msgspec.Raw = NOTHING
    scp: msgspec.Raw = NOTHING


_decode_claims = msgspec.json.Decoder(_Claims).decode
_decode_names = msgspec.json.Decoder(str | list[str] | None).decode
_decode_number = msgspec.json.Decoder(int | float | str | None).decode


def read_token(secret: Secret, fetched: Instant | None = None) -> AccessToken:
    """Read the ``exp`` and the scopes of a JWT; its signature is the server's concern.

    Args:
        secret: The token; one that is not a JWT says nothing.
        fetched: When it came from a token endpoint, if it did.
    """
    claims = _claims(secret)
    at = seconds_of(claims.exp)
    life = inf if at is None or fetched is None else at - fetched.wall
    return AccessToken(
        secret=secret,
        header=(b"authorization", SecretBytes(b"Bearer " + secret.reveal().encode("ascii"))),
        expiry=None if at is None else Expiry(at=at, on_wall=True, life=life),
        scopes=scopes_of(claims.scope) or scopes_of(claims.scp),
    )


def _claims(secret: Secret) -> _Claims:
    """Decode the payload of a signed JWT (RFC 7515 §3.1)."""
    parts = secret.reveal().split(".")
    if len(parts) != 3:
        return _Claims()
    try:
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        return _decode_claims(mended(b64decode(padded, altchars=b"-_", validate=True)))
    except (Base64Error, *UNDECODABLE):
        return _Claims()


def seconds_of(raw: msgspec.Raw) -> float | None:
    """Read a number of seconds; ``None`` for what cannot be one."""
    value = _loosely(raw, _decode_number)
    if isinstance(value, str):  # some token endpoints quote expires_in
        value = int(value) if re.fullmatch(_DIGITS, value) else None
    return float(value) if value is not None and 0 <= value < _LONGEST else None


def scopes_of(raw: msgspec.Raw) -> frozenset[str] | None:
    """Read scopes, of a text with spaces (RFC 6749 §3.3) or a list; ``None`` where none are said."""
    names = _loosely(raw, _decode_names)
    return frozenset(names.split() if isinstance(names, str) else names or ()) or None


def _loosely(raw: msgspec.Raw, decode: Callable[[msgspec.Raw], T]) -> T | None:
    """Decode a part of a JSON text that may be senseless while the rest is not."""
    try:
        return decode(raw)
    except UNDECODABLE:
        return None


def phase(token: AccessToken, now: Instant, skew: float) -> Phase:
    """Tell where a token stands.

    Args:
        token: Of unknown expiry, it is always fresh.
        now: On both clocks; the token's expiry says which of them counts.
        skew: Seconds before its end at which it becomes stale. At most half of its life, so that a
            token whose whole life is shorter than the skew is not replaced with every call.
    """
    expiry = token.expiry
    if expiry is None:
        return Phase.FRESH
    left = expiry.at - (now.wall if expiry.on_wall else now.monotonic)
    if left > min(skew, expiry.life / 2):
        return Phase.FRESH
    return Phase.STALE if left > 0 else Phase.EXPIRED


def require_unexpired(token: AccessToken, now: Instant) -> None:
    """Let pass a token that nobody can refresh, unless it ends within the skew.

    Raises:
        TokenExpiredError: With the time of its end.
    """
    if token.expiry is not None and phase(token, now, SKEW) is not Phase.FRESH:
        end = datetime.fromtimestamp(token.expiry.at, UTC).isoformat(timespec="seconds")
        raise TokenExpiredError(
            f"The access token ends at {end}, less than {SKEW:g} s from now or in the past. "
            "Pass a new one; a function or an OAuth object as access_token= keeps it new."
        )


def require_scope(token: AccessToken, scope: str | None) -> None:
    """Let pass a token that has the scope, or that does not say its scopes.

    Raises:
        InsufficientScopeError: With the scope that is missing and those that are there.
    """
    if scope is not None and token.scopes is not None and scope not in token.scopes:
        there = ", ".join(sorted(token.scopes))
        raise InsufficientScopeError(f"This needs the scope {scope}; the access token has {there}.")
