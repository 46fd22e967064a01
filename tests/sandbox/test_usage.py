"""The usage resource: it counts what was really served."""

import httpx
import pytest

from cloudplatform_async.sandbox import Sandbox

pytestmark = pytest.mark.anyio

DAY = 86_400.0


async def usage(api: httpx.AsyncClient, start: str, end: str) -> tuple[int, float]:
    """Requests and error rate."""
    answer = (await api.get("/usage", params={"from": start, "to": end})).json()
    assert (answer["from"], answer["to"]) == (start, end)
    return answer["requests"], answer["error_rate"]


async def test_each_day_has_the_requests_that_were_served_on_it(
    sandbox: Sandbox, api: httpx.AsyncClient
) -> None:
    """Days are UTC, both ends count, and a request for the usage counts itself only afterwards."""
    sandbox.clock._source = lambda: DAY - 0.5
    for path in ("/projects", "/projects/none", "/projects", "/no/such/path"):
        await api.get(path)
    sandbox.clock._source = lambda: DAY
    assert await usage(api, "1970-01-01", "1970-01-01") == (4, 0.5)
    assert await usage(api, "1970-01-02", "1970-01-02") == (1, 0.0)
    assert await usage(api, "1970-01-01", "1970-01-02") == (6, 2 / 6)


async def test_days_without_requests_have_none(api: httpx.AsyncClient) -> None:
    """Also a span of thousands of years, and its error rate is 0."""
    assert await usage(api, "0001-01-01", "1969-12-31") == (0, 0.0)


@pytest.mark.parametrize("name", ["from", "to"])
@pytest.mark.parametrize(
    "text", ["", "today", "2026-3-1", "20260301", "2026-W10-1", "2026-02-30", "2026-03-01T00:00:00Z"]
)
async def test_a_day_that_is_none_is_refused(api: httpx.AsyncClient, name: str, text: str) -> None:
    """400 `invalid_date` that names the parameter."""
    answer = await api.get("/usage", params={"from": "2026-03-01", "to": "2026-03-01", name: text})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_date")
    assert answer.json()["error"]["message"].startswith(name)


async def test_a_missing_day_is_refused(api: httpx.AsyncClient) -> None:
    """400 `invalid_date`."""
    answer = await api.get("/usage", params={"from": "2026-03-01"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_date")


async def test_a_span_that_ends_before_it_begins_is_refused(api: httpx.AsyncClient) -> None:
    """422 `invalid_window`."""
    answer = await api.get("/usage", params={"from": "2026-03-02", "to": "2026-03-01"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_window")
