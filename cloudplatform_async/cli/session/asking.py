"""Questions to a person, where somebody is there to answer; a secret is never on a command line."""

import sys

from cloudplatform_async import ConfigurationError
from cloudplatform_async.cli.output.streams import is_terminal, printable, say


class DeclinedError(Exception):
    """A person was asked, and said no."""


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something is destroyed.

    Args:
        question: Such as "Delete project prj_1?".
        yes: It was answered on the command line.

    Raises:
        ConfigurationError: Nobody is there to be asked.
        DeclinedError: The answer was not yes.
    """
    if yes:
        return
    if not is_terminal(sys.stdin) or not is_terminal(sys.stderr):
        raise ConfigurationError(f"{printable(question)} There is no terminal to ask on: pass --yes.")
    sys.stderr.write(f"{printable(question)} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise DeclinedError("Nothing was done.")


def ask_secrets(names: list[str]) -> dict[str, str]:
    """Read secrets: prompted for without echo on a terminal, else a line of stdin each.

    Raises:
        ConfigurationError: One is missing, or has a space or a control character in it.
    """
    secrets: dict[str, str] = {}
    for name in names:
        text = _hidden(name) if is_terminal(sys.stdin) else (sys.stdin.readline() if sys.stdin else "")
        secret = text.strip("\r\n \t\ufeff")
        if not secret or not secret.isascii() or not secret.isprintable() or " " in secret:
            raise ConfigurationError(f"The {name} must come on stdin, as one line of visible ASCII.")
        secrets[name.replace(" ", "_")] = secret
    return secrets


def _hidden(name: str) -> str:
    from getpass import getpass

    try:
        return getpass(f"The {name} (nothing is shown): ", stream=None)
    except EOFError:
        say("")
        return ""
