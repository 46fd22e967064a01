"""What the user's own functions raise passes untouched: signed by no call, and never shared."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import anyio
import anyio.to_thread
import httpx
import pytest
from anyio.lowlevel import checkpoint
from msgspec.structs import replace

from cloudplatform_async import (
    APIConnectionError,
    APITimeoutError,
    AsyncClient,
    ClientStateError,
    CloudPlatformError,
    OAuthClientCredentials,
    OAuthRefreshToken,
    RateLimitError,
    RetryPolicy,
    ServerError,
    TokenRefreshError,
    WorkflowRun,
)
from cloudplatform_async._runtime.clock import CLOCK
from tests.resources.wire import Wire, always

pytestmark = pytest.mark.anyio

TOKEN_URL = "https://id.example/token"
OF_ANOTHER_CALL: dict[str, Any] = {
    "attempts": 7,
    "request_id": "req_theirs",
    "idempotency_key": "key_theirs",
    "outcome": "unknown",
}


def theirs(kind: type[CloudPlatformError]) -> CloudPlatformError:
    """An error of a client of their own."""
    error = kind("theirs", status_code=429, retry_after=5.0, **OF_ANOTHER_CALL)
    error.__cause__ = KeyError("why")
    return error


def said(error: CloudPlatformError) -> dict[str, Any]:
    """What an error says of its call."""
    return {name: getattr(error, name) for name in OF_ANOTHER_CALL}


@pytest.mark.parametrize("option", ["api_key", "access_token"])
@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(
    "kind", [RateLimitError, TokenRefreshError, APIConnectionError, ClientStateError, CloudPlatformError]
)
async def test_an_error_of_a_credential_function_is_signed_by_no_call(
    option: str, is_async: bool, kind: type[CloudPlatformError]
) -> None:
    """The same object, with its own attempts, ids, outcome, cause and notes, and raised at once."""
    raised, asked = theirs(kind), 0

    def function() -> str:
        nonlocal asked
        asked += 1
        raise raised

    async def later() -> str:
        return function()

    wire = always({})
    async with AsyncClient(transport=wire, **{option: later if is_async else function}) as client:
        with pytest.raises(CloudPlatformError) as caught:
            await client.projects.create(name="n", slug="s")
    assert caught.value is raised
    assert said(raised) == OF_ANOTHER_CALL
    assert isinstance(raised.__cause__, KeyError)
    assert getattr(raised, "__notes__", []) == []
    assert (asked, wire.requests) == (1, [])


async def test_a_function_that_fails_after_a_401_is_signed_by_no_call() -> None:
    """When it is asked whether it has something new."""
    raised = theirs(TokenRefreshError)
    answers = iter(["old", raised])

    def function() -> str:
        answer = next(answers)
        if isinstance(answer, CloudPlatformError):
            raise answer
        return answer

    async with AsyncClient(transport=always({}, 401), api_key=function) as client:
        with pytest.raises(TokenRefreshError) as caught:
            await client.projects.get("a")
    assert caught.value is raised
    assert said(raised) == OF_ANOTHER_CALL


async def test_a_429_of_a_users_own_client_closes_no_gate() -> None:
    """It is no answer of this platform's."""
    answers: list[Any] = [theirs(RateLimitError), "k", "k"]

    def function() -> str:
        answer = answers.pop(0)
        if isinstance(answer, CloudPlatformError):
            raise answer
        return str(answer)

    async with AsyncClient(transport=always({"id": "a", "name": "b"}), api_key=function, timeout=1) as client:
        with pytest.raises(RateLimitError):
            await client.projects.get("a")
        assert (await client.projects.get("a")).id == "a"
        assert client.statistics().throttled == 0


class OwnArgumentsError(Exception):
    """An error whose class wants other arguments than it keeps."""

    def __init__(self, code: int, *, hint: str) -> None:
        super().__init__(f"{code}: {hint}")
        self.code, self.hint = code, hint


