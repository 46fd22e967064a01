"""Tokens of OAuth grants: one refresh however many wait, early renewal, back-off, rotation."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import parse_qs

import anyio
import httpx
import pytest
from anyio import wait_all_tasks_blocked
from anyio.abc import TaskStatus
from anyio.lowlevel import checkpoint
from attrs import define, field

from cloudplatform_async._connections.foreign import connections_of
from cloudplatform_async._oauth import token_endpoint
from cloudplatform_async._oauth.authentication import Authentication
from cloudplatform_async._runtime.background import Background
from cloudplatform_async._runtime.clock import CLOCK, Clock
from cloudplatform_async._runtime.raised import RaisedByUser
from cloudplatform_async.credentials import Credentials, OAuth, OAuthClientCredentials, OAuthRefreshToken
from cloudplatform_async.errors import ClientStateError, InsufficientScopeError, TokenRefreshError
from tests.tiers import quick_on_asyncio

pytestmark = pytest.mark.anyio

URL = "https://id.example/token"


@define
class Time:
    """A monotonic clock that a test sets; dice that always show the most."""

    now: float = 1_000.0

    def __attrs_post_init__(self) -> None:
        CLOCK.process = Clock(
            monotonic=lambda: self.now, wall=lambda: 1_700_000_000.0, uniform=lambda _, most: most
        )


@define
class Endpoint:
    """A token endpoint: issues ``at1``, ``at2``, … unless told otherwise, and waits until it is ``open``."""

    fields: dict[str, object] = field(factory=lambda: {"expires_in": 3600})
    failure: Callable[[], httpx.Response] | None = None
    requests: list[httpx.Request] = field(factory=list)
    open: anyio.Event | None = None

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        number = len(self.requests)
        if self.open is not None:
            await self.open.wait()
        if self.failure is not None:
            return self.failure()
        return httpx.Response(
            200, json={"access_token": f"at{number}", "token_type": "Bearer", **self.fields}
        )

    def client(self, oauth: OAuth, background: Background | None = None) -> Authentication:
        """The authentication of a client that was given this grant."""
        transport = connections_of(httpx.MockTransport(self))
        return Authentication(Credentials.of(None, oauth), transport, background or Background())


class Endless(httpx.AsyncByteStream):
    """A body that goes on and on."""

    def __aiter__(self) -> "Endless":
        return self

    async def __anext__(self) -> bytes:
        return bytes(1024)


def client_credentials(**options: Any) -> OAuthClientCredentials:
    """A grant without rotation."""
    return OAuthClientCredentials(URL, "id", "pw", **options)


def refresh_token(**options: Any) -> OAuthRefreshToken:
    """A grant with the refresh token ``rt0``."""
    return OAuthRefreshToken(URL, "id", "pw", "rt0", **options)


async def token(client: Authentication, scope: str | None = None) -> str:
    """The token of one attempt."""
    return bytes(dict(await client.headers(scope))[b"authorization"]).decode().removeprefix("Bearer ")


async def tokens(client: Authentication, count: int, before_answer: Callable[[], object]) -> list[object]:
    """What so many attempts at one time come to, tokens and errors, once all of them wait."""
    results: list[object] = []

    async def attempt() -> None:
        try:
            results.append(await token(client))
        except TokenRefreshError as error:
            results.append(error)

    async with anyio.create_task_group() as group:
        for _ in range(count):
            group.start_soon(attempt)
        await wait_all_tasks_blocked()
        before_answer()
    return results


def unavailable(**headers: str) -> httpx.Response:
    """An answer that says nothing useful."""
    return httpx.Response(503, text="down", headers=headers)


async def test_a_token_request_is_as_rfc_6749_says_and_has_none_of_the_apis_headers() -> None:
    """A form with Basic credentials (§2.3.1, §4.4.2); no key, no id of a call, no cookie."""
    endpoint = Endpoint()
    await token(endpoint.client(client_credentials(scopes=("a:read", "b:read"))))
    (request,) = endpoint.requests
    assert (request.method, str(request.url)) == ("POST", URL)
    assert request.content == b"grant_type=client_credentials&scope=a%3Aread+b%3Aread"
    assert request.headers["authorization"] == "Basic aWQ6cHc="
    assert set(request.headers) == {
        "host",
        "authorization",
        "content-type",
        "content-length",
        "accept",
        "accept-encoding",
        "user-agent",
    }


@quick_on_asyncio
async def test_200_tasks_on_an_expired_token_make_one_request() -> None:
    """All of them go on with the one new token."""
    time, endpoint = Time(), Endpoint()
    client = endpoint.client(client_credentials())
    await token(client)
    time.now += 3600
    endpoint.open = anyio.Event()
    assert await tokens(client, 200, endpoint.open.set) == ["at2"] * 200
    assert len(endpoint.requests) == 2


@quick_on_asyncio
async def test_200_tasks_on_a_failing_endpoint_get_200_errors_of_one_request() -> None:
    """Each has its own error, with the time until the endpoint is asked again."""
    time, endpoint = Time(), Endpoint(failure=unavailable, open=anyio.Event())
    client = endpoint.client(client_credentials())
    assert endpoint.open is not None
    errors = await tokens(client, 200, endpoint.open.set)
    assert len(endpoint.requests) == 1
    assert len({id(error) for error in errors}) == 200
    assert all(isinstance(error, TokenRefreshError) and error.retry_after == 0.5 for error in errors)
    assert time.now == 1_000.0


async def test_a_failing_endpoint_is_asked_once_a_back_off_that_grows() -> None:
    """Calls within it fail at once, untouched by the network; the first after it asks."""
    time, endpoint = Time(), Endpoint(failure=unavailable)
    client = endpoint.client(client_credentials())
    for number, longest in enumerate([0.5, 1.0, 2.0, 4.0, 8.0, 8.0], start=1):
        for past in (0.0, longest / 2, longest / 2 - 0.001):
            time.now += past
            with pytest.raises(TokenRefreshError, match="answered 503: down") as caught:
                await token(client)
            assert caught.value.outcome == "not_sent"
            assert caught.value.status_code == 503
            assert caught.value.retry_after is not None
        assert len(endpoint.requests) == number
        time.now += 0.002
    endpoint.failure = None
    assert await token(client) == "at7"


async def test_a_back_off_is_never_empty() -> None:
    """Even the lowest draw leaves half of it: otherwise a stampede would follow."""
    endpoint = Endpoint(failure=unavailable)
    CLOCK.process = Clock(monotonic=lambda: 0.0, uniform=lambda least, _: least)
    client = endpoint.client(client_credentials())
    with pytest.raises(TokenRefreshError) as caught:
        await token(client)
    assert caught.value.retry_after == 0.25


@pytest.mark.parametrize(("asked", "waited"), [("20", 20.0), ("3600", 60.0), ("0", 0.5)])
async def test_the_endpoints_retry_after_is_the_least_wait(asked: str, waited: float) -> None:
    """Up to a minute: no endpoint can shut a client out for a day."""
    Time()
    client = Endpoint(failure=partial(unavailable, **{"retry-after": asked})).client(client_credentials())
    with pytest.raises(TokenRefreshError) as caught:
        await token(client)
    assert caught.value.retry_after == waited


async def test_a_success_forgets_the_failures() -> None:
    """The next back-off is a first one again."""
    time, endpoint = Time(), Endpoint(failure=unavailable)
    client = endpoint.client(client_credentials())
    with pytest.raises(TokenRefreshError):
        await token(client)
    time.now += 1
    endpoint.failure = None
    await token(client)
    time.now += 3600
    endpoint.failure = unavailable
    with pytest.raises(TokenRefreshError) as caught:
        await token(client)
    assert caught.value.retry_after == 0.5


async def test_oauths_error_code_is_on_the_error() -> None:
    """``invalid_grant`` tells a program to have its user log in again."""
    answer = {"error": "invalid_grant", "error_description": "rt0 was revoked"}
    client = Endpoint(failure=lambda: httpx.Response(400, json=answer)).client(refresh_token())
    with pytest.raises(TokenRefreshError, match="400 invalid_grant: \\*\\*\\* was revoked") as caught:
        await token(client)
    assert (caught.value.code, caught.value.status_code) == ("invalid_grant", 400)


async def test_a_stale_token_serves_while_one_task_replaces_it() -> None:
    """Nobody waits: the endpoint has not answered yet, and all calls go on."""
    time, endpoint = Time(), Endpoint()
    client = endpoint.client(client_credentials())
    await token(client)
    time.now += 3570
    endpoint.open = anyio.Event()
    assert [await token(client) for _ in range(50)] == ["at1"] * 50
    await wait_all_tasks_blocked()
    assert len(endpoint.requests) == 2
    endpoint.open.set()
    await wait_all_tasks_blocked()
    assert await token(client) == "at2"


async def test_a_stale_token_serves_on_while_the_endpoint_fails() -> None:
    """It is asked once a back-off; only when the token has ended do calls fail."""
    time, endpoint = Time(), Endpoint()
    client = endpoint.client(client_credentials())
    await token(client)
    time.now += 3570
    endpoint.failure = unavailable
    for _ in range(10):
        assert await token(client) == "at1"
        await wait_all_tasks_blocked()
    assert len(endpoint.requests) == 2
    time.now += 30
    with pytest.raises(TokenRefreshError):
        await token(client)
    assert len(endpoint.requests) == 3


async def test_calls_on_an_expired_token_join_the_refresh_that_began_early() -> None:
    """There is never a second request beside it."""
    time, endpoint = Time(), Endpoint()
    client = endpoint.client(client_credentials())
    await token(client)
    time.now += 3570
    endpoint.open = anyio.Event()
    await token(client)
    time.now += 30
    assert await tokens(client, 10, endpoint.open.set) == ["at2"] * 10
    assert len(endpoint.requests) == 2


@quick_on_asyncio
@pytest.mark.parametrize("expires_in", [0, 0.001])
async def test_a_token_serves_the_calls_that_waited_for_it_however_short_its_life(expires_in: float) -> None:
    """All 20 of them, with one request; the next call makes the next request."""
    time, endpoint = Time(), Endpoint(fields={"expires_in": expires_in}, open=anyio.Event())
    client = endpoint.client(client_credentials())
    assert endpoint.open is not None
    assert await tokens(client, 20, endpoint.open.set) == ["at1"] * 20
    time.now += 1
    assert await token(client) == "at2"


@pytest.mark.parametrize("fields", [{}, {"expires_in": -5}, {"expires_in": True}, {"expires_in": "soon"}])
async def test_a_token_of_unknown_end_serves_until_it_is_rejected(fields: dict[str, object]) -> None:
    """However long that is."""
    time, endpoint = Time(), Endpoint(fields=fields)
    client = endpoint.client(client_credentials())
    await token(client)
    time.now += 1e6
    assert await token(client) == "at1"


async def test_a_cancelled_leader_hands_over() -> None:
    """Whoever started the refresh may go; it goes on for those who wait, and none asks again."""
    endpoint = Endpoint(open=anyio.Event())
    client = endpoint.client(client_credentials())
    leader = anyio.CancelScope()

    async def lead(*, task_status: TaskStatus[None]) -> None:
        with leader:
            task_status.started()
            await token(client)

    assert endpoint.open is not None
    async with anyio.create_task_group() as group:
        await group.start(lead)
        await wait_all_tasks_blocked()
        leader.cancel()
        assert await tokens(client, 10, endpoint.open.set) == ["at1"] * 10
    assert leader.cancelled_caught
    assert len(endpoint.requests) == 1


async def test_a_leader_without_waiters_may_go_too() -> None:
    """The token is there for the next call."""
    endpoint = Endpoint(open=anyio.Event())
    client = endpoint.client(client_credentials())
    assert endpoint.open is not None
    with anyio.move_on_after(0):
        await token(client)
    await wait_all_tasks_blocked()
    endpoint.open.set()
    await wait_all_tasks_blocked()
    assert await token(client) == "at1"
    assert len(endpoint.requests) == 1


async def test_clients_given_one_object_share_its_token() -> None:
    """One request serves both."""
    endpoint, oauth = Endpoint(), client_credentials()
    assert await token(endpoint.client(oauth)) == await token(endpoint.client(oauth)) == "at1"


async def test_a_client_that_closes_during_a_refresh_hands_it_to_the_others() -> None:
    """A waiting call of another client starts it anew."""
    endpoint, oauth, background = Endpoint(open=anyio.Event()), client_credentials(), Background()
    assert endpoint.open is not None
    with anyio.move_on_after(0):
        await token(endpoint.client(oauth, background))
    results: list[str] = []

    async def wait_for_token() -> None:
        results.append(await token(endpoint.client(oauth)))

    async with anyio.create_task_group() as group:
        group.start_soon(wait_for_token)
        await wait_all_tasks_blocked()
        await background.aclose()
        endpoint.open.set()
    assert results == [f"at{len(endpoint.requests)}"]


async def test_closing_during_a_rotation_keeps_the_new_refresh_token() -> None:
    """The old one is spent: without the new one its user would have to log in again."""
    told: list[str] = []
    endpoint, background = Endpoint(open=anyio.Event(), fields={"refresh_token": "rt1"}), Background()
    oauth = refresh_token(on_rotate=told.append)
    assert endpoint.open is not None
    with anyio.move_on_after(0):
        await token(endpoint.client(oauth, background))
    await wait_all_tasks_blocked()
    async with anyio.create_task_group() as group:
        group.start_soon(background.aclose)
        await wait_all_tasks_blocked()
        endpoint.open.set()
    assert told == ["rt1"]
    assert await token(endpoint.client(oauth)) == "at1"


@quick_on_asyncio
async def test_a_401_replaces_the_token_once_for_all_calls_that_met_it() -> None:
    """Those who come later find it replaced."""
    endpoint = Endpoint()
    client = endpoint.client(client_credentials())
    sent = await client.headers(None)
    endpoint.open = anyio.Event()
    renewed: list[bool] = []

    async def renew() -> None:
        renewed.append(await client.renew(sent))

    async with anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(renew)
        await wait_all_tasks_blocked()
        endpoint.open.set()
    assert renewed == [True] * 50
    assert await client.renew(sent)
    assert len(endpoint.requests) == 2
    assert await token(client) == "at2"


async def test_a_401_while_the_endpoint_fails_says_that_the_refresh_failed() -> None:
    """The call itself was rejected, so nothing of it was done."""
    endpoint = Endpoint()
    client = endpoint.client(client_credentials())
    sent = await client.headers(None)
    endpoint.failure = unavailable
    for _ in range(3):
        with pytest.raises(TokenRefreshError) as caught:
            await client.renew(sent)
        assert caught.value.outcome == "rejected"
    assert len(endpoint.requests) == 2


async def test_the_answers_scopes_are_checked_before_a_call() -> None:
    """The token endpoint may grant less than was asked for (RFC 6749 §3.3)."""
    client = Endpoint(fields={"scope": "projects:read"}).client(client_credentials())
    assert await token(client, "projects:read") == "at1"
    with pytest.raises(InsufficientScopeError, match="projects:write"):
        await token(client, "projects:write")


def refresh_tokens_sent(endpoint: Endpoint) -> list[str]:
    """What the endpoint got, in order."""
    return [parse_qs(request.content.decode())["refresh_token"][0] for request in endpoint.requests]


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_rotated_refresh_token_is_kept_and_told(is_async: bool) -> None:
    """Once per rotation, and before the access token that came with it serves."""
    told: list[tuple[str, object]] = []

    async def store(refresh_token: str) -> None:
        await checkpoint()
        told.append((refresh_token, oauth.slot.token))

    def note(refresh_token: str) -> None:
        told.append((refresh_token, oauth.slot.token))

    time, endpoint = Time(), Endpoint()
    oauth = refresh_token(on_rotate=store if is_async else note)
    client = endpoint.client(oauth)
    for number in (1, 2, 2):
        endpoint.fields = {"expires_in": 60, "refresh_token": f"rt{number}"}
        before = oauth.slot.token
        await token(client)
        assert told[-1] == (f"rt{number}", before) or len(endpoint.requests) == 3
        time.now += 60
    assert [name for name, _ in told] == ["rt1", "rt2"]
    assert refresh_tokens_sent(endpoint) == ["rt0", "rt1", "rt2"]


async def test_a_server_that_does_not_rotate_is_asked_with_the_same_refresh_token() -> None:
    """And ``on_rotate`` has nothing to say."""
    time, endpoint = Time(), Endpoint()
    client = endpoint.client(refresh_token(on_rotate=pytest.fail))
    await token(client)
    time.now += 3600
    await token(client)
    assert refresh_tokens_sent(endpoint) == ["rt0", "rt0"]


async def test_what_on_rotate_raises_reaches_the_caller_and_nothing_is_lost() -> None:
    """The next call tells the same refresh token again, without a new request."""
    told: list[str] = []
    error = OSError("the disk is full")

    def store(refresh_token: str) -> None:
        told.append(refresh_token)
        if len(told) == 1:
            raise error

    endpoint = Endpoint(fields={"expires_in": 60, "refresh_token": "rt1"})
    client = endpoint.client(refresh_token(on_rotate=store))
    with pytest.raises(OSError, match="the disk is full") as caught:
        await token(client)
    assert caught.value is error
    assert await token(client) == "at1"
    assert told == ["rt1", "rt1"]
    assert len(endpoint.requests) == 1


async def test_an_early_rotation_that_could_not_be_told_is_not_silent() -> None:
    """The old token still serves, yet the next call meets the error of ``on_rotate``."""

    def fail(_: str) -> None:
        raise OSError("the disk is full")

    time, endpoint = Time(), Endpoint()
    client = endpoint.client(refresh_token(on_rotate=fail))
    await token(client)
    time.now += 3570
    endpoint.fields = {"expires_in": 60, "refresh_token": "rt1"}
    assert await token(client) == "at1"
    await wait_all_tasks_blocked()
    with pytest.raises(OSError, match="the disk is full"):
        await token(client)


async def test_on_rotate_that_uses_a_closed_client_is_not_taken_for_ours() -> None:
    """Ours being closed would have the refresh begin anew; this ends it, and is told."""
    told: list[str] = []

    def store(refresh_token: str) -> None:
        told.append(refresh_token)
        raise ClientStateError("This client is closed.")

    client = Endpoint(fields={"refresh_token": "rt1"}).client(refresh_token(on_rotate=store))
    with pytest.raises(RaisedByUser) as caught:  # of which the sender takes what was raised
        await token(client)
    assert isinstance(caught.value.error, ClientStateError)
    assert told == ["rt1"]


async def test_a_connection_failure_is_the_cause_without_the_request() -> None:
    """The request holds the client's secret, and so do the frames below."""

    def fail() -> httpx.Response:
        raise httpx.ConnectError("refused")

    client = Endpoint(failure=fail).client(client_credentials())
    with pytest.raises(TokenRefreshError, match="ConnectError") as caught:
        await token(client)
    cause = caught.value.__cause__
    assert isinstance(cause, httpx.ConnectError)
    assert "authorization" not in cause.request.headers
    assert cause.__traceback__ is None


