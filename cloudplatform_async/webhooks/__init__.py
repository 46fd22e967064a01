"""Webhooks: verifies a delivery, gives its typed event, and serves an endpoint that handles each one once.

Nothing here opens a connection. A delivery is signed as Standard Webhooks 1.0 says
(https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
"""

from cloudplatform_async.webhooks.guards import Claim, MemoryGuard, SQLiteGuard, WebhookGuard
from cloudplatform_async.webhooks.receiver import Handler, Receiver, receiver
from cloudplatform_async.webhooks.verifier import WebhookVerifier

__all__ = [
    "Claim",
    "Handler",
    "MemoryGuard",
    "Receiver",
    "SQLiteGuard",
    "WebhookGuard",
    "WebhookVerifier",
    "receiver",
]
