"""Async-first SDK for the Cloud API Platform."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cloudplatform_async._connections.aiohttp import AiohttpTransport
    from cloudplatform_async._connections.pool import PooledTransport
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
    from cloudplatform_async.models import Project, Usage
    from cloudplatform_async.models.timestamps import AwareDatetime
    from cloudplatform_async.pagination import Drift, Page, Paginator
    from cloudplatform_async.responses import APIResponse
    from cloudplatform_async.settings import PoolLimits, RetryPolicy, Timeouts
    from cloudplatform_async.statistics import ClientStatistics
    from cloudplatform_async.version import __version__

__all__ = [
    "AUTO",
    "APIConnectionError",
    "APIResponse",
    "APIStatusError",
    "APITimeoutError",
    "AiohttpTransport",
    "AsyncClient",
    "AuthenticationError",
    "AwareDatetime",
    "BadRequestError",
    "ClientStateError",
    "ClientStatistics",
    "CloudPlatformError",
    "ConfigurationError",
    "ConflictError",
    "Drift",
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
    "RateLimitError",
    "ResponseDecodeError",
    "ResponseTooLargeError",
    "RetryPolicy",
    "ServerError",
    "Timeouts",
    "TokenExpiredError",
    "TokenRefreshError",
    "UnprocessableEntityError",
    "Usage",
    "WebhookVerificationError",
    "WorkflowFailedError",
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
    "AsyncClient": "client",
    "AuthenticationError": "errors",
    "AwareDatetime": "models.timestamps",
    "BadRequestError": "errors",
    "ClientStateError": "errors",
    "ClientStatistics": "statistics",
    "CloudPlatformError": "errors",
    "ConfigurationError": "errors",
    "ConflictError": "errors",
    "Drift": "pagination",
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
    "RateLimitError": "errors",
    "ResponseDecodeError": "errors",
    "ResponseTooLargeError": "errors",
    "RetryPolicy": "settings",
    "ServerError": "errors",
    "Timeouts": "settings",
    "TokenExpiredError": "errors",
    "TokenRefreshError": "errors",
    "UnprocessableEntityError": "errors",
    "Usage": "models",
    "WebhookVerificationError": "errors",
    "WorkflowFailedError": "errors",
    "__version__": "version",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
