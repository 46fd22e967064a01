"""What a token says, how long it serves, and what a token endpoint's answer means."""

import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Mapping, Set
from contextlib import suppress
from math import inf
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudplatform_async._protocol.responses import Answer
from cloudplatform_async._protocol.token_answers import client_authorization, parse_grant, token_form
from cloudplatform_async._protocol.tokens import (
    Instant,
    Phase,
    phase,
    read_token,
    require_scope,
    require_unexpired,
)
from cloudplatform_async.credentials import OAuthClientCredentials, OAuthRefreshToken, Secret
from cloudplatform_async.credentials.token_slot import AccessToken, Expiry
from cloudplatform_async.errors import InsufficientScopeError, TokenExpiredError, TokenRefreshError

NOW = Instant(monotonic=1_000.0, wall=1_700_000_000.0)
URL = "https://id.example/token"


def jwt(payload: bytes) -> Secret:
    """A token with this payload, unpadded, and with a signature that nobody could verify."""
    parts = (b'{"alg":"RS256"}', payload, b"signature")
    return Secret(".".join(urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts))


def token_with(payload: bytes) -> AccessToken:
    """What is read of such a token."""
    return read_token(jwt(payload))


def grant_of(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> AccessToken:
    """The token of an answer; ``s3cret`` is what the client sent."""
    return parse_grant(Answer(status, headers or {}, body), NOW, NOW.wall, lambda: ["s3cret"]).token


def issued(**fields: object) -> bytes:
    """The body of a token answer."""
    return json.dumps({"access_token": "at", "token_type": "Bearer", **fields}).encode()


@pytest.mark.parametrize("payload", [b'{"exp":1700000060}', b'{"exp":1700000060.0,"scope":5,"x":[[{}]]}'])
def test_a_jwt_says_when_it_ends(payload: bytes) -> None:
    """``exp`` counts on the wall clock (RFC 7519 §4.1.4), whatever else the payload holds."""
    assert token_with(payload).expiry == Expiry(at=1_700_000_060.0, on_wall=True, life=inf)


@pytest.mark.parametrize(
    "payload",
    [
        b"{}",
        b"[]",
        b"",
        b"\xff{}",
        b'{"exp":null}',
        b'{"exp":true}',
        b'{"exp":-1}',
        b'{"exp":1e999}',
        b'{"exp":"soon"}',
        b'{"exp":[1]}',
        b'{"exp":' + b"9" * 400 + b"}",
        b'{"exp":' + b"[" * 100_000,
        b'{"exp":1700000060} and more',
    ],
)
def test_a_senseless_end_is_an_unknown_end(payload: bytes) -> None:
    """Such a token is sent: the server may well know better."""
    assert token_with(payload).expiry is None


@given(st.text(alphabet=st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1))
def test_any_sendable_text_can_be_read_as_a_token(text: str) -> None:
    """A token is opaque (RFC 6749 §1.4): none of them can break a client."""
    token = read_token(Secret(text))
    assert bytes(token.header[1]) == f"Bearer {text}".encode()


@pytest.mark.parametrize(
    ("payload", "scopes"),
    [
        (b'{"scope":"a:read b:read"}', {"a:read", "b:read"}),
        (b'{"scope":["a:read","b:read"]}', {"a:read", "b:read"}),
        (b'{"scp":"a:read"}', {"a:read"}),
        (b'{"scp":["a:read"]}', {"a:read"}),
        (b'{"scope":"a:read","scp":"b:read"}', {"a:read"}),
        (b'{"scope":""}', None),
        (b'{"scope":[1]}', None),
        (b'{"scope":{"a":1}}', None),
        (b"{}", None),
    ],
)
def test_a_jwt_says_its_scopes(payload: bytes, scopes: Set[str] | None) -> None:
    """In ``scope`` (RFC 8693 §4.2) or ``scp``, as a text or a list; anything else says nothing."""
    assert token_with(payload).scopes == scopes


@pytest.mark.parametrize(
    ("left", "life", "skew", "expected"),
    [
        (3600.0, 3600.0, 30.0, Phase.FRESH),
        (30.1, 3600.0, 30.0, Phase.FRESH),
        (30.0, 3600.0, 30.0, Phase.STALE),
        (0.1, 3600.0, 30.0, Phase.STALE),
        (0.0, 3600.0, 30.0, Phase.EXPIRED),
        (-1.0, 3600.0, 30.0, Phase.EXPIRED),
        (20.0, 20.0, 30.0, Phase.FRESH),
        (10.0, 20.0, 30.0, Phase.STALE),
        (0.1, 3600.0, 0.0, Phase.FRESH),
        (0.0, 0.0, 30.0, Phase.EXPIRED),
        (29.0, inf, 30.0, Phase.STALE),
    ],
)
@pytest.mark.parametrize("on_wall", [True, False])
def test_a_token_is_fresh_then_stale_then_expired(
    left: float, life: float, skew: float, expected: Phase, on_wall: bool
) -> None:
    """On the clock that its expiry names; half of a short life is spent fresh."""
    now, other = (NOW.wall, NOW.monotonic) if on_wall else (NOW.monotonic, NOW.wall)
    token = AccessToken(
        secret=Secret("t"),
        header=(b"authorization", b"Bearer t"),
        expiry=Expiry(at=now + left, on_wall=on_wall, life=life),
        scopes=None,
    )
    assert phase(token, NOW, skew) is expected
    assert now != other


def test_a_token_of_unknown_end_is_fresh() -> None:
    """What is not known is not held against it."""
    assert phase(read_token(Secret("opaque")), NOW, 30.0) is Phase.FRESH


@pytest.mark.parametrize("exp", [b"1700000030", b"1700000000", b"0"])
def test_a_token_that_nobody_can_refresh_is_refused_within_the_skew(exp: bytes) -> None:
    """Thirty seconds before its end: a request that leaves now may arrive too late."""
    with pytest.raises(TokenExpiredError, match="ends at"):
        require_unexpired(token_with(b'{"exp":' + exp + b"}"), NOW)


def test_a_token_that_lives_longer_than_the_skew_passes() -> None:
    """The other side of the border."""
    require_unexpired(token_with(b'{"exp":1700000031}'), NOW)


def test_a_missing_scope_is_named() -> None:
    """The user sees what is needed, and what the token has."""
    with pytest.raises(InsufficientScopeError, match=r"b:write.*a:read"):
        require_scope(token_with(b'{"scope":"a:read"}'), "b:write")


@pytest.mark.parametrize(
    ("payload", "scope"),
    [(b'{"scope":"a:read"}', "a:read"), (b"{}", "a:read"), (b'{"scope":"a:read"}', None)],
)
def test_a_scope_that_is_there_or_unknown_or_not_needed_passes(payload: bytes, scope: str | None) -> None:
    """Only a token that says its scopes can lack one."""
    require_scope(token_with(payload), scope)


@pytest.mark.parametrize(("expires_in", "life"), [(60, 60.0), (60.5, 60.5), ("60", 60.0), (0, 0.0)])
def test_expires_in_counts_from_the_request_on_the_monotonic_clock(expires_in: object, life: float) -> None:
    """A wall clock that is set back does not lengthen a token's life (RFC 6749 §5.1)."""
    expected = Expiry(at=NOW.monotonic + life, on_wall=False, life=life)
    assert grant_of(issued(expires_in=expires_in)).expiry == expected


@pytest.mark.parametrize(
    "expires_in",
    [b"null", b"true", b"-1", b"1e999", b"-0.5", b'"soon"', b'"-60"', b'"6_0"', b"[60]", b"{}", b"9" * 5_000],
)
def test_a_senseless_expires_in_is_an_unknown_end(expires_in: bytes) -> None:
    """The token serves until the server says otherwise."""
    assert grant_of(b'{"access_token":"at","expires_in":' + expires_in + b"}").expiry is None


def test_a_jwt_ends_with_its_exp_where_the_answer_says_nothing() -> None:
    """Its life is counted from when it was asked for."""
    token = grant_of(issued(access_token=jwt(b'{"exp":1700000060}').reveal()))
    assert token.expiry == Expiry(at=1_700_000_060.0, on_wall=True, life=60.0)


def test_the_answer_is_believed_before_the_token() -> None:
    """Its ``expires_in`` does not hang on this machine's wall clock, and its ``scope`` is newer."""
    text = jwt(b'{"exp":1700000060,"scope":"a"}').reveal()
    token = grant_of(issued(access_token=text, expires_in=10, scope="b c"))
    assert token.expiry == Expiry(at=NOW.monotonic + 10, on_wall=False, life=10.0)
    assert token.scopes == frozenset({"b", "c"})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"{}",
        b'{"access_token":null}',
        b'{"access_token":5}',
        b'{"access_token":""}',
        b'{"access_token":"a b"}',
        b'{"access_token":"a\\r\\nx: y"}',
        b'{"access_token":"\xc3\xa9"}',
        b'{"access_token":"at","token_type":"mac"}',
        b'{"access_token":"at","refresh_token":5}',
        b'\xef\xbb\xbf{"access_token":"at"}',
        b'{"access_token":"at"',
        b'{"access_token":"\xff"}',
        b"[" * 100_000,
        b"<html>at</html>",
    ],
)
def test_a_success_without_a_usable_token_is_refused_unseen(body: bytes) -> None:
    """Its body may hold a token after all, so the message does not show it."""
    with pytest.raises(TokenRefreshError, match=r"^The token endpoint's answer (is|has) [^<]*$") as caught:
        grant_of(body)
    assert caught.value.status_code == 200


