"""What an assistant is told when a call fails: the code, what became of it, and what to do."""

from collections.abc import Generator
from contextlib import contextmanager

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import ValidationError

from cloudplatform_async import (
    APIConnectionError,
    AuthenticationError,
    CloudPlatformError,
    ConflictError,
    InsufficientScopeError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    TokenExpiredError,
    TokenRefreshError,
    WorkflowFailedError,
)

_ADVICE: tuple[tuple[type[CloudPlatformError], str], ...] = (
    (InvalidRequestError, "Correct the argument that is named and call again."),
    (NotFoundError, "Look the id up with a list tool."),
    (ConflictError, "Read the present state, then decide; do not repeat the same call."),
    (RateLimitError, "Wait as long as retry_after says, then call again."),
    (AuthenticationError, "Ask the user for another key or token; repeating does not help."),
    (TokenExpiredError, "Ask the user for another token; repeating does not help."),
    (TokenRefreshError, "Ask the user to sign in again."),
    (InsufficientScopeError, "Ask the user for a token with the scope that is named."),
    (PermissionDeniedError, "Ask the user; this key or token may not do it."),
    (WorkflowFailedError, "Read the run's error with runs_get."),
    (ServerError, "The platform is in trouble; try again later."),
    (APIConnectionError, "Check the network with the doctor tool, then try again."),
)
_WORDS = {  # of this package's arguments, which are no tool's
    "`resume_from`": "`cursor`",
    "a paginator's `.checkpoint`": "that of the answer before",
}
_REPEAT = "It may have been done: repeated with the same arguments and this idempotency_key it is done once."


@contextmanager
def told() -> Generator[None]:
    """Turn an error of the client into one that the assistant can read.

    Raises:
        ToolError: With code, outcome, advice, and where they apply retry_after, idempotency_key, request_id.
    """
    try:
        yield
    except CloudPlatformError as error:
        raise ToolError(explanation(error)) from error


def misfit(error: ValidationError) -> str:
    """Write which arguments do not fit, without their values."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    texts = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in found)
    return explanation(InvalidRequestError("; ".join(texts)))


def explanation(error: CloudPlatformError) -> str:
    """Write what an assistant needs to know of an error, one fact a line."""
    message = error.message
    if isinstance(error, InvalidRequestError):
        for ours, theirs in _WORDS.items():
            message = message.replace(ours, theirs)
    facts = {
        "error": type(error).__name__,
        "status": error.status_code,
        "code": error.code,
        "message": message,
        "outcome": error.outcome,
        "retry_after": error.retry_after,
        "idempotency_key": error.idempotency_key,
        "request_id": error.request_id,
        "advice": advice(error),
    }
    return "\n".join(f"{name}: {value}" for name, value in facts.items() if value is not None)


def advice(error: CloudPlatformError) -> str:
    """Say what to do next."""
    if error.outcome == "unknown" and error.idempotency_key is not None:
        return _REPEAT
    known = (text for kind, text in _ADVICE if isinstance(error, kind))
    return next(known, "Tell the user what the message says.")
