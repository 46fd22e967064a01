"""The order of things for one call: key, attempts, outcome, and what is never retried."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from attrs import frozen

from cloudplatform_async import (
    APIConnectionError,
    APITimeoutError,
    AsyncClient,
    AuthenticationError,
    CloudPlatformError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    RateLimitError,
    ResponseDecodeError,
    ResponseTooLargeError,
    RetryPolicy,
    ServerError,
)
from cloudplatform_async._protocol.budget import CAPACITY
from cloudplatform_async.testing import no_waiting
from tests.blocking.awaited import awaited_when_quick, over_both_clients
from tests.calls.scripted import (
    Scripted,
    Step,
    answer,
    client_over,
    lost,
    refuse,
    stale,
    unreachable,
)

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def waits() -> Iterator[list[float]]:
    """Nothing here waits for real."""
    with no_waiting() as waits:
        yield waits


async def create(client: AsyncClient, **options: Any) -> object:
    return await client.projects.create(name="one", slug="one", **options)


async def failure(client: AsyncClient, **options: Any) -> CloudPlatformError:
    with pytest.raises(CloudPlatformError) as caught:
        await create(client, **options)
    return caught.value


def notes(error: BaseException) -> str:
    return " ".join(getattr(error, "__notes__", []))


@over_both_clients
async def test_every_attempt_carries_the_same_key_body_and_request_id(
    client_class: type[AsyncClient],
) -> None:
    """Key and body are fixed outside the loop; attempts are told apart by `x-attempt`."""
    transport = Scripted(refuse(503), lost(), answer(201))
    async with client_over(transport, client_class) as client:
        await create(client)
    assert len(set(transport.sent("idempotency-key"))) == 1
    assert len({request.content for request in transport.requests}) == 1
    assert len(set(transport.sent("x-request-id"))) == 1
    assert transport.sent("x-attempt") == ["1", "2", "3"]


@over_both_clients
async def test_two_writes_have_two_keys_and_a_read_has_none(client_class: type[AsyncClient]) -> None:
    """A key stands for one call."""
    transport = Scripted(answer())
    async with client_over(transport, client_class) as client:
        await create(client)
        await create(client)
        await client.projects.get("prj_1")
    first, second, read = transport.sent("idempotency-key")
    assert None not in (first, second)
    assert first != second
    assert read is None


@over_both_clients
async def test_the_callers_key_is_sent_unchanged(client_class: type[AsyncClient]) -> None:
    """What the caller remembers is what the server sees, and what the error tells."""
    key = "~" * 255
    transport = Scripted(refuse(500))
    async with client_over(transport, client_class, retries=RetryPolicy(max_retries=0)) as client:
        error = await failure(client, idempotency_key=key)
    assert transport.sent("idempotency-key") == [key]
    assert error.idempotency_key == key


@over_both_clients
@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "ä", "a\n", 7])
async def test_a_key_that_cannot_be_sent_is_refused_and_nothing_is_sent(
    key: Any, client_class: type[AsyncClient]
) -> None:
    """1 to 255 visible ASCII characters."""
    transport = Scripted(answer())
    async with client_over(transport, client_class) as client:
        with pytest.raises(InvalidRequestError):
            await create(client, idempotency_key=key)
    assert transport.requests == []


@over_both_clients
@pytest.mark.parametrize(
    ("steps", "outcome", "attempts"),
    [
        ([refuse(422)], "rejected", 1),
        ([refuse(429), refuse(400)], "rejected", 2),
        ([unreachable()], "not_sent", 3),
        ([httpx.PoolTimeout("")], "not_sent", 1),
        ([lost()], "unknown", 3),
        ([refuse(503)], "unknown", 3),
        ([refuse(501)], "unknown", 1),
        ([refuse(302)], "unknown", 1),
        ([lost(), refuse(422)], "unknown", 2),
        ([refuse(503), unreachable()], "unknown", 3),
        ([unreachable(), refuse(403)], "rejected", 2),
        ([refuse(409, "idempotency_in_progress"), refuse(422)], "unknown", 2),
        ([httpx.ReadTimeout("")], "unknown", 3),
        ([httpx.RemoteProtocolError("cut")], "unknown", 3),
        ([answer(200, [1])], "unknown", 1),
        ([stale(), refuse(404)], "unknown", 2),
    ],
)
async def test_every_error_tells_outcome_attempts_and_key(
    steps: list[Step], outcome: str, attempts: int, client_class: type[AsyncClient]
) -> None:
    """The outcome is about the whole call: unknown once any attempt may have been processed."""
    transport = Scripted(*steps)
    async with client_over(transport, client_class, retries=RetryPolicy(max_retries=2)) as client:
        error = await failure(client)
    assert (error.outcome, error.attempts) == (outcome, attempts)
    assert error.idempotency_key == transport.sent("idempotency-key")[0]
    assert error.request_id is not None


@over_both_clients
async def test_the_last_error_passes_through_with_a_note_of_the_attempts(
    client_class: type[AsyncClient],
) -> None:
    """A reader of a traceback sees what each attempt met."""
    transport = Scripted(lost(), refuse(503), refuse(422))
    async with client_over(transport, client_class) as client:
        error = await failure(client)
    assert "3 attempts, which met: APIConnectionError, 503, 422." in notes(error)


@over_both_clients
async def test_a_write_without_a_key_is_repeated_only_if_it_was_not_sent(
    client_class: type[AsyncClient],
) -> None:
    """`idempotency_key=None` gives safe retries up."""
    reached, unreached = Scripted(lost(), answer(201)), Scripted(unreachable(), answer(201))
    async with client_over(reached, client_class) as client:
        error = await failure(client, idempotency_key=None)
    async with client_over(unreached, client_class) as client:
        await create(client, idempotency_key=None)
    assert (len(reached.requests), error.outcome, error.idempotency_key) == (1, "unknown", None)
    assert unreached.sent("idempotency-key") == [None, None]


@over_both_clients
async def test_a_keyless_write_on_a_stale_connection_is_not_sent_again(
    client_class: type[AsyncClient],
) -> None:
    """The server may have done it before it closed the connection."""
    transport = Scripted(stale(), answer(201))
    async with client_over(transport, client_class) as client:
        error = await failure(client, idempotency_key=None)
    assert (len(transport.requests), error.outcome) == (1, "unknown")


@over_both_clients
async def test_a_delete_whose_answer_was_lost_and_now_meets_404_succeeds(
    client_class: type[AsyncClient],
) -> None:
    """It is gone, and this call did it."""
    transport = Scripted(lost(), refuse(404))
    async with client_over(transport, client_class) as client:
        await client.projects.delete("prj_1")
    assert len(transport.requests) == 2


@over_both_clients
@pytest.mark.parametrize("steps", [[refuse(404)], [refuse(429), refuse(404)], [unreachable(), refuse(404)]])
async def test_a_delete_that_never_may_have_happened_meets_404_as_an_error(
    steps: list[Step], client_class: type[AsyncClient]
) -> None:
    """Nothing is claimed that this call cannot have done."""
    async with client_over(Scripted(*steps), client_class) as client:
        with pytest.raises(NotFoundError):
            await client.projects.delete("prj_1")


@over_both_clients
async def test_a_409_is_retried_while_in_progress_after_the_servers_time(
    waits: list[float], client_class: type[AsyncClient]
) -> None:
    """The first request with this key is still being worked on."""
    transport = Scripted(refuse(409, "idempotency_in_progress", {"retry-after": "3"}), answer(201))
    async with client_over(transport, client_class) as client:
        await create(client)
    assert len(waits) == 1
    assert 3.0 <= waits[0] <= 3.3


@over_both_clients
async def test_any_other_409_is_final(client_class: type[AsyncClient]) -> None:
    """A slug that is taken stays taken."""
    transport = Scripted(refuse(409, "slug_taken"))
    async with client_over(transport, client_class) as client:
        error = await failure(client)
    assert isinstance(error, ConflictError)
    assert (len(transport.requests), error.outcome) == (1, "rejected")


@over_both_clients
@pytest.mark.parametrize("before", [[], [refuse(503)]], ids=["first attempt", "a retry"])
async def test_a_bug_in_a_users_transport_passes_through_once_and_unchanged(
    before: list[Step], client_class: type[AsyncClient]
) -> None:
    """Only transport errors are ever caught."""
    bug = TypeError("a bug")
    transport = Scripted(*before, bug, answer())
    async with client_over(transport, client_class) as client:
        with pytest.raises(TypeError) as caught:
            await client.projects.get("prj_1")
    assert caught.value is bug
    assert len(transport.requests) == len(before) + 1


@over_both_clients
async def test_a_bug_in_a_users_model_passes_through_once_and_unchanged(
    client_class: type[AsyncClient],
) -> None:
    """A validator that divides by zero is the user's to see."""

    @frozen
    class Broken:
        id: str

        def __attrs_post_init__(self) -> None:
            raise ZeroDivisionError("a bug")

    transport = Scripted(answer())
    async with client_over(transport, client_class) as client:
        with pytest.raises(ZeroDivisionError):
            await client.request("GET", "/projects/prj_1", model=Broken)
    assert len(transport.requests) == 1


