"""Every error that the package raises.

CloudPlatformError
├── ConfigurationError              a client cannot be built like this
├── InvalidRequestError             refused before anything was sent (also a ValueError)
├── ClientStateError                the client is closed, or belongs to another event loop
├── APIConnectionError              no whole answer came
│   └── APITimeoutError
├── APIStatusError                  the server answered, and said no
│   ├── BadRequestError             400
│   ├── AuthenticationError         401
│   ├── PermissionDeniedError       403
│   ├── NotFoundError               404
│   ├── ConflictError               409
│   ├── UnprocessableEntityError    422
│   ├── RateLimitError              429
│   └── ServerError                 500 and above
├── ResponseDecodeError             a success whose body is not what was asked for
├── ResponseTooLargeError
├── PaginationError
│   └── PaginationLoopError
├── TokenExpiredError
├── InsufficientScopeError
├── TokenRefreshError
├── WebhookVerificationError
└── WorkflowFailedError
"""

from typing import TYPE_CHECKING, Any, Literal, cast

if TYPE_CHECKING:
    from cloudplatform_async.models.workflows import WorkflowRun

Outcome = Literal["not_sent", "rejected", "unknown"]
"""What became of a whole call on the server: surely nothing, refused, or possibly done."""


class CloudPlatformError(Exception):
    """Base of all errors; catch it to catch everything that this package raises on purpose.

    Attributes:
        message: One sentence for a person: the server's own words where it sent some.
        outcome: ``"not_sent"``, ``"rejected"`` or ``"unknown"``, about the whole call.
        attempts: Requests sent for the call.
        request_id: ``x-request-id`` of the last answer, else the one that was sent.
        status_code: HTTP status of the last answer.
        code: The platform's machine-readable error code.
        details: Whatever the platform added to the error.
        retry_after: Seconds that the server asked to wait.
        idempotency_key: The key of a write: send it again tomorrow and it is still done once.
        checkpoint: Where a paginator stood; continue with ``resume_from=``.
    """

    def __init__(
        self,
        message: str = "",
        *,
        outcome: Outcome = "not_sent",
        attempts: int = 0,
        request_id: str | None = None,
        status_code: int | None = None,
        code: str | None = None,
        # The platform may send any JSON value as details.
        details: Any = None,
        retry_after: float | None = None,
        idempotency_key: str | None = None,
        checkpoint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.outcome: Outcome = outcome
        self.attempts = attempts
        self.request_id = request_id
        self.status_code = status_code
        self.code = code
        self.details = details
        self.retry_after = retry_after
        self.idempotency_key = idempotency_key
        self.checkpoint = checkpoint


class ConfigurationError(CloudPlatformError):
    """A client cannot be built from these settings; the message says which one to change."""


class InvalidRequestError(CloudPlatformError, ValueError):
    """An argument that the platform could never accept; nothing was sent."""


class ClientStateError(CloudPlatformError):
    """The client is closed, or it is used from an event loop other than its own."""


class APIConnectionError(CloudPlatformError):
    """No whole answer came: the connection could not be made, or it broke."""


class APITimeoutError(APIConnectionError):
    """The call, or one step of it, did not end within its timeout."""


class APIStatusError(CloudPlatformError):
    """The server answered with a status that is not a success."""

    def __str__(self) -> str:
        name = " ".join(str(part) for part in (self.status_code, self.code) if part)
        request = f" (request {self.request_id})" if self.request_id else ""
        return f"{name}: {self.message}{request}" if name else f"{self.message}{request}"


class BadRequestError(APIStatusError):
    """400: the request was malformed."""


class AuthenticationError(APIStatusError):
    """401: the API key or access token was not accepted."""


class PermissionDeniedError(APIStatusError):
    """403: the credentials may not do this."""


class NotFoundError(APIStatusError):
    """404: there is nothing at this address."""


class ConflictError(APIStatusError):
    """409: the request contradicts the state of the platform, such as a slug that is taken."""


class UnprocessableEntityError(APIStatusError):
    """422: the request was understood and its values were refused."""


class RateLimitError(APIStatusError):
    """429: too many requests for this API key and endpoint group.

    A call that the client itself held back, because the server's pause is longer than the call may wait,
    has the code ``held_back``, no status, and was not sent.
    """


class ServerError(APIStatusError):
    """500 and above: the platform failed."""


class ResponseDecodeError(CloudPlatformError):
    """A success whose body is not what was asked for.

    Attributes:
        path: JSON path of the first bad value, such as ``$.data[0].id``.
    """

    def __init__(self, message: str = "", *, path: str = "$", **context: Any) -> None:
        super().__init__(message, **context)
        self.path = path


class ResponseTooLargeError(CloudPlatformError):
    """The body is larger than ``max_response_bytes``; reading stopped there."""


class PaginationError(CloudPlatformError):
    """A list could not be walked on: its next page is not where a page may be."""


class PaginationLoopError(PaginationError):
    """The server sent a page or cursor that was already walked."""


class TokenExpiredError(CloudPlatformError):
    """The access token has expired and cannot be refreshed; nothing was sent."""


class InsufficientScopeError(CloudPlatformError):
    """The access token says its scopes, and the one this operation needs is missing; nothing was sent."""


class TokenRefreshError(CloudPlatformError):
    """The token endpoint did not give a new access token."""


class WebhookVerificationError(CloudPlatformError):
    """A webhook delivery is not authentic, or is too old or too new."""


class WorkflowFailedError(CloudPlatformError):
    """A workflow run ended, and not with success.

    Attributes:
        run: As it ended.
    """

    def __init__(self, message: str = "", *, run: "WorkflowRun | None" = None, **context: Any) -> None:
        super().__init__(message, **context)
        self.run: WorkflowRun = cast("WorkflowRun", run)  # left out only where a copy is made, and set then