@pytest.mark.parametrize("status", [200, 400, 401])
def test_an_oauth_error_gives_its_code_and_words(status: int) -> None:
    """RFC 6749 §5.2; some servers send it under 200."""
    body = b'{"error":"invalid_grant","error_description":"Token\\nwas  revoked."}'
    with pytest.raises(TokenRefreshError) as caught:
        grant_of(body, status, {"retry-after": "7"})
    expected = f"The token endpoint answered {status} invalid_grant: Token was revoked."
    assert caught.value.message == expected
    assert (caught.value.code, caught.value.status_code, caught.value.retry_after) == (
        "invalid_grant",
        status,
        7,
    )


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (503, b"<html>\x1b[31mdown</html>", "The token endpoint answered 503: <html> [31mdown</html>."),
        (500, b"", "The token endpoint answered 500."),
        (302, b"moved", "The token endpoint answered 302: redirects are never followed, check token_url."),
        (
            400,
            b'{"error":"s3cret","error_description":"s3cret?"}',
            "The token endpoint answered 400 ***: ***?.",
        ),
        (400, b"x" * 199 + b"s3cret", "The token endpoint answered 400: " + "x" * 199 + "*."),
    ],
)
def test_a_failure_says_what_came_without_secrets(status: int, body: bytes, message: str) -> None:
    """Masked before it is cut, so that no half of a secret is left over."""
    with pytest.raises(TokenRefreshError) as caught:
        grant_of(body, status)
    assert caught.value.message == message


