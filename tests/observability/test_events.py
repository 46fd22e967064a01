"""What happens in a call is told, in order, once, and without a secret."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx
import pytest

from cloudplatform_async import (
    AsyncClient,
    ConfigurationError,
    NotFoundError,
    OAuthClientCredentials,
    RateLimitError,
    RetryPolicy,
)
from cloudplatform_async.observability import (
    AttemptFinished,
    CallFinished,
    EndpointDeprecated,
    RateLimited,
    RetryScheduled,
    TokenRefreshed,
)
from cloudplatform_async.sandbox import Sandbox
from cloudplatform_async.testing import no_waiting
from tests.observability.watching import Recorder

pytestmark = pytest.mark.anyio
CANARY = "canary-5f1e"


@pytest.fixture
def sandbox() -> Sandbox:
    """A platform in this process."""
    return Sandbox(projects=3)


@pytest.fixture
def recorder() -> Recorder:
    """Who watches."""
    return Recorder()


@pytest.fixture
async def client(sandbox: Sandbox, recorder: Recorder) -> AsyncIterator[AsyncClient]:
    """Whom they watch; waits are skipped."""
    with no_waiting():
        async with AsyncClient(
            base_url=sandbox.base_url,
            api_key=sandbox.api_key,
            transport=sandbox.transport(),
            observers=[recorder],
        ) as client:
            yield client


async def test_a_call_is_told_from_start_to_end(client: AsyncClient, recorder: Recorder) -> None:
    """Four events, with one request id, and a path without the id in it."""
    await client.projects.get("prj_000001")
    assert recorder.kinds == ["CallStarted", "AttemptStarted", "AttemptFinished", "CallFinished"]
    assert len({event.request_id for event in recorder.events}) == 1
    assert {(each.method, each.path_template, each.group) for each in recorder.events} == {
        ("GET", "/projects/{id}", "projects")
    }


async def test_retries_and_limits_are_told_with_what_they_met(
    client: AsyncClient, recorder: Recorder, sandbox: Sandbox
) -> None:
    """Cause, delay and pause, and what is left at the end."""
    sandbox.faults.add(status=503, times=1)
    sandbox.faults.add(status=429, headers={"Retry-After": "2"}, times=1)
    response = await client.request("GET", "/projects/prj_000001")
    first, second = (event for event in recorder.events if isinstance(event, RetryScheduled))
    assert (first.attempt, first.cause, first.status_code) == (1, "ServerError", 503)
    assert (second.attempt, second.status_code) == (2, 429)
    assert second.delay >= 2
    limited = recorder.last(RateLimited)
    assert isinstance(limited, RateLimited)
    told: list[Any] = list(recorder.events)
    assert [(type(event).__name__, event.attempt, event.status_code) for event in told] == [
        ("CallStarted", 0, None),
        ("AttemptStarted", 1, None),
        ("AttemptFinished", 1, 503),
        ("RetryScheduled", 1, 503),
        ("AttemptStarted", 2, None),
        ("AttemptFinished", 2, 429),
        ("RateLimited", 2, 429),
        ("RetryScheduled", 2, 429),
        ("AttemptStarted", 3, None),
        ("AttemptFinished", 3, 200),
        ("CallFinished", 3, 200),
    ]
    assert limited.seconds == pytest.approx(2, abs=0.5)
    finished = recorder.last(CallFinished)
    assert isinstance(finished, CallFinished)
    assert (finished.attempts, finished.outcome, finished.status_code) == (3, "done", 200)
    assert response.rate_limit is not None
    assert response.rate_limit.remaining == client.statistics().limits["projects"].remaining == 599


async def test_a_closed_group_is_told_with_no_less_than_the_server_said(
    client: AsyncClient, recorder: Recorder, sandbox: Sandbox
) -> None:
    """Though some of it has passed when it is told."""
    sandbox.faults.add(status=429, headers={"Retry-After": "0.01"}, times=1)
    await client.projects.list()
    limited = recorder.last(RateLimited)
    assert isinstance(limited, RateLimited)
    assert limited.seconds >= 0.01


async def test_of_headers_with_one_name_the_users_is_sent_then_that_of_the_first_observer(
    sandbox: Sandbox,
) -> None:
    """A server that finds a header twice has to refuse it, as it does with `traceparent`."""

    class Tracer:
        def __init__(self, name: str) -> None:
            self._name = name

        def attempt_started(self, event: object) -> list[tuple[str, str]]:
            return [("X-Trace", self._name), ("X-User", self._name), ("User-Agent", self._name)]

    async with AsyncClient(
        base_url=sandbox.base_url,
        api_key=sandbox.api_key,
        transport=sandbox.transport(),
        observers=[Tracer("first"), Tracer("second")],
    ) as client:
        await client.projects.list(headers={"X-User": "own"})
    sent = sandbox.requests[-1].headers
    assert (sent["x-trace"], sent["x-user"]) == ("first", "own")
    assert sent["user-agent"].startswith("cloudplatform-async/")


async def test_the_breakdown_sums_to_the_time_of_the_call(
    client: AsyncClient, recorder: Recorder, sandbox: Sandbox
) -> None:
    """Nothing of a call's time is in no part."""
    sandbox.faults.add(status=503, times=2)
    await client.projects.list()
    finished = recorder.last(CallFinished)
    assert isinstance(finished, CallFinished)
    assert sum(finished.breakdown.values()) == pytest.approx(finished.elapsed)
    assert finished.breakdown["backoff"] > 0


