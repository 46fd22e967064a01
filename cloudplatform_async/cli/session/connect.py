"""Opens the client that the options, the profile and the environment describe."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from cloudplatform_async import AsyncClient, AuthenticationError, ConfigurationError
from cloudplatform_async.cli.session.options import Connection
from cloudplatform_async.cli.session.profiles import chosen_profile, read_settings

if TYPE_CHECKING:
    from cloudplatform_async.cli.session.tokens import SharedTokens
    from cloudplatform_async.sandbox import Sandbox

SEEDED_PROJECTS = 50
PUBLIC = "https://api.cloudplatform.dev/v1"
_PLACEHOLDER = "placeholder"


@asynccontextmanager
async def connect(connection: Connection, **more: Any) -> AsyncGenerator[AsyncClient]:
    """Open a client for the platform that the options name, and close it at the end.

    Args:
        connection: The options.
        **more: Further arguments of the client, such as ``shared_limit``.

    Raises:
        ConfigurationError: There are no credentials, or the options contradict each other.
    """
    more |= _seen(connection)
    if connection.sandbox:
        async with (
            sandbox_of(connection) as sandbox,
            AsyncClient(
                base_url=sandbox.base_url, api_key=sandbox.api_key, timeout=connection.timeout, **more
            ) as client,
        ):
            yield client
        return
    options = client_options(connection)
    tokens: SharedTokens | None = options.pop("tokens", None)
    try:
        async with AsyncClient(**options, **more) as client:
            yield client
    except ConfigurationError as error:
        if error.code == "no_credentials":
            error.add_note("Or keep one for all commands: `cloudplatform auth login`.")
        raise
    except AuthenticationError:
        if tokens is not None:
            tokens.drop()
        raise


def sandbox_of(connection: Connection) -> "Sandbox":
    """Make the platform of ``--sandbox``.

    Raises:
        ConfigurationError: The options name another one too.
    """
    if connection.base_url or connection.env_file or connection.profile:
        raise ConfigurationError(
            "--sandbox has an address and a key of its own: leave out --base-url, --env-file and --profile"
        )
    from cloudplatform_async.sandbox import Sandbox

    return Sandbox(projects=SEEDED_PROJECTS)


# The arguments of AsyncClient, which are of many types.
def client_options(connection: Connection) -> dict[str, Any]:
    """Give the arguments for a client; what they leave out, it finds in the environment.

    Raises:
        ConfigurationError: The profile is not there, or its secret.
    """
    options: dict[str, Any] = {
        "base_url": connection.base_url,
        "env_file": connection.env_file,
        "timeout": timeout_of(connection),
    }
    explicit = connection.env_file is None or connection.profile is not None
    found = chosen_profile(connection.profile) if explicit else None
    if found is None:
        return options
    from cloudplatform_async.cli.session.secrets import load
    from cloudplatform_async.cli.session.tokens import SharedTokens

    name, profile = found
    # A profile's key goes to the profile's address, or to the one that the command line names: never
    # to one of the environment or of a file (API contract §2).
    options["base_url"] = connection.base_url or profile.base_url or PUBLIC
    options["env_file"] = None
    if profile.kind in ("api-key", "access-token"):
        options[profile.kind.replace("-", "_")] = _only_secret(load(profile.store, name), name)
        return options
    tokens = SharedTokens(name, profile)
    options["access_token"] = _PLACEHOLDER if connection.dry_run else tokens
    return {**options, "tokens": tokens}


def timeout_of(connection: Connection) -> float | None:
    """Give the seconds that a call may take: by the option, else by the settings."""
    return connection.timeout if connection.timeout is not None else read_settings().timeout


def _only_secret(secrets: Mapping[str, str], name: str) -> str:
    secret = secrets.get("secret")
    if not secret:
        raise ConfigurationError(
            f"Profile {name!r} has no secret: `cloudplatform auth login --profile {name}`."
        )
    return secret


# The arguments of AsyncClient, which are of many types.
def _seen(connection: Connection) -> dict[str, Any]:
    """Put who is told of the calls in the client's way, or what sends nothing."""
    if not connection.debug and not connection.dry_run:
        return {}
    from cloudplatform_async.cli.session.watching import Nowhere, Told

    return {"transport": Nowhere()} if connection.dry_run else {"observers": [Told()]}
