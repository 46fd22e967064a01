"""Rate limits per API key and endpoint group: one pure rule, and the table of buckets."""

import math
from threading import Lock

from attrs import define, field, frozen

from cloudplatform_async.sandbox.api.answers import RefusedError
from cloudplatform_async.sandbox.storage.database import Database

WINDOW = 60.0


@frozen(kw_only=True)
class Quota:
    """What one request met: whether it is let in, and what is left. Times are in seconds.

    Attributes:
        reset: Until all of the limit is there again; while nothing remains, until the next request fits.
    """

    allowed: bool
    limit: int
    remaining: int
    reset: float
    retry_after: float

    def headers(self) -> dict[str, str]:
        """`RateLimit-*` and, on a refusal, `Retry-After`, in whole seconds rounded up."""
        headers = {
            "ratelimit-limit": str(self.limit),
            "ratelimit-remaining": str(self.remaining),
            "ratelimit-reset": str(math.ceil(self.reset)),
        }
        if not self.allowed:
            headers["retry-after"] = str(max(1, math.ceil(self.retry_after)))
        return headers


def admit(full_at: float, now: float, *, limit: int, window: float = WINDOW) -> tuple[float, Quota]:
    """Let one request into a bucket that holds `limit` tokens and gains them evenly over `window` seconds.

    The bucket is one number, the time at which it will be full again (the generic cell rate algorithm, ITU-T
    I.371). A refused request takes nothing.

    Args:
        full_at: When the bucket is full again, in seconds; a past time means that it is full.
        now: The time on the same clock.
        limit: Requests per window, at least 1; also the largest burst.
        window: Seconds.

    Returns:
        The bucket afterwards, and what the request met.

    >>> full, quota = admit(0.0, 100.0, limit=2)
    >>> full, quota.allowed, quota.remaining
    (130.0, True, 1)
    """
    interval = window / limit
    filled = max(full_at, now)
    # A millionth of a token absorbs the rounding of floats, so that exactly `limit` fit into a burst.
    room = limit - (filled - now) / interval + 1e-6
    if room < 1:
        wait = (1 - room) * interval
        return filled, Quota(allowed=False, limit=limit, remaining=0, reset=wait, retry_after=wait)
    after, left = filled + interval, room - 1
    reset = after - now if left >= 1 else (1 - left) * interval
    quota = Quota(allowed=True, limit=limit, remaining=int(left), reset=reset, retry_after=0.0)
    return after, quota


_TABLE = """
CREATE TABLE IF NOT EXISTS buckets (
    owner TEXT NOT NULL,
    endpoint_group TEXT NOT NULL,
    full_at REAL NOT NULL,
    PRIMARY KEY (owner, endpoint_group)
) WITHOUT ROWID
"""


@define
class RateLimits:
    """The buckets of all keys and groups, which the database keeps; `limit` None lets everything in."""

    limit: int | None
    _database: Database
    _buckets: dict[tuple[str, str], float] = field(factory=dict[tuple[str, str], float], init=False)
    _lock: Lock = field(factory=Lock, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._database.create(_TABLE)
        for owner, group, full_at in self._database.read("SELECT * FROM buckets"):
            self._buckets[owner, group] = full_at

    def save(self) -> None:
        """Write down how full the buckets are."""
        with self._lock:
            rows = [(owner, group, full_at) for (owner, group), full_at in self._buckets.items()]
        self._database.write_many("INSERT OR REPLACE INTO buckets VALUES (?, ?, ?)", rows)

    def take(self, owner: str, group: str, now: float) -> dict[str, str]:
        """Let one request of `owner` into `group`, and give the headers that tell what is left.

        Raises:
            RefusedError: 429 `rate_limited`.
        """
        if self.limit is None:
            return {}
        with self._lock:
            full_at, quota = admit(self._buckets.get((owner, group), now), now, limit=self.limit)
            self._buckets[owner, group] = full_at
        if not quota.allowed:
            message = f"More than {self.limit} requests a minute to {group}."
            raise RefusedError(429, "rate_limited", message, headers=quota.headers())
        return quota.headers()