async def test_a_failed_call_is_over_once(client: AsyncClient, recorder: Recorder) -> None:
    """With what became of it."""
    with pytest.raises(NotFoundError):
        await client.projects.get("prj_gone")
    finished = recorder.last(CallFinished)
    assert recorder.kinds.count("CallFinished") == 1
    assert isinstance(finished, CallFinished)
    assert (finished.outcome, finished.status_code, finished.cause) == ("rejected", 404, "NotFoundError")


async def test_a_cancelled_call_is_over_once(recorder: Recorder) -> None:
    """Its attempt too; and it may have been done."""

    async def hang(_: httpx.Request) -> httpx.Response:
        scope.cancel()
        await anyio.sleep_forever()
        raise AssertionError

    async with AsyncClient(
        api_key="key", transport=httpx.MockTransport(hang), observers=[recorder]
    ) as client:
        with anyio.CancelScope() as scope:
            await client.projects.list()
    assert recorder.kinds == ["CallStarted", "AttemptStarted", "AttemptFinished", "CallFinished"]
    finished = recorder.last(CallFinished)
    assert isinstance(finished, CallFinished)
    assert finished.outcome == "unknown"


async def test_headers_that_an_observer_gives_go_with_the_attempt(
    client: AsyncClient, sandbox: Sandbox
) -> None:
    """But none that the client sends itself."""
    await client.projects.list()
    sent = sandbox.requests[-1].headers
    assert sent["x-trace"] == "attempt-1"
    assert "stolen" not in sent.values()


