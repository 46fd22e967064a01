"""`Sandbox`: the platform as users meet it, to be served, called in memory, and made to misbehave."""

import math
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from types import TracebackType
from typing import Self

import httpx

from cloudplatform_async.sandbox.api.application import create_application
from cloudplatform_async.sandbox.api.authorization_server import OWNER
from cloudplatform_async.sandbox.api.credentials import SCOPES
from cloudplatform_async.sandbox.platform.clock import Clock
from cloudplatform_async.sandbox.platform.paging import Paging
from cloudplatform_async.sandbox.platform.rate_limits import RateLimits
from cloudplatform_async.sandbox.platform.signatures import new_secret
from cloudplatform_async.sandbox.platform.state import Platform
from cloudplatform_async.sandbox.serving.faults import Faults
from cloudplatform_async.sandbox.serving.in_process import InProcessTransport
from cloudplatform_async.sandbox.serving.records import DayCount, ServedRequest
from cloudplatform_async.sandbox.serving.server import Server
from cloudplatform_async.sandbox.storage.database import Database
from cloudplatform_async.sandbox.storage.deliveries import create_deliveries
from cloudplatform_async.sandbox.storage.events import create_events
from cloudplatform_async.sandbox.storage.projects import create_projects
from cloudplatform_async.sandbox.storage.settings import Settings
from cloudplatform_async.sandbox.storage.webhooks import create_webhooks
from cloudplatform_async.sandbox.storage.workflows import create_workflows


