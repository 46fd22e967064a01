"""A token bucket that keeps retries from making an outage worse (API contract §7)."""

from msgspec import Struct

from cloudplatform_async.errors import CloudPlatformError

CAPACITY = 120.0
"""Retries that a client may make while nothing at all succeeds: 12 % of its first 1,000 calls."""

FAILURE_COST = 1.0
THROTTLE_COST = 0.2  # the server is up, and the gate already slows the group down
SUCCESS_GAIN = 1.0


class RetryBudget(Struct):
    """Failures cost tokens; a retried call that succeeds gives them back, and each success earns some.

    So heavy loss with eventual success never starves, and only a real outage drains the bucket. A failure
    that finds it empty still counts, and looks again after its wait: when many calls fail at the same
    moment, the answers that come meanwhile tell whether this is an outage. At the floor that is certain.

    Attributes:
        tokens: Left now, ``-CAPACITY`` to ``CAPACITY``.
    """

    tokens: float = CAPACITY

    @property
    def is_exhausted(self) -> bool:
        """Tell whether there have been so many failures that it is not worth to wait for successes."""
        return self.tokens <= -CAPACITY

    @property
    def has_recovered(self) -> bool:
        """Tell whether successes have made up for every failure beyond the capacity."""
        return self.tokens > 0

    def fail(self, cost: float) -> bool:
        """Take in a failure, and tell whether there was enough for its retry."""
        covered = self.tokens >= cost
        self.tokens = max(-CAPACITY, self.tokens - cost)
        return covered

    def succeed(self, spent: float) -> None:
        """Take in a call that succeeded after failures that cost ``spent``."""
        self.tokens = min(CAPACITY, self.tokens + spent + SUCCESS_GAIN)


def cost_of(error: CloudPlatformError) -> float:
    """Tell what a retry after this error costs."""
    return THROTTLE_COST if error.status_code in {409, 429} else FAILURE_COST