@pytest.mark.parametrize(
    "given",
    [
        5,
        [("x-a", "b"), "x-c"],
        [("x-a", 1)],
        {"x-a": "b"},
        [("x-a", "b"), ("x a:", "b")],
        [("x-a", " b")],
        [("x-a", "b\r\nx-api-key: stolen")],
    ],
)
async def test_what_an_observer_gives_that_is_no_headers_is_said_and_not_sent(
    given: Any, sandbox: Sandbox, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    """The call and the other observers' headers go on."""

    class Mistaken:
        def attempt_started(self, _: object) -> Any:
            return given

    async with AsyncClient(
        base_url=sandbox.base_url,
        api_key=sandbox.api_key,
        transport=sandbox.transport(),
        observers=[Mistaken(), recorder],
    ) as client:
        await client.projects.list()
    sent = sandbox.requests[-1].headers
    assert (sent.get("x-a"), sent["x-trace"]) == (None, "attempt-1")
    assert sum("Mistaken" in record.getMessage() for record in caplog.records) == 1


async def test_an_observer_that_raises_changes_nothing_and_is_said_once(
    sandbox: Sandbox, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever watches cannot break a call, repeat it or hide from others."""

    class Broken:
        def call_started(self, _: object) -> None:
            raise RuntimeError("mine")

        call_finished = call_started

    async with AsyncClient(
        base_url=sandbox.base_url,
        api_key=sandbox.api_key,
        transport=sandbox.transport(),
        observers=[Broken(), recorder],
    ) as client:
        for _ in range(3):
            await client.projects.list()
    assert recorder.kinds.count("CallFinished") == sandbox.served == 3
    assert sum("Broken" in record.getMessage() for record in caplog.records) == 1


async def test_a_call_that_an_observer_ends_before_it_began_is_not_in_flight(sandbox: Sandbox) -> None:
    """What is no `Exception`, such as an exit, passes; the statistics count no call for ever."""

    class End(BaseException):
        pass

    class Ending:
        def call_started(self, event: object) -> None:
            raise End

    async with AsyncClient(
        base_url=sandbox.base_url, api_key="k", transport=sandbox.transport(), observers=[Ending()]
    ) as client:
        with pytest.raises(End):
            await client.projects.get("prj_000001")
        assert client.statistics().in_flight == 0


@pytest.mark.parametrize(("wants", "kinds"), [(True, 5), (False, 1)])
async def test_an_observer_that_is_not_enabled_is_told_what_is_rare_alone(
    *, wants: bool, kinds: int, sandbox: Sandbox
) -> None:
    """It is asked when a call begins; a retry is told all the same."""

    class Sometimes(Recorder):
        def enabled(self) -> bool:
            return wants

    observer = Sometimes()
    sandbox.faults.add(status=503, times=1)
    with no_waiting():
        async with AsyncClient(
            base_url=sandbox.base_url,
            api_key=sandbox.api_key,
            transport=sandbox.transport(),
            observers=[observer],
        ) as client:
            await client.projects.list()
    assert "RetryScheduled" in observer.kinds
    assert len(set(observer.kinds)) == kinds


async def test_an_observer_that_cannot_say_whether_it_is_enabled_is_told(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """What it raises there is said once, and breaks no call."""

    class Unsure(Recorder):
        def enabled(self) -> bool:
            raise RuntimeError("mine")

    observer = Unsure()
    async with AsyncClient(
        base_url=sandbox.base_url,
        api_key=sandbox.api_key,
        transport=sandbox.transport(),
        observers=[observer],
    ) as client:
        for _ in range(3):
            await client.projects.list()
    assert observer.kinds.count("CallFinished") == 3
    assert sum("Unsure" in record.getMessage() for record in caplog.records) == 1


def test_an_observer_without_a_method_is_a_mistake() -> None:
    """Not one that is silently never told."""
    with pytest.raises(ConfigurationError, match="call_finished"):
        AsyncClient(api_key="key", observers=[object()])


def test_an_observer_whose_method_is_async_is_a_mistake() -> None:
    """Nobody would await it, so that it would never run."""

    class Later:
        def call_started(self, event: object) -> None:
            """As it should be."""

        async def call_finished(self, event: object) -> None:
            """Never run."""

    with pytest.raises(ConfigurationError, match=r"Later\.call_finished is async"):
        AsyncClient(api_key="key", observers=[Later()])


def test_one_observer_is_given_in_a_list() -> None:
    """The message says so; ``None`` is none."""
    one: Any = Recorder()
    with pytest.raises(ConfigurationError, match="list"):
        AsyncClient(api_key="key", observers=one)
    transport = httpx.MockTransport(lambda _: httpx.Response(200))
    asyncio.run(AsyncClient(api_key="key", observers=None, transport=transport).aclose())


async def test_a_refresh_is_told_once_however_many_wait(sandbox: Sandbox, recorder: Recorder) -> None:
    """By one of the calls that waited for it."""
    token = OAuthClientCredentials(sandbox.token_url, sandbox.client_id, sandbox.client_secret)
    async with (
        AsyncClient(
            base_url=sandbox.base_url,
            access_token=token,
            transport=sandbox.transport(),
            observers=[recorder],
        ) as client,
        anyio.create_task_group() as tasks,
    ):
        for _ in range(5):
            tasks.start_soon(client.projects.list)
    assert recorder.kinds.count("TokenRefreshed") == 1
    assert isinstance(recorder.last(TokenRefreshed), TokenRefreshed)


async def test_a_refresh_is_told_before_the_attempt_that_it_is_for(
    sandbox: Sandbox, recorder: Recorder
) -> None:
    """So that it is told by the call that waited for it, though its answer never comes."""
    token = OAuthClientCredentials(sandbox.token_url, sandbox.client_id, sandbox.client_secret)
    async with AsyncClient(
        base_url=sandbox.base_url, access_token=token, transport=sandbox.transport(), observers=[recorder]
    ) as client:
        await client.projects.list()
        sandbox.faults.add(status=401, times=1)
        await client.projects.list()
    told: list[Any] = [event for event in recorder.events if not isinstance(event, CallFinished)]
    assert [(type(event).__name__, event.attempt) for event in told] == [
        ("CallStarted", 0),
        ("TokenRefreshed", 0),
        ("AttemptStarted", 1),
        ("AttemptFinished", 1),
        ("CallStarted", 0),
        ("AttemptStarted", 1),
        ("AttemptFinished", 1),
        ("RetryScheduled", 1),
        ("TokenRefreshed", 1),
        ("AttemptStarted", 2),
        ("AttemptFinished", 2),
    ]


async def test_a_deprecated_endpoint_is_told_once(recorder: Recorder) -> None:
    """RFC 9745 and RFC 8594: since when, until when, and where to read about it."""
    headers = {
        "Deprecation": "@1767225600",
        "Sunset": "Fri, 01 Jan 2027 00:00:00 GMT",
        "Link": '<https://a.example/why?key=secret>; rel="deprecation"',
    }
    answer = httpx.MockTransport(lambda _: httpx.Response(200, headers=headers, json={"data": []}))
    async with AsyncClient(api_key="key", transport=answer, observers=[recorder]) as client:
        for _ in range(3):
            await client.projects.list()
    assert recorder.kinds.count("EndpointDeprecated") == 1
    event = recorder.last(EndpointDeprecated)
    assert isinstance(event, EndpointDeprecated)
    assert event.since is not None
    assert event.sunset is not None
    assert (event.since.year, event.sunset.year, event.link) == (2026, 2027, "https://a.example/why")


async def test_no_event_and_no_log_line_has_a_secret(
    recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    """Keys, header values, query values, ids and bodies stay where they belong, over mixed calls."""
    statuses = [200, 404, 503, 429, 200, 500]

    def answer(request: httpx.Request) -> httpx.Response:
        status = statuses[len(recorder.events) % len(statuses)]
        body = {"error": {"code": "c", "message": f"{CANARY} {request.headers['x-api-key']}"}}
        ok = {"id": CANARY, "name": CANARY}
        return httpx.Response(status, json=ok if status == 200 else body, headers={"x-answer": CANARY})

    caplog.set_level(logging.DEBUG, "cloudplatform_async")
    with no_waiting():
        async with AsyncClient(
            api_key=f"key-{CANARY}",
            headers={"x-mine": CANARY},
            transport=httpx.MockTransport(answer),
            observers=[recorder],
            retries=RetryPolicy(max_retries=2, budget=False),
        ) as client:
            for number in range(200):
                method = "POST" if number % 2 else "GET"
                body: Any = {"name": CANARY} if number % 2 else None
                try:
                    path = f"/projects/{CANARY}"
                    await client.request(method, path, params={"q": CANARY}, json=body)
                except Exception as error:  # noqa: BLE001 - whatever it is, it is not the subject
                    assert error
    assert len(recorder.events) > 800
    assert CANARY not in repr(recorder.events)
    assert caplog.records
    assert all(CANARY not in repr(record.__dict__) for record in caplog.records)


async def test_pages_fetched_ahead_are_told_too(client: AsyncClient, recorder: Recorder) -> None:
    """Each is a call of its own."""
    await client.projects.iter_all(page_size=1, ahead=2).collect()
    assert recorder.kinds.count("CallFinished") == 3


async def test_an_attempt_says_what_is_left_of_the_limit(client: AsyncClient, recorder: Recorder) -> None:
    """For a gauge."""
    await client.projects.list()
    finished = recorder.last(AttemptFinished)
    assert isinstance(finished, AttemptFinished)
    assert finished.remaining == 599


async def test_a_refusal_says_what_is_left_too(
    client: AsyncClient, sandbox: Sandbox, recorder: Recorder
) -> None:
    """Above all the one that says that nothing is."""
    with pytest.raises(NotFoundError):
        await client.projects.get("nope")
    assert client.statistics().limits["projects"].remaining == 599
    spent = {"RateLimit-Limit": "600", "RateLimit-Remaining": "0", "RateLimit-Reset": "7", "Retry-After": "7"}
    sandbox.faults.add(status=429, headers=spent, times=1)
    with pytest.raises(RateLimitError):
        await client.with_options(retries=0).projects.list()
    finished = recorder.last(AttemptFinished)
    assert isinstance(finished, AttemptFinished)
    assert (finished.remaining, client.statistics().limits["projects"].reset) == (0, 7)
