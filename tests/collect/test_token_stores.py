"""Whoever shares a token store refreshes once for all, and nobody depends on it."""

import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from cloudplatform_async import (
    AsyncClient,
    OAuthClientCredentials,
    OAuthRefreshToken,
    TokenRefreshError,
    TokenStore,
)
from cloudplatform_async.collect import FileTokenStore, MemoryTokenStore, RedisTokenStore
from cloudplatform_async.sandbox import Sandbox
from tests.tiers import slow

pytestmark = pytest.mark.anyio

PROCESS = """
import asyncio, sys, time
from cloudplatform_async import AsyncClient, OAuthRefreshToken
from cloudplatform_async.collect import FileTokenStore, RedisTokenStore

async def main(url, token_url, client_id, secret, first, where, seconds):
    store = RedisTokenStore(where) if where.startswith("redis:") else FileTokenStore(where)
    grant = OAuthRefreshToken(token_url, client_id, secret, first, skew=0, store=store)
    end, served = time.monotonic() + float(seconds), 0
    async with AsyncClient(access_token=grant, base_url=url, timeout=60) as client:
        while time.monotonic() < end or served == 0:
            await client.projects.list(limit=1)
            served += 1
            await asyncio.sleep(0.02)
    print(served)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A platform with a token endpoint."""
    with Sandbox(rate_limit=None) as sandbox:
        yield sandbox


def redis_server() -> Any:
    """A real server, where it and its client are installed."""
    return pytest.importorskip("tests.collect.test_redis_limit").Redis()


@pytest.fixture(params=["memory", "file", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], TokenStore]]:
    """Makes a store as each process would; in memory there is but one."""
    if request.param == "memory":
        memory = MemoryTokenStore()
        yield lambda: memory
    elif request.param == "file":
        yield lambda: FileTokenStore(tmp_path / "tokens")
    else:
        server = redis_server()
        yield lambda: RedisTokenStore(server.url)
        server.stop()


def asked(sandbox: Sandbox) -> int:
    """Requests to the token endpoint."""
    return sum(request.path == "/oauth/token" for request in sandbox.requests)


def place(sandbox: Sandbox) -> tuple[str, str, str]:
    """Where tokens are issued, and to whom."""
    return sandbox.token_url, sandbox.client_id, sandbox.client_secret


def client_of(sandbox: Sandbox, grant: OAuthClientCredentials | OAuthRefreshToken) -> AsyncClient:
    """A client as another process would make it."""
    return AsyncClient(access_token=grant, base_url=sandbox.base_url)


@pytest.mark.parametrize("store", ["file", *slow("memory", "redis")], indirect=True)
async def test_clients_with_one_store_ask_once(sandbox: Sandbox, store: Callable[[], TokenStore]) -> None:
    """All at one time, and again after the API rejected the token that all of them hold."""
    grants = [OAuthClientCredentials(*place(sandbox), store=store()) for _ in range(5)]

    async def call(grant: OAuthClientCredentials) -> None:
        async with client_of(sandbox, grant) as client:
            await client.projects.list()

    for count in (1, 2):
        async with anyio.create_task_group() as group:
            for grant in grants:
                group.start_soon(call, grant)
        assert asked(sandbox) == count
        token = grants[0].slot.token
        assert token is not None
        sandbox.revoke(token.secret.reveal())


async def test_a_rotated_refresh_token_is_taken_from_the_store(
    sandbox: Sandbox, store: Callable[[], TokenStore]
) -> None:
    """The first one is spent: without the store, the second refresh would be refused."""
    first, rotated = sandbox.issue_refresh_token(), list[str]()
    grants = [
        OAuthRefreshToken(*place(sandbox), first, store=store(), on_rotate=rotated.append) for _ in range(3)
    ]
    for grant in grants:
        async with client_of(sandbox, grant) as client:
            await client.projects.list()
        token = grant.slot.token
        assert token is not None
        sandbox.revoke(token.secret.reveal())
        async with client_of(sandbox, grant) as client:
            await client.projects.list()
    assert asked(sandbox) == len(rotated) == len(set(rotated))


async def test_another_secret_finds_nothing(sandbox: Sandbox, store: Callable[[], TokenStore]) -> None:
    """A token is for whoever could have asked for it."""
    url, name, _ = place(sandbox)
    async with client_of(sandbox, OAuthClientCredentials(*place(sandbox), store=store())) as client:
        await client.projects.list()
    async with client_of(sandbox, OAuthClientCredentials(url, name, "wrong", store=store())) as other:
        with pytest.raises(TokenRefreshError):
            await other.projects.list()


