"""Runs one command line, and turns however it ends into an exit code."""

import os
import sys
from collections.abc import Sequence

MISSING_EXTRA = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: The words after the command's name; ``None`` takes them from the process.

    Returns:
        The exit code; ``docs/cli.md`` lists them.
    """
    try:
        from cloudplatform_async.cli.app import run
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("cloudplatform_async"):
            raise
        print(
            f"error: the command line needs {missing.name}: pip install 'cloudplatform-async[cli]'",
            file=sys.stderr,
        )
        return MISSING_EXTRA
    try:
        code = run(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        return _reader_left()
    return code


def _reader_left() -> int:
    """Whoever read our output has seen enough (``| head``): not a failure, and nothing to say."""
    # The interpreter flushes stdout once more at exit, which would complain again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
