"""What was asked of the platform: the latest requests one by one, and all of them counted by day."""

from collections import deque
from collections.abc import Mapping
from datetime import UTC, date, datetime
from itertools import islice
from threading import Lock

from attrs import define, field, frozen

from cloudplatform_async.sandbox.storage.database import Database

LATEST = 10_000
LONGEST_BODY = 4096
_SECRET_HEADERS = frozenset({"authorization", "x-api-key", "cookie", "proxy-authorization"})


@frozen(kw_only=True)
class ServedRequest:
    """One request as it was met.

    Attributes:
        headers: Lower-case names; the values of credentials are replaced by `***`.
        status: What was answered; None if no answer left the platform.
        time: When it came in, in seconds since the epoch.
        fault: The kind of the scripted fault that met it, if one did.
        elapsed: Seconds until its answer began, or until it was clear that none would.
        request_id: The `x-request-id` of its answer.
        body: The start of a JSON body, at most 4,096 bytes; of others nothing, since forms hold secrets.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    status: int | None
    time: float
    fault: str | None = None
    elapsed: float = 0.0
    request_id: str = ""
    body: bytes = b""

    def __str__(self) -> str:
        target = f"{self.path}?{self.query}" if self.query else self.path
        outcome = "no answer" if self.status is None else str(self.status)
        fault = f" (fault: {self.fault})" if self.fault else ""
        return f"{self.method} {target} {outcome} {self.elapsed * 1000:.0f} ms{fault}"


@frozen
class DayCount:
    """The requests of one day (UTC), and how many of them were answered with a status of 400 or more."""

    requests: int = 0
    errors: int = 0

    def __add__(self, other: "DayCount") -> "DayCount":
        return DayCount(self.requests + other.requests, self.errors + other.errors)


_TABLE = """
CREATE TABLE IF NOT EXISTS usage (
    day TEXT PRIMARY KEY,
    requests INTEGER NOT NULL,
    errors INTEGER NOT NULL
) WITHOUT ROWID
"""
_ADD = """
INSERT INTO usage (day, requests, errors) VALUES (?, ?, ?)
ON CONFLICT (day) DO UPDATE SET requests = requests + excluded.requests, errors = errors + excluded.errors
"""


@define
class Records:
    """The latest 10,000 requests, and the counts that `/v1/usage` tells, which the database keeps."""

    _database: Database
    requests: deque[ServedRequest] = field(factory=lambda: deque[ServedRequest](maxlen=LATEST))
    total: int = 0
    _days: dict[date, DayCount] = field(factory=dict[date, DayCount], init=False)
    _lock: Lock = field(factory=Lock, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._database.create(_TABLE)

    def add(self, request: ServedRequest) -> None:
        """Take down one request; usage counts those under a version prefix."""
        counted = DayCount(1, int(request.status is not None and request.status >= 400))
        day = datetime.fromtimestamp(request.time, UTC).date()
        with self._lock:
            self.requests.append(request)
            self.total += 1
            if request.path.startswith("/v1/"):
                self._days[day] = self._days.get(day, DayCount()) + counted

    def latest(self, number: int) -> list[ServedRequest]:
        """The latest requests, newest first."""
        with self._lock:
            return list(islice(reversed(self.requests), number))

    def usage(self, start: date, end: date) -> DayCount:
        """The count from `start` to `end`, both included."""
        query = "SELECT total(requests), total(errors) FROM usage WHERE day BETWEEN ? AND ?"
        # Always the database before the lock: who saves holds it already.
        with self._database.transaction(), self._lock:
            rows = self._database.read(query, (start.isoformat(), end.isoformat()))
            new = sum((count for day, count in self._days.items() if start <= day <= end), DayCount())
        return DayCount(int(rows[0][0]), int(rows[0][1])) + new

    def add_usage(self, day: date, count: DayCount) -> None:
        """Count more requests of a day."""
        with self._lock:
            self._days[day] = self._days.get(day, DayCount()) + count
        self.save()

    def save(self) -> None:
        """Write down what was counted since the last time."""
        with self._database.transaction(), self._lock:
            rows = [(day.isoformat(), count.requests, count.errors) for day, count in self._days.items()]
            self._days.clear()
            if rows:
                self._database.write_many(_ADD, rows)


def readable_headers(raw: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers as text, without the values of credentials."""
    decoded = ((name.decode("latin-1").lower(), value) for name, value in raw)
    return {name: "***" if name in _SECRET_HEADERS else value.decode("latin-1") for name, value in decoded}
