"""A decoded answer together with what is known about how it came."""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from msgspec import Struct

T = TypeVar("T")


class RateLimit(Struct, frozen=True, kw_only=True):
    """What an answer says of the limit of its key and endpoint group.

    Attributes:
        limit: Requests of a whole window, where that is said.
        remaining: Requests that are left of it.
        reset: Seconds from the answer until there are more, where that is said.
    """

    limit: int | None
    remaining: int
    reset: float | None


class APIResponse(Struct, Generic[T], frozen=True, kw_only=True):
    """What ``client.request`` returns.

    Attributes:
        data: The payload, decoded into the model that was asked for.
        status_code: HTTP status.
        headers: Headers of the answer by lower-case name; repeated ones are joined with ``", "``.
        request_id: ``x-request-id`` of the answer, else the one that was sent.
        meta: The envelope's ``meta``, as plain JSON, with its ``pagination`` and ``links`` in it; empty
            where there was none.
        attempts: Requests sent for this call (1 or more).
        elapsed: Seconds from the call to its decoded answer, waits included.
        idempotency_key: The key that was sent with a write.
        replayed: The server had done this write before and repeated its first answer.
        rate_limit: What is left of the quota, where the answer says so.

    Example:
        >>> response = await client.request("GET", "/projects/prj_01")  # doctest: +SKIP
        >>> response.data, response.status_code, response.request_id  # doctest: +SKIP
    """

    data: T
    status_code: int
    headers: Mapping[str, str]
    request_id: str | None
    # The platform may send any JSON object as meta.
    meta: Mapping[str, Any]
    attempts: int
    elapsed: float
    idempotency_key: str | None
    replayed: bool
    rate_limit: RateLimit | None = None

    # The platform may send any JSON value as either.
    @property
    def pagination(self) -> Any:
        """What the envelope says of the rest of a list; ``None`` where it says nothing."""
        return self.meta.get("pagination")

    @property
    def links(self) -> Any:
        """Links that the envelope carries; ``None`` where there are none."""
        return self.meta.get("links")
