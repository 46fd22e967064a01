"""Lets the work of a job find the session's platform and credentials where it looks: in the environment."""

import os
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from attrs import field, frozen

from cloudplatform_async import ConfigurationError
from cloudplatform_async.cli.session.connect import PUBLIC, client_options, connect, sandbox_of, timeout_of
from cloudplatform_async.cli.session.identity import BASE_URL, CREDENTIALS, found_settings
from cloudplatform_async.cli.session.options import Connection
from cloudplatform_async.cli.session.profiles import chosen_profile


@frozen(kw_only=True)
class Session:
    """Where the work of a job goes.

    Attributes:
        address: Of the platform; of ``--sandbox``, which has another one each time, that word.
        options: Arguments for the clients, plain values without a secret.
    """

    address: str
    options: dict[str, Any] = field(factory=dict[str, Any])


@asynccontextmanager
async def session_for_processes(connection: Connection) -> AsyncGenerator[Session]:
    """Put address and credentials into this process's environment, which its child processes get.

    There they are not seen by other users, as arguments are, and in no pickle. An OAuth profile's tokens
    stay where they are: a child finds them by the profile's name.

    Raises:
        ConfigurationError: There are no credentials, or the options contradict each other.
    """
    options = _options(connection)
    if connection.sandbox:
        with (
            sandbox_of(connection) as sandbox,
            _environment({BASE_URL: sandbox.base_url, CREDENTIALS["api_key"]: sandbox.api_key}),
        ):
            yield Session(address="sandbox", options=options)
        return
    async with connect(connection):  # refuses what it would refuse for any other command
        address, *credentials = found_settings(connection)
    names = {BASE_URL: address.value}
    client = client_options(connection)
    if "tokens" in client:
        options["access_token"] = client["access_token"]
    else:
        names |= {CREDENTIALS[each.name]: each.value for each in credentials}
    with _environment(names):
        yield Session(address=address.value, options=options)


def session_for_workers(connection: Connection, *, named: bool) -> Session:
    """Leave credentials to the environment of whoever does the work.

    Args:
        connection: The options.
        named: The credentials have names of their own, so that none of this session are used.

    Raises:
        ConfigurationError: The session's own are such as no environment elsewhere has.
    """
    default = None if named else chosen_profile(None)
    profile = connection.profile or (default[0] if default else None)
    if connection.env_file or profile:
        source = "--env-file" if connection.env_file else f"profile {profile!r}"
        raise ConfigurationError(
            f"Credentials of {source} are known to this session alone: set "
            + ("the variable of each name" if named else " or ".join(CREDENTIALS.values()))
            + f", and {BASE_URL}, in the environment of every worker and of this command."
        )
    options = _options(connection)
    if connection.base_url:
        options["base_url"] = connection.base_url
    address = connection.base_url or os.environ.get(BASE_URL, "").strip() or PUBLIC
    return Session(address=address, options=options)


def _options(connection: Connection) -> dict[str, Any]:
    timeout = timeout_of(connection)
    options: dict[str, Any] = {} if timeout is None else {"timeout": timeout}
    if connection.debug:
        from cloudplatform_async.cli.session.watching import Told

        options["observers"] = (Told(),)
    return options


@contextmanager
def _environment(names: Mapping[str, str]) -> Generator[None]:
    """Set the names of the platform as given, and none of the others, for a while."""
    ours = (BASE_URL, *CREDENTIALS.values())
    before = {name: os.environ.pop(name) for name in ours if name in os.environ}
    os.environ.update(names)
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)
        os.environ.update(before)
