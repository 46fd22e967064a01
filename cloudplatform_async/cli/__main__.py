"""Runs one command line, and turns however it ends into an exit code."""

import signal
import sys
from collections.abc import Sequence
from types import ModuleType

from cloudplatform_async.cli.output.streams import OutputError, abandon, occupy, say

MISSING_EXTRA = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: The words after the command's name; ``None`` takes them from the process.

    Returns:
        The exit code; ``docs/cli.md`` lists them.
    """
    try:
        return _run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        if arguments is None:  # the process ends with this, and a second Ctrl-C must not show how
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def _run(arguments: Sequence[str]) -> int:
    occupy()
    leave_out_the_command_line_of_httpx()
    try:
        from cloudplatform_async.cli.app import run

        code = run(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:  # whoever read our output has seen enough (``| head``)
        abandon(sys.stdout)
        return 0
    except SystemExit as ending:  # rich's word for the same, amid a help text
        if not isinstance(ending.__context__, BrokenPipeError):
            raise
        return 0
    except OSError as error:  # help, or an address, on a full disk
        return _not_written(error)
    except ImportError as error:
        return _missing(error)
    return code


def leave_out_the_command_line_of_httpx() -> None:
    """Have httpx import an empty module in place of its own command line.

    Where click and rich are installed, as they are here, that would take longer than httpx itself.
    """
    if "httpx" in sys.modules:
        return
    stub = ModuleType("httpx._main")
    stub.main = main  # type: ignore[attr-defined] # httpx imports this one name
    sys.modules.setdefault(stub.__name__, stub)


def _not_written(error: OSError) -> int:
    from cloudplatform_async.cli.errors import report

    if error.errno is None or sys.stdout is None:
        raise error
    abandon(sys.stdout)
    return report(OutputError(f"Output cannot be written: {error.strerror}."))


def _missing(error: ImportError) -> int:
    """Name the extra that brings what is missing; a module of our own is no such thing."""
    cause = error.__cause__ if isinstance(error.__cause__, ModuleNotFoundError) else error
    name = cause.name or ""
    if not isinstance(cause, ModuleNotFoundError) or name.startswith("cloudplatform_async"):
        raise error
    say(f"error: the command line needs {name}: pip install 'cloudplatform-async[cli]'")
    return MISSING_EXTRA


if __name__ == "__main__":
    sys.exit(main())