@pytest.mark.parametrize(
    "make",
    [
        lambda: OwnArgumentsError(3, hint="disk"),
        lambda: OSError(28, "No space left"),
        lambda: theirs(RateLimitError),
        lambda: theirs(ClientStateError),
        lambda: KeyError("slot"),
    ],
    ids=["own arguments", "OSError", "RateLimitError", "ClientStateError", "KeyError"],
)
async def test_an_error_of_on_rotate_reaches_each_waiting_call_as_an_object_of_its_own(
    make: Callable[[], Exception],
) -> None:
    """Equal in all that it says, so that a note or a traceback of one call is not on another's."""

    def answer(request: httpx.Request) -> httpx.Response:
        if str(request.url) == TOKEN_URL:
            return httpx.Response(
                200, json={"access_token": "t", "token_type": "bearer", "refresh_token": "r2"}
            )
        return httpx.Response(200, json={"id": "a", "name": "b"})

    async def store(_: str) -> None:
        await checkpoint()
        raise make()

    wire, errors = Wire(answer), list[BaseException]()
    oauth = OAuthRefreshToken(TOKEN_URL, "id", "secret", "r1", on_rotate=store)

    async def create(number: int) -> None:
        try:
            await client.projects.create(name="n", slug=f"s{number}")
        except type(make()) as error:
            errors.append(error)

    async with AsyncClient(access_token=oauth, transport=wire) as client, anyio.create_task_group() as tasks:
        for number in range(3):
            tasks.start_soon(create, number)
    assert len({id(error) for error in errors}) == 3
    assert {str(error) for error in errors} == {str(make())}
    assert [{**vars(error)} for error in errors] == [{**vars(make())}] * 3
    assert [str(each.url) for each in wire.requests] == [TOKEN_URL]


@pytest.mark.parametrize("kind", [RateLimitError, ClientStateError, APIConnectionError])
async def test_an_error_of_a_users_own_transport_is_signed_by_no_call(kind: type[CloudPlatformError]) -> None:
    """It may well be one that calls through a client of its own."""
    raised = theirs(kind)

    def answer(_: httpx.Request) -> httpx.Response:
        raise raised

    wire = Wire(answer)
    async with AsyncClient(api_key="k", transport=wire) as client:
        with pytest.raises(CloudPlatformError) as caught:
            await client.projects.create(name="n", slug="s")
    assert caught.value is raised
    assert said(raised) == OF_ANOTHER_CALL
    assert len(wire.requests) == 1


