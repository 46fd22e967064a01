"""What a model is made of, be it an attrs class, a dataclass, a Struct or a TypedDict."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from datetime import datetime
from functools import lru_cache
from types import UnionType
from typing import Annotated, Any, NotRequired, cast, get_args, get_origin, get_type_hints, is_typeddict

import attrs
import msgspec
from msgspec import inspect, structs

from cloudplatform_async.models.base import wire_name
from cloudplatform_async.models.events import EventData
from cloudplatform_async.models.timestamps import AwareDatetime

_WRAPPERS = frozenset({UnionType, Annotated})  # classes, on some versions of Python


class Field(msgspec.Struct, frozen=True):
    """One field of a model.

    Attributes:
        name: Of the attribute.
        wire: In JSON.
        kind: Its type.
        is_optional: An answer may leave it out.
        is_plain: msgspec reads it as the class would.
    """

    name: str
    wire: str
    kind: Any
    is_optional: bool
    is_plain: bool = True


@lru_cache(maxsize=1024)
def fields_of(kind: Any) -> tuple[Field, ...]:
    """List the fields of a class; of anything else, none."""
    if not isinstance(kind, type):
        return ()
    if attrs.has(kind):
        return tuple(map(_attrs_field, attrs.fields(attrs.resolve_types(kind, include_extras=True))))
    if issubclass(kind, msgspec.Struct):
        infos = structs.fields(kind)
        return tuple(Field(each.name, each.encode_name, each.type, not each.required) for each in infos)
    required = _required(kind)
    if required is None:
        return ()
    hints = get_type_hints(cast("Any", kind), include_extras=True)
    return tuple(Field(name, name, hint, name not in required) for name, hint in hints.items())


def _attrs_field(field: Any) -> Field:
    is_plain = field.init and field.converter is None and field.name == wire_name(field)
    return Field(field.name, wire_name(field), field.type, field.default is not attrs.NOTHING, is_plain)


def _required(kind: Any) -> frozenset[str] | None:
    """Name the fields that a dataclass, TypedDict or NamedTuple must have; ``None`` for no such class."""
    if dataclasses.is_dataclass(kind):
        missing = dataclasses.MISSING
        fields = dataclasses.fields(kind)
        return frozenset(
            each.name for each in fields if each.default is missing and each.default_factory is missing
        )
    if is_typeddict(kind):
        return frozenset(kind.__required_keys__)
    names: tuple[str, ...] = getattr(kind, "_fields", ())
    return frozenset(names) if names and issubclass(kind, tuple) else None


def reachable(kind: Any) -> Iterator[Any]:
    """Give every type that decoding a type may meet, once: classes may contain themselves."""
    waiting, seen = [kind], [AwareDatetime]
    while waiting:
        part = waiting.pop()
        if part not in seen:
            seen.append(part)
            waiting += [get_origin(part), *get_args(part), *(field.kind for field in fields_of(part))]
            waiting += [getattr(part, "__value__", None), getattr(part, "__supertype__", None)]  # of aliases
            yield part


def is_native(kind: Any) -> bool:
    """Tell whether msgspec reads a type as its classes would.

    Renamed fields, converters of attrs, the data of plain events and classes that msgspec does not know
    need the converter.

    Raises:
        TypeError: For a type that cannot be one of an answer.
    """
    return all(
        _is_known(part) and all(field.is_plain for field in fields_of(part)) for part in reachable(kind)
    )


def _is_known(part: Any) -> bool:
    if part == EventData:
        return False
    if not isinstance(part, type) or part in _WRAPPERS or fields_of(part):
        return True
    return not isinstance(inspect.type_info(part), inspect.CustomType)


def has_naive_moments(kind: Any) -> bool:
    """Tell whether msgspec would let a datetime without a time zone into a type."""
    return any(part is datetime for part in reachable(kind))


def naive_place(value: Any) -> str | None:
    """Find the JSON path of the first datetime without a time zone; ``None`` where there is none."""
    if isinstance(value, datetime):
        return "" if value.utcoffset() is None else None
    return next(
        (name + place for name, part in _parts(value) if (place := naive_place(part)) is not None), None
    )


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        named = cast("Mapping[object, object]", value)
        yield from ((f".{name}", part) for name, part in named.items())
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from ((f"[{place}]", part) for place, part in enumerate(cast("Iterable[object]", value)))
    else:
        for field in fields_of(value.__class__):
            yield f".{field.wire}", getattr(value, field.name, None)


def without_nulls(value: Any, kind: Any) -> Any:
    """Leave out what is ``null`` where a model has an optional map or list (API contract §3).

    Args:
        value: Plain JSON.
        kind: That it is to become.
    """
    shape, args = get_origin(kind) or kind, get_args(kind)
    if not isinstance(shape, type) or shape in _WRAPPERS:
        for choice in args:
            value = without_nulls(value, choice)
    elif isinstance(value, dict):
        return _object_without_nulls(cast("dict[str, Any]", value), shape, args)
    elif type(value) is list and args:
        return [without_nulls(part, args[0]) for part in cast("Iterable[Any]", value)]
    return cast("object", value)


def _object_without_nulls(value: dict[str, Any], shape: Any, args: tuple[Any, ...]) -> dict[str, Any]:
    fields = {field.wire: field for field in fields_of(shape)}
    if not fields:
        return {name: without_nulls(part, args[-1]) for name, part in value.items()} if args else value
    return {
        name: without_nulls(part, fields[name].kind) if name in fields else part
        for name, part in value.items()
        if part is not None or name not in fields or not may_be_left_out(fields[name])
    }


def may_be_left_out(field: Field) -> bool:
    """Tell whether a ``null`` in place of a field means that there is nothing in it."""
    shape, args = field.kind, get_args(field.kind)
    while (origin := get_origin(shape)) in {Annotated, NotRequired}:
        shape, args = args[0], get_args(args[0])
    shape = origin or shape
    is_collection = isinstance(shape, type) and issubclass(shape, (Mapping, Sequence, Set))
    return field.is_optional and is_collection and not issubclass(shape, (str, bytes, bytearray))
