"""The words in which resources describe themselves for the OpenAPI document."""

from collections.abc import Mapping
from typing import TypeAlias

from attrs import frozen

Schema: TypeAlias = dict[str, object]


def whole(properties: Mapping[str, Schema]) -> Schema:
    """The schema of an object that has all of these."""
    return {"type": "object", "required": list(properties), "properties": dict(properties)}


@frozen(kw_only=True)
class Parameter:
    """A query parameter as the OpenAPI document tells it."""

    name: str
    description: str
    schema: Schema
    required: bool = False
    repeatable: bool = False
