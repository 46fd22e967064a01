"""What a client has done and is doing, as one snapshot."""

from collections.abc import Mapping

from msgspec import Struct

from cloudplatform_async.responses import RateLimit


class ClientStatistics(Struct, frozen=True, kw_only=True):
    """Counts since the client was made, over the client and all of its views.

    Attributes:
        connections: Sockets open now; ``None`` where a custom transport does not say.
        in_flight: Calls under way now, waits included.
        waiting: Requests that wait for a free connection now; ``None`` as above.
        attempts: Requests sent.
        retries: Requests sent beyond the first of their call.
        throttled: Answers with status 429.
        replayed: Writes that the server answered from its memory of the idempotency key.
        limits: What the latest answer of each endpoint group said of its limit.

    Example:
        >>> client.statistics().retries  # doctest: +SKIP
        0
    """

    connections: int | None
    in_flight: int
    waiting: int | None
    attempts: int
    retries: int
    throttled: int
    replayed: int
    limits: Mapping[str, RateLimit] = {}
