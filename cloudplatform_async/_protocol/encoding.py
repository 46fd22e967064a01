"""Values of the caller to bytes: JSON bodies, query strings, path segments and headers, or a refusal."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, cast
from urllib.parse import quote, unquote
from uuid import UUID

import msgspec

from cloudplatform_async.errors import InvalidRequestError
from cloudplatform_async.settings import is_finite, shown

QueryValue = str | int | float | bool | date | datetime | Sequence[str] | None
Query = Mapping[str, QueryValue]

_KEPT = (datetime, Decimal, bytes, bytearray, memoryview)  # left as they are, to be looked at
_UNRESERVED = "-._~"  # RFC 3986 §2.3, beside letters and digits
_PATH_SAFE = _UNRESERVED + "!$&'()*+,;=:@%"  # RFC 3986 §3.3, and what the caller has encoded
_PLAIN = re.compile(r"[0-9A-Za-z\-_~]+")
_CONTROL = r"[\x00-\x1f\x7f-\x9f]"
_STRAY_PERCENT = r"%(?![0-9A-Fa-f]{2})"
_NAME = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # RFC 9110 §5.6.2
_FIELD_VALUE = r"[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?|"  # RFC 9110 §5.5, ASCII only
OWN_HEADERS = frozenset(
    {
        "authorization",
        "x-api-key",
        "idempotency-key",
        "host",
        "content-length",
        "transfer-encoding",
        "x-attempt",
    }
)


def json_body(value: Any) -> bytes:
    """Encode a request body, after refusing what JSON or the platform cannot carry.

    Raises:
        InvalidRequestError: For NaN, infinities, naive datetimes, bytes and types without a JSON form.
    """
    try:
        plain = msgspec.to_builtins(_with_plain_names(value), builtin_types=_KEPT, enc_hook=_plain)
        fault = next((fault for path, part in _parts(plain) if (fault := _fault(path, part))), None)
        body = b"" if fault else msgspec.json.encode(plain)
    except (TypeError, ValueError) as error:  # of msgspec, also for half of a surrogate pair
        raise InvalidRequestError(f"The body cannot be written as JSON: {error}") from error
    except RecursionError as error:
        raise InvalidRequestError("The body is nested too deeply, or contains itself.") from error
    if fault:
        raise InvalidRequestError(fault)
    return body


def _with_plain_names(value: Any) -> Any:
    """Give mappings the names that they hold: msgspec would take what a subclass of ``str`` shows instead."""
    if isinstance(value, dict):
        fields = cast("dict[Any, object]", value)
        return {_plain_name(name): _with_plain_names(each) for name, each in fields.items()}
    if isinstance(value, (list, tuple)):
        return [_with_plain_names(each) for each in cast("Sequence[object]", value)]
    return value


def _plain_name(name: Any) -> Any:
    is_other = isinstance(name, str) and type(name) is not str and not isinstance(name, Enum)
    return str.__str__(name) if is_other else name


def _plain(value: Any) -> Any:
    """Give a mapping, or an instance of a subclass of a built-in type, as what it is below."""
    if isinstance(value, Mapping):
        return dict(cast("Mapping[object, object]", value))
    for kind, plain in _PLAIN_OF.items():
        if isinstance(value, kind):
            return plain(value)
    raise TypeError(f"a {type(value).__name__} has no JSON form")


def _datetime(value: datetime) -> datetime:
    return datetime.combine(date(value.year, value.month, value.day), _time(value.timetz()))


def _time(value: time) -> time:
    return time(value.hour, value.minute, value.second, value.microsecond, value.tzinfo, fold=value.fold)


def _date(value: date) -> date:
    return date(value.year, value.month, value.day)


# The types' own methods: a subclass may have its own idea of how it is shown.
_PLAIN_OF: dict[type[Any], Callable[[Any], Any]] = {
    str: str.__str__,
    int: int.__int__,
    float: float.__float__,
    datetime: _datetime,
    date: _date,
    time: _time,
    Decimal: Decimal,
    UUID: lambda value: UUID(int=value.int),
    timedelta: lambda value: timedelta(value.days, value.seconds, value.microseconds),
}


def _parts(value: object) -> Iterator[tuple[str, object]]:
    """Walk all values and names of a plain JSON value, each with its path."""
    waiting: list[tuple[str, object]] = [("$", value)]
    while waiting:
        path, part = waiting.pop()
        yield path, part
        if isinstance(part, dict):
            fields = cast("dict[object, object]", part)
            waiting += [(f"{path}.{name}", each) for name, inner in fields.items() for each in (name, inner)]
        elif isinstance(part, (list, tuple)):
            rows = cast("Sequence[object]", part)
            waiting += [(f"{path}[{index}]", each) for index, each in enumerate(rows)]


def _fault(path: str, value: object) -> str | None:
    if (isinstance(value, float) and not is_finite(value)) or (
        isinstance(value, Decimal) and not value.is_finite()
    ):
        return f"{value} at `{path}` is not a JSON number; send a finite one or null."
    if isinstance(value, datetime) and value.utcoffset() is None:
        return _naive(path)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"Bytes at `{path}` have no JSON form; decode or base64-encode them first."
    return None


def _naive(name: str) -> str:
    return f"`{name}` is a datetime without a time zone; add one, such as tzinfo=timezone.utc."


def path_of(*segments: str) -> str:
    """Join literal names and ids into a path, each percent-encoded (API contract §4).

    Raises:
        InvalidRequestError: For an id that is empty, ``.`` or ``..``, or has ``/`` or control characters.
    """
    return "/".join(("", *map(_segment, segments)))


def _segment(segment: object) -> str:
    if not isinstance(segment, str):
        kind = type(segment).__name__
        raise InvalidRequestError(f"An id must be a str, the `id` of what the platform gave, not {kind}.")
    segment = str.__str__(segment)  # a subclass may show something else
    if _PLAIN.fullmatch(segment):  # as nearly every id is: nothing to refuse, nothing to encode
        return segment
    if segment in {"", ".", ".."}:
        raise InvalidRequestError(
            f"{segment!r} is not an id; pass the `id` of an object that the platform gave."
        )
    if "/" in segment or "\\" in segment or re.search(_CONTROL, segment):
        raise InvalidRequestError(
            f"The id {_without_userinfo(segment)!r} has a slash or a control character; ids have none."
        )
    return quoted(segment)


def _without_userinfo(text: str) -> str:
    """Show a URL that was passed by mistake without its user name and password (API contract §1)."""
    return re.sub(r"([/\\]{2}).*@", r"\1***@", text, flags=re.DOTALL)


def quoted(text: str, safe: str = _UNRESERVED) -> str:
    """Percent-encode text as UTF-8.

    Raises:
        InvalidRequestError: For text with half of a surrogate pair, which UTF-8 cannot carry.
    """
    try:
        return quote(str.__str__(text), safe=safe)  # a subclass may show something else
    except UnicodeEncodeError as error:
        raise InvalidRequestError(f"{text!r} is not valid Unicode text.") from error


def checked_path(path: object) -> str:
    """Check and encode a path that the caller wrote whole, such as ``"/projects/prj_01"``.

    What the caller percent-encoded stays as it is. Nothing in it can leave the version prefix.

    Raises:
        InvalidRequestError: For dot segments, slashes and control characters (encoded ones too), empty
            segments, a backslash, ``?`` or ``#``.
    """
    if not isinstance(path, str) or not path.strip("/"):
        raise InvalidRequestError("`path` must be a path below the base URL, such as '/projects'.")
    named = _without_userinfo(path)
    if re.search(r"[\\?#]|://", path) or re.search(_CONTROL, path) or re.search(_STRAY_PERCENT, path):
        raise InvalidRequestError(
            f"The path {named!r} has a character that is not a path's own; pass queries as `params=`, and "
            "percent-encode the rest."
        )
    segments = path.removeprefix("/").split("/")
    for segment in segments:
        plain = unquote(segment)
        if plain in {"", ".", ".."} or re.search(r"[/\\]", plain) or re.search(_CONTROL, plain):
            raise InvalidRequestError(
                f"The path {named!r} has an empty or dot segment, or an encoded slash or control character."
            )
    return "".join(f"/{quoted(segment, _PATH_SAFE)}" for segment in segments)


def checked_method(method: object) -> str:
    """Check a method that the caller wrote.

    Raises:
        InvalidRequestError: For anything but letters, and for methods that are no calls of an API.
    """
    if not isinstance(method, str) or not re.fullmatch(r"[A-Za-z]{1,20}", method):
        raise InvalidRequestError(f"`method` must be letters such as 'GET', not {method!r}.")
    if method.upper() in {"CONNECT", "TRACE"}:
        raise InvalidRequestError(f"{method.upper()} is not a call of an API.")
    return method.upper()


def query_string(params: Query | None) -> str:
    """Encode query parameters; ``None`` is left out, a list repeats its name.

    Raises:
        InvalidRequestError: For NaN, infinities, naive datetimes and types without a text form.
    """
    return "&".join(f"{quoted(_text('params', name))}={quoted(text)}" for name, text in _pairs(params or {}))


def _pairs(params: Query) -> Iterator[tuple[str, str]]:
    for name, value in params.items():
        values = value if isinstance(value, (list, tuple)) else [value]
        yield from ((name, _text(name, each)) for each in values if each is not None)


def _text(name: str, value: object) -> str:
    if isinstance(value, Enum):
        return _text(name, value.value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime) and value.utcoffset() is None:
        raise InvalidRequestError(_naive(name))
    if isinstance(value, datetime):
        return _datetime(value).isoformat()
    if isinstance(value, date):
        return _date(value).isoformat()
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, (int, float)) and is_finite(value):
        return int.__repr__(value) if isinstance(value, int) else float.__repr__(value)
    raise InvalidRequestError(
        f"`{name}` cannot be sent as a query parameter: {type(value).__name__} {shown(value)}."
    )


def checked_headers(headers: object) -> tuple[tuple[str, str], ...]:
    """Check headers of the caller (API contract §1, own headers).

    Raises:
        InvalidRequestError: For names that are ours to send, and for text that no header may carry.
    """
    if not headers:
        return ()
    if not isinstance(headers, Mapping):
        raise InvalidRequestError(f"`headers` must be a mapping, not a {type(headers).__name__}.")
    given = cast("Mapping[object, object]", headers)
    return tuple(_header(name, value) for name, value in given.items())


def _header(name: object, value: object) -> tuple[str, str]:
    if not isinstance(name, str) or not re.fullmatch(_NAME, name):
        raise InvalidRequestError(f"{name!r} is not a header name.")
    if name.lower() in OWN_HEADERS:
        raise InvalidRequestError(f"The header {name!r} is the client's own; see the option that sets it.")
    if not isinstance(value, str) or not re.fullmatch(_FIELD_VALUE, value):
        # The value may be a secret: it is not shown.
        raise InvalidRequestError(
            f"The value of the header {name!r} must be printable ASCII without line breaks."
        )
    return str.__str__(name).lower(), str.__str__(value)


def merged(*groups: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Merge groups of headers by name; a later one replaces an earlier one."""
    return tuple({name: value for group in groups for name, value in group}.items())


def whole_number(name: str, value: object, *, least: int) -> int:
    """Check a count that the caller gave.

    Raises:
        InvalidRequestError: For anything but a whole number from ``least`` up.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InvalidRequestError(f"`{name}` must be a whole number from {least} up, not {shown(value)}.")
    return int.__int__(value)  # a subclass may show something else
