"""The root of the command line: its commands, each loaded when it is used, and what happens round them."""

import sys
from collections.abc import Sequence

from cyclopts import App, Parameter

from cloudplatform_async.cli import errors
from cloudplatform_async.cli.output.streams import is_terminal

_HERE = "cloudplatform_async.cli"
COMMANDS = {
    "projects": (f"{_HERE}.projects:app", "The projects of the workspace."),
    "usage": (f"{_HERE}.usage:app", "Request counts and error rates."),
    "workflows": (f"{_HERE}.workflows:app", "Workflows and their runs."),
    "events": (f"{_HERE}.events:app", "What happened on the platform."),
    "webhooks": (f"{_HERE}.webhooks:app", "Receive and check webhook deliveries."),
    "api": (f"{_HERE}.api:call", "Call any endpoint."),
    "export": (f"{_HERE}.export.command:export", "Write a whole list to a file, resumably."),
    "auth": (f"{_HERE}.auth:app", "Log in, and see as whom."),
    "whoami": (f"{_HERE}.auth:whoami", "Show as whom commands speak, as far as that can be known."),
    "config": (f"{_HERE}.session.config:app", "Settings of this command line."),
    "doctor": (f"{_HERE}.doctor.command:doctor", "Find out what is wrong, and what to do."),
    "mcp": (f"{_HERE}.mcp:serve", "Serve the platform as tools for assistants, on stdin and stdout."),
    "sandbox": (f"{_HERE}.sandbox:serve", "Serve a platform on this machine until Ctrl-C."),
    "completion": (f"{_HERE}.completion:script", "Print the completion script of a shell."),
}


NO_NEGATIVES = Parameter(negative=())
"""A flag is given or not; there is no ``--no-`` form of each."""


def build() -> App:
    """Put the command line together; help off a terminal is plain text."""
    app = App(
        name="cloudplatform",
        help="Work with the Cloud API Platform, or with one that runs on this machine.",
        help_epilogue=errors.HELP,
        help_formatter=None if is_terminal(sys.stdout) else "plain",
        help_format="plaintext",
        version=_version,
        default_parameter=NO_NEGATIVES,
        result_action="return_value",
        suppress_keyboard_interrupt=False,
    )
    for name, (place, summary) in COMMANDS.items():
        app.command(place, name=name, help=summary)
    app.command(f"{_HERE}.completion:candidates", name="complete", show=False)
    return app


def _version() -> str:
    from importlib.metadata import version

    return version("cloudplatform-async")


def run(arguments: Sequence[str]) -> int:
    """Run one command.

    Args:
        arguments: The words after the command's name.

    Returns:
        0, or the exit code that tells what went wrong.
    """
    try:
        code = build()(arguments, exit_on_error=False, print_error=False)
    except errors.EXPECTED as error:
        return errors.report(error)
    except errors.NothingSentError:
        return 0
    except KeyboardInterrupt:
        return errors.INTERRUPTED
    return code if isinstance(code, int) else 0
