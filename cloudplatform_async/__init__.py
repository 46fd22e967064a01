"""Async-first SDK for the Cloud API Platform."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cloudplatform_async._connections.transport import PooledTransport
    from cloudplatform_async._paging.arrow import ArrowTable, RecordBatches
    from cloudplatform_async._protocol.encoding import Query, QueryValue
    from cloudplatform_async._protocol.idempotency import AUTO, Auto, IdempotencyKey
    from cloudplatform_async._protocol.rate_limits import SharedLimit
    from cloudplatform_async.client import AsyncClient
    from cloudplatform_async.credentials import (
        KeySource,
        OAuthClientCredentials,
        OAuthRefreshToken,
        TokenSource,
        TokenStore,
    )
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
        Outcome,
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
    from cloudplatform_async.models.projects import ProjectStatus
    from cloudplatform_async.models.timestamps import AwareDatetime
    from cloudplatform_async.models.workflows import RunStatus
    from cloudplatform_async.pagination import Drift, Page, Pages, Paginator
    from cloudplatform_async.resources.create_many import CreateResult, CreateResults
    from cloudplatform_async.resources.event_tail import EventTail
    from cloudplatform_async.resources.events import EventFilters, Events
    from cloudplatform_async.resources.project_filters import ProjectFilters
    from cloudplatform_async.resources.projects import Projects
    from cloudplatform_async.resources.usage import UsageMetrics
    from cloudplatform_async.resources.workflows import Workflows
    from cloudplatform_async.responses import APIResponse, RateLimit
    from cloudplatform_async.settings import OMIT, CallOptions, Omit, PoolLimits, RetryPolicy, Timeouts
    from cloudplatform_async.statistics import ClientStatistics
    from cloudplatform_async.version import __version__
    from cloudplatform_async.webhooks.verifier import WebhookVerifier

__all__ = [
    "AUTO",
    "OMIT",
    "APIConnectionError",
    "APIResponse",
    "APIStatusError",
    "APITimeoutError",
    "ArrowTable",
    "AsyncClient",
    "AuthenticationError",
    "Auto",
    "AwareDatetime",
    "BadRequestError",
    "CallOptions",
    "ClientStateError",
    "ClientStatistics",
    "CloudPlatformError",
    "ConfigurationError",
    "ConflictError",
    "CreateResult",
    "CreateResults",
    "Drift",
    "Event",
    "EventFilters",
    "EventTail",
    "Events",
    "IdempotencyKey",
    "InsufficientScopeError",
    "InvalidRequestError",
    "KeySource",
    "NotFoundError",
    "OAuthClientCredentials",
    "OAuthRefreshToken",
    "Omit",
    "Outcome",
    "Page",
    "Pages",
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
    "ProjectFilters",
    "ProjectStatus",
    "ProjectUpdated",
    "Projects",
    "Query",
    "QueryValue",
    "RateLimit",
    "RateLimitError",
    "RecordBatches",
    "ResponseDecodeError",
    "ResponseTooLargeError",
    "RetryPolicy",
    "RunFailure",
    "RunStatus",
    "ServerError",
    "SharedLimit",
    "Timeouts",
    "TokenExpiredError",
    "TokenRefreshError",
    "TokenSource",
    "TokenStore",
    "UnprocessableEntityError",
    "Usage",
    "UsageMetrics",
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
    "Workflows",
    "__version__",
]

# Each name is loaded when it is first asked for: the command line shows its help without the client.
_HOMES = {
    "__version__": "version",
    "APIConnectionError": "errors",
    "APIResponse": "responses",
    "APIStatusError": "errors",
    "APITimeoutError": "errors",
    "ArrowTable": "_paging.arrow",
    "AsyncClient": "client",
    "AuthenticationError": "errors",
    "Auto": "_protocol.idempotency",
    "AUTO": "_protocol.idempotency",
    "AwareDatetime": "models.timestamps",
    "BadRequestError": "errors",
    "CallOptions": "settings",
    "ClientStateError": "errors",
    "ClientStatistics": "statistics",
    "CloudPlatformError": "errors",
    "ConfigurationError": "errors",
    "ConflictError": "errors",
    "CreateResult": "resources.create_many",
    "CreateResults": "resources.create_many",
    "Drift": "pagination",
    "Event": "models",
    "EventFilters": "resources.events",
    "Events": "resources.events",
    "EventTail": "resources.event_tail",
    "IdempotencyKey": "_protocol.idempotency",
    "InsufficientScopeError": "errors",
    "InvalidRequestError": "errors",
    "KeySource": "credentials",
    "NotFoundError": "errors",
    "OAuthClientCredentials": "credentials",
    "OAuthRefreshToken": "credentials",
    "Omit": "settings",
    "OMIT": "settings",
    "Outcome": "errors",
    "Page": "pagination",
    "Pages": "pagination",
    "PaginationError": "errors",
    "PaginationLoopError": "errors",
    "Paginator": "pagination",
    "PermissionDeniedError": "errors",
    "PooledTransport": "_connections.transport",
    "PoolLimits": "settings",
    "Project": "models",
    "ProjectCreated": "models",
    "ProjectDeleted": "models",
    "ProjectEvent": "models",
    "ProjectFilters": "resources.project_filters",
    "Projects": "resources.projects",
    "ProjectStatus": "models.projects",
    "ProjectUpdated": "models",
    "Query": "_protocol.encoding",
    "QueryValue": "_protocol.encoding",
    "RateLimit": "responses",
    "RateLimitError": "errors",
    "RecordBatches": "_paging.arrow",
    "ResponseDecodeError": "errors",
    "ResponseTooLargeError": "errors",
    "RetryPolicy": "settings",
    "RunFailure": "models",
    "RunStatus": "models.workflows",
    "ServerError": "errors",
    "SharedLimit": "_protocol.rate_limits",
    "Timeouts": "settings",
    "TokenExpiredError": "errors",
    "TokenRefreshError": "errors",
    "TokenSource": "credentials",
    "TokenStore": "credentials",
    "UnprocessableEntityError": "errors",
    "Usage": "models",
    "UsageMetrics": "resources.usage",
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
    "Workflows": "resources.workflows",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
