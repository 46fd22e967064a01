"""The registry of classes that msgspec cannot decode alone: one strict cattrs converter."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, TypeVar, get_args, get_origin

import attrs
import cattrs
import msgspec
from cattrs.cols import list_structure_factory
from cattrs.gen import make_dict_structure_fn, override

from cloudplatform_async.models.timestamps import AwareDatetime

T = TypeVar("T")

_NATIVE_PATH = re.compile(r"^(.*) - at `\$(.*)`$", re.DOTALL)


def is_native(kind: Any) -> bool:
    """Tell whether msgspec alone decodes a type as strictly as we promise.

    Renamed fields, attrs converters and plain datetimes (which msgspec would accept without a time
    zone) need the converter below; everything else is decoded natively, straight from the bytes.
    """
    if kind is datetime:
        return False
    if kind == AwareDatetime:
        return True
    if get_origin(kind) is not None:
        return all(is_native(part) for part in get_args(kind))
    return not (isinstance(kind, type) and attrs.has(kind)) or _is_native_class(kind)


@lru_cache(maxsize=None)
def _is_native_class(model: type) -> bool:
    fields = attrs.fields(attrs.resolve_types(model, include_extras=True))
    return all(f.init and not f.converter and f.name == _wire_name(f) and is_native(f.type) for f in fields)


def _wire_name(field: "attrs.Attribute[Any]") -> str:
    return str(field.metadata.get("wire", field.alias))


def _is_list(kind: Any) -> bool:
    origin: Any = get_origin(kind)
    return origin is list


def _structure_leaf(kind: Any, value: Any, _: Any) -> Any:
    return msgspec.convert(value, AwareDatetime if kind is datetime else kind)


def _checked(shape: Any, structure: Callable[[Any, Any], Any], value: Any, kind: Any) -> Any:
    # cattrs alone takes any iterable for a list, and a list for an object whose fields are all optional.
    return structure(msgspec.convert(value, shape), kind)


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter()

    def object_hook(model: Any) -> Callable[[Any, Any], Any]:
        fields = attrs.fields(attrs.resolve_types(model, include_extras=True))
        names: dict[str, Any] = {field.name: override(rename=_wire_name(field)) for field in fields}
        return partial(_checked, dict[str, Any], make_dict_structure_fn(model, converter, **names))

    def array_hook(kind: Any) -> Callable[[Any, Any], Any]:
        return partial(_checked, list[Any], list_structure_factory(kind, converter))

    converter.register_structure_hook_factory(attrs.has, object_hook)
    converter.register_structure_hook_factory(_is_list, array_hook)
    converter.register_structure_hook_factory(
        lambda kind: kind is datetime or is_native(kind), lambda kind: partial(_structure_leaf, kind)
    )
    return converter


CONVERTER = _make_converter()
"""Register a structure hook here for a class that needs one of its own."""


def first_fault(error: BaseException, path: str = "$") -> tuple[str, str]:
    """Find the JSON path and the message of the first bad value in a conversion error."""
    if isinstance(error, cattrs.BaseValidationError):
        for inner, place in _places(error):
            return first_fault(inner, path + place)
    if isinstance(error, KeyError):
        return path.rpartition(".")[0], f"Object missing required field `{error.args[0]}`"
    native = _NATIVE_PATH.match(str(error))
    return (path + native[2], native[1]) if native else (path, str(error))


def _places(error: cattrs.BaseValidationError) -> Iterator[tuple[Exception, str]]:
    if isinstance(error, cattrs.IterableValidationError):
        for inner, place in error.group_exceptions()[0]:
            yield inner, f"[{place.index}]"
    elif isinstance(error, cattrs.ClassValidationError):
        names = {field.name: _wire_name(field) for field in attrs.fields(error.cl)}
        for inner, note in error.group_exceptions()[0]:
            yield inner, f".{names[note.name]}"
    for inner in error.exceptions:
        yield inner, ""
