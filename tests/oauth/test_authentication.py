"""Keys and tokens on a request: as texts, from functions, checked afresh, and replaced after a 401."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest

from cloudplatform_async._connections.foreign import connections_of
from cloudplatform_async._oauth.authentication import Authentication
from cloudplatform_async._runtime.background import Background
from cloudplatform_async._runtime.clock import CLOCK, Clock
from cloudplatform_async.credentials import Credentials, OAuthClientCredentials, OAuthRefreshToken
from cloudplatform_async.errors import ConfigurationError, InsufficientScopeError, TokenExpiredError

pytestmark = pytest.mark.anyio

URL = "https://id.example/token"
WALL = 1_700_000_000


def unexpected(request: httpx.Request) -> httpx.Response:
    """Fail a test that asks for a token without need."""
    raise AssertionError(f"unexpected request to {request.url}")


def authentication(api_key: Any = None, access_token: Any = None) -> Authentication:
    """The credentials of a client, at a still wall clock."""
    CLOCK.process = Clock(wall=lambda: WALL)
    credentials = Credentials.of(api_key, access_token)
    return Authentication(credentials, connections_of(httpx.MockTransport(unexpected)), Background())


def jwt(**claims: object) -> str:
    """A token with these claims."""
    return f"e30.{urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.sig"


def plain(headers: tuple[tuple[bytes, bytes], ...]) -> list[tuple[bytes, bytes]]:
    """The headers with their values in sight."""
    return [(name, bytes(value)) for name, value in headers]


def giving(*texts: Any) -> Callable[[], Any]:
    """A function that gives these texts one after the other."""
    rest: Iterator[Any] = iter(texts)
    return lambda: next(rest)


def giving_later(*texts: Any) -> Callable[[], Awaitable[Any]]:
    """The same as an async function."""
    rest: Iterator[Any] = iter(texts)

    async def give() -> Any:
        return next(rest)

    return give


@pytest.mark.parametrize(
    ("api_key", "access_token", "expected"),
    [
        ("k", None, [(b"x-api-key", b"k")]),
        (None, "t", [(b"authorization", b"Bearer t")]),
        ("k", "t", [(b"x-api-key", b"k"), (b"authorization", b"Bearer t")]),
        ("k", " ", [(b"x-api-key", b"k")]),
        ("", "t", [(b"authorization", b"Bearer t")]),
    ],
)
async def test_texts_go_out_as_headers(
    api_key: str | None, access_token: str | None, expected: object
) -> None:
    """Both where both are given, as in the platform's own example; blank ones count as absent."""
    ours = authentication(api_key, access_token)
    assert plain(await ours.headers("projects:read")) == expected


async def test_texts_are_at_hand_without_waiting() -> None:
    """A call with static credentials pays for no await, and the headers are made once."""
    ours = authentication("k", "t")
    assert ours.headers_now("projects:read") == await ours.headers("projects:read")


@pytest.mark.parametrize("source", [giving, giving_later])
async def test_functions_are_asked_for_every_attempt(source: Callable[..., Any]) -> None:
    """Sync or async: a key that is rotated now is used by the next attempt (API contract §2)."""
    ours = authentication(source("k1", "k2"), source("t1", "t2"))
    assert ours.headers_now(None) is None
    assert plain(await ours.headers(None)) == [(b"x-api-key", b"k1"), (b"authorization", b"Bearer t1")]
    assert plain(await ours.headers(None)) == [(b"x-api-key", b"k2"), (b"authorization", b"Bearer t2")]


class Shown(str):
    """A text that shows and encodes itself as another."""

    def encode(self, *_: Any) -> bytes:
        return b"encoded"


async def test_a_function_may_give_a_subclass_of_text() -> None:
    """It is sent as what it is below, as one that is passed is."""
    ours = authentication(lambda: Shown("k"), lambda: Shown("t"))
    sent = plain(await ours.headers(None))
    assert sent == [(b"x-api-key", b"k"), (b"authorization", b"Bearer t")]