@over_both_clients
async def test_a_stale_connection_costs_no_wait_no_budget_and_no_retry(
    waits: list[float], client_class: type[AsyncClient]
) -> None:
    """The next attempt starts at once."""
    transport = Scripted(stale(), answer())
    async with client_over(transport, client_class, retries=RetryPolicy(max_retries=0)) as client:
        await client.projects.get("prj_1")
        assert client._sender.state.budget.tokens == CAPACITY
    assert waits == []
    assert len(transport.requests) == 2


@over_both_clients
async def test_a_token_that_was_renewed_costs_no_wait(
    waits: list[float], client_class: type[AsyncClient]
) -> None:
    """One renewal and one replay a call."""
    tokens = iter(["first-token", "second-token", "third-token"])
    transport = Scripted(refuse(401), answer())
    async with client_over(
        transport, client_class, api_key=None, access_token=lambda: next(tokens)
    ) as client:
        await client.projects.get("prj_1")
    assert waits == []
    assert len(transport.requests) == 2


@over_both_clients
async def test_a_second_401_is_final(client_class: type[AsyncClient]) -> None:
    """A renewal that did not help is not tried again."""
    count = iter(range(100))
    transport = Scripted(refuse(401))
    async with client_over(
        transport, client_class, api_key=None, access_token=lambda: f"token-{next(count)}"
    ) as client:
        error = await failure(client)
    assert isinstance(error, AuthenticationError)
    assert (len(transport.requests), error.outcome) == (2, "rejected")


