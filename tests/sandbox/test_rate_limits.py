"""Rate limits: the rule with its clock passed in, and the headers that tell of it."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudplatform_async.sandbox import Sandbox
from cloudplatform_async.sandbox.platform.rate_limits import admit

pytestmark = pytest.mark.anyio


def let_in(times: list[float], *, limit: int, window: float) -> list[float]:
    """The times at which a request was let in."""
    full_at, admitted = 0.0, []
    for now in times:
        full_at, quota = admit(full_at, now, limit=limit, window=window)
        if quota.allowed:
            admitted.append(now)
    return admitted


def test_a_full_bucket_lets_in_a_burst_and_then_one_at_a_time() -> None:
    """`limit` at once, and from then on one in each `window / limit` seconds."""
    assert let_in([100.0] * 9, limit=5, window=10.0) == [100.0] * 5
    assert let_in([100.0] * 5 + [101.9, 102.0, 102.0, 103.9, 104.0], limit=5, window=10.0)[5:] == [
        102.0,
        104.0,
    ]


def test_a_refused_request_is_told_when_to_come_back_and_then_let_in() -> None:
    """And it takes nothing from the bucket."""
    full_at = 0.0
    for _ in range(5):
        full_at, quota = admit(full_at, 100.0, limit=5, window=10.0)
    assert (quota.allowed, quota.remaining) == (True, 0)
    full_at, refused = admit(full_at, 100.5, limit=5, window=10.0)
    assert (refused.allowed, refused.remaining, refused.reset) == (False, 0, refused.retry_after)
    assert refused.retry_after == pytest.approx(1.5, abs=1e-5)
    assert admit(full_at, 100.5 + refused.retry_after, limit=5, window=10.0)[1].allowed


@given(st.lists(st.floats(0, 300), max_size=200).map(sorted), st.integers(1, 20))
def test_no_span_of_time_lets_in_more_than_its_share(times: list[float], limit: int) -> None:
    """In any span of t seconds, at most `limit` and what flows in within t."""
    admitted = let_in(times, limit=limit, window=60.0)
    for index, start in enumerate(admitted):
        for count, end in enumerate(admitted[index:], start=1):
            assert count <= limit + (end - start) * limit / 60.0 + 1e-3


@given(st.lists(st.floats(0, 300), max_size=100).map(sorted), st.integers(1, 20))
def test_remaining_is_what_would_still_be_let_in(times: list[float], limit: int) -> None:
    """At the same moment exactly so many more are let in."""
    full_at, now = 0.0, 0.0
    quota = None
    for now in times:
        full_at, quota = admit(full_at, now, limit=limit)
    more = 0
    while admit(full_at, now, limit=limit)[1].allowed:
        full_at, _ = admit(full_at, now, limit=limit)
        more += 1
    assert more == (limit if quota is None else quota.remaining)


@given(st.lists(st.floats(0, 300), max_size=100).map(sorted), st.integers(1, 20))
def test_reset_is_when_the_next_fits_while_nothing_remains(times: list[float], limit: int) -> None:
    """And not before; while something remains, it is when the whole limit is there again."""
    full_at, now, quota = 0.0, 0.0, None
    for now in times:
        full_at, quota = admit(full_at, now, limit=limit)
    if quota is None:
        return
    later = now + quota.reset
    if quota.remaining == 0:
        assert admit(full_at, later + 1e-6, limit=limit)[1].allowed
        assert not admit(full_at, later - 1e-3, limit=limit)[1].allowed
    else:
        assert admit(full_at, later, limit=limit)[1].remaining == limit - 1
        assert admit(full_at, later - 1e-3, limit=limit)[1].remaining < limit - 1


async def test_each_answer_tells_what_is_left(reach) -> None:
    """`RateLimit-Limit`, `-Remaining` and `-Reset`, also on an error; 429 adds `Retry-After`."""
    sandbox = Sandbox(rate_limit=3)
    sandbox.clock._source = lambda: 1000.0
    async with reach(sandbox) as api:
        answers = [await api.get(path) for path in ("/projects", "/projects/none", "/projects", "/projects")]
    assert [answer.status_code for answer in answers] == [200, 404, 200, 429]
    assert [answer.headers["ratelimit-limit"] for answer in answers] == ["3"] * 4
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert [answer.headers["ratelimit-reset"] for answer in answers] == ["20", "40", "20", "20"]
    assert [answer.headers.get("retry-after") for answer in answers] == [None, None, None, "20"]
    assert answers[-1].json()["error"]["code"] == "rate_limited"


async def test_who_waits_as_told_is_let_in(reach) -> None:
    """`Retry-After` is rounded up, so that whole seconds suffice."""
    sandbox = Sandbox(rate_limit=7)
    async with reach(sandbox) as api:
        sandbox.clock._source = lambda: 1000.0
        answers = [await api.get("/projects") for _ in range(8)]
        wait = int(answers[-1].headers["retry-after"])
        sandbox.clock._source = lambda: 1000.0 + wait
        assert (await api.get("/projects")).status_code == 200


async def test_limits_are_per_key_and_group(reach) -> None:
    """Another group and another key have buckets of their own; tokens of one client share one."""
    sandbox = Sandbox(rate_limit=1)
    sandbox.clock._source = lambda: 1_000_000.0
    params = {"from": "2026-01-01", "to": "2026-01-01"}
    async with reach(sandbox) as api:
        assert (await api.get("/projects")).status_code == 200
        assert (await api.get("/projects/none")).status_code == 429
        assert (await api.get("/usage", params=params)).status_code == 200
    statuses = []
    for headers in (
        {"x-api-key": sandbox.issue_api_key()},
        {"authorization": f"Bearer {sandbox.issue_token()}"},
        {"authorization": f"Bearer {sandbox.issue_token()}"},
    ):
        async with reach(sandbox, headers) as api:
            statuses.append((await api.get("/projects")).status_code)
    assert statuses == [200, 200, 429]


async def test_a_request_over_the_limit_does_nothing(reach) -> None:
    """A refused create is not remembered by its key either: the repeat does the work."""
    sandbox = Sandbox(rate_limit=1)
    headers = {"idempotency-key": "k"}
    async with reach(sandbox) as api:
        sandbox.clock._source = lambda: 1000.0
        await api.get("/projects")
        refused = await api.post("/projects", json={"name": "n", "slug": "s"}, headers=headers)
        sandbox.clock._source = lambda: 1060.0
        created = await api.post("/projects", json={"name": "n", "slug": "s"}, headers=headers)
    assert (refused.status_code, created.status_code) == (429, 201)


async def test_without_a_limit_there_is_no_header(api: httpx.AsyncClient) -> None:
    """`rate_limit=None`: nothing is counted."""
    answers = [await api.get("/projects") for _ in range(20)]
    assert {answer.status_code for answer in answers} == {200}
    assert not any(name.startswith("ratelimit") for name in answers[-1].headers)
