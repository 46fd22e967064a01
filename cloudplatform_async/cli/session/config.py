"""``cloudplatform config``: the settings that hold for every command."""

from typing import Any, Literal

from attrs import asdict, evolve
from cyclopts import App

from cloudplatform_async import ConfigurationError
from cloudplatform_async.cli.output.show import AS_USUAL, Output, View
from cloudplatform_async.cli.output.streams import write

app: App = App(name="config", help="Settings of this command line.")

Name = Literal["profile", "output", "utc", "timeout"]
_NAMES = ("profile", "output", "utc", "timeout")


@app.command(name="list")
def list_settings(*, output: Output = AS_USUAL) -> None:
    """Show all settings.

    Args:
        output: How.
    """
    from cloudplatform_async.cli.session.profiles import read_settings

    settings = asdict(read_settings(), recurse=False)
    View(output, ("name", "value")).rows([{"name": name, "value": settings[name]} for name in _NAMES])


@app.command(name="get")
def get_setting(name: Name, /) -> None:
    """Print one setting; nothing where it is not set.

    Args:
        name: Of the setting.
    """
    from cloudplatform_async.cli.output.values import cell
    from cloudplatform_async.cli.session.profiles import read_settings

    write(f"{cell(getattr(read_settings(), name))}\n".encode())


@app.command(name="set")
def set_setting(name: Name, value: str, /) -> None:
    """Change one setting.

    Args:
        name: Of the setting.
        value: profile: a profile's name; output: a format; utc: true or false; timeout: seconds.
    """
    _change(name, _read(name, value))


@app.command(name="unset")
def unset_setting(name: Name, /) -> None:
    """Forget one setting.

    Args:
        name: Of the setting.
    """
    _change(name, False if name == "utc" else None)


@app.command(name="path")
def show_path() -> None:
    """Print where the settings are."""
    from cloudplatform_async.cli.session.profiles import settings_file

    write(f"{settings_file()}\n".encode())


def _change(name: str, value: Any) -> None:
    from cloudplatform_async.cli.session.profiles import locked, read_settings, write_settings

    with locked():
        settings = read_settings()
        if name == "profile" and value is not None and value not in settings.profiles:
            known = ", ".join(settings.profiles) or "none"
            raise ConfigurationError(f"There is no profile {value!r} (there are: {known}).")
        write_settings(evolve(settings, **{name: value}))


def _read(name: str, value: str) -> Any:
    if name == "utc":
        return {"true": True, "false": False}.get(value.lower(), value)
    if name == "timeout":
        try:
            return float(value)
        except ValueError:
            return value
    return value