@over_both_clients
async def test_a_replayed_write_is_told(client_class: type[AsyncClient]) -> None:
    """`Idempotency-Replayed` stands on the response and in the statistics."""
    transport = Scripted(lost(), answer(201, headers={"idempotency-replayed": "true"}))
    async with client_over(transport, client_class) as client:
        response = await client.request("POST", "/projects", json={"name": "one"})
        assert client.statistics().replayed == 1
    assert (response.replayed, response.attempts) == (True, 2)


@over_both_clients
async def test_a_retry_after_beyond_the_limit_ends_the_call_at_once(
    waits: list[float], client_class: type[AsyncClient]
) -> None:
    """The error says how long the server wants, and why nothing was tried again."""
    transport = Scripted(refuse(503, headers={"retry-after": "61"}))
    async with client_over(transport, client_class) as client:
        error = await failure(client)
    assert isinstance(error, ServerError)
    assert (waits, error.retry_after) == ([], 61.0)
    assert "61" in notes(error)


@over_both_clients
async def test_a_429_without_retry_after_waits_for_the_limits_reset(
    waits: list[float], client_class: type[AsyncClient]
) -> None:
    """`RateLimit-Reset` of a limit that is used up is a server's time as well."""
    limits = {"ratelimit-limit": "10", "ratelimit-remaining": "0", "ratelimit-reset": "7"}
    transport = Scripted(refuse(429, headers=limits), answer())
    async with client_over(transport, client_class) as client:
        await client.projects.get("prj_1")
    assert sum(waits) >= 7.0


@over_both_clients
async def test_a_spent_budget_ends_a_call_and_says_so(client_class: type[AsyncClient]) -> None:
    """In an outage a call is tried once."""
    transport = Scripted(refuse(503))
    async with client_over(transport, client_class) as client:
        client._sender.state.budget.tokens = 0.0
        error = await failure(client)
    assert len(transport.requests) == 1
    assert "budget is spent" in notes(error)


@over_both_clients
async def test_a_policy_without_budget_retries_in_an_outage(client_class: type[AsyncClient]) -> None:
    """`budget=False` is the user's word."""
    transport = Scripted(refuse(503))
    async with client_over(
        transport, client_class, retries=RetryPolicy(max_retries=3, budget=False)
    ) as client:
        client._sender.state.budget.tokens = 0.0
        await failure(client)
    assert len(transport.requests) == 4


@awaited_when_quick
async def test_an_outage_adds_at_most_15_percent(client_class: type[AsyncClient]) -> None:
    """1,000 gets while everything answers 503."""
    transport = Scripted(refuse(503))
    async with client_over(transport, client_class) as client:
        for _ in range(1000):
            with pytest.raises(ServerError):
                await client.projects.get("prj_1")
        statistics = client.statistics()
    assert 1_050 <= len(transport.requests) <= 1_150
    assert (statistics.attempts, statistics.retries) == (
        len(transport.requests),
        len(transport.requests) - 1_000,
    )


