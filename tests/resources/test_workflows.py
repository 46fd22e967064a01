"""Workflows and their runs: each call on the wire, and the wait for an end."""

import copy
import json
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import httpx
import pytest

from cloudplatform_async import (
    APITimeoutError,
    AsyncClient,
    ConfigurationError,
    ConflictError,
    InvalidRequestError,
    RunFailure,
    ServerError,
    Timeouts,
    Workflow,
    WorkflowFailedError,
    WorkflowRun,
)
from cloudplatform_async.testing import no_waiting
from tests.blocking.awaited import over_both_clients
from tests.resources.listing import client_of
from tests.resources.wire import Wire, always
from tests.tiers import quick_on_asyncio

pytestmark = pytest.mark.anyio

WORKFLOW = {"id": "wfl_build", "name": "Build", "description": None, "created_at": "2026-03-17T10:22:14Z"}
QUEUED = {
    "id": "run_1",
    "workflow_id": "wfl_build",
    "status": "queued",
    "inputs": {"ref": "main"},
    "outputs": None,
    "error": None,
    "created_at": "2026-03-17T10:22:14Z",
    "started_at": None,
    "finished_at": None,
}
FAILED = {**QUEUED, "status": "failed", "error": {"code": "tests_failed", "message": "2 of 9 failed."}}
RUN = WorkflowRun(id="run_1", workflow_id="wfl_build", status="queued")


@pytest.fixture
def waits() -> Iterator[list[float]]:
    """The pauses, skipped."""
    with no_waiting() as skipped:
        yield skipped


def in_turn(*statuses: str) -> Wire:
    """A run that is in these states, one look after the other, and stays in the last."""
    left = list(statuses)

    def answer(_: httpx.Request) -> httpx.Response:
        status = left.pop(0) if len(left) > 1 else left[0]
        return httpx.Response(200, json={**QUEUED, "status": status, "outputs": {"sha": "abc"}})

    return Wire(answer)


CALLS: dict[str, tuple[Callable[[Any], Any], str, str, bytes]] = {
    "get": (lambda of: of.get("wfl_build"), "GET", "/v1/workflows/wfl_build", b""),
    "trigger": (
        lambda of: of.trigger("wfl_build", inputs={"ref": "main"}),
        "POST",
        "/v1/workflows/wfl_build/runs",
        b'{"inputs":{"ref":"main"}}',
    ),
    "trigger without inputs": (
        lambda of: of.trigger("wfl_build"),
        "POST",
        "/v1/workflows/wfl_build/runs",
        b'{"inputs":{}}',
    ),
    "get_run": (
        lambda of: of.get_run("wfl_build", "run_1"),
        "GET",
        "/v1/workflows/wfl_build/runs/run_1",
        b"",
    ),
    "cancel_run": (
        lambda of: of.cancel_run("wfl_build", "run_1"),
        "POST",
        "/v1/workflows/wfl_build/runs/run_1/cancel",
        b"",
    ),
    "list": (lambda of: of.list(limit=5, page=2), "GET", "/v1/workflows?page=2&limit=5", b""),
    "list_runs": (
        lambda of: of.list_runs("wfl_build", status="failed", cursor="c"),
        "GET",
        "/v1/workflows/wfl_build/runs?status=failed&cursor=c",
        b"",
    ),
}


@pytest.mark.parametrize(("call", "method", "path", "body"), CALLS.values(), ids=CALLS)
async def test_a_call_is_sent_as_the_contract_says(
    call: Callable[[Any], Any], method: str, path: str, body: bytes
) -> None:
    """Method, path, query and body."""
    wire = always({"data": []} if "?" in path else {**QUEUED, **WORKFLOW, "id": "run_1"})
    async with client_of(wire) as client:
        await call(client.workflows)
    assert wire.sent == [(method, path, body)]


async def test_workflows_and_runs_are_models() -> None:
    """What is null is empty, and moments have their zone."""
    async with client_of(always({"data": [WORKFLOW]})) as client:
        workflows = await client.workflows.iter_all().collect()
    assert [type(each) for each in workflows] == [Workflow]
    async with client_of(always({"data": [FAILED]})) as client:
        (run,) = await client.workflows.iter_runs("wfl_build", status="failed").collect()
    assert (run.status, run.inputs, run.outputs, run.is_finished) == ("failed", {"ref": "main"}, {}, True)
    assert run.error == RunFailure(code="tests_failed", message="2 of 9 failed.")
    assert run.created_at is not None
    assert run.created_at.utcoffset() is not None
    assert run.to_dict()["error"] == FAILED["error"]