async def test_a_failed_refresh_gives_its_claim_back(
    sandbox: Sandbox, store: Callable[[], TokenStore]
) -> None:
    """The next process need not wait for the end of the claim."""
    url, name, _ = place(sandbox)
    for _ in range(2):
        async with client_of(sandbox, OAuthClientCredentials(url, name, "wrong", store=store())) as client:
            with anyio.fail_after(30), pytest.raises(TokenRefreshError):
                await client.projects.list()
    assert asked(sandbox) == 2


async def test_a_claim_is_one_owners_until_it_ends(store: Callable[[], TokenStore]) -> None:
    """Who dies loses it, and nobody ends that of another."""
    one = store()
    assert await one.claim("k", "dead", 0.001)
    with anyio.fail_after(30):
        while not await store().claim("k", "alive", 60):
            await anyio.lowlevel.checkpoint()
    await one.release("k", "dead")
    await one.save("k", "dead", b"late")
    assert not await one.claim("k", "third", 60)
    await store().save("k", "alive", b"value")
    assert await one.claim("k", "third", 60)
    assert await one.read("k") == b"value"


async def test_a_late_claim_takes_nothing_from_an_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waited for the file had read the clock before; only a clock that was set back ends a claim."""
    store, now = FileTokenStore(tmp_path / "tokens"), 1_000_000.0
    monkeypatch.setattr("time.time", lambda: now)
    assert await store.claim("k", "one", 45)
    now -= 1
    assert not await store.claim("k", "waited", 45)
    now -= 3600
    assert await store.claim("k", "set back", 45)


async def test_a_value_that_is_no_token_is_replaced(sandbox: Sandbox) -> None:
    """Whoever broke it breaks no call."""
    store = MemoryTokenStore()
    for value in (b"{", b"{}", b'{"access_token": "a\\nb", "expires_at": null}'):
        async with client_of(sandbox, OAuthClientCredentials(*place(sandbox), store=store)) as client:
            await client.projects.list()
        (key,) = store._values
        store._values[key] = value
    assert asked(sandbox) == 3


async def test_a_store_that_is_gone_fails_no_call(sandbox: Sandbox, tmp_path: Path) -> None:
    """Each process asks by itself, and one warning names what is gone."""
    server = redis_server()
    gone: list[tuple[str, Any]] = [
        ("Redis", RedisTokenStore(server.url)),
        ("The token file", FileTokenStore(tmp_path / "none" / "tokens")),
    ]
    server.stop()
    for name, store in gone:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            async with client_of(sandbox, OAuthClientCredentials(*place(sandbox), store=store)) as client:
                await client.projects.list()
        assert [name in str(each.message) for each in caught] == [True]
    assert asked(sandbox) == 2


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
async def test_a_token_file_is_its_owners_alone(sandbox: Sandbox, tmp_path: Path) -> None:
    """And neither a repr nor a key shows a secret."""
    store = FileTokenStore(tmp_path / "tokens")
    grant = OAuthClientCredentials(*place(sandbox), store=store)
    async with client_of(sandbox, grant) as client:
        await client.projects.list()
    assert (tmp_path / "tokens").stat().st_mode & 0o777 == 0o600
    assert sandbox.client_secret.encode() not in (tmp_path / "tokens").read_bytes()
    assert "store" not in repr(grant)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["file", "redis"])
def test_eight_processes_refresh_once_an_expiry(sandbox: Sandbox, tmp_path: Path, kind: str) -> None:
    """Each refresh spends the refresh token, so that a second one of the same would fail a call."""
    with ExitStack() as stack:
        where = str(tmp_path / "tokens")
        if kind == "redis":
            server = redis_server()
            stack.callback(server.stop)
            where = server.url
        sandbox.token_lifetime = 2
        given = [sandbox.base_url, *place(sandbox), sandbox.issue_refresh_token(), where, "9"]
        command = [sys.executable, "-W", "error", "-c", PROCESS, *given]
        processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(8)]
        served = [int(process.communicate(timeout=120)[0]) for process in processes]
    assert [process.returncode for process in processes] == [0] * 8
    asks = [request for request in sandbox.requests if request.path == "/oauth/token"]
    assert min(served) > 0
    assert {ask.status for ask in asks} == {200}
    assert len(asks) >= 3
    between = [later.time - earlier.time for earlier, later in pairwise(asks)]
    assert min(between) > 0.9 * sandbox.token_lifetime  # no second one for the token that has just run out
