"""Times as the API writes them: RFC 3339 in UTC, to the microsecond."""

from datetime import UTC, datetime


def timestamp(seconds: float) -> str:
    """A time, given in seconds since the epoch.

    >>> timestamp(1_773_742_934.25)
    '2026-03-17T10:22:14.250000Z'
    """
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