async def test_a_function_and_a_text_go_together() -> None:
    """Each source is its own."""
    ours = authentication("k", giving("t"))
    assert plain(await ours.headers(None)) == [(b"x-api-key", b"k"), (b"authorization", b"Bearer t")]


async def test_what_a_function_raises_passes_through() -> None:
    """The user's own error is the user's own: the same object, not wrapped."""
    error = LookupError("the vault is sealed")

    def fail() -> str:
        raise error

    with pytest.raises(LookupError) as caught:
        await authentication(fail).headers(None)
    assert caught.value is error


@pytest.mark.parametrize("source", [giving, giving_later])
@pytest.mark.parametrize(
    "answer", ["", " ", "a b", "a\r\nx-evil: 1", "a\n", "clé", "\x00", None, 5, b"bytes"]
)
async def test_what_a_function_gives_is_checked(source: Callable[..., Any], answer: object) -> None:
    """Nothing but visible ASCII reaches a header; the message names the option."""
    with pytest.raises(ConfigurationError, match=r"^api_key must be"):
        await authentication(source(answer)).headers(None)
    with pytest.raises(ConfigurationError, match=r"^access_token must be"):
        await authentication(None, source(answer)).headers(None)


@pytest.mark.parametrize("text", ["a b", "a\r\nx-evil: 1", "a\n", "clé", "\x00", 5, b"bytes", ["k"]])
def test_what_cannot_be_sent_is_refused_where_it_enters(text: Any) -> None:
    """At construction, naming the option."""
    with pytest.raises(ConfigurationError, match=r"^api_key must be"):
        Credentials.of(text, None)
    with pytest.raises(ConfigurationError, match=r"^access_token must be"):
        Credentials.of(None, text)


@pytest.mark.parametrize(("api_key", "access_token"), [(None, None), ("", None), (" ", "\t")])
def test_no_credentials_at_all_are_refused(api_key: str | None, access_token: str | None) -> None:
    """The message names what to pass, and what to set."""
    with pytest.raises(
        ConfigurationError, match=r"api_key=.*access_token=.*CLOUD_API_KEY.*CLOUD_ACCESS_TOKEN"
    ):
        Credentials.of(api_key, access_token)


def test_an_oauth_object_is_no_api_key() -> None:
    """It gives access tokens, which go into another header."""
    oauth: Any = OAuthClientCredentials(URL, "id", "secret")
    with pytest.raises(ConfigurationError, match="pass it as access_token="):
        Credentials.of(oauth, None)


@pytest.mark.parametrize("source", [lambda text: text, giving, giving_later])
async def test_an_expired_token_is_not_sent(source: Callable[[str], Any]) -> None:
    """Nor one within 30 s of its end, where nobody can refresh it (API contract §2)."""
    for exp in (WALL - 3600, WALL, WALL + 30):
        with pytest.raises(TokenExpiredError) as caught:
            await authentication(None, source(jwt(exp=exp))).headers(None)
        assert caught.value.outcome == "not_sent"


async def test_a_token_expires_while_the_client_lives() -> None:
    """Its end is compared on each attempt, not once."""
    ours = authentication(None, jwt(exp=WALL + 31))
    assert ours.headers_now(None) is not None
    CLOCK.process = Clock(wall=lambda: WALL + 1)
    with pytest.raises(TokenExpiredError):
        ours.headers_now(None)


async def test_a_missing_scope_is_told_before_anything_is_sent() -> None:
    """For each operation: the token has one scope and not the other."""
    ours = authentication("k", jwt(scope="projects:read"))
    await ours.headers("projects:read")
    with pytest.raises(InsufficientScopeError, match="projects:write") as caught:
        await ours.headers("projects:write")
    assert caught.value.outcome == "not_sent"


