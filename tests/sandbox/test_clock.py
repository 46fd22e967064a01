"""The sandbox's clock: advanced, frozen, kept, and the one that drives everything."""

import httpx
import pytest

from cloudplatform_async.sandbox import Sandbox

pytestmark = pytest.mark.anyio


def test_time_runs_as_its_source_does_and_is_advanced() -> None:
    """What was advanced stays added."""
    now = [1000.0]
    clock = Sandbox(clock=lambda: now[0]).clock
    assert clock() == 1000.0
    clock.advance(10)
    now[0] += 5
    clock.advance(0)
    assert clock() == 1015.0


def test_a_frozen_clock_stands_until_it_is_advanced() -> None:
    """Freezing twice changes nothing; after `resume` it runs on from where it stood."""
    now = [1000.0]
    clock = Sandbox(clock=lambda: now[0]).clock
    clock.freeze()
    now[0] += 100
    clock.freeze()
    assert (clock(), clock.frozen) == (1000.0, True)
    clock.advance(7)
    assert clock() == 1007.0
    clock.resume()
    now[0] += 1
    clock.resume()
    assert (clock(), clock.frozen) == (1008.0, False)


@pytest.mark.parametrize("seconds", [-1, -0.001, float("nan"), float("inf"), -float("inf")])
def test_time_does_not_go_back(seconds: float) -> None:
    """`ValueError`, and the clock stands where it stood."""
    clock = Sandbox(clock=lambda: 1000.0).clock
    with pytest.raises(ValueError, match="advanced"):
        clock.advance(seconds)
    assert clock() == 1000.0


@pytest.mark.parametrize("frozen", [False, True])
def test_what_was_advanced_and_frozen_is_kept_with_the_database(tmp_path, frozen: bool) -> None:
    """A later sandbox of the file goes on at that time."""
    path, now = str(tmp_path / "db"), [1000.0]
    clock = Sandbox(database=path, clock=lambda: now[0]).clock
    clock.advance(500)
    if frozen:
        clock.freeze()
    now[0] += 60
    later = Sandbox(database=path, clock=lambda: now[0]).clock
    assert (later(), later.frozen) == ((1500.0, True) if frozen else (1560.0, False))


async def test_one_clock_ages_limits_keys_and_tokens(reach) -> None:
    """A minute opens the limit, an hour ends a token, a day forgets an idempotency key."""
    sandbox = Sandbox(rate_limit=2)
    sandbox.clock.freeze()
    token = sandbox.issue_token(expires_in=3600)
    key = {"idempotency-key": "k"}
    async with (
        reach(sandbox) as api,
        reach(sandbox, {"authorization": f"Bearer {token}"}) as bearer,
    ):
        first = await api.post("/projects", json={"name": "n", "slug": "s"}, headers=key)
        statuses = [(await api.get("/projects")).status_code for _ in range(2)]
        sandbox.clock.advance(60)
        assert [*statuses, (await api.get("/projects")).status_code] == [200, 429, 200]
        assert (await bearer.get("/projects")).status_code == 200
        sandbox.clock.advance(3600)
        assert (await bearer.get("/projects")).json()["error"]["code"] == "token_expired"
        again = await api.post("/projects", json={"name": "n", "slug": "s"}, headers=key)
        sandbox.clock.advance(24 * 3600)
        anew = await api.post("/projects", json={"name": "n", "slug": "s"}, headers=key)
    assert (first.content, anew.json()["error"]["code"]) == (again.content, "slug_taken")


async def test_answers_are_dated_by_the_clock(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    """`Date` too, so that a client reckons resets from it."""
    sandbox.clock._source = lambda: 1_773_742_934.0
    sandbox.clock.advance(60)
    assert (await api.get("/projects")).headers["date"] == "Tue, 17 Mar 2026 10:23:14 GMT"
