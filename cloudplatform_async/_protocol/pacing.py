"""How fast an endpoint group may be asked that was throttled, or is about to be: closed, paced, forgotten."""

from math import inf

from msgspec import Struct

START_RATE = 10.0  # requests a second at the first reopening, unless more got through meanwhile
LEAST_RATE = 0.1
EASING = 0.85  # of what the server lately let through, after it refused again
QUICK_GROWTH = 4.0  # a second, until the server shows its limit
SLOW_GROWTH = 1.05  # a second, close to that limit
LONGEST_CLOSURE = 3600.0  # seconds; a longer one is more likely a mistake than a limit
QUIET = 30.0  # seconds without a refusal after which the limit is forgotten
_LONGEST_STEP = 0.25  # seconds of growth that one admission may claim: idle time proves nothing


class Pace(Struct, kw_only=True):
    """The learned limit of one key and endpoint group; every time is in monotonic seconds.

    The rate grows quickly until the server lets some through and refuses again, then eases below what
    it lets through and grows slowly, as TCP finds the width of a line.

    Attributes:
        rate: Requests a second once the group is open.
    """

    rate: float = START_RATE
    _closed_until: float = -inf
    _refused: float = -inf
    _delivered: int = 0
    _growth: float = QUICK_GROWTH
    _took: float | None = None
    _next: float = -inf
    _spacing: float = 0.0
    _cautious_until: float = -inf

    def closure(self, now: float) -> float:
        """Tell for how many seconds the server still wants nobody to ask."""
        return max(self._closed_until - now, 0.0)

    def wait(self, now: float) -> float:
        """Tell how many seconds the next request has to wait; 0 when it may go."""
        return max(self._next - now, self.closure(now))

    def take(self, now: float) -> None:
        """Let one request go."""
        if self._refused > -inf:
            if self._took is None:
                self.rate = max(self.rate, self._throughput(now))
            else:
                self.rate *= self._growth ** min(now - self._took, _LONGEST_STEP)
            self._took = now
            self._next = now + 1 / self.rate
        if now < self._cautious_until:
            self._next = max(self._next, now + self._spacing)

    def deliver(self) -> None:
        """Take in a request that was let through."""
        self._delivered += 1

    def refuse(self, now: float, seconds: float, sent: float) -> None:
        """Take in a refusal: close for a time, and slow down where it answers the present pace.

        Args:
            now: When the answer came.
            seconds: How long nobody is to ask.
            sent: When the refused request was let go; one from before the last refusal is old news.
        """
        if self.is_news(sent):
            if self._took is not None:
                self.rate = max(
                    LEAST_RATE, EASING * min(self.rate, max(self._throughput(now), self.rate / 2))
                )
                if self._delivered:  # else the pause was too short, which says nothing of the pace
                    self._growth = SLOW_GROWTH
            self._refused, self._delivered = now, 0
        self.close(now, seconds)

    def is_news(self, sent: float) -> bool:
        """Tell whether the refusal of a request answers the present pace: it left after the last one."""
        return sent > self._refused

    def be_cautious(self, now: float, seconds: float, spacing: float) -> None:
        """Take in that nothing remains, which is no refusal: let requests go one by one for a time.

        Args:
            now: When a success said so.
            seconds: Until there is something again.
            spacing: Seconds between two requests meanwhile.
        """
        if now >= self._cautious_until:
            self._next = max(self._next, now + min(spacing, seconds))
        self._cautious_until, self._spacing = now + seconds, spacing

    def caution(self, now: float) -> float:
        """Tell how many seconds lie between two requests where nothing but caution spaces them; else 0."""
        refused = self._refused > -inf or self.closure(now) > 0
        return 0.0 if refused or now >= self._cautious_until else self._spacing

    def close(self, now: float, seconds: float) -> None:
        """Let nobody ask for a time."""
        self._closed_until = max(self._closed_until, now + min(seconds, LONGEST_CLOSURE))

    def is_forgotten(self, now: float) -> bool:
        """Tell whether the server has been content for so long that its limit no longer counts."""
        return now > max(max(self._refused, self._closed_until) + QUIET, self._cautious_until, self._next)

    def _throughput(self, now: float) -> float:
        """Requests a second that succeeded since the last refusal; what overlapped with it proves little."""
        return self._delivered / max(now - self._refused, 1.0)
