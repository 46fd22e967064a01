"""What msgspec decodes alone, straight from the bytes, and what its refusals say."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, get_args, get_origin

import attrs
import msgspec

from cloudplatform_async.errors import ResponseDecodeError
from cloudplatform_async.models.base import wire_name
from cloudplatform_async.models.events import EventData
from cloudplatform_async.models.timestamps import AwareDatetime

UNDECODABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""Whatever msgspec raises for bytes or values that it refuses."""

_PATH = r"(?s)(.*) - at `\$(.*)`"


def is_native(kind: Any) -> bool:
    """Tell whether msgspec alone decodes a type as strictly as we promise.

    Renamed fields, attrs converters, plain datetimes (which msgspec would accept without a time zone)
    and the data of plain events need the converter; everything else is decoded natively.
    """
    return all(
        part not in (datetime, EventData) and all(map(_is_plain, fields_of(part)))
        for part in _reachable(kind)
    )


def _reachable(kind: Any) -> Iterator[Any]:
    """Give every type that decoding a type may meet, once: classes may contain themselves."""
    waiting, seen = [kind], [AwareDatetime]
    while waiting:
        part = waiting.pop()
        if part not in seen:
            seen.append(part)
            waiting += [get_origin(part), *get_args(part), *(field.type for field in fields_of(part))]
            yield part


def _is_plain(field: Any) -> bool:
    return bool(field.init and field.converter is None and field.name == wire_name(field))


def fields_of(kind: Any) -> "tuple[attrs.Attribute[Any], ...]":
    """List the fields of an attrs class, with their types; of anything else, none."""
    if not (isinstance(kind, type) and attrs.has(kind)):
        return ()
    return tuple(attrs.fields(attrs.resolve_types(kind, include_extras=True)))


def fault_of(error: BaseException, path: str) -> tuple[str, str]:
    """Find the JSON path and the message of what msgspec refused below ``path``."""
    native = re.fullmatch(_PATH, str(error))
    return (path + native[2], native[1]) if native else (path, str(error))


def decode_error(place: str, fault: str) -> ResponseDecodeError:
    """Make the error of a bad value at a JSON path."""
    return ResponseDecodeError(f"{fault} - at `{place}`", path=place)
