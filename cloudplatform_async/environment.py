"""The three ``CLOUD_*`` names, from the environment and from an env file, and which may go together."""

import codecs
import os
from collections.abc import Mapping
from io import StringIO
from os import PathLike
from pathlib import Path
from typing import cast

from msgspec import field

from cloudplatform_async.credentials import Credentials, KeySource, TokenSource
from cloudplatform_async.credentials.secrets import SecretStruct, checked_secret, is_blank
from cloudplatform_async.errors import ConfigurationError
from cloudplatform_async.settings import DEFAULT_BASE_URL, BaseURL, parse_base_url

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

    def source_of(self, name: str, *, in_file: bool = False) -> str:
        """Say where a name stands, for the message to whoever has to mend its value.

        Args:
            name: One of the three.
            in_file: That of the file is taken, whatever the environment has.
        """
        is_outside = name in self.environment and not in_file
        return name if is_outside else f"{name} in the env file {self.path!r}"

    def credentials(self, *, named_by_file: bool) -> tuple[str | None, str | None]:
        """Give key and token, name by name the environment's before the file's.

        Args:
            named_by_file: The base URL comes from the file alone. Then its credentials do too: whoever can
                write a file is not to be sent what the environment holds (API contract §2).

        Raises:
            ConfigurationError: Where only the environment has some, and only the file the base URL; and for
                one that cannot be sent, by the name under which it stands.
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
        for name in held.keys() & {API_KEY, ACCESS_TOKEN}:
            checked_secret(held[name], self.source_of(name, in_file=named_by_file))
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
                f"{API_KEY} or {ACCESS_TOKEN} in the environment.",
                code="no_credentials",
            )
    return Credentials.of(api_key, access_token)


def choose_base_url(base_url: str | None, found: Found) -> BaseURL:
    """Take the base URL that was passed, else that of the environment, of the env file, or the default.

    Raises:
        ConfigurationError: For one that is none; the message names where it stands.
    """
    text = found.environment.get(BASE_URL, found.file.get(BASE_URL))
    if base_url is not None or text is None:
        return parse_base_url(DEFAULT_BASE_URL if base_url is None else base_url)
    return parse_base_url(text, found.source_of(BASE_URL))


def _present(values: Mapping[str, str | None]) -> dict[str, str]:
    found = ((name, (values.get(name) or "").strip()) for name in _NAMES)  # `echo` leaves a line break
    return {name: value for name, value in found if value}


def _read_file(given: object) -> dict[str, str]:
    try:
        from dotenv import dotenv_values
    except ImportError:
        raise ConfigurationError(
            'env_file= needs the extra `dotenv`: pip install "cloudplatform-async[dotenv]"'
        ) from None
    if not isinstance(given, (str, PathLike)):
        raise ConfigurationError(f"env_file must be the path of a file, not {given!r}.")
    path = Path(cast("str | PathLike[str]", given))
    try:
        text = _decoded(path.read_bytes())
    except UnicodeError:
        raise ConfigurationError(
            f"env_file {str(path)!r} cannot be read as UTF-8, or UTF-16 with its mark; save it as UTF-8."
        ) from None
    except (OSError, ValueError) as error:  # not a file
        raise ConfigurationError(f"env_file {str(path)!r} cannot be read: {type(error).__name__}.") from None
    return _present(dotenv_values(stream=StringIO(text, newline=None), interpolate=False))


def _decoded(content: bytes) -> str:
    """Read text in UTF-8, or in UTF-16 as Windows PowerShell writes it, with its byte order mark."""
    marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = content.decode("utf-16" if marked else "utf-8-sig")
    if "\0" in text:  # UTF-16 without the mark, or UTF-32
        raise UnicodeError
    return text
