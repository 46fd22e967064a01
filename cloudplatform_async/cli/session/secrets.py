"""Where the secret of a profile is kept: the system's keyring, else a file that only its owner can read."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from cloudplatform_async import ConfigurationError
from cloudplatform_async.cli.session.profiles import check_name, folder, replace_file

if TYPE_CHECKING:
    from types import ModuleType

SERVICE = "cloudplatform"
Store = Literal["keyring", "file"]

Secrets = Mapping[str, str]
"""By what each is, such as ``api_key``."""


def save(name: str, secrets: Secrets) -> Store:
    """Keep the secrets of a profile.

    Returns:
        Where they are now.

    Raises:
        ConfigurationError: They cannot be kept anywhere.
    """
    text = json.dumps(dict(secrets))
    if keyring := _keyring():
        from keyring.errors import KeyringError

        try:
            keyring.set_password(SERVICE, check_name(name), text)
        except KeyringError:
            pass
        else:
            _file(name).unlink(missing_ok=True)
            return "keyring"
    replace_file(_file(name), text.encode())
    return "file"


def save_in(store: Store, name: str, secrets: Secrets) -> None:
    """Keep new secrets where the old ones are."""
    if store == "file":
        replace_file(_file(name), json.dumps(dict(secrets)).encode())
    elif save(name, secrets) != "keyring":
        raise ConfigurationError(f"The keyring did not take the new secret of profile {name!r}.")


def load(store: Store, name: str) -> Secrets:
    """Read the secrets of a profile.

    Raises:
        ConfigurationError: They are not there, or cannot be read; the message shows nothing of them.
    """
    text = _from_keyring(name) if store == "keyring" else _from_file(name)
    try:
        found: dict[str, str] | None = msgspec.json.decode(text or "", type=dict[str, str])
    except msgspec.DecodeError:
        found = None
    if found is None:
        raise ConfigurationError(
            f"The secret of profile {name!r} is gone from the {store}: "
            f"`cloudplatform auth login --profile {name}`."
        )
    return found


def forget(store: Store, name: str) -> None:
    """Remove the secrets of a profile, wherever they are."""
    _file(name).unlink(missing_ok=True)
    if store == "keyring" and (keyring := _keyring()):
        from keyring.errors import KeyringError

        try:
            keyring.delete_password(SERVICE, name)
        except KeyringError as error:
            raise ConfigurationError(f"The keyring did not delete it: {type(error).__name__}.") from None


def _keyring() -> "ModuleType | None":
    """Give the keyring, where there is one that keeps things."""
    try:
        import keyring
    except ImportError:
        return None
    return keyring if keyring.get_keyring().priority > 0 else None


def _from_keyring(name: str) -> str | None:
    keyring = _keyring()
    if keyring is None:
        raise ConfigurationError(
            f"Profile {name!r} is in the keyring, which cannot be reached: "
            "pip install 'cloudplatform-async[keyring]', or log in again."
        )
    from keyring.errors import KeyringError

    try:
        found: str | None = keyring.get_password(SERVICE, name)
    except KeyringError as error:
        raise ConfigurationError(f"The keyring cannot be read: {type(error).__name__}.") from None
    return found


def _from_file(name: str) -> str | None:
    path = _file(name)
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read: {type(error).__name__}.") from None


def _file(name: str) -> Path:
    return folder() / "secrets" / f"{check_name(name)}.json"
