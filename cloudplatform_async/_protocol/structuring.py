"""The registry of classes that msgspec cannot decode alone: one strict cattrs converter.

It is loaded with the first client, and not with the package.
"""

from collections.abc import Callable
from datetime import datetime
from enum import Enum
from functools import partial
from types import GenericAlias
from typing import Any, get_args, get_origin

import attrs
import cattrs
import msgspec
from cattrs import cols
from cattrs.gen import make_dict_structure_fn, override

from cloudplatform_async._protocol.native import (
    UNDECODABLE,
    decode_error,
    fault_of,
    fields_of,
    is_native,
)
from cloudplatform_async.models.base import wire_name
from cloudplatform_async.models.events import EVENT_OF_TYPE, Event, EventData
from cloudplatform_async.models.timestamps import AwareDatetime

_cols: Any = cols  # partly untyped
_Hook = Callable[[Any, Any], Any]
_PRIMITIVES = (str, int, float, bool, bytes, Enum)  # which cattrs alone would coerce


def _structure_leaf(value: Any, kind: Any) -> Any:
    return msgspec.convert(value, AwareDatetime if kind is datetime else kind)


def _checked(shape: Any, structure: _Hook, value: Any, kind: Any) -> Any:
    # cattrs alone takes any iterable for a list, and a list for an object whose fields are all optional.
    return structure(msgspec.convert(value, shape), kind)


def _object_hook(model: Any, converter: cattrs.Converter) -> _Hook:
    names: dict[str, Any] = {
        field.name: override(rename=wire_name(field)) for field in fields_of(get_origin(model) or model)
    }
    return partial(_checked, dict[str, Any], make_dict_structure_fn(model, converter, **names))


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


def _event_hook(kind: Any, converter: cattrs.Converter) -> _Hook:
    """Make a union of the event classes, tagged by their type, with the plain one for all else.

    An event is never lost (API contract §10): not one of a newer type, nor one whose data is newer.
    """
    plain = _object_hook(kind, converter)
    known = {name: converter.get_structure_hook(each) for name, each in EVENT_OF_TYPE.items()}

    def structure(value: Any, _: Any) -> Any:
        tag = value.get("type") if isinstance(value, dict) else None
        if isinstance(tag, str) and tag in known:
            try:
                return known[tag](value, EVENT_OF_TYPE[tag])
            except (*UNDECODABLE, cattrs.BaseValidationError):
                return plain(value, kind)
        return plain(value, kind)

    return structure


def _structure_event_data(value: Any, _: Any) -> Any:
    return {} if value is None else msgspec.convert(value, dict[str, Any])


_FACTORIES = ((attrs.has, _object_hook), (_is_array, _array_hook), (_is_mapping, _mapping_hook))


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter()
    for primitive in _PRIMITIVES:
        converter.register_structure_hook(primitive, _structure_leaf)
    for applies, factory in _FACTORIES:
        converter.register_structure_hook_factory(applies, partial(factory, converter=converter))
    converter.register_structure_hook_func(lambda kind: kind is datetime or is_native(kind), _structure_leaf)
    converter.register_structure_hook_func(lambda kind: kind == EventData, _structure_event_data)
    converter.register_structure_hook_factory(
        lambda kind: kind is Event, partial(_event_hook, converter=converter)
    )
    return converter


CONVERTER = _make_converter()
"""Register a structure hook here for a class that needs one of its own."""


def structurer(kind: Any, path: str) -> Callable[[Any], Any]:
    """Prepare the way from decoded JSON values, which stand at ``path``, to a type.

    Raises:
        TypeError: For a class with a field of a type that nothing here can decode.
    """
    try:
        hook = CONVERTER.get_structure_hook(kind)
    except cattrs.StructureHandlerNotFoundError as error:
        raise TypeError(f"{kind} cannot be a model: {error}") from error

    def structure(value: Any) -> Any:
        try:
            return hook(value, kind)
        except (*UNDECODABLE, cattrs.BaseValidationError) as error:
            raise decode_error(*_first_fault(error, path)) from error

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
    return placed[0][0], f".{wire_name(fields[placed[0][1].name])}"
