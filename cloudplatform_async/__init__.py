"""Async-first SDK for the Cloud API Platform."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cloudplatform_async._connections.aiohttp import AiohttpTransport
    from cloudplatform_async._connections.pool import PooledTransport
    from cloudplatform_async._paging.arrow import ArrowTable
    from cloudplatform_async._protocol.idempotency import AUTO
    from cloudplatform_async.client import AsyncClient
    from cloudplatform_async.credentials import OAuthClientCredentials, OAuthRefreshToken
    from cloudplatform_async.errors import (
        APIConnectionError,
        APIStatusError,
        APITimeoutError,
        AuthenticationError,
        BadRequestError,
        ClientStateError,
        CloudPlatformError,
        ConfigurationError,
        ConflictError,
        InsufficientScopeError,
        InvalidRequestError,
        NotFoundError,
        PaginationError,
        PaginationLoopError,
        PermissionDeniedError,
        RateLimitError,
        ResponseDecodeError,
        ResponseTooLargeError,
        ServerError,
        TokenExpiredError,
        TokenRefreshError,
        UnprocessableEntityError,
        WebhookVerificationError,
        WorkflowFailedError,
    )
    from cloudplatform_async.models import (
        Event,
        Project,
        ProjectCreated,
        ProjectDeleted,
        ProjectEvent,
        ProjectUpdated,
        RunFailure,
        Usage,
        Workflow,
        WorkflowRun,
        WorkflowRunCancelled,
        WorkflowRunEvent,
        WorkflowRunFailed,
        WorkflowRunStarted,
        WorkflowRunSucceeded,
    )
    from cloudplatform_async.models.timestamps import AwareDatetime
    from cloudplatform_async.pagination import Drift, Page, Paginator
    from cloudplatform_async.resources.create_many import CreateResult, CreateResults
    from cloudplatform_async.resources.event_tail import EventTail
    from cloudplatform_async.responses import APIResponse
    from cloudplatform_async.settings import PoolLimits, RetryPolicy, Timeouts
    from cloudplatform_async.statistics import ClientStatistics
    from cloudplatform_async.version import __version__
    from cloudplatform_async.webhooks.verifier import WebhookVerifier

__all__ = [
    "AUTO",
    "APIConnectionError",
    "APIResponse",
    "APIStatusError",
    "APITimeoutError",
    "AiohttpTransport",
    "ArrowTable",
    "AsyncClient",
    "AuthenticationError",
    "AwareDatetime",
    "BadRequestError",
    "ClientStateError",
    "ClientStatistics",
    "CloudPlatformError",
    "ConfigurationError",
    "ConflictError",
    "CreateResult",
    "CreateResults",
    "Drift",
    "Event",
    "EventTail",
    "InsufficientScopeError",
    "InvalidRequestError",
    "NotFoundError",
    "OAuthClientCredentials",
    "OAuthRefreshToken",
    "Page",
    "PaginationError",
    "PaginationLoopError",
    "Paginator",
    "PermissionDeniedError",
    "PoolLimits",
    "PooledTransport",
    "Project",
    "ProjectCreated",
    "ProjectDeleted",
    "ProjectEvent",
    "ProjectUpdated",
    "RateLimitError",
    "ResponseDecodeError",
    "ResponseTooLargeError",
    "RetryPolicy",
    "RunFailure",
    "ServerError",
    "Timeouts",
    "TokenExpiredError",
    "TokenRefreshError",
    "UnprocessableEntityError",
    "Usage",
    "WebhookVerificationError",
    "WebhookVerifier",
    "Workflow",
    "WorkflowFailedError",
    "WorkflowRun",
    "WorkflowRunCancelled",
    "WorkflowRunEvent",
    "WorkflowRunFailed",
    "WorkflowRunStarted",
    "WorkflowRunSucceeded",
    "__version__",
]

# Each name is loaded when it is first asked for: the command line shows its help without the client.
_HOMES = {
    "APIConnectionError": "errors",
    "APIResponse": "responses",
    "APIStatusError": "errors",
    "APITimeoutError": "errors",
    "AUTO": "_protocol.idempotency",
    "AiohttpTransport": "_connections.aiohttp",
    "ArrowTable": "_paging.arrow",
    "AsyncClient": "client",
    "AuthenticationError": "errors",
    "AwareDatetime": "models.timestamps",
    "BadRequestError": "errors",
    "ClientStateError": "errors",
    "ClientStatistics": "statistics",
    "CloudPlatformError": "errors",
    "ConfigurationError": "errors",
    "ConflictError": "errors",
    "CreateResult": "resources.create_many",
    "CreateResults": "resources.create_many",
    "Drift": "pagination",
    "Event": "models",
    "EventTail": "resources.event_tail",
    "InsufficientScopeError": "errors",
    "InvalidRequestError": "errors",
    "NotFoundError": "errors",
    "OAuthClientCredentials": "credentials",
    "OAuthRefreshToken": "credentials",
    "Page": "pagination",
    "PaginationError": "errors",
    "PaginationLoopError": "errors",
    "Paginator": "pagination",
    "PermissionDeniedError": "errors",
    "PoolLimits": "settings",
    "PooledTransport": "_connections.pool",
    "Project": "models",
    "ProjectCreated": "models",
    "ProjectDeleted": "models",
    "ProjectEvent": "models",
    "ProjectUpdated": "models",
    "RateLimitError": "errors",
    "ResponseDecodeError": "errors",
    "ResponseTooLargeError": "errors",
    "RetryPolicy": "settings",
    "RunFailure": "models",
    "ServerError": "errors",
    "Timeouts": "settings",
    "TokenExpiredError": "errors",
    "TokenRefreshError": "errors",
    "UnprocessableEntityError": "errors",
    "Usage": "models",
    "WebhookVerificationError": "errors",
    "WebhookVerifier": "webhooks.verifier",
    "Workflow": "models",
    "WorkflowFailedError": "errors",
    "WorkflowRun": "models",
    "WorkflowRunCancelled": "models",
    "WorkflowRunEvent": "models",
    "WorkflowRunFailed": "models",
    "WorkflowRunStarted": "models",
    "WorkflowRunSucceeded": "models",
    "__version__": "version",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
