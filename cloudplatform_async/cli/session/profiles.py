"""The user's settings and profiles: one TOML file in the folder that the system has for such."""

import os
import re
import tomllib
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, Literal

from attrs import Factory, asdict, evolve, field, frozen

from cloudplatform_async import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

Kind = Literal["api-key", "access-token", "client-credentials", "refresh-token"]
FORMATS = ("table", "json", "ndjson", "csv", "yaml")


@frozen(kw_only=True)
class Profile:
    """Whom to talk to, and as what; the secret itself is kept elsewhere.

    Attributes:
        base_url: Of the API; `None` takes the public one.
        kind: Of the secret.
        store: Where the secret is.
        token_url: Of an OAuth grant.
        client_id: Of an OAuth grant.
        scopes: To ask for.
    """

    base_url: str | None = None
    kind: Kind = "api-key"
    store: Literal["keyring", "file"] = "file"
    token_url: str | None = None
    client_id: str | None = None
    scopes: tuple[str, ...] = field(default=(), converter=tuple[str, ...])


@frozen(kw_only=True)
class Settings:
    """What `cloudplatform config` shows and sets.

    Attributes:
        profile: The profile of commands that name none.
        output: Their format.
        utc: They show times in UTC.
        timeout: Seconds that one call of theirs may take.
        profiles: By name.
    """

    profile: str | None = None
    output: Any = None
    utc: bool = False
    timeout: float | None = None
    profiles: "Mapping[str, Profile]" = Factory(dict[str, Profile])


def folder() -> Path:
    """The user's folder for this command's files; CLOUD_CONFIG_DIR names another."""
    if named := os.environ.get("CLOUD_CONFIG_DIR"):
        return Path(named)
    from platformdirs import user_config_path

    return user_config_path("cloudplatform", appauthor=False)


def settings_file() -> Path:
    """Where the settings are."""
    return folder() / "config.toml"


def read_settings() -> Settings:
    """Read the settings; without a file they are the default ones.

    Raises:
        ConfigurationError: The file cannot be read; the message names it.
    """
    path = settings_file()
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        profiles = {name: Profile(**fields) for name, fields in found.pop("profiles", {}).items()}
        return _checked(Settings(**found, profiles=profiles))
    except (FileNotFoundError, NotADirectoryError):  # the latter where HOME is /dev/null, as in containers
        return Settings()
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}. Mend it, or move it away.") from None


def set_profile(name: str, profile: Profile | None, *, as_default: bool = False) -> None:
    """Store a profile, or with `None` forget it."""
    check_name(name)
    with locked():
        settings = read_settings()
        profiles = {**settings.profiles}
        profiles.pop(name, None)
        default = None if settings.profile == name and profile is None else settings.profile
        if profile is not None:
            profiles[name] = profile
        write_settings(evolve(settings, profiles=profiles, profile=name if as_default else default))


def write_settings(settings: Settings) -> None:
    """Replace the file in one step, so that no reader ever sees half of it."""
    import tomli_w

    values = {name: value for name, value in asdict(_checked(settings)).items() if value not in (None, False)}
    values["profiles"] = {
        name: {key: value for key, value in fields.items() if value}
        for name, fields in values.pop("profiles", {}).items()
    }
    replace_file(settings_file(), tomli_w.dumps(values).encode())


def replace_file(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read, in one step.

    Raises:
        ConfigurationError: It cannot be written.
    """
    try:
        for each in (folder(), path.parent):  # a mode goes to the last folder of a path alone
            each.mkdir(parents=True, exist_ok=True, mode=0o700)
        with NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as new:  # made with 0600
            try:
                new.write(data)
                new.flush()
                os.fsync(new.fileno())
                os.replace(new.name, path)
            except BaseException:
                os.unlink(new.name)
                raise
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}.") from None


@contextmanager
def locked(name: str = "config") -> "Generator[None]":
    """Hold a lock that all processes of this user share.

    Raises:
        ConfigurationError: Another process has held it for half a minute.
    """
    from filelock import FileLock, Timeout

    try:
        folder().mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(folder() / f"{name}.lock", timeout=30):
            yield
    except Timeout:
        raise ConfigurationError(f"{folder() / name}.lock is held by another process.") from None
    except PermissionError as error:
        raise ConfigurationError(f"{folder()} cannot be written: {error.strerror}.") from None


def check_name(name: str) -> str:
    """Check the name of a profile.

    Raises:
        ConfigurationError: It could not be the name of a file.
    """
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", name):
        raise ConfigurationError(f"{name!r} is no name of a profile: use letters, digits, '.', '_' and '-'.")
    return name


def chosen_profile(named: str | None) -> tuple[str, Profile] | None:
    """Find the profile that a command uses: the one it names, else CLOUD_PROFILE, else the default.

    The default one is left alone where the environment has credentials: those were set for this run.

    Raises:
        ConfigurationError: There is none of this name.
    """
    settings = read_settings()
    named = named or os.environ.get("CLOUD_PROFILE") or None
    in_environment = any(os.environ.get(name, "").strip() for name in ("CLOUD_API_KEY", "CLOUD_ACCESS_TOKEN"))
    name = named or (None if in_environment else settings.profile)
    if name is None:
        return None
    if name not in settings.profiles:
        known = ", ".join(settings.profiles) or "none"
        raise ConfigurationError(
            f"There is no profile {name!r} (there are: {known}); make it with "
            f"`cloudplatform auth login --profile {name}`."
        )
    return name, settings.profiles[name]


def _checked(settings: Settings) -> Settings:
    """Check values that come from a file, and so may be anything."""
    values: dict[str, Any] = {"utc": settings.utc, "timeout": settings.timeout}
    if settings.output is not None and settings.output not in FORMATS:
        raise ConfigurationError(f"output must be one of {', '.join(FORMATS)}, not {settings.output!r}.")
    if not isinstance(values["utc"], bool):
        raise ConfigurationError(f"utc must be true or false, not {settings.utc!r}.")
    timeout = values["timeout"]
    if timeout is not None and (not isinstance(timeout, int | float) or timeout <= 0):
        raise ConfigurationError(f"timeout must be a number of seconds above 0, not {timeout!r}.")
    return settings
