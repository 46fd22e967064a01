"""What a token endpoint is asked, and what its answers mean (RFC 6749 §2.3.1, §5, §6)."""

from base64 import b64encode
from collections.abc import Callable, Iterable
from urllib.parse import quote_plus, urlencode

import msgspec
from msgspec.structs import replace

from cloudplatform_async._protocol.decoding.native import UNDECODABLE, mended
from cloudplatform_async._protocol.rate_limits import retry_after
from cloudplatform_async._protocol.responses import Answer, masked
from cloudplatform_async._protocol.tokens import (
    NOTHING,
    Instant,
    read_token,
    scopes_of,
    seconds_of,
)
from cloudplatform_async.credentials.oauth import OAuth, OAuthRefreshToken
from cloudplatform_async.credentials.secrets import Secret, SecretBytes, SecretStruct, is_sendable
from cloudplatform_async.credentials.token_slot import AccessToken, Expiry
from cloudplatform_async.errors import TokenRefreshError

Secrets = Callable[[], Iterable[str]]
_EXCERPT = 200  # characters of the endpoint's own words that an error message shows


class Grant(msgspec.Struct, frozen=True, eq=False):
    """What a token endpoint gives.

    Attributes:
        token: The new access token.
        refresh_token: To use from now on, if one came with it.
    """

    token: AccessToken
    refresh_token: Secret | None


class _Issued(SecretStruct, frozen=True):
    access_token: str
    token_type: str | None = None
    expires_in: msgspec.Raw = NOTHING
    scope: msgspec.Raw = NOTHING
    refresh_token: str | None = None


class _Refused(msgspec.Struct):
    error: str
    error_description: str | None = None


_decode_issued = msgspec.json.Decoder(_Issued).decode
_decode_refused = msgspec.json.Decoder(_Refused).decode


def current_refresh_token(oauth: OAuthRefreshToken) -> Secret:
    """Give the newest refresh token."""
    return oauth.slot.refresh_token or oauth.refresh_token


def token_form(oauth: OAuth) -> SecretBytes:
    """Write the body of a token request."""
    form = {"grant_type": "client_credentials"}
    if isinstance(oauth, OAuthRefreshToken):
        form = {"grant_type": "refresh_token", "refresh_token": current_refresh_token(oauth).reveal()}
    if oauth.scopes:
        form["scope"] = " ".join(oauth.scopes)
    return SecretBytes(urlencode(form).encode("ascii"))


def client_authorization(oauth: OAuth) -> SecretBytes:
    """Write the client's id and secret, each form-encoded, as HTTP Basic credentials."""
    pair = f"{quote_plus(oauth.client_id)}:{quote_plus(oauth.client_secret.reveal())}"
    return SecretBytes(b"Basic " + b64encode(pair.encode("ascii")))


def secrets_of(oauth: OAuth) -> tuple[str, ...]:
    """Give every secret text of a grant, in each form that goes over the wire."""
    slot = oauth.slot
    held = [oauth.client_secret, *(token.secret for token in (slot.token, slot.unannounced) if token)]
    if isinstance(oauth, OAuthRefreshToken):
        held += [oauth.refresh_token, current_refresh_token(oauth)]
    texts = [secret.reveal() for secret in held]
    return (*texts, *map(quote_plus, texts), client_authorization(oauth)[6:].decode("ascii"))


def parse_grant(answer: Answer, asked: Instant, now: float, secrets: Secrets) -> Grant:
    """Read the answer of a token endpoint.

    Args:
        answer: Its body may be anything.
        asked: When the request was made: a token's life is counted from there.
        now: Wall-clock seconds since the epoch.
        secrets: Gives the texts to mask wherever the endpoint repeats them.

    Raises:
        TokenRefreshError: When it holds no token that can be used.
    """
    refused = _refused(answer.body)
    if not answer.is_success or refused is not None:
        raise _refusal(answer, refused, now, secrets)
    try:
        issued = _decode_issued(mended(answer.body))
    except UNDECODABLE as error:
        error.__traceback__ = None  # its frame holds the answer
        raise _unusable(answer, "is not the JSON of RFC 6749 §5.1") from error
    if not is_sendable(issued.access_token):
        raise _unusable(answer, "has an access_token that cannot be sent")
    if issued.token_type is not None and issued.token_type.lower() != "bearer":
        raise _unusable(answer, "has a token_type other than Bearer")
    return Grant(_token(issued, asked), Secret(issued.refresh_token) if issued.refresh_token else None)


def _token(issued: _Issued, asked: Instant) -> AccessToken:
    """Prefer what the answer says of the token to what the token says of itself."""
    token = read_token(Secret(issued.access_token), asked)
    life, scopes = seconds_of(issued.expires_in), scopes_of(issued.scope)
    expiry = token.expiry if life is None else Expiry(at=asked.monotonic + life, on_wall=False, life=life)
    return replace(token, expiry=expiry, scopes=scopes or token.scopes)


def _refused(body: bytes) -> _Refused | None:
    try:
        return _decode_refused(mended(body))
    except UNDECODABLE:
        return None


def _refusal(answer: Answer, refused: _Refused | None, now: float, secrets: Secrets) -> TokenRefreshError:
    hidden = sorted(filter(None, secrets()), key=len, reverse=True)
    words = answer.body.decode("utf-8", "replace") if refused is None else refused.error_description or ""
    code = None if refused is None else _excerpt(masked(refused.error, hidden))
    said = _excerpt(masked(words, hidden))
    if 300 <= answer.status < 400:
        said = "redirects are never followed, check token_url"
    status = f"{answer.status} {code}" if code else f"{answer.status}"
    return TokenRefreshError(
        f"The token endpoint answered {status}{': ' if said else ''}{said}.",
        status_code=answer.status,
        code=code,
        retry_after=retry_after(answer.headers, now),
    )


def _excerpt(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:_EXCERPT].rstrip(
        "."
    )


def _unusable(answer: Answer, why: str) -> TokenRefreshError:
    """Say what is wrong with a success; its body is not shown, for it may hold a new token."""
    return TokenRefreshError(f"The token endpoint's answer {why}.", status_code=answer.status)
