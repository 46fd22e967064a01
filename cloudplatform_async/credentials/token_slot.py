"""What is known of an OAuth grant at one moment: values, shared by all clients that were given it."""

from math import inf
from typing import NoReturn

from msgspec import Struct

from cloudplatform_async.credentials.secrets import REFUSED, Secret
from cloudplatform_async.errors import TokenRefreshError


class Expiry(Struct, frozen=True, kw_only=True):
    """When a token ends.

    Attributes:
        at: Seconds on the clock that counts.
        on_wall: That clock is the wall's (a JWT's ``exp``), not the monotonic one (``expires_in``).
        life: Seconds from when the token was fetched to its end; infinite where nobody fetched it.
    """

    at: float
    on_wall: bool
    life: float


class AccessToken(Struct, frozen=True, kw_only=True, eq=False):
    """A token and what it says of itself.

    Attributes:
        secret: The token.
        header: The request header that carries it, prepared once.
        expiry: When it ends, if it says so.
        scopes: What it may do, if it says so.
    """

    secret: Secret
    header: tuple[bytes, bytes]
    expiry: Expiry | None
    scopes: frozenset[str] | None


class Refusal(Struct, frozen=True, kw_only=True, eq=False):
    """A token request that failed, and how long the token endpoint is left alone after it.

    Attributes:
        error: What happened, without secrets; each call that waits gets one of its own.
        until: Monotonic seconds of the end of the back-off.
        number: Failures in a row, from 1 up.
    """

    error: TokenRefreshError
    until: float
    number: int


class TokenSlot:
    """What is known of an OAuth grant now; opaque, and bound to no event loop.

    Attributes:
        token: Serves until it ends.
        refresh_token: The newest one, where it was rotated.
        unannounced: Serves as soon as ``on_rotate`` has taken the refresh token that came with it.
        refusal: The last failure, until a refresh succeeds.
        rejected: The header of the token that the API rejected last.
        stored: The refresh token that was last found in a store.
        news: Seconds that the last refresh took, until a call has told of it.
        is_unsaved: A store has failed to take a refresh token that was rotated.
        began_early: Monotonic seconds of the last refresh while a token served, until one succeeds.
    """

    __slots__ = (
        "__weakref__",
        "began_early",
        "is_unsaved",
        "news",
        "refresh_token",
        "refusal",
        "rejected",
        "stored",
        "token",
        "unannounced",
    )

    def __init__(self) -> None:
        self.token: AccessToken | None = None
        self.refresh_token: Secret | None = None
        self.unannounced: AccessToken | None = None
        self.refusal: Refusal | None = None
        self.rejected: bytes | None = None
        self.stored: Secret | None = None
        self.news: float | None = None
        self.is_unsaved: bool = False
        self.began_early: float = -inf

    def __repr__(self) -> str:
        return "TokenSlot(***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError(REFUSED)
