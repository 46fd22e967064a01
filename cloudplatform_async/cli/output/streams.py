"""The standard streams as they are found: a terminal, a pipe, full, closed, or not there at all."""

import contextlib
import os
import sys
from typing import TextIO


class OutputError(Exception):
    """Data could not be written where it was to go: a full disk, a file that may not be made."""


def write(data: bytes) -> None:
    """Write data to stdout at once; without a stdout it goes nowhere.

    Raises:
        BrokenPipeError: Whoever read it has left.
        OutputError: Any other failure, such as a full disk.
    """
    if sys.stdout is None:
        return
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        abandon(sys.stdout)
        raise OutputError(f"Output cannot be written: {error.strerror}.") from error


def say(text: str) -> None:
    """Tell a person something on stderr, in one line; where there is no stderr, nobody hears it."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(encodable(text, sys.stderr) + "\n")
        sys.stderr.flush()
    except OSError:
        abandon(sys.stderr)


def abandon(stream: TextIO | None) -> None:
    """Let what a stream still holds go nowhere, so that the interpreter's own flush at exit is quiet."""
    if stream is None:
        return
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def occupy() -> None:
    """Put the null device where a standard stream is closed, lest a socket or a file takes its number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether a person looks at a stream."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def on_terminal() -> bool:
    """Tell whether a person looks at the data."""
    return is_terminal(sys.stdout)


def encodable(text: str, stream: TextIO | None) -> str:
    """Replace what the stream's encoding lacks."""
    encoding = encoding_of(stream)
    return text.encode(encoding, "replace").decode(encoding)


def encoding_of(stream: TextIO | None) -> str:
    """Name the encoding that people read a stream in."""
    return getattr(stream, "encoding", None) or "utf-8"


def printable(text: str) -> str:
    """Make a server's text safe for one line of a terminal: no line breaks, no escape sequences."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
