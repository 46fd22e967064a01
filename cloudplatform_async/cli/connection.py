"""Which platform a command talks to, and how it gets there."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

from attrs import frozen
from cyclopts import Parameter, validators

from cloudplatform_async import AsyncClient, ConfigurationError

SEEDED_PROJECTS = 50


@Parameter(name="*")
@frozen(kw_only=True)
class Connection:
    """Options of every command that talks to a platform; secrets are never among them.

    Attributes:
        sandbox: Start a platform with 50 projects on this machine, and run against it.
        base_url: Origin and version of the API; default: CLOUD_API_BASE_URL, else the public one.
        env_file: A file with CLOUD_API_KEY or CLOUD_ACCESS_TOKEN, for what the environment lacks.
        timeout: Seconds that one call may take, its retries and waits included.
    """

    sandbox: Annotated[bool, Parameter(show_default=False)] = False
    base_url: str | None = None
    env_file: Path | None = None
    timeout: Annotated[float | None, Parameter(validator=validators.Number(gt=0))] = None


CONFIGURED = Connection()


@asynccontextmanager
async def connect(connection: Connection) -> AsyncGenerator[AsyncClient]:
    """Open a client for the platform that the options name, and close it at the end.

    Args:
        connection: The options.

    Raises:
        ConfigurationError: There are no credentials, or the options contradict each other.
    """
    if not connection.sandbox:
        async with AsyncClient(
            base_url=connection.base_url, env_file=connection.env_file, timeout=connection.timeout
        ) as client:
            yield client
        return
    if connection.base_url or connection.env_file:
        message = "--sandbox has an address and a key of its own: leave out --base-url and --env-file"
        raise ConfigurationError(message)
    from cloudplatform_async.sandbox import Sandbox

    async with (
        Sandbox(projects=SEEDED_PROJECTS) as sandbox,
        AsyncClient(base_url=sandbox.base_url, api_key=sandbox.api_key, timeout=connection.timeout) as client,
    ):
        yield client