@given(st.binary(max_size=200), st.sampled_from([200, 204, 302, 400, 401, 500]))
def test_any_answer_is_a_token_or_a_typed_error(body: bytes, status: int) -> None:
    """Nothing that a token endpoint says can come out untyped."""
    with suppress(TokenRefreshError):
        assert grant_of(body, status).secret.reveal()


def test_half_an_emoji_makes_no_token_and_no_refusal_unreadable() -> None:
    """A lone surrogate is valid JSON, and mostly stands in a part that nobody reads (API contract §3)."""
    assert grant_of(b'{"access_token":"at","user":"cut \\ud83d"}').secret.reveal() == "at"
    with pytest.raises(TokenRefreshError) as caught:
        grant_of(b'{"error":"invalid_grant","error_description":"cut \\ud83d"}', 400)
    assert caught.value.code == "invalid_grant"
    assert token_with(b'{"exp":1700000060,"name":"cut \\ud83d"}').expiry is not None


def test_a_client_credentials_request_is_as_rfc_6749_says() -> None:
    """§4.4.2 and §2.3.1: the id and the secret are form-encoded before they are joined."""
    oauth = OAuthClientCredentials(URL, "i:d", "p%w+", scopes=("a:read", "b:read"))
    form = parse_qs(bytes(token_form(oauth)).decode())
    assert form == {"grant_type": ["client_credentials"], "scope": ["a:read b:read"]}
    assert b64decode(client_authorization(oauth)[6:]) == b"i%3Ad:p%25w%2B"


def test_a_refresh_request_carries_the_newest_refresh_token() -> None:
    """§6, after a rotation; no scope is asked for that the user did not name."""
    oauth = OAuthRefreshToken(URL, "id", "pw", "first")
    oauth.slot.refresh_token = Secret("sec&ond")
    form = parse_qs(bytes(token_form(oauth)).decode())
    assert form == {"grant_type": ["refresh_token"], "refresh_token": ["sec&ond"]}
