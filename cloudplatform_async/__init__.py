"""Async-first SDK for the Cloud API Platform."""

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
