"""The words in which resources describe themselves for the OpenAPI document."""

from typing import TypeAlias

from attrs import frozen

Schema: TypeAlias = dict[str, object]


@frozen(kw_only=True)
class Parameter:
    """A query parameter as the OpenAPI document tells it."""

    name: str
    description: str
    schema: Schema
    required: bool = False
    repeatable: bool = False
