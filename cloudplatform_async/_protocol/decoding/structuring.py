"""The registry of classes that msgspec cannot decode alone: one strict cattrs converter.

It is loaded with the first client, and not with the package.
"""

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from functools import lru_cache, partial
from types import GenericAlias
from typing import Any, cast, get_args, get_origin, is_typeddict

import cattrs
import msgspec
from cattrs import cols, gen
from cattrs.gen import override, typeddicts
from msgspec import Raw, Struct

from cloudplatform_async._protocol.decoding.kinds import (
    fields_of,
    has_naive_moments,
    is_native,
    may_be_left_out,
    naive_place,
    reachable,
    without_nulls,
)
from cloudplatform_async._protocol.decoding.native import UNDECODABLE, fault_of
from cloudplatform_async.models.events import EVENT_OF_TYPE, Event, EventData
from cloudplatform_async.models.timestamps import AwareDatetime

_cols: Any = cols  # partly untyped, as the two below
_gen: Any = gen
_typeddicts: Any = typeddicts
_Hook = Callable[[Any, Any], Any]
_Read = Callable[[bytes | Raw], Any]
_PRIMITIVES = (str, int, float, bool, bytes)  # which cattrs alone would coerce
_NAIVE = "Expected `datetime` with a timezone component - at `$"  # in the words of msgspec

_plain = msgspec.json.Decoder(float_hook=Decimal).decode  # a number keeps its digits until its type is known
_encoded = msgspec.json.Encoder(decimal_format="number").encode


def reader(kind: Any) -> _Read:
    """Prepare the way from the JSON text of one value to a type, strict but for ``null`` maps and lists.

    Raises:
        TypeError: For a class that nothing here can decode, or with a field of such a type.
    """
    if is_native(kind):
        return _native_reader(kind)
    structure = _structurer(kind)
    return lambda text: structure(_plain(text))


@lru_cache(maxsize=256)
def _native_reader(kind: Any) -> _Read:
    try:
        decode: Callable[[Any], Any] = msgspec.json.Decoder(kind).decode
    except TypeError as error:
        raise TypeError(f"{kind} cannot be a model: {error}") from error
    strict: _Read = (lambda text: _aware(decode(text))) if has_naive_moments(kind) else decode

    def read(text: bytes | Raw) -> Any:
        try:
            return strict(text)
        except UNDECODABLE:
            plain = _plain(text)
            eased = without_nulls(plain, kind)
            if eased == plain:
                raise
        return strict(_encoded(eased))

    return read


def _aware(value: Any) -> Any:
    if (place := naive_place(value)) is not None:
        raise msgspec.ValidationError(f"{_NAIVE}{place}`")
    return value


def _structure_leaf(value: Any, kind: Any) -> Any:
    if isinstance(value, (Decimal, list, dict)):  # where digits may be that a float would lose
        return _native_reader(kind)(_encoded(value))
    return _aware(msgspec.convert(value, kind))


def _leaf_hook(kind: Any) -> _Hook:
    _native_reader(kind)  # refuses, before anything is sent, what msgspec has no way to read
    return _structure_leaf


def _checked(shape: Any, structure: _Hook, value: Any, kind: Any) -> Any:
    # cattrs alone takes any iterable for a list, and a list for an object whose fields are all optional.
    return structure(msgspec.convert(value, shape), kind)


def _object_hook(model: Any, converter: cattrs.Converter) -> _Hook:
    base: Any = get_origin(model) or model
    if issubclass(base, (msgspec.Struct, tuple)):
        raise TypeError(f"{model} cannot be a model: it holds a class that msgspec alone cannot read.")
    make = (_typeddicts if is_typeddict(base) else _gen).make_dict_structure_fn
    fields = fields_of(base)
    names = {field.name: override(rename=field.wire) for field in fields}
    structure: _Hook = make(model, converter, **names)
    may_be_null = frozenset(field.wire for field in fields if may_be_left_out(field))

    def structure_object(value: Any, kind: Any) -> Any:
        given = msgspec.convert(value, dict[str, Any])
        if any(part is None and name in may_be_null for name, part in given.items()):
            given = {
                name: part for name, part in given.items() if part is not None or name not in may_be_null
            }
        return structure(given, kind)

    return structure_object


def _array_hook(kind: Any, converter: cattrs.Converter) -> _Hook:
    collect: Any = get_origin(kind)
    rows: Any = GenericAlias(list, get_args(kind)[:1])
    structure = partial(_checked, list[Any], _cols.list_structure_factory(rows, converter))
    return structure if collect is list else lambda value, _: collect(structure(value, rows))


