"""What holds for every answer: ids, dates, and the error envelope for everything that goes wrong."""

import logging
from email.utils import parsedate_to_datetime

import httpx
import pytest

from cloudplatform_async.sandbox import Sandbox

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "path", ["/nothing", "/projects/", "/projects/a/b", "/../v2/projects", "/projects/%2Fx"]
)
async def test_an_unknown_path_is_an_error_envelope(api: httpx.AsyncClient, path: str) -> None:
    """404 `not_found`, and no redirect to what may have been meant."""
    answer = await api.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("PUT", "/projects", {"GET", "HEAD", "POST"}), ("POST", "/usage", {"GET", "HEAD"})],
)
async def test_an_unknown_method_is_an_error_envelope(api, method: str, path: str, allowed: set[str]) -> None:
    """405 with the methods that there are."""
    answer = await api.request(method, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")
    assert set(answer.headers["allow"].split(", ")) == allowed


async def test_a_bug_of_the_platform_is_an_error_envelope(served, monkeypatch, caplog) -> None:
    """500 `internal_error` on the wire, with a request id; the traceback goes to the log."""
    sandbox: Sandbox = served()
    monkeypatch.setattr(sandbox._platform.database, "read", None)
    async with httpx.AsyncClient(base_url=sandbox.base_url, headers={"x-api-key": sandbox.api_key}) as client:
        answer = await client.get("/projects")
    sandbox.stop()
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
    assert "x-request-id" in answer.headers
    assert [record.levelno for record in caplog.records if record.exc_info] == [logging.ERROR]


async def test_a_bug_of_the_platform_is_raised_in_process(sandbox: Sandbox, api, monkeypatch) -> None:
    """In memory there is no log to look at: the exception itself comes out."""
    monkeypatch.setattr(sandbox._platform.database, "read", None)
    with pytest.raises(TypeError):
        await api.get("/projects")


async def test_a_request_id_is_echoed_or_made(api: httpx.AsyncClient) -> None:
    """On every answer, errors included."""
    for path in ("/projects", "/nothing"):
        echoed = await api.get(path, headers={"x-request-id": "mine"})
        made = [(await api.get(path)).headers["x-request-id"] for _ in range(2)]
        assert echoed.headers["x-request-id"] == "mine"
        assert made[0] != made[1]


async def test_each_answer_has_the_date_of_the_platform(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    """So that a client can read `Retry-After` relative to it."""
    sandbox.clock._source = lambda: 1_773_742_934.0
    answer = await api.get("/projects")
    assert answer.headers["date"] == "Tue, 17 Mar 2026 10:22:14 GMT"
    assert parsedate_to_datetime(answer.headers["date"]).timestamp() == 1_773_742_934


async def test_head_is_a_get_without_the_body(api: httpx.AsyncClient) -> None:
    """With the headers of the GET."""
    head, get = await api.head("/projects"), await api.get("/projects")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]
