"""One client for each name of credentials in a process, shared by the shards that are under way there."""

import os
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import attrs
from anyio.lowlevel import RunVar

from cloudplatform_async import AsyncClient, ConfigurationError, RetryPolicy, Timeouts

# A job outlives outages and limits that a web request may not.
_OPTIONS = {"timeout": Timeouts(total=1800.0), "retries": RetryPolicy(max_retries=10, max_retry_after=900.0)}
_IN_USE: RunVar["dict[Any, SharedClient]"] = RunVar("cloudplatform_async_collect_clients")


@attrs.define(eq=False)
class SharedClient:
    """A client, and what was told of its work.

    Attributes:
        client: In use.
        users: Shards that use it now.
    """

    client: AsyncClient
    users: int = 0
    _retries: int = 0
    _throttled: int = 0

    def news(self) -> tuple[int, int]:
        """Give the retries and the answers 429 since this was last asked."""
        now = self.client.statistics()
        news = now.retries - self._retries, now.throttled - self._throttled
        self._retries, self._throttled = now.retries, now.throttled
        return news


@asynccontextmanager
async def shared_client(credentials: str | None, options: Mapping[str, Any]) -> AsyncGenerator[SharedClient]:
    """Use the client of some credentials in this event loop; the last user closes it.

    Args:
        credentials: Their name, see `credentials_of`.
        options: Further arguments of the client; those that are equal share one.

    Raises:
        ConfigurationError: The environment has no such credentials.
    """
    clients = _IN_USE.get(None)
    if clients is None:
        _IN_USE.set(clients := dict[Any, SharedClient]())
    name = (credentials, *sorted(options.items()))
    shared = clients.get(name)
    if shared is None:
        arguments: dict[str, Any] = {**_OPTIONS, **options, **credentials_of(credentials)}
        if credentials is not None:
            _refuse_address_of_file(options)
        shared = clients[name] = SharedClient(AsyncClient(**arguments))
    shared.users += 1
    try:
        yield shared
    finally:
        shared.users -= 1
        if not shared.users:
            del clients[name]
            await shared.client.aclose()


def _refuse_address_of_file(options: Mapping[str, Any]) -> None:
    """Keep keys of the environment from an address that only an env file names (API contract §2).

    Raises:
        ConfigurationError: Naming what to pass.
    """
    is_named = options.get("base_url") is not None or os.environ.get("CLOUD_API_BASE_URL", "").strip()
    if options.get("env_file") is not None and not is_named:
        raise ConfigurationError(
            "Credentials by name are the environment's, which are not sent to an address that only an env "
            "file names: pass base_url=, or set CLOUD_API_BASE_URL in the environment of every process."
        )


def credentials_of(name: str | None) -> dict[str, Any]:
    """Find credentials by their name in the environment; None leaves it to the client.

    Raises:
        ConfigurationError: There are none, with the names that were looked for.

    Example:
        >>> os.environ["CLOUD_API_KEY_TEAM_A"] = "cp_live_1"
        >>> credentials_of("team-a")["api_key"]
        'cp_live_1'
    """
    if name is None:
        return {}
    suffix = re.sub(r"[^A-Z0-9]+", "_", name.upper())
    names = {"api_key": f"CLOUD_API_KEY_{suffix}", "access_token": f"CLOUD_ACCESS_TOKEN_{suffix}"}
    values = {option: os.environ.get(variable, "") for option, variable in names.items()}
    found = {option: value for option, value in values.items() if value.strip()}
    if not found:
        raise ConfigurationError(
            f"There are no credentials {name!r}: set {' or '.join(names.values())} in the environment of "
            "every process that does the work."
        )
    return found