@over_both_clients
async def test_a_trigger_is_done_once(client_class: type[AsyncClient]) -> None:
    """Each attempt carries the same key: the caller's, or one that is made."""
    wire = always(QUEUED, status=202)
    async with client_of(wire, client_class) as client:
        await client.workflows.trigger("wfl_build", idempotency_key="build-42")
        await client.workflows.cancel_run("wfl_build", "run_1", idempotency_key="cancel-42")
        await client.workflows.trigger("wfl_build")
        await client.workflows.trigger("wfl_build", idempotency_key=None)
    keys = [request.headers.get("idempotency-key") for request in wire.requests]
    assert keys[:2] == ["build-42", "cancel-42"]
    assert (len(keys[2] or ""), keys[3]) == (36, None)


@pytest.mark.parametrize("bad", ["", "..", "a/b", "a\x00"])
async def test_an_id_that_is_none_is_refused(bad: str) -> None:
    """By every method that puts one into a path; nothing is sent."""
    wire = always(QUEUED)
    async with client_of(wire) as client:
        of = client.workflows
        for call in (of.get, of.trigger, of.list_runs):
            with pytest.raises(InvalidRequestError):
                await call(bad)
        with pytest.raises(InvalidRequestError):
            of.iter_runs(bad)
        for ids in ((bad, "run_1"), ("wfl_build", bad)):
            for of_run in (of.get_run, of.cancel_run):
                with pytest.raises(InvalidRequestError):
                    await of_run(*ids)
        with pytest.raises(InvalidRequestError, match="JSON"):
            await of.trigger("wfl_build", inputs={"at": float("nan")})
    assert wire.sent == []


async def test_cancelling_a_finished_run_is_a_conflict() -> None:
    """With the platform's code."""
    error = {"error": {"code": "run_finished", "message": "It has ended."}}
    async with client_of(always(error, status=409)) as client:
        with pytest.raises(ConflictError) as caught:
            await client.workflows.cancel_run("wfl_build", "run_1")
    assert (caught.value.code, caught.value.outcome) == ("run_finished", "rejected")


@over_both_clients
async def test_a_wait_ends_with_the_run(waits: list[float], client_class: type[AsyncClient]) -> None:
    """Its pauses grow to a bound; a state that is newer than this package is not an end."""
    wire = in_turn("queued", "running", "paused", *["running"] * 12, "succeeded")
    async with client_of(wire, client_class) as client:
        run = await client.workflows.wait(RUN, timeout=1000)
    assert (run.status, run.outputs) == ("succeeded", {"sha": "abc"})
    assert len(waits) == len(wire.requests) == 16
    assert 0.25 <= waits[0] <= 0.5
    assert all(5 <= wait <= 10 for wait in waits[-3:])
    assert {path for _, path, _ in wire.sent} == {"/v1/workflows/wfl_build/runs/run_1"}


async def test_pauses_are_drawn_at_random() -> None:
    """Many who wait for the same run do not look at the same moment."""
    async with client_of(in_turn("running", "running", "succeeded")) as client:
        firsts = set()
        for _ in range(8):
            with no_waiting() as waits:
                await client.workflows.wait(RUN)
            firsts.add(waits[0])
    assert len(firsts) > 1


@over_both_clients
@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled"])
async def test_a_run_that_has_ended_is_not_asked_for(
    status: str, waits: list[float], client_class: type[AsyncClient]
) -> None:
    """What is known already needs no request."""
    wire = in_turn("running")
    run = WorkflowRun(id="run_1", workflow_id="wfl_build", status=status)
    async with client_of(wire, client_class) as client:
        if status == "succeeded":
            assert await client.workflows.wait(run) is run
        else:
            with pytest.raises(WorkflowFailedError):
                await client.workflows.wait(run)
    assert (wire.sent, waits) == ([], [])


