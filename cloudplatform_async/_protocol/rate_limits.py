"""What the server says of its limits: ``Retry-After`` and ``RateLimit-*`` headers."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_VALUE = r"[A-Z][a-z]+, [^,]+|[^, \t][^,]*"  # the comma of a date separates nothing
_LARGEST = 1e15  # more digits say no more, and a wait stays a finite number
_EPOCH_LIKE = 1e9
_LIMITS = (
    ("ratelimit-remaining", "ratelimit-reset"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
)
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

    Zero means that it named a time that is no wait. Whatever is not ASCII digits with an optional
    decimal part, or an HTTP date in one of its three forms, is ignored (API contract §7).

    Args:
        headers: Headers of the answer by lower-case name.
        now: Wall-clock seconds since the epoch, used where the answer has no ``Date`` of its own.
    """
    waits = [*_waits(headers, now), *_milliseconds(headers)]
    return max(waits, default=None)


def _waits(headers: Mapping[str, str], now: float) -> Iterator[float]:
    text = headers.get("retry-after", "")
    origin = _date(headers.get("date", ""), now)
    for match in re.finditer(_VALUE, text):
        value = match[0].strip(_BLANKS)
        if (seconds := _amount(value)) is not None:
            yield seconds
        elif (date := _date(value, now)) is not None:
            yield max(0.0, date - (now if origin is None else origin))


def _milliseconds(headers: Mapping[str, str]) -> Iterator[float]:
    for value in headers.get("retry-after-ms", "").split(","):
        if (milliseconds := _amount(value.strip(_BLANKS))) is not None:
            yield milliseconds / 1000


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


def exhausted_for(headers: Mapping[str, str], now: float) -> float | None:
    """Read for how many seconds a limit is used up, from ``RateLimit-*`` or ``X-RateLimit-*``.

    A reset above a thousand million is a moment since the epoch, as some servers send it.
    """
    for remaining, reset_name in _LIMITS:
        if remaining in headers and _amount(headers[remaining]) == 0:
            reset = _amount(headers.get(reset_name)) or 0.0
            return max(0.0, reset - now) if reset > _EPOCH_LIKE else reset
    return None


def _amount(text: str | None) -> float | None:
    return min(float(text), _LARGEST) if text is not None and re.fullmatch(_NUMBER, text) else None
