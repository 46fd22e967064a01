"""The record of what was served."""

import httpx
import pytest

from cloudplatform_async.sandbox import Sandbox
from cloudplatform_async.sandbox.serving.records import LATEST

pytestmark = pytest.mark.anyio


async def test_a_request_is_taken_down_without_its_credentials(
    sandbox: Sandbox, api: httpx.AsyncClient
) -> None:
    """Method, path, query, headers, status and time; of credentials only that they were there."""
    sandbox.clock._source = lambda: 12.5
    token = sandbox.issue_token()
    headers = {"Authorization": f"Bearer {token}", "Cookie": "secret", "X-Mine": "shown"}
    await api.get("/projects", params={"limit": 3}, headers=headers)
    (request,) = sandbox.requests
    assert (request.method, request.path, request.query) == ("GET", "/v1/projects", "limit=3")
    assert (request.status, request.time, request.fault) == (200, 12.5, None)
    assert {request.headers[name] for name in ("authorization", "x-api-key", "cookie")} == {"***"}
    assert request.headers["x-mine"] == "shown"
    for secret in (token, sandbox.api_key, "secret"):
        assert secret not in repr(request)


async def test_a_faulty_request_is_taken_down_with_its_fault(sandbox: Sandbox) -> None:
    """With the status that went out, or None where none did."""
    for fault in ({"status": 503}, {"kind": "lost_answer"}, {"kind": "reset"}):
        sandbox.faults.add(times=1, **fault)
    headers = {"x-api-key": sandbox.api_key}
    async with httpx.AsyncClient(
        base_url=sandbox.base_url, transport=sandbox.transport(), headers=headers
    ) as api:
        await api.get("/projects")
        for _ in range(2):
            with pytest.raises(httpx.ReadError):
                await api.get("/projects")
    outcomes = [(request.fault, request.status) for request in sandbox.requests]
    assert outcomes == [("status", 503), ("lost_answer", None), ("reset", None)]


def test_a_request_is_taken_down_before_its_client_sees_how_it_ended(served) -> None:
    """Over a socket too, so that a test can look at once."""
    sandbox: Sandbox = served()
    with httpx.Client(base_url=sandbox.base_url, headers={"x-api-key": sandbox.api_key}) as client:
        for number in range(1, 51):
            sandbox.faults.add(kind="reset" if number % 2 else "lost_answer", times=1)
            with pytest.raises(httpx.ReadError):
                client.get("/projects")
            client.get("/projects")
            assert sandbox.served == len(sandbox.requests) == 2 * number


async def test_only_the_latest_requests_are_kept(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    """A long run does not fill the memory; the count goes on."""
    await api.get("/projects")
    first = sandbox.requests[0]
    for _ in range(LATEST):
        sandbox._platform.records.add(first)
    assert (len(sandbox.requests), sandbox.served) == (LATEST, LATEST + 1)
