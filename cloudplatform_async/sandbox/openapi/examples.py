"""An example value of a schema, so that documentation and mock servers (Prism) show sensible answers."""

from collections.abc import Mapping
from typing import Any, cast

from cloudplatform_async.sandbox.api.parameters import Schema

_FORMATS = {
    "date": "2026-03-17",
    "date-time": "2026-03-17T10:22:14Z",
    "uri": "http://127.0.0.1:8001/hooks",
}


def example_of(schema: Schema, schemas: Mapping[str, Schema]) -> object:
    """The schema's own first example, or one that is made of those of its parts.

    Args:
        schema: A schema of the document.
        schemas: The schemas that a `$ref` may name.

    Raises:
        LookupError: For a pattern without an example, since none can be guessed that satisfies it.

    >>> example_of({"type": "object", "properties": {"day": {"type": "string", "format": "date"}}}, {})
    {'day': '2026-03-17'}
    """
    read = cast("dict[str, Any]", schema)
    if "$ref" in read:
        return example_of(schemas[read["$ref"].rpartition("/")[2]], schemas)
    for given in ("examples", "enum"):
        if given in read:
            return read[given][0]
    for given in ("const", "default"):
        if given in read:
            return read[given]
    for choice in ("oneOf", "anyOf"):
        if choice in read:
            return example_of(read[choice][0], schemas)
    return _made(read, schemas)


def _made(schema: dict[str, Any], schemas: Mapping[str, Schema]) -> object:
    kinds = schema.get("type", "object")
    kind = kinds if isinstance(kinds, str) else kinds[0]
    if "pattern" in schema:
        raise LookupError(f"The pattern {schema['pattern']} needs an example.")
    if kind == "object":
        made: dict[str, object] = {}
        for base in schema.get("allOf", ()):
            made |= cast("dict[str, object]", example_of(base, schemas))
        own: dict[str, Schema] = schema.get("properties", {})
        return made | {name: example_of(part, schemas) for name, part in own.items()}
    if kind == "array":
        return [example_of(schema["items"], schemas)]
    if kind == "string":
        return _FORMATS.get(schema.get("format", ""), "text")
    if kind == "boolean":
        return False
    return None if kind == "null" else schema.get("minimum", 1)