def _mapping_hook(kind: Any, converter: cattrs.Converter) -> _Hook:
    return partial(_checked, dict[str, Any], _cols.mapping_structure_factory(kind, converter))


def _is_array(kind: Any) -> bool:
    origin: Any = get_origin(kind)
    parts = get_args(kind)
    return origin in (list, set, frozenset) or (origin is tuple and parts[1:] == (Ellipsis,))


def _is_mapping(kind: Any) -> bool:
    origin: Any = get_origin(kind)
    return origin is dict


class _AnyEvent(Struct):
    """What every event has, for msgspec, which knows no union of two objects."""

    id: str
    type: str
    created_at: AwareDatetime
    data: dict[str, Any] | None = None
    api_version: str | None = None


def _event_hook(_: Any, converter: cattrs.Converter) -> _Hook:
    """Make a union of the event classes, tagged by their type, with the plain one for all else.

    An event is never lost (API contract §10): not one of a newer type, nor one whose data is newer.
    """
    known = {name: converter.get_structure_hook(kind) for name, kind in EVENT_OF_TYPE.items()}

    def structure(value: Any, _: Any) -> Any:
        tag = cast("dict[str, Any]", value).get("type") if isinstance(value, dict) else None
        if isinstance(tag, str) and tag in known:
            with suppress(*UNDECODABLE, cattrs.BaseValidationError):
                return known[tag](value, EVENT_OF_TYPE[tag])
        found: _AnyEvent = _structure_leaf(value, _AnyEvent)
        return Event(
            id=found.id,
            type=found.type,
            created_at=found.created_at,
            data=found.data or {},
            api_version=found.api_version,
        )

    return structure


def _structure_event_data(value: Any, _: Any) -> Any:
    return {} if value is None else _structure_leaf(value, dict[str, Any])


def _is_object(kind: Any) -> bool:
    return bool(fields_of(get_origin(kind) or kind))


_FACTORIES = ((_is_object, _object_hook), (_is_array, _array_hook), (_is_mapping, _mapping_hook))


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter()
    for primitive in _PRIMITIVES:
        converter.register_structure_hook(primitive, _structure_leaf)
    for applies, factory in _FACTORIES:
        converter.register_structure_hook_factory(applies, partial(factory, converter=converter))
    converter.register_structure_hook_factory(is_native, _leaf_hook)
    converter.register_structure_hook_func(lambda kind: kind == EventData, _structure_event_data)
    converter.register_structure_hook_factory(
        lambda kind: kind is Event, partial(_event_hook, converter=converter)
    )
    return converter


CONVERTER = _make_converter()
"""Register a structure hook here for a class that needs one of its own."""


def _structurer(kind: Any) -> Callable[[Any], Any]:
    """Prepare the way from plain JSON values to a type that msgspec alone cannot read."""
    try:
        hook = CONVERTER.get_structure_hook(kind)
        for part in reachable(kind):  # cattrs looks for those of a union when it meets a value
            if isinstance(part, type) and fields_of(part) == () and not is_native(part):
                CONVERTER.get_structure_hook(part)
    except cattrs.StructureHandlerNotFoundError as error:
        raise TypeError(f"{kind} cannot be a model: {error}") from error

    def structure(value: Any) -> Any:
        try:
            return hook(value, kind)
        except (*UNDECODABLE, cattrs.BaseValidationError) as error:
            place, fault = _first_fault(error, "$")
            raise msgspec.ValidationError(f"{fault} - at `{place}`") from error

    return structure


def _first_fault(error: BaseException, path: str) -> tuple[str, str]:
    """Find the JSON path and the message of the first bad value in a conversion error."""
    if isinstance(error, cattrs.BaseValidationError):
        inner, place = _first(error)
        return _first_fault(inner, path + place)
    if isinstance(error, KeyError) and path.endswith(f".{error.args[0]}"):
        return path.rpartition(".")[0], f"Object missing required field `{error.args[0]}`"
    return fault_of(error, path)


def _first(group: cattrs.BaseValidationError) -> tuple[BaseException, str]:
    """Give the first error of a group, and the place below the group's where it was met."""
    if isinstance(group, cattrs.IterableValidationError):
        error, row = group.group_exceptions()[0][0]
        return error, f"[{row.index}]" if isinstance(row.index, int) else f".{row.index}"
    placed = group.group_exceptions()[0] if isinstance(group, cattrs.ClassValidationError) else []
    if not placed:  # met by the class itself, once its fields were there
        return group.exceptions[0], ""
    fields = {field.name: field for field in fields_of(get_origin(group.cl) or group.cl)}
    return placed[0][0], f".{fields[placed[0][1].name].wire}"
