"""What the server says of its limits: ``Retry-After`` and ``RateLimit-*`` headers."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Protocol, runtime_checkable

from cloudplatform_async.responses import RateLimit

_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_VALUE = r"[A-Z][a-z]+, [^,]+|[^, \t][^,]*"  # the comma of a date separates nothing
_LARGEST = 1e15  # more digits say no more, and a wait stays a finite number
_EPOCH_LIKE = 1e9  # seconds: a reset from here on is a moment, not a wait of thirty years
_MILLISECONDS_LIKE = 1e11
_PREFIXES = ("ratelimit-", "x-ratelimit-")
_BLANKS = " \t"  # RFC 9110 §5.6.3
_DAYS = "Mon|Tue|Wed|Thu|Fri|Sat|Sun"
_LONG_DAYS = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_TIME = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-5][0-9]|60)"
_DATES = (  # RFC 9110 §5.6.7: IMF-fixdate, RFC 850, asctime
    rf"(?:{_DAYS}), (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT",
    rf"(?:{_LONG_DAYS}), (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT",
    rf"(?:{_DAYS}) {_MONTH} (?P<day>[0-9]{{2}}| [0-9]) {_TIME} (?P<year>[0-9]{{4}})",
)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Read how many seconds the server asks to wait; of several values, the longest.

    Zero means that it named a time that is no wait. Where a value is not ASCII digits with an optional
    decimal part, or an HTTP date in one of its three forms, the whole header is ignored (API contract §7).

    Args:
        headers: Headers of the answer by lower-case name.
        now: Wall-clock seconds since the epoch, used where the answer has no ``Date`` of its own.
    """
    texts = (match[0].strip(_BLANKS) for match in re.finditer(_VALUE, headers.get("retry-after", "")))
    waits = _understood([_wait(text, headers, now) for text in texts])
    numbers = (text.strip(_BLANKS) for text in headers.get("retry-after-ms", "").split(","))
    waits += [milliseconds / 1000 for milliseconds in _understood([_amount(text) for text in numbers])]
    return max(waits, default=None)


def _understood(values: list[float | None]) -> list[float]:
    """Give the values of a header if every one of them is understood, else none of them."""
    known = [value for value in values if value is not None]
    return known if len(known) == len(values) else []


def _wait(text: str, headers: Mapping[str, str], now: float) -> float | None:
    if (seconds := _amount(text)) is not None:
        return seconds
    date = _date(text, now)
    return None if date is None else max(0.0, date - _answered(headers, now))


def _answered(headers: Mapping[str, str], now: float) -> float:
    """Give the moment of an answer on the server's clock, which may be another than ours."""
    date = _date(headers.get("date", ""), now)
    return now if date is None else date


def _date(text: str, now: float) -> float | None:
    for pattern in _DATES:
        if match := re.fullmatch(pattern, text.strip(_BLANKS)):
            return _timestamp(match, now)
    return None


def _timestamp(match: re.Match[str], now: float) -> float | None:
    year = int(match["year"])
    if len(match["year"]) == 2:  # RFC 9110 §5.6.7: of the years that end so, the one within 50 years
        earliest = datetime.fromtimestamp(now, UTC).year - 49
        year = earliest + (year - earliest) % 100
    month = _MONTHS.index(match["month"]) + 1
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"])
    try:  # a leap second is the second before it
        return datetime(year, month, int(match["day"]), hour, minute, min(second, 59), tzinfo=UTC).timestamp()
    except ValueError:  # 31 February
        return None


def rate_limit_of(headers: Mapping[str, str], now: float) -> RateLimit | None:
    """Read from ``RateLimit-*`` or ``X-RateLimit-*`` what is left of a limit, and until when.

    A reset is a number of seconds, or a moment: an HTTP date, or seconds or milliseconds since the epoch.
    A moment is reckoned from the answer's own ``Date`` (API contract §7).

    Args:
        headers: Headers of the answer by lower-case name.
        now: Wall-clock seconds since the epoch, used where the answer has no ``Date`` of its own.
    """
    found: RateLimit | None = None
    for prefix in _PREFIXES:  # of several limits, the one that is nearest to its end
        said = headers.get(prefix + "remaining")
        if said is None:
            continue
        remaining, limit = _first(said), _first(headers.get(prefix + "limit", ""))
        reset = _reset(headers.get(prefix + "reset", ""), headers, now)
        if remaining is not None and (
            found is None or (remaining, -(reset or 0.0)) < (found.remaining, -(found.reset or 0.0))
        ):
            found = RateLimit(limit=int(limit) if limit else None, remaining=int(remaining), reset=reset)
    return found


def exhausted_for(headers: Mapping[str, str], now: float) -> float | None:
    """Read from a 429 for how many seconds a limit is used up: a reset may stand there alone.

    Returns:
        0 where the time is not said, ``None`` where no limit is used up.
    """
    found = rate_limit_of(headers, now)
    if found is None:
        resets = (_reset(headers.get(prefix + "reset", ""), headers, now) for prefix in _PREFIXES)
        return max((reset for reset in resets if reset is not None), default=None)
    return None if found.remaining else found.reset or 0.0


def _reset(text: str, headers: Mapping[str, str], now: float) -> float | None:
    number = _first(text)
    if number is None:
        return _wait(text, headers, now)
    if number < _EPOCH_LIKE:
        return number
    moment = number / 1000 if number >= _MILLISECONDS_LIKE else number
    return max(0.0, moment - _answered(headers, now))


def _first(text: str) -> float | None:
    """Read the number that a list begins with, such as ``100, 100;w=60``."""
    return _amount(re.split("[,;]", text, maxsplit=1)[0].strip(_BLANKS))


def _amount(text: str | None) -> float | None:
    return min(float(text), _LARGEST) if text is not None and re.fullmatch(_NUMBER, text) else None


def shared_name(identity: str, group: str) -> str:
    """Name a credential and an endpoint group for every process alike, without showing them.

    Unlike the names within one process it has no secret of that process in it: others must find it.
    """
    return sha256(f"cloudplatform_async shared limit\0{identity}\0{group}".encode()).hexdigest()[:32]


@runtime_checkable
class SharedLimit(Protocol):
    """A rate limit that several processes share, for ``AsyncClient(shared_limit=…)``.

    ``cloudplatform_async.collect.RedisLimit`` is one. Names are hashes of a credential and an endpoint
    group: no secret is in them.

    Example:
        >>> AsyncClient(shared_limit=RedisLimit("$REDIS_URL", requests=600, per=60.0))  # doctest: +SKIP
    """

    async def acquire(self, name: str, most: int) -> tuple[int, float]:
        """Reserve up to ``most`` turns, without waiting for them.

        Returns:
            The turns, and the seconds until they come; with no turn, until it is worth asking again.
        """
        ...

    async def pause(self, name: str, seconds: float) -> None:
        """Give nobody a turn for a time, as a 429 says."""
        ...