@over_both_clients
async def test_a_run_that_failed_is_an_error_that_names_it(
    waits: list[float], client_class: type[AsyncClient]
) -> None:
    """Id, status, code and message; the error holds the run, and survives a copy."""
    async with client_of(always(FAILED), client_class) as client:
        with pytest.raises(WorkflowFailedError) as caught:
            await client.workflows.wait(RUN)
    error = caught.value
    assert str(error) == "The run run_1 of wfl_build ended as failed: tests_failed: 2 of 9 failed."
    assert (error.run.status, error.run.error) == (
        "failed",
        RunFailure(code="tests_failed", message="2 of 9 failed."),
    )
    for twin in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
        assert (str(twin), twin.run) == (str(error), error.run)


async def test_a_run_that_was_cancelled_is_an_error_too(waits: list[float]) -> None:
    """There is no reason to name."""
    async with client_of(in_turn("running", "cancelled")) as client:
        with pytest.raises(WorkflowFailedError, match=r"^The run run_1 of wfl_build ended as cancelled\.$"):
            await client.workflows.wait(RUN)


@over_both_clients
@pytest.mark.parametrize("bound", ["of the client", "of the view", "of the call"])
async def test_a_wait_ends_at_its_deadline(
    bound: str, waits: list[float], client_class: type[AsyncClient]
) -> None:
    """As any call does, and says what the run was doing; it may be waited for again."""
    client = client_of(in_turn("running"), client_class, timeout=60 if bound == "of the client" else 120)
    async with client:
        of = client.with_options(timeout=60).workflows if bound == "of the view" else client.workflows
        with pytest.raises(
            APITimeoutError, match=r"run_1 of wfl_build had not ended after 60 s: it is running"
        ):
            await of.wait(RUN, timeout=60 if bound == "of the call" else None)
    assert 59 < sum(waits) <= 60


@quick_on_asyncio
async def test_a_wait_without_a_bound_takes_as_long_as_it_takes(waits: list[float]) -> None:
    """Hours, if need be."""
    async with client_of(in_turn(*["running"] * 600, "succeeded")) as client:
        run = await client.workflows.wait(RUN, timeout=Timeouts(total=None))
    assert run.status == "succeeded"
    assert sum(waits) > 3600


async def test_a_look_is_bounded_by_what_is_left_of_the_wait(waits: list[float]) -> None:
    """A platform that hangs does not keep the waiter beyond the deadline, told as it was set."""

    class Hanging(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await anyio.sleep_forever()
            raise AssertionError

    async with client_of(Hanging()) as client:
        with anyio.fail_after(5):
            with pytest.raises(
                APITimeoutError, match=r"^The run run_1 of wfl_build had not ended after 0\.2 s"
            ) as raised:
                await client.workflows.wait(RUN, timeout=0.2)
    assert raised.value.outcome == "unknown"


async def test_an_enclosing_deadline_ends_a_wait() -> None:
    """A wait is cancellable wherever it is."""
    async with client_of(in_turn("running")) as client:
        with anyio.move_on_after(0.01) as scope:
            await client.workflows.wait(RUN)
    assert scope.cancelled_caught


async def test_errors_of_a_look_pass_through(waits: list[float]) -> None:
    """After the retries that every call has."""
    async with client_of(always(None, status=503)) as client:
        with pytest.raises(ServerError):
            await client.workflows.wait(RUN)


@pytest.mark.parametrize(
    ("run", "timeout", "kind"), [("run_1", 5, InvalidRequestError), (RUN, 0, ConfigurationError)]
)
async def test_a_wait_for_nothing_is_refused(run: Any, timeout: Any, kind: type[Exception]) -> None:
    """At once."""
    wire = in_turn("running")
    async with client_of(wire) as client:
        with pytest.raises(kind):
            await client.workflows.wait(run, timeout=timeout)
    assert wire.sent == []


async def test_the_body_of_a_trigger_is_json() -> None:
    """Whatever the inputs hold."""
    wire = always(QUEUED, status=202)
    async with client_of(wire) as client:
        await client.workflows.trigger("wfl_build", inputs={"a": [1, None, "é"], "b": {"c": True}})
    assert json.loads(wire.requests[0].content) == {"inputs": {"a": [1, None, "é"], "b": {"c": True}}}
