"""What an error becomes on the command line: one line on stderr, and an exit code by its class."""

from cyclopts import CycloptsError

from cloudplatform_async import (
    APIConnectionError,
    APITimeoutError,
    AuthenticationError,
    CloudPlatformError,
    ConfigurationError,
    InsufficientScopeError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    TokenExpiredError,
    TokenRefreshError,
    WebhookVerificationError,
    WorkflowFailedError,
)
from cloudplatform_async.cli.output.streams import OutputError, printable, say
from cloudplatform_async.cli.session.asking import DeclinedError


class NothingSentError(Exception):
    """A dry run has shown its first request; there is no answer to go on with."""


OTHER = 1
USAGE = 2
NOT_WRITTEN = 12
INTERRUPTED = 130

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
    WorkflowFailedError: 10,
    WebhookVerificationError: 11,
    OutputError: NOT_WRITTEN,
}

EXPECTED = (CycloptsError, CloudPlatformError, OutputError, DeclinedError)
"""What ends a command on purpose; anything else is a fault of this package, and shows its traceback."""

HELP = """Exit codes: 0 done; 1 any other error; 2 wrong command line or settings; 3 credentials not accepted;
4 not allowed; 5 not found; 6 too many requests; 7 no whole answer; 8 time was up; 9 the platform failed;
10 a workflow run did not succeed; 11 a webhook is not genuine; 12 output cannot be written; 130 Ctrl-C."""


def report(error: Exception) -> int:
    """Tell a person what went wrong, in one line on stderr.

    Args:
        error: What ended the command.

    Returns:
        The exit code for its class, or for the nearest class above it.
    """
    notes: list[str] = getattr(error, "__notes__", [])
    say("error: " + printable(" ".join([str(error), *(f"({note})" for note in (*notes, *_outcome(error)))])))
    return exit_code(type(error))


def exit_code(kind: type) -> int:
    """Give the code for a class of errors, or for the nearest class above it."""
    return next((EXIT_CODES[each] for each in kind.__mro__ if each in EXIT_CODES), OTHER)


def _outcome(error: Exception) -> list[str]:
    """Say of a write that it may have been done, and how to send it again without doing it twice."""
    key = error.idempotency_key if isinstance(error, CloudPlatformError) else None
    if key is None or not isinstance(error, CloudPlatformError) or error.outcome != "unknown":
        return []
    return [f"it may have been done; repeat it safely with --idempotency-key {key}"]