RUN = WorkflowRun(id="r", workflow_id="w", status="running")
STEPS: dict[str, Callable[[AsyncClient], Awaitable[object]]] = {
    "item": lambda client: client.projects.iter_all().first(),
    "collect": lambda client: client.projects.iter_all().collect(),
    "windows": lambda client: client.usage.iter_windows(date(2026, 1, 1), date(2026, 1, 3)).collect(),
    "tail": lambda client: anext(client.events.tail(after="evt_1")),
    "wait": lambda client: client.workflows.wait(RUN, timeout=60),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("kind", [APIConnectionError, APITimeoutError, ServerError, TokenRefreshError])
async def test_an_error_of_a_users_function_is_untouched_by_what_makes_several_calls(
    step: str, kind: type[CloudPlatformError]
) -> None:
    """No walk writes its checkpoint on it, no tail takes it for an outage, no wait for its own end."""
    raised, now = theirs(kind), 1000.0
    raised.checkpoint = "theirs"

    def function() -> str:
        nonlocal now
        now += 100  # later than any end
        raise raised

    async def sleep(_: float) -> None:
        await checkpoint()

    CLOCK.process = replace(CLOCK.process, monotonic=lambda: now, sleep=sleep)
    async with AsyncClient(transport=always({}), access_token=function) as client:
        with anyio.fail_after(5), pytest.raises(CloudPlatformError) as caught:
            await STEPS[step](client)
    assert caught.value is raised
    assert (said(raised), raised.checkpoint) == (OF_ANOTHER_CALL, "theirs")


async def test_of_a_create_among_many_whose_function_fails_nothing_is_certain() -> None:
    """The outcome of another call is not the outcome of this one, of which a request may have been sent."""
    answers = iter(["t", theirs(APIConnectionError)])

    def function() -> str:
        answer = next(answers)
        if isinstance(answer, CloudPlatformError):
            answer.outcome = "not_sent"
            raise answer
        return answer

    wire = always({}, 500)
    async with AsyncClient(transport=wire, access_token=function, retries=RetryPolicy(base=0)) as client:
        results = [each async for each in client.projects.create_many([{"name": "n", "slug": "s"}])]
    assert len(wire.requests) == 1
    assert [each.outcome for each in results] == ["unknown"]
    assert results[0].error is not None
    assert results[0].error.outcome == "not_sent"


class Failing:
    """A store of tokens and a shared limit of the user's own, one of whose methods raises."""

    def __init__(self, method: str, error: CloudPlatformError) -> None:
        self._method, self._error = method, error

    async def _does(self, method: str) -> None:
        await checkpoint()
        if method == self._method:
            raise self._error

    async def read(self, key: str) -> None:
        await self._does("read")

    async def claim(self, key: str, owner: str, seconds: float) -> bool:
        await self._does("claim")
        return True

    async def save(self, key: str, owner: str, value: bytes) -> None:
        await self._does("save")

    async def release(self, key: str, owner: str) -> None:
        await self._does("release")

    async def acquire(self, name: str, most: int) -> tuple[int, float]:
        await self._does("acquire")
        return most, 0.0

    async def pause(self, name: str, seconds: float) -> None:
        await self._does("pause")


@pytest.mark.parametrize("method", ["read", "claim", "save", "release"])
@pytest.mark.parametrize("kind", [RateLimitError, TokenRefreshError, ClientStateError])
async def test_an_error_of_a_token_store_is_signed_by_no_call(
    method: str, kind: type[CloudPlatformError]
) -> None:
    """Nor taken for the token endpoint's refusal, or for the end of the client whose refresh it was."""

    def answer(request: httpx.Request) -> httpx.Response:
        if str(request.url) == TOKEN_URL:
            return httpx.Response(200, json={"access_token": "t", "token_type": "bearer"})
        return httpx.Response(200, json={"id": "a", "name": "b"})

    oauth = OAuthClientCredentials(TOKEN_URL, "id", "secret", store=Failing(method, theirs(kind)))
    async with AsyncClient(access_token=oauth, transport=Wire(answer)) as client:
        with pytest.raises(CloudPlatformError) as caught, anyio.fail_after(5):
            await client.projects.create(name="n", slug="s")
    assert (type(caught.value), said(caught.value)) == (kind, OF_ANOTHER_CALL)
    assert oauth.slot.refusal is None


async def test_a_rotated_refresh_token_is_not_lost_where_a_store_fails_to_take_it() -> None:
    """The old one is spent: the next call goes on with the new one, and the store gets what comes of that."""
    spent, saved, told = list[str](), list[bytes](), list[str]()

    class Full(Failing):
        async def save(self, key: str, owner: str, value: bytes) -> None:
            saved.append(value)
            if len(saved) == 1:
                raise OSError(28, "No space left")

    def answer(request: httpx.Request) -> httpx.Response:
        if str(request.url) != TOKEN_URL:
            return httpx.Response(200, json={"id": "a", "name": "b"})
        spent.append(request.content.decode().rpartition("=")[2])
        new = f"r{len(spent) + 1}"
        return httpx.Response(200, json={"access_token": "t", "token_type": "bearer", "refresh_token": new})

    store = Full("", theirs(RateLimitError))
    oauth = OAuthRefreshToken(TOKEN_URL, "id", "secret", "r1", store=store, on_rotate=told.append)
    async with AsyncClient(access_token=oauth, transport=Wire(answer)) as client:
        with pytest.raises(OSError, match="No space left"):
            await client.projects.get("a")
        assert (await client.projects.get("a")).id == "a"
    assert (spent, told) == (["r1", "r2"], ["r3"])
    assert b'"r3"' in bytes(saved[-1])


@pytest.mark.parametrize(
    ("rotates", "heard", "asked"), [(False, 0, [1, 2, 2, 2, 3]), (True, 3, [1, 2, 3, 4, 5])]
)
async def test_a_store_that_fails_while_the_old_token_serves(
    rotates: bool, heard: int, asked: list[int]
) -> None:
    """It is not asked with each call; where a rotated refresh token may be lost, the next call hears."""
    now, requests, errors, counts, is_full = 1000.0, 0, 0, list[int](), False

    class Filling(Failing):
        async def save(self, key: str, owner: str, value: bytes) -> None:
            if is_full:
                raise OSError(28, "No space left")

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal requests
        if str(request.url) != TOKEN_URL:
            return httpx.Response(200, json={"id": "a", "name": "b"})
        requests += 1
        rotated = {"refresh_token": f"r{requests + 1}"} if rotates else {}
        token = {"access_token": "t", "token_type": "bearer", "expires_in": 3600}
        return httpx.Response(200, json={**token, **rotated})

    CLOCK.process = replace(CLOCK.process, monotonic=lambda: now)
    store = Filling("", theirs(RateLimitError))
    oauth = OAuthRefreshToken(TOKEN_URL, "id", "secret", "r1", store=store)
    async with AsyncClient(access_token=oauth, transport=Wire(answer)) as client:
        for seconds in (0.0, 3580.0, 0.0, 0.0, 2.0):
            now, is_full = now + seconds, seconds > 0 or is_full
            try:
                await client.projects.get("a")
            except OSError:
                errors += 1
            await anyio.wait_all_tasks_blocked()
            counts.append(requests)
    assert (errors, counts) == (heard, asked)


@pytest.mark.parametrize("method", ["acquire", "pause"])
@pytest.mark.parametrize("kind", [RateLimitError, ClientStateError, APIConnectionError])
async def test_an_error_of_a_shared_limit_is_signed_by_no_call(
    method: str, kind: type[CloudPlatformError]
) -> None:
    """Nor taken for a refusal of its own: it was raised, and not returned."""
    raised = theirs(kind)
    wire = Wire(lambda _: httpx.Response(429, headers={"retry-after": "9"}))
    limit = Failing(method, raised)
    async with AsyncClient(api_key="k", transport=wire, shared_limit=limit) as client:
        with pytest.raises(CloudPlatformError) as caught:
            await client.projects.create(name="n", slug="s")
    assert caught.value is raised
    assert said(raised) == OF_ANOTHER_CALL
    assert len(wire.requests) == (method == "pause")


async def found_elsewhere() -> str:
    """A secret that a thread of its own fetches, with an event loop of its own."""

    async def fetch() -> str:
        await checkpoint()
        return "k"

    return await anyio.to_thread.run_sync(anyio.run, fetch)


async def test_the_users_functions_may_run_an_event_loop_in_a_thread() -> None:
    """They run in the context that the user had: no mark of ours says that a loop runs in the thread."""
    told: list[str] = []

    async def store(token: str) -> None:
        told.append(token + await found_elsewhere())

    def answer(request: httpx.Request) -> httpx.Response:
        if str(request.url) == TOKEN_URL:
            return httpx.Response(
                200, json={"access_token": "t", "token_type": "bearer", "refresh_token": "r2"}
            )
        return httpx.Response(200, json={"id": "a", "name": "b"})

    oauth = OAuthRefreshToken(TOKEN_URL, "id", "secret", "r1", on_rotate=store)
    async with AsyncClient(api_key=found_elsewhere, access_token=oauth, transport=Wire(answer)) as client:
        assert (await client.projects.get("a")).id == "a"
    assert told == ["r2k"]


def test_a_key_function_may_use_to_thread() -> None:
    """Which copies the context into the thread; `anyio.run` looks there for a loop that runs already."""

    async def fetch() -> str:
        await checkpoint()
        return "k"

    async def key() -> str:
        return await asyncio.to_thread(anyio.run, fetch)

    async def main() -> None:
        async with AsyncClient(api_key=key, transport=wire) as client:
            await client.projects.get("a")

    wire = always({"id": "a", "name": "b"})
    asyncio.run(main())  # of asyncio itself: anyio's own leaves such a mark too
    assert wire.requests[0].headers["x-api-key"] == "k"
