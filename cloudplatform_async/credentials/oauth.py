"""OAuth grants that a client gets its access tokens by."""

import re
from collections.abc import Callable, Iterable
from math import isfinite
from typing import Any

from attrs import Attribute, field, frozen

from cloudplatform_async.credentials.secrets import Secret, checked_secret
from cloudplatform_async.credentials.token_slot import TokenSlot
from cloudplatform_async.credentials.token_store import TokenStore
from cloudplatform_async.errors import ConfigurationError
from cloudplatform_async.settings import secure_url

_SCOPE = r"[\x21\x23-\x5b\x5d-\x7e]+"  # RFC 6749 §3.3


def _token_url(url: str) -> str:
    parts = secure_url(url, "token_url")
    if "#" in url:
        raise ConfigurationError("token_url must not have a fragment (RFC 6749 §3.2).")
    return parts.geturl()


def _client_id(text: str) -> str:
    return checked_secret(text, "client_id")


def _client_secret(text: str) -> Secret:
    return Secret(checked_secret(text, "client_secret"))


def _refresh_token(text: str) -> Secret:
    return Secret(checked_secret(text, "refresh_token"))


def _scopes(names: Iterable[str]) -> tuple[str, ...]:
    scopes = tuple(names)
    if isinstance(names, str) or not all(map(_is_scope, scopes)):
        raise ConfigurationError(
            'scopes must be a sequence of names, such as ("projects:read", "usage:read").'
        )
    return scopes


def _is_scope(name: object) -> bool:
    return isinstance(name, str) and re.fullmatch(_SCOPE, name) is not None


def _check_skew(_: object, attribute: "Attribute[Any]", value: Any) -> None:
    known = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not known or not isfinite(value) or value < 0:
        raise ConfigurationError(f"{attribute.name} must be a number of seconds from 0 up, not {value!r}.")


def _check_callback(_: object, attribute: "Attribute[Any]", value: object) -> None:
    if value is not None and not callable(value):
        raise ConfigurationError(f"{attribute.name} must be a function of the new refresh token.")


@frozen(eq=False)
class OAuthClientCredentials:
    """Access tokens by OAuth's client credentials grant (RFC 6749 §4.4), for ``access_token=``.

    Give one object to every client that is to share its token. It is used by one event loop at a
    time; a second ``asyncio.run`` goes on with the token of the first.

    Attributes:
        token_url: Where tokens are issued: HTTPS, or HTTP to a loopback host. Gets none of the API's headers.
        client_id: Sent with the secret as HTTP Basic credentials (RFC 6749 §2.3.1).
        client_secret: Shown nowhere.
        scopes: To ask for; none takes the server's default.
        skew: Seconds before its end at which a token is replaced while it still serves; at most half
            of the token's life counts.
        store: Where other processes find the token, so that one of them refreshes for all; none by default.

    Raises:
        ConfigurationError: For a value that cannot be used.

    Example:
        ``AsyncClient(access_token=OAuthClientCredentials(url, "id", "secret", scopes=("usage:read",)))``
    """

    token_url: str = field(converter=_token_url)
    client_id: str = field(converter=_client_id)
    client_secret: Secret = field(converter=_client_secret, repr=False)
    scopes: tuple[str, ...] = field(default=(), converter=_scopes, kw_only=True)
    skew: float = field(default=30.0, validator=_check_skew, kw_only=True)
    store: TokenStore | None = field(default=None, repr=False, kw_only=True)
    slot: TokenSlot = field(factory=TokenSlot, init=False, repr=False)


@frozen(eq=False)
class OAuthRefreshToken:
    """Access tokens by OAuth's refresh token grant (RFC 6749 §6), for ``access_token=``.

    A server may rotate the refresh token; the newest one is kept here, and given to ``on_rotate``
    so that it can be stored; a client that closes during a refresh waits up to 2 seconds for it,
    for the old one may be spent. Give one object to every client that is to share its token. It is used
    by one event loop at a time; a second ``asyncio.run`` goes on with the tokens of the first.

    Attributes:
        token_url: Where tokens are issued: HTTPS, or HTTP to a loopback host. Gets none of the API's headers.
        client_id: Sent with the secret as HTTP Basic credentials (RFC 6749 §2.3.1).
        client_secret: Shown nowhere.
        refresh_token: The first one; shown nowhere.
        scopes: To ask for; none takes those of the grant.
        skew: Seconds before its end at which a token is replaced while it still serves; at most half
            of the token's life counts.
        on_rotate: Sync or async; called with each new refresh token before the access token that came
            with it serves. What it raises reaches the calls that wait, and it is called again with the
            next one.
        store: Where other processes find both tokens, so that one of them refreshes for all; none by
            default. A newer refresh token there takes the place of this one.

    Raises:
        ConfigurationError: For a value that cannot be used.

    Example:
        ``AsyncClient(access_token=OAuthRefreshToken(url, "id", "secret", stored, on_rotate=store))``
    """

    token_url: str = field(converter=_token_url)
    client_id: str = field(converter=_client_id)
    client_secret: Secret = field(converter=_client_secret, repr=False)
    refresh_token: Secret = field(converter=_refresh_token, repr=False)
    scopes: tuple[str, ...] = field(default=(), converter=_scopes, kw_only=True)
    skew: float = field(default=30.0, validator=_check_skew, kw_only=True)
    on_rotate: Callable[[str], object] | None = field(
        default=None, validator=_check_callback, repr=False, kw_only=True
    )
    store: TokenStore | None = field(default=None, repr=False, kw_only=True)
    slot: TokenSlot = field(factory=TokenSlot, init=False, repr=False)


OAuth = OAuthClientCredentials | OAuthRefreshToken
