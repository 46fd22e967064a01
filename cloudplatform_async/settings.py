"""Groups of options that a client is built from, and where the values come from."""

from attrs import field, frozen, validators

_positive = validators.optional([validators.instance_of((int, float)), validators.gt(0)])


@frozen(kw_only=True)
class Timeouts:
    """Bounds of a call, in seconds; ``None`` means no bound.

    Attributes:
        total: The whole call: queueing, token refresh, every attempt, every wait, the body.
        connect: Opening one connection, TLS included.
        read: The longest silence while reading an answer.
        write: The longest silence while sending a request.
        pool: Waiting for a free connection.
    """

    total: float | None = field(default=120.0, validator=_positive)
    connect: float | None = field(default=5.0, validator=_positive)
    read: float | None = field(default=30.0, validator=_positive)
    write: float | None = field(default=30.0, validator=_positive)
    pool: float | None = field(default=30.0, validator=_positive)


@frozen(kw_only=True)
class PoolLimits:
    """How many connections a transport may hold, and for how long.

    Attributes:
        max_connections: Most sockets open at one time, over all origins (at least 1).
        keepalive_expiry: Seconds that an idle connection is kept; ``None`` keeps it until closed.
    """

    max_connections: int = field(default=100, validator=[validators.instance_of(int), validators.ge(1)])
    keepalive_expiry: float | None = field(
        default=30.0, validator=validators.optional([validators.instance_of((int, float)), validators.ge(0)])
    )