class Sandbox:
    """The whole platform in this process.

    `async with` (or `with`) serves it over HTTP on 127.0.0.1 from a thread of its own, whatever event loop
    the caller runs. `transport()` reaches the same platform without a socket, also when it is not served.

    Args:
        projects: How many seeded projects there are, at least 0; the same ones each time. Or your own: each a
            mapping with `id`, `name`, `slug`, and perhaps `status`, `labels`, `created_at`, `updated_at`.
        paging: The paging of a list request that gives neither `page` nor `cursor`.
        rate_limit: Requests a minute for each API key and endpoint group, at least 1; None: no limit.
        latency: Seconds that the work of each request takes.
        port: The port to serve on; 0: a free one.
        database: Path of the SQLite database, in which everything outlives the sandbox, and every write that
            was answered the end of the process (what was only read is counted in it with the next write, and
            by `stop`). One that holds projects already is not seeded.
        api_key: The key of the platform; by default that of the database, else a new one.
        clock: Gives the time in seconds since the epoch; by default the real time.
        webhook_retries: How often a delivery is tried again, at least 0; the waits on the sandbox's clock
            double from a second on.

    Raises:
        ValueError: For a number outside its range, another `paging`, a blank `api_key`, or a bad project.

    Example:
        >>> async def names() -> list[str]:
        ...     async with Sandbox(projects=3) as sandbox, httpx.AsyncClient() as client:
        ...         url, headers = f"{sandbox.base_url}/projects", {"x-api-key": sandbox.api_key}
        ...         answer = await client.get(url, headers=headers)
        ...     return [project["name"] for project in answer.json()["data"]]
        >>> import anyio
        >>> anyio.run(names)
        ['payments-worker', 'search-web', 'billing-gateway']
    """

    def __init__(
        self,
        *,
        projects: int | Iterable[Mapping[str, object]] = 0,
        paging: Paging = "page",
        rate_limit: int | None = 600,
        latency: float = 0.0,
        port: int = 0,
        database: str = ":memory:",
        api_key: str | None = None,
        clock: Callable[[], float] | None = None,
        webhook_retries: int = 12,
    ) -> None:
        if paging not in {"page", "cursor"}:
            raise ValueError("paging must be 'page' or 'cursor'.")
        if isinstance(projects, int):
            _check_range("projects", projects, at_least=0)
        _check_range("rate_limit", rate_limit, at_least=1)
        _check_range("latency", latency, at_least=0)
        _check_range("webhook_retries", webhook_retries, at_least=0)
        _check_range("port", port, at_least=0, at_most=65_535)
        if api_key is not None and not re.fullmatch(r"[\x21-\x7e]+", api_key):
            raise ValueError("api_key must be of visible ASCII characters, at least one.")
        store = Database(database)
        create_events(store)
        create_webhooks(store)
        create_deliveries(store)
        create_projects(store, projects)
        create_workflows(store)
        settings = Settings(store)
        self._platform = Platform(
            database=store,
            clock=Clock(clock, settings),
            webhook_retries=webhook_retries,
            webhook_secret=settings.get_or_set("webhook_secret", new_secret()),
            paging=paging,
            limits=RateLimits(rate_limit, store),
            latency=latency,
        )
        self._app = create_application(self._platform)
        self._port = port
        self._server: Server | None = None
        self.api_key: str = self._platform.credentials.issue_api_key(api_key or settings.get("api_key"))
        settings.set("api_key", self.api_key)
        self._platform.api_key = self.api_key
        self._platform.sender.wake()  # a database may hold what is still to be delivered

    # Addresses

    @property
    def base_url(self) -> str:
        """Where the API is; while it is not served, an address that only `transport()` reaches."""
        return f"{self._origin}/v1"

    @property
    def token_url(self) -> str:
        """The OAuth token endpoint."""
        return f"{self._origin}/oauth/token"

    @property
    def _origin(self) -> str:
        port = self._server.port if self._server else self._port
        return f"http://127.0.0.1:{port}" if port else "http://127.0.0.1"

    def transport(self) -> httpx.AsyncBaseTransport:
        """A new in-process transport for an httpx client on asyncio or trio."""
        return InProcessTransport(self._app)

    # Credentials

    @property
    def client_id(self) -> str:
        """The OAuth client's id."""
        return self._platform.authorization_server.client_id

    @property
    def client_secret(self) -> str:
        """The OAuth client's secret."""
        return self._platform.authorization_server.client_secret

    @property
    def token_lifetime(self) -> float:
        """Seconds for which access tokens of the token endpoint are valid; may be set."""
        return self._platform.authorization_server.token_lifetime

    @token_lifetime.setter
    def token_lifetime(self, seconds: float) -> None:
        self._platform.authorization_server.token_lifetime = seconds

    @property
    def webhook_secret(self) -> str:
        """The secret with which every webhook begins, until its own is rotated."""
        return self._platform.webhook_secret

    def issue_api_key(self) -> str:
        """A further API key, with limits and idempotency keys of its own."""
        return self._platform.credentials.issue_api_key()

    def issue_token(self, *, scopes: Iterable[str] = SCOPES, expires_in: float | None = None) -> str:
        """An opaque access token.

        Args:
            scopes: What it may do; by default everything.
            expires_in: Seconds until it expires; 0 or less: it has expired; None: it never does.
        """
        expires_at = None if expires_in is None else self._platform.clock() + expires_in
        return self._platform.credentials.issue_token(OWNER, scopes, expires_at)

    def issue_refresh_token(self, *, scopes: Iterable[str] = SCOPES) -> str:
        """A refresh token for the token endpoint; each use ends it and gives the next one."""
        return self._platform.authorization_server.issue_refresh_token(scopes)

    def revoke(self, credential: str) -> None:
        """Make an API key, access token or refresh token worthless; an unknown one changes nothing."""
        self._platform.credentials.revoke(credential)
        self._platform.authorization_server.revoke(credential)

    # Time, misbehaviour, and what was served

    @property
    def clock(self) -> Clock:
        """The platform's time, which may be advanced and frozen."""
        return self._platform.clock

    @property
    def faults(self) -> Faults:
        """The script of misbehaviour."""
        return self._platform.faults

    @property
    def requests(self) -> deque[ServedRequest]:
        """The latest 10,000 requests, oldest first; each is taken down before its client sees its end."""
        return self._platform.records.requests

    @property
    def served(self) -> int:
        """How many requests there were in all."""
        return self._platform.records.total

    def add_usage(self, day: date, requests: int, errors: int = 0) -> None:
        """Count more requests of a day, as if they had been served.

        Args:
            day: The day (UTC).
            requests: How many, at least 0; they are added to those of the day.
            errors: How many of them failed, at most all.

        Raises:
            ValueError: For a number outside its range.
        """
        _check_range("requests", requests, at_least=0)
        _check_range("errors", errors, at_least=0, at_most=requests)
        self._platform.records.add_usage(date(day.year, day.month, day.day), DayCount(requests, errors))

    # Serving

    def start(self) -> None:
        """Serve from now on.

        Raises:
            RuntimeError: If it is being served already.
            OSError: If the port is taken.
        """
        if self._server is not None:
            raise RuntimeError("This sandbox is being served already.")
        self._server = Server(self._app, self._port)
        self._platform.sender.wake()

    def stop(self) -> None:
        """Stop serving: connections are broken off, and the thread ends. The platform keeps what it knows."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()
        self._platform.end()

    def serve_forever(self, ready: "Callable[[Sandbox], object] | None" = None) -> None:
        """Serve until `KeyboardInterrupt` (Ctrl-C), which ends it quietly; for a command line.

        Args:
            ready: Called once it is served, with the sandbox.
        """
        with self:
            try:
                if ready is not None:
                    ready(self)
                while True:
                    time.sleep(3600)
            except KeyboardInterrupt:
                return

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        # Neither starting nor stopping waits for anything but this process: both take milliseconds.
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _check_range(name: str, number: float | None, *, at_least: int, at_most: float = math.inf) -> None:
    if number is not None and not at_least <= number <= at_most:
        raise ValueError(f"{name} must be from {at_least} to {at_most}, not {number}.")