@over_both_clients
async def test_views_share_the_gate_and_the_budget(client_class: type[AsyncClient]) -> None:
    """A limit that one view met holds for every view with the same credentials."""
    transport = Scripted(refuse(429, headers={"retry-after": "90"}), answer())
    async with client_over(transport, client_class) as client:
        await failure(client)
        view = client.with_options(retries=RetryPolicy(max_retries=1))
        with pytest.raises(RateLimitError) as caught:
            await view.projects.get("prj_1")
        other = client.with_options(api_key="cp_test_key_2")
        await other.projects.get("prj_1")
        assert view._sender.state.budget is client._sender.state.budget
    error = caught.value
    assert (error.outcome, error.attempts) == ("not_sent", 0)
    assert error.retry_after is not None
    assert error.retry_after > 60.0
    assert len(transport.requests) == 2


@over_both_clients
async def test_an_answer_that_is_too_large_says_what_is_known_of_it(client_class: type[AsyncClient]) -> None:
    """Under any status; a refusal stays one."""
    big = {"x": "y" * 200}
    done = Scripted(answer(200, big, {"x-request-id": "r-1"}))
    refused = Scripted(answer(404, big, {"x-request-id": "r-1"}))
    outcomes: list[object] = []
    for transport in (done, refused):
        async with client_over(transport, client_class, max_response_bytes=100) as client:
            error = await failure(client)
        assert isinstance(error, ResponseTooLargeError)
        outcomes.append((error.status_code, error.request_id, error.outcome))
    assert outcomes == [(200, "r-1", "unknown"), (404, "r-1", "rejected")]


@over_both_clients
async def test_a_success_that_cannot_be_read_is_not_sent_again(client_class: type[AsyncClient]) -> None:
    """The server did it: what it said is the problem."""
    transport = Scripted(answer(201, {"id": 5}, {"x-request-id": "r-1"}))
    async with client_over(transport, client_class) as client:
        error = await failure(client)
    assert isinstance(error, ResponseDecodeError)
    assert (error.outcome, error.status_code, error.request_id) == ("unknown", 201, "r-1")
    assert len(transport.requests) == 1


@over_both_clients
@pytest.mark.parametrize("status", [200, 404])
async def test_a_request_id_of_the_users_own_is_shown_and_a_secret_in_its_place_is_not(
    client_class: type[AsyncClient], status: int
) -> None:
    """Whether it is an answer that cannot be read or a refusal: logs are searched by the id."""
    for sent, shown in (("req-own-9", "req-own-9"), ("cp_test_key_1", "***")):
        transport = Scripted(answer(status, {"id": 5}, {"x-request-id": sent}))
        async with client_over(transport, client_class, headers={"x-request-id": "req-own-9"}) as client:
            error = await failure(client)
        assert error.request_id == shown


@over_both_clients
async def test_a_timeout_of_a_step_is_a_timeout_error(client_class: type[AsyncClient]) -> None:
    """The exception of httpx stays below, as the cause."""
    transport = Scripted(httpx.ReadTimeout("silent"))
    async with client_over(transport, client_class, retries=RetryPolicy(max_retries=0)) as client:
        error = await failure(client)
    assert isinstance(error, APITimeoutError)
    assert isinstance(error.__cause__, httpx.ReadTimeout)


@over_both_clients
async def test_pool_and_certificate_failures_are_not_retried(client_class: type[AsyncClient]) -> None:
    """Trying again would not help."""
    transport = Scripted(httpx.PoolTimeout("full"))
    async with client_over(transport, client_class) as client:
        error = await failure(client)
    assert isinstance(error, APIConnectionError)
    assert len(transport.requests) == 1


@over_both_clients
@pytest.mark.parametrize("value", ["-1", "+5", "1e3", "nan", "\u0665", "soon"])
async def test_a_hostile_retry_after_is_ignored(
    value: str, waits: list[float], client_class: type[AsyncClient]
) -> None:
    """What is not a number or a date means the normal backoff, and can never raise."""

    async def step(request: httpx.Request) -> httpx.Response:
        return httpx.Response(503, headers=[(b"retry-after", value.encode())])

    async with client_over(Scripted(step, answer()), client_class) as client:
        await client.projects.get("prj_1")
    assert len(waits) == 1
    assert 0.0 <= waits[0] <= 0.5
