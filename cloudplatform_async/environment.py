"""The three ``CLOUD_*`` names, from the environment and from an env file."""

import os
from collections.abc import Mapping
from os import PathLike

from cloudplatform_async.credentials import Credentials, KeySource, TokenSource
from cloudplatform_async.credentials.secrets import is_blank
from cloudplatform_async.errors import ConfigurationError

BASE_URL = "CLOUD_API_BASE_URL"
API_KEY = "CLOUD_API_KEY"
ACCESS_TOKEN = "CLOUD_ACCESS_TOKEN"  # noqa: S105 - a name, not a secret


def read_environment(env_file: str | PathLike[str] | None) -> Mapping[str, str]:
    """Read the names that are set and not blank; the environment goes before the file.

    Raises:
        ConfigurationError: When the file cannot be read, or the extra ``dotenv`` is not installed.
    """
    values = {**(_read_file(env_file) if env_file is not None else {}), **_present(os.environ)}
    return {name: values[name] for name in (BASE_URL, API_KEY, ACCESS_TOKEN) if name in values}


def choose_credentials(
    api_key: KeySource | None, access_token: TokenSource | None, found: Mapping[str, str]
) -> Credentials:
    """Take the credentials that were passed, else those that were found: never some of both.

    Raises:
        ConfigurationError: Where there are none, or one that cannot be sent.
    """
    if all(source is None or is_blank(source) for source in (api_key, access_token)):
        api_key, access_token = found.get(API_KEY), found.get(ACCESS_TOKEN)
    return Credentials.of(api_key, access_token)


def _present(values: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value and value.strip()}


def _read_file(path: str | PathLike[str]) -> dict[str, str]:
    try:
        from dotenv import dotenv_values
    except ImportError:
        raise ConfigurationError(
            'env_file= needs the extra `dotenv`: pip install "cloudplatform-async[dotenv]"'
        ) from None
    try:
        with open(path, encoding="utf-8-sig") as stream:
            return _present(dotenv_values(stream=stream, interpolate=False))
    except (OSError, ValueError) as error:  # not a file, or not text
        raise ConfigurationError(
            f"env_file {os.fspath(path)!r} cannot be read: {type(error).__name__}."
        ) from None