async def test_an_answer_without_end_is_refused() -> None:
    """64 KiB are enough for any token."""
    client = Endpoint(failure=lambda: httpx.Response(200, stream=Endless())).client(client_credentials())
    with pytest.raises(TokenRefreshError, match="could not be read"):
        await token(client)


async def test_an_endpoint_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the refresh's own time, for no call's deadline ends it."""
    monkeypatch.setattr(token_endpoint, "_TOTAL", 0.001)
    with pytest.raises(TokenRefreshError, match=r"did not answer within 0\.001 s"):
        await token(Endpoint(open=anyio.Event()).client(client_credentials()))


async def test_redirects_are_not_followed() -> None:
    """A token endpoint that has moved cannot take the secret with it."""
    elsewhere = {"location": "https://evil.example/token"}
    endpoint = Endpoint(failure=lambda: httpx.Response(307, headers=elsewhere))
    with pytest.raises(TokenRefreshError, match="redirects are never followed"):
        await token(endpoint.client(client_credentials()))
    assert len(endpoint.requests) == 1


def test_an_object_outlives_its_event_loop() -> None:
    """The second ``asyncio.run`` goes on with the first one's token, even after a refresh was cut off."""
    time, endpoint, oauth = Time(), Endpoint(), client_credentials()

    async def cut_off() -> None:
        endpoint.open = anyio.Event()
        with anyio.move_on_after(0):
            await token(endpoint.client(oauth))
        await wait_all_tasks_blocked()

    asyncio.run(cut_off())
    endpoint.open = None
    assert asyncio.run(token(endpoint.client(oauth))) == "at2"
    assert asyncio.run(token(endpoint.client(oauth))) == "at2"
    time.now += 3600
    assert asyncio.run(token(endpoint.client(oauth))) == "at3"
