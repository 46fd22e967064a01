"""What every model can do: give its plain JSON values, to programs, to FastAPI and to pydantic."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from typing import Annotated, Any, Protocol, TypeVar, cast, get_args, get_origin

import attrs
import msgspec
from msgspec import Meta

R = TypeVar("R")

_BOUNDS = ("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "pattern")
_PLAIN = (str, int, float, bool, type(None))


def wire_name(field: "attrs.Attribute[Any]") -> str:
    """Give the name that a field has in JSON."""
    return str(field.metadata.get("wire", field.alias))


class SchemaHandler(Protocol):
    """What pydantic hands to a class that it asks for its schema."""

    # Types and schemas of pydantic, which is never imported here.
    def generate_schema(self, source_type: Any, /) -> Any:
        """Make the schema of a type."""
        ...


class Model:
    """Base of the platform's nouns, all of them attrs classes."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Give the model as plain JSON values, under the platform's names.

        Every field is there, also one that is ``None``; moments and days are ISO 8601 text, and a
        ``Decimal`` is text with all its digits. ``dict(model)`` gives the same.

        Example:
            >>> from cloudplatform_async import Project
            >>> Project(id="prj_01", name="core-api").to_dict()["name"]
            'core-api'
        """
        return {name: _plain(value) for name, value in _items(self)}

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Give names and plain values: what ``dict()``, and through it FastAPI, looks for."""
        yield from self.to_dict().items()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: SchemaHandler) -> dict[str, Any]:
        """Describe the model to pydantic, and so to FastAPI and its OpenAPI; neither is imported for it."""
        fields = {wire_name(field): field for field in _fields(cls) if field.init}
        names = {wire: str(field.alias) for wire, field in fields.items()}
        made: Callable[..., Model] = cls
        schema = record_schema(
            cls,
            {wire: _described(field, handler) for wire, field in fields.items()},
            make=lambda given: made(**{names[wire]: value for wire, value in given.items()}),
            values=lambda model: {wire: value for wire, value in _items(model) if wire in names},
        )
        return {**schema, "ref": f"{cls.__module__}.{cls.__qualname__}:{id(cls)}"}


def record_schema(
    kind: type[R],
    fields: Mapping[str, dict[str, Any]],
    *,
    make: Callable[[dict[str, Any]], R],
    values: Callable[[R], dict[str, Any]],
) -> dict[str, Any]:
    """Describe a class to pydantic: its instances stay as they are, and are written as objects.

    Args:
        kind: The class.
        fields: As pydantic describes them, by their names in JSON.
        make: Makes an instance of the fields' values.
        values: Gives them back.
    """
    shape = {"type": "typed-dict", "cls": kind, "fields": fields}

    def validated(value: object, validate: Callable[[object], dict[str, Any]]) -> R:
        return value if isinstance(value, kind) else make(validate(value))

    def written(value: R, write: Callable[[object], Any]) -> Any:
        return write(values(value))

    return {
        "type": "function-wrap",
        "function": {"type": "no-info", "function": validated},
        "schema": shape,
        # Wrapped, so that include and exclude hold: what an endpoint leaves out must not go out.
        "serialization": {"type": "function-wrap", "function": written, "schema": shape},
    }


def _fields(kind: Any) -> "tuple[attrs.Attribute[Any], ...]":
    return tuple(attrs.fields(attrs.resolve_types(kind, include_extras=True)))


def _items(model: Any) -> Iterator[tuple[str, Any]]:
    """Give each field's name in JSON and its value."""
    return ((wire_name(field), getattr(model, field.name)) for field in attrs.fields(model.__class__))


def _plain(value: Any) -> Any:
    """Turn a value of a model into what JSON has."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Mapping):
        named = cast("Mapping[object, object]", value)
        return {str(name): _plain(part) for name, part in named.items()}
    if isinstance(value, (list, tuple, Set)):
        return [_plain(part) for part in cast("Iterable[object]", value)]
    if attrs.has(value.__class__):
        return {name: _plain(part) for name, part in _items(value)}
    return msgspec.to_builtins(value)


def _described(field: "attrs.Attribute[Any]", handler: SchemaHandler) -> dict[str, Any]:
    """Describe one field to pydantic, within the bounds that msgspec is told of."""
    schema = handler.generate_schema(field.type)
    if get_origin(field.type) is Annotated:
        bounds = next((each for each in get_args(field.type) if isinstance(each, Meta)), Meta())
        named = {name: getattr(bounds, name) for name in _BOUNDS}
        schema = {**schema, **{name: bound for name, bound in named.items() if bound is not None}}
    return {"type": "typed-dict-field", "schema": schema, "required": field.default is attrs.NOTHING}
