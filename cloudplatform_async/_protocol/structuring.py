"""The registry of classes that msgspec cannot decode alone: one strict cattrs converter."""

import re
from collections.abc import Callable, Iterator
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

from cloudplatform_async.models.timestamps import AwareDatetime

_cols: Any = cols  # partly untyped
_Hook = Callable[[Any, Any], Any]
_NATIVE_PATH = re.compile(r"^(.*) - at `\$(.*)`$", re.DOTALL)
_PRIMITIVES = (str, int, float, bool, bytes, Enum)  # which cattrs alone would coerce


def is_native(kind: Any) -> bool:
    """Tell whether msgspec alone decodes a type as strictly as we promise.

    Renamed fields, attrs converters and plain datetimes (which msgspec would accept without a time
    zone) need the converter below; everything else is decoded natively, straight from the bytes.
    """
    return all(part is not datetime and all(map(_is_plain, _fields(part))) for part in _reachable(kind))


def _reachable(kind: Any) -> Iterator[Any]:
    """Give every type that decoding a type may meet, once: classes may contain themselves."""
    waiting, seen = [kind], [AwareDatetime]
    while waiting:
        part = waiting.pop()
        if part not in seen:
            seen.append(part)
            waiting += [get_origin(part), *get_args(part), *(field.type for field in _fields(part))]
            yield part


def _fields(kind: Any) -> "tuple[attrs.Attribute[Any], ...]":
    if not (isinstance(kind, type) and attrs.has(kind)):
        return ()
    return tuple(attrs.fields(attrs.resolve_types(kind, include_extras=True)))


def _is_plain(field: Any) -> bool:
    return bool(field.init and field.converter is None and field.name == _wire_name(field))


def _wire_name(field: "attrs.Attribute[Any]") -> str:
    return str(field.metadata.get("wire", field.alias))


def _structure_leaf(value: Any, kind: Any) -> Any:
    return msgspec.convert(value, AwareDatetime if kind is datetime else kind)


def _checked(shape: Any, structure: _Hook, value: Any, kind: Any) -> Any:
    # cattrs alone takes any iterable for a list, and a list for an object whose fields are all optional.
    return structure(msgspec.convert(value, shape), kind)


def _object_hook(model: Any, converter: cattrs.Converter) -> _Hook:
    names: dict[str, Any] = {
        field.name: override(rename=_wire_name(field)) for field in _fields(get_origin(model) or model)
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


_FACTORIES = ((attrs.has, _object_hook), (_is_array, _array_hook), (_is_mapping, _mapping_hook))


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter()
    for primitive in _PRIMITIVES:
        converter.register_structure_hook(primitive, _structure_leaf)
    for applies, factory in _FACTORIES:
        converter.register_structure_hook_factory(applies, partial(factory, converter=converter))
    converter.register_structure_hook_func(lambda kind: kind is datetime or is_native(kind), _structure_leaf)
    return converter


CONVERTER = _make_converter()
"""Register a structure hook here for a class that needs one of its own."""


def first_fault(error: BaseException, path: str = "$") -> tuple[str, str]:
    """Find the JSON path and the message of the first bad value in a conversion error."""
    if isinstance(error, cattrs.BaseValidationError):
        inner, place = _first(error)
        return first_fault(inner, path + place)
    if isinstance(error, KeyError) and path.endswith(f".{error.args[0]}"):
        return path.rpartition(".")[0], f"Object missing required field `{error.args[0]}`"
    native = _NATIVE_PATH.match(str(error))
    return (path + native[2], native[1]) if native else (path, str(error))


def _first(group: cattrs.BaseValidationError) -> tuple[BaseException, str]:
    """Give the first error of a group, and the place below the group's where it was met."""
    if isinstance(group, cattrs.IterableValidationError):
        error, row = group.group_exceptions()[0][0]
        return error, f"[{row.index}]" if isinstance(row.index, int) else f".{row.index}"
    placed = group.group_exceptions()[0] if isinstance(group, cattrs.ClassValidationError) else []
    if not placed:  # met by the class itself, once its fields were there
        return group.exceptions[0], ""
    fields = {field.name: field for field in _fields(get_origin(group.cl) or group.cl)}
    return placed[0][0], f".{_wire_name(fields[placed[0][1].name])}"
