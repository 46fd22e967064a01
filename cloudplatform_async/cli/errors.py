"""What an error becomes on the command line: one line on stderr, and an exit code by its class."""

import sys

from cyclopts import CycloptsError

from cloudplatform_async import (
    APIConnectionError,
    APITimeoutError,
    AuthenticationError,
    ConfigurationError,
    InsufficientScopeError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    TokenExpiredError,
    TokenRefreshError,
)
from cloudplatform_async.cli.output import printable

OTHER = 1
USAGE = 2

EXIT_CODES: dict[type[Exception], int] = {
    CycloptsError: USAGE,
    ConfigurationError: USAGE,
    InvalidRequestError: USAGE,
    AuthenticationError: 3,
    TokenExpiredError: 3,
    TokenRefreshError: 3,
    PermissionDeniedError: 4,
    InsufficientScopeError: 4,
    NotFoundError: 5,
    RateLimitError: 6,
    APIConnectionError: 7,
    APITimeoutError: 8,
    ServerError: 9,
}


def report(error: Exception) -> int:
    """Tell a person what went wrong, in one line on stderr.

    Args:
        error: What ended the command.

    Returns:
        The exit code for its class, or for the nearest class above it.
    """
    notes: list[str] = getattr(error, "__notes__", [])
    print("error:", printable(" ".join([str(error), *(f"({note})" for note in notes)])), file=sys.stderr)
    return next((EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES), OTHER)