@pytest.mark.parametrize("source", [giving, giving_later])
async def test_a_401_asks_the_functions_whether_they_have_something_new(source: Callable[..., Any]) -> None:
    """A key rotated under way is worth one more attempt; the same key is not."""
    ours = authentication(source("old", "new", "new"))
    assert await ours.renew(await ours.headers(None))
    assert not await ours.renew([(b"x-api-key", b"new")])


async def test_a_401_on_a_text_is_final() -> None:
    """There is no other to be had."""
    ours = authentication("k", "t")
    assert not await ours.renew(await ours.headers(None))


async def test_every_secret_in_use_is_known_for_masking() -> None:
    """Texts, what functions gave last, what a rejected attempt carried, and all that OAuth holds."""
    ours = authentication(giving("k1"), "t1")
    await ours.headers(None)
    sent = [(b"authorization", b"Bearer t0"), (b"accept", b"x")]
    assert sorted(ours.secrets(sent)) == ["k1", "t0", "t1"]
    oauth = OAuthRefreshToken(URL, "id", "p&w", "r1")
    assert {"k", "p&w", "p%26w", "r1", "aWQ6cCUyNnc="} <= set(authentication("k", oauth).secrets())


async def test_who_sends_the_same_credential_has_the_same_identity() -> None:
    """Of a text, a function and a view alike; of the key where there is one, and never the secret itself."""
    oauth = OAuthClientCredentials(URL, "id", "secret")

    async def identity(api_key: Any = None, access_token: Any = None) -> object:
        ours = authentication(api_key, access_token)
        asked = isinstance(api_key or access_token, str) or callable(api_key or access_token)
        return ours.identity_of(await ours.headers(None) if asked else ())

    key = await identity("k")
    assert key == await identity("k", "t") == await identity(lambda: "k") == await identity("k", lambda: "t")
    assert await identity(None, "t") == await identity(None, lambda: "t")
    assert await identity(None, oauth) is await identity(None, oauth)
    assert len({key, await identity("k2"), await identity(None, "t"), await identity(None, "t2")}) == 4
    assert key != b"k"


def test_a_view_replaces_one_credential_and_keeps_the_other() -> None:
    """With a new token the key stays."""
    base = Credentials.of("k", "t")
    view = base.replaced(None, "t2")
    assert view.api_key is base.api_key
    assert view.access_token is not base.access_token


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"token_url": "http://id.example/token"}, "token_url must use https://"),
        ({"token_url": "https://me:pw@id.example/token"}, "token_url must not contain a user name"),
        ({"token_url": "https://id.example/token#x"}, "fragment"),
        ({"token_url": "https://id.example/to\nken"}, "token_url must be a URL"),
        ({"client_id": ""}, "client_id must be"),
        ({"client_secret": "a b"}, "client_secret must be"),
        ({"refresh_token": None}, "refresh_token must be"),
        ({"scopes": "projects:read"}, "scopes must be a sequence"),
        ({"scopes": ["a b"]}, "scopes must be a sequence"),
        ({"scopes": [5]}, "scopes must be a sequence"),
        ({"skew": -1}, "skew must be a number"),
        ({"skew": float("nan")}, "skew must be a number"),
        ({"skew": True}, "skew must be a number"),
        ({"on_rotate": 5}, "on_rotate must be a function"),
    ],
)
def test_oauth_options_are_checked_where_they_enter(options: dict[str, Any], message: str) -> None:
    """The message names the option, and shows no secret."""
    given = {"token_url": URL, "client_id": "id", "client_secret": "pw", "refresh_token": "rt", **options}
    with pytest.raises(ConfigurationError, match=message):
        OAuthRefreshToken(**given)


def test_a_loopback_token_url_may_be_plain_http() -> None:
    """So that the sandbox can be reached."""
    assert (
        OAuthClientCredentials("http://127.0.0.1:1/token", "id", "pw").token_url == "http://127.0.0.1:1/token"
    )
