"""The three ``CLOUD_*`` names, from the environment and from an env file, and which may go together."""

import codecs
import os
from collections.abc import Mapping
from io import StringIO
from os import PathLike
from pathlib import Path

from msgspec import field

from cloudplatform_async.credentials import Credentials, KeySource, TokenSource
from cloudplatform_async.credentials.secrets import SecretStruct, is_blank
from cloudplatform_async.errors import ConfigurationError

BASE_URL = "CLOUD_API_BASE_URL"
API_KEY = "CLOUD_API_KEY"
ACCESS_TOKEN = "CLOUD_ACCESS_TOKEN"  # noqa: S105 - a name, not a secret
_NAMES = (BASE_URL, API_KEY, ACCESS_TOKEN)


class Found(SecretStruct, frozen=True, kw_only=True):
    """The names that are set and not blank, by where they stand.

    Attributes:
        environment: Of this process.
        file: Of the env file.
        path: Of that file; ``None`` where none was named.
    """

    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    file: Mapping[str, str] = field(default_factory=dict[str, str])
    path: str | None = None

    @property
    def base_url(self) -> str | None:
        """Give the base URL: the environment's goes before the file's."""
        return self.environment.get(BASE_URL, self.file.get(BASE_URL))

    def credentials(self, *, named_by_file: bool) -> tuple[str | None, str | None]:
        """Give key and token, name by name the environment's before the file's.

        Args:
            named_by_file: The base URL comes from the file alone. Then its credentials do too: whoever can
                write a file is not to be sent what the environment holds (API contract §2).

        Raises:
            ConfigurationError: Where only the environment has some, and only the file the base URL.
        """
        held = self.file if named_by_file else {**self.file, **self.environment}
        key, token = held.get(API_KEY), held.get(ACCESS_TOKEN)
        outside = [name for name in (API_KEY, ACCESS_TOKEN) if name in self.environment]
        if named_by_file and outside and key is None and token is None:
            raise ConfigurationError(
                f"{BASE_URL} comes from the env file {self.path!r}, and {' and '.join(outside)} from the "
                "environment: a credential is not sent to an address that only a file names. Put it into the "
                "file too, pass api_key= or access_token=, or set CLOUD_API_BASE_URL in the environment."
            )
        return key, token


def read_environment(env_file: str | PathLike[str] | None) -> Found:
    """Read the names that are set and not blank.

    Raises:
        ConfigurationError: When the file cannot be read, or the extra ``dotenv`` is not installed.
    """
    environment = _present(os.environ)
    if env_file is None:
        return Found(environment=environment)
    return Found(environment=environment, file=_read_file(env_file), path=os.fspath(env_file))


def choose_credentials(
    api_key: KeySource | None, access_token: TokenSource | None, found: Found, *, base_url: str | None = None
) -> Credentials:
    """Take the credentials that were passed, else those that were found: never some of both.

    Args:
        api_key: As passed.
        access_token: As passed.
        found: In the environment and the env file.
        base_url: As passed.

    Raises:
        ConfigurationError: Where there are none, or one that cannot be sent, or must not be.
    """
    if all(source is None or is_blank(source) for source in (api_key, access_token)):
        named_by_file = base_url is None and BASE_URL in found.file and BASE_URL not in found.environment
        api_key, access_token = found.credentials(named_by_file=named_by_file)
        if api_key is None and access_token is None and found.path is not None:
            raise ConfigurationError(
                f"There are no credentials: the env file {found.path!r} was read, and has neither {API_KEY} "
                f"nor {ACCESS_TOKEN} with a value. Put one there, pass api_key= or access_token=, or set "
                f"{API_KEY} or {ACCESS_TOKEN} in the environment."
            )
    return Credentials.of(api_key, access_token)


def _present(values: Mapping[str, str | None]) -> dict[str, str]:
    found = ((name, values.get(name)) for name in _NAMES)
    return {name: value for name, value in found if value and value.strip()}


def _read_file(path: str | PathLike[str]) -> dict[str, str]:
    try:
        from dotenv import dotenv_values
    except ImportError:
        raise ConfigurationError(
            'env_file= needs the extra `dotenv`: pip install "cloudplatform-async[dotenv]"'
        ) from None
    try:
        text = _decoded(Path(path).read_bytes())
    except (OSError, ValueError) as error:  # not a file, or not text
        raise ConfigurationError(
            f"env_file {os.fspath(path)!r} cannot be read: {type(error).__name__}."
        ) from None
    return _present(dotenv_values(stream=StringIO(text, newline=None), interpolate=False))


def _decoded(content: bytes) -> str:
    """Read text in UTF-8, or in UTF-16 as Windows PowerShell writes it, with its byte order mark."""
    marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if marked else "utf-8-sig")
