"""A client and a real, certified OAuth server, which issues, rotates and rejects tokens."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from attrs import define, field

from cloudplatform_async._runtime.clock import CLOCK, Clock
from cloudplatform_async.client import AsyncClient
from cloudplatform_async.credentials import OAuth, OAuthClientCredentials, OAuthRefreshToken
from cloudplatform_async.errors import InsufficientScopeError, TokenRefreshError
from cloudplatform_async.settings import Timeouts

HERE = Path(__file__).parent / "oidc"
CLIENT = ("collector:1", "p%ss+w&rd=0123456789abcdef")
LIFE = 60  # seconds of an access token

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js 20 or newer"),
    pytest.mark.skipif(
        not (HERE / "node_modules" / "oidc-provider").is_dir(),
        reason="needs oidc-provider: npm install --no-package-lock --prefix tests/oauth/oidc",
    ),
]


@define
class Server:
    """The OAuth server, and the API that it protects."""

    origin: str

    def tell(self, command: str) -> Any:
        """Have something happen on the server; gives its counts."""
        return httpx.get(f"{self.origin}/test/{command}", trust_env=False).raise_for_status().json()

    def client(self, oauth: OAuth) -> AsyncClient:
        """A client of the API."""
        return AsyncClient(access_token=oauth, base_url=f"{self.origin}/v1", timeout=Timeouts(total=None))

    def refresh_token(self, refresh_token: str, **options: Any) -> OAuthRefreshToken:
        """A grant by refresh token."""
        return OAuthRefreshToken(f"{self.origin}/token", *CLIENT, refresh_token, **options)


@define
class Load:
    """Tasks that call the API one call after the other, until told to stop."""

    client: AsyncClient
    calls: int = 0
    goal: int = 0
    is_over: bool = False
    reached: anyio.Event = field(factory=anyio.Event)

    async def run(self) -> None:
        """Call until told to stop; whatever a call raises fails the test."""
        while not self.is_over:
            assert [project.id for project in (await self.client.projects.list()).items] == ["p1"]
            self.calls += 1
            if self.calls >= self.goal:
                self.reached.set()

    async def more(self, calls: int) -> None:
        """Wait until so many more calls have come to a good end."""
        self.goal, self.reached = self.calls + calls, anyio.Event()
        await self.reached.wait()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """The server in a process of its own, which ends with its standard input."""
    command = ["node", str(HERE / "server.mjs")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Server(process.stdout.readline().strip())
        process.stdin.close()


@pytest.mark.parametrize("is_foreseen", [True, False], ids=["foreseen", "rejected"])
async def test_a_client_lives_through_20_expiries_under_load(server: Server, is_foreseen: bool) -> None:
    """No task meets a 401, and each expiry costs one request, with the refresh token of the last one.

    Where the client's clock moves with the server's, it knows beforehand; else it learns by a 401.
    The server revokes the whole grant when a refresh token is used twice.
    """
    ahead, told = [0.0], list[str]()
    CLOCK.process = Clock(monotonic=lambda: time.monotonic() + ahead[0])
    oauth = server.refresh_token(server.tell("login")["refresh_token"], on_rotate=told.append)
    before = server.tell("counts")
    async with server.client(oauth) as client, anyio.create_task_group() as group:
        load = Load(client)
        for _ in range(20):
            group.start_soon(load.run)
        for _ in range(20):
            await load.more(40)
            server.tell(f"advance?seconds={LIFE + 1}")
            ahead[0] += (LIFE + 1) * is_foreseen
        await load.more(40)
        load.is_over = True
    after = server.tell("counts")
    assert after["tokens"] - before["tokens"] == len(set(told)) == 21
    assert after["refused"] == before["refused"]
    assert after["served"] - before["served"] == load.calls


async def test_a_revoked_grant_is_one_refusal_for_all(server: Server) -> None:
    """Fifty calls, fifty typed errors with OAuth's own code, one request."""
    login = server.tell("login")
    before = server.tell(f"revoke?grant_id={login['grant_id']}")
    errors: list[TokenRefreshError] = []

    async def call(client: AsyncClient) -> None:
        with pytest.raises(TokenRefreshError, match="invalid_grant") as caught:
            await client.projects.list()
        errors.append(caught.value)

    oauth = server.refresh_token(login["refresh_token"])
    async with server.client(oauth) as client, anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(call, client)
    assert [(error.code, error.outcome) for error in errors] == [("invalid_grant", "not_sent")] * 50
    assert server.tell("counts")["refused"] - before["refused"] == 1


async def test_a_wrong_client_secret_is_told_as_such(server: Server) -> None:
    """The error has OAuth's code and the endpoint's status."""
    oauth = OAuthClientCredentials(f"{server.origin}/token", CLIENT[0], "another")
    async with server.client(oauth) as client:
        with pytest.raises(TokenRefreshError) as caught:
            await client.projects.list()
    assert (caught.value.code, caught.value.status_code) == ("invalid_client", 401)


async def test_what_the_server_granted_bounds_what_is_sent(server: Server) -> None:
    """The client credentials grant gives one scope; an operation that needs another is not sent."""
    oauth = OAuthClientCredentials(f"{server.origin}/token", *CLIENT, scopes=("projects:read",))
    async with server.client(oauth) as client:
        assert len((await client.projects.list()).items) == 1
        before = server.tell("counts")
        with pytest.raises(InsufficientScopeError, match="projects:write"):
            await client.projects.create(name="Two", slug="two")
    assert server.tell("counts") == before
