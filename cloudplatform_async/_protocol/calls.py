"""A call as a value: everything that is known of it before anything is sent."""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from cloudplatform_async._protocol.idempotency import AUTO, IdempotencyKey
from cloudplatform_async._protocol.responses import Answer
from cloudplatform_async.credentials.secrets import SecretStruct
from cloudplatform_async.settings import Timeouts

T = TypeVar("T")

_WORDS = frozenset({"runs", "cancel", "rotate", "deliveries", "redeliver"})

Decode = Callable[[Answer], tuple[T, Mapping[str, Any]]]
"""From a success to what was asked for, and what stood beside it."""


class Call(SecretStruct, Generic[T], frozen=True, kw_only=True):
    """One operation of the platform.

    Attributes:
        method: Upper case.
        target: Encoded path below the version prefix, with its query.
        group: Endpoint group that rate limits are counted in.
        decode: From a success to what the caller gets, and its ``meta``.
        scope: That an access token must have, where it says its scopes.
        body: JSON bytes.
        headers: Of the caller, checked.
        idempotency_key: The caller's, ``AUTO`` or ``None``.
        timeouts: The caller's; ``None`` takes the client's.
    """

    method: str
    target: str
    group: str
    decode: Decode[T]
    scope: str | None = None
    body: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()
    idempotency_key: IdempotencyKey = AUTO
    timeouts: Timeouts | None = None

    def __repr__(self) -> str:  # headers and body may hold secrets
        return f"Call({self.method} {self.target})"


def target_of(path: str, query: str) -> str:
    """Join an encoded path and an encoded query."""
    return f"{path}?{query}" if query else path


def group_of(path: str) -> str:
    """Name the endpoint group of a path: its first segment (API contract §7)."""
    return path.split("/", 2)[1].partition("?")[0]


def path_template(target: str) -> str:
    """Write a target's path with ``{id}`` in place of whatever is no word of the platform's.

    The group, which is the first segment, stays as it is; a query goes. So it has few values, and no id.
    """
    segments = target.partition("?")[0].split("/")  # nothing stands before the first slash
    for number in range(2, len(segments)):
        if segments[number] not in _WORDS:
            segments[number] = "{id}"
    return "/".join(segments)
