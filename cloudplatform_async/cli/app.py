"""The root of the command line: its commands, and what happens round each of them."""

from collections.abc import Sequence
from importlib.metadata import version

from cyclopts import App, CycloptsError, Parameter

from cloudplatform_async import CloudPlatformError
from cloudplatform_async.cli import errors, projects, sandbox

INTERRUPTED = 130

app: App = App(
    name="cloudplatform",
    help="Work with the Cloud API Platform, or with one that runs on this machine.",
    version=lambda: version("cloudplatform-async"),
    default_parameter=Parameter(negative=()),
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)
app.command(projects.app)
app.command(sandbox.serve, name="sandbox")


def run(arguments: Sequence[str]) -> int:
    """Run one command.

    Args:
        arguments: The words after the command's name.

    Returns:
        0, or the exit code that tells what went wrong.
    """
    try:
        app(arguments, exit_on_error=False, print_error=False)
    except (CloudPlatformError, CycloptsError) as error:
        return errors.report(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0
