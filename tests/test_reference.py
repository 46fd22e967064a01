"""The reference holds every public name, and each name says how it is used."""

import inspect
import re
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import is_typeddict

import attrs
import msgspec

PACKAGE = "cloudplatform_async"
ROOMS = ["blocking", "collect", "observability", "sandbox", "webhooks"]
PAGES = Path(__file__).parents[1] / "docs" / "reference"
DIRECTIVES = re.findall(
    r"^::: (\S+)$", "\n".join(page.read_text("utf-8") for page in sorted(PAGES.glob("*.md"))), re.MULTILINE
)
NAMES = [
    f"{module}.{name}"
    for module in (PACKAGE, *(f"{PACKAGE}.{room}" for room in ROOMS))
    for name in import_module(module).__all__
]


def thing(name: str) -> object:
    """What a dotted name means."""
    module, _, last = name.rpartition(".")
    return getattr(import_module(module), last)


def test_each_public_name_is_in_the_reference() -> None:
    """Under the name itself, or under another that means the same."""
    assert [name for name in NAMES if not is_in_reference(name)] == []


def is_in_reference(name: str) -> bool:
    """Whether a directive of some page means this thing."""
    same = [each for each in DIRECTIVES if each.split(".")[-1] == name.split(".")[-1]]
    return name in same or any(thing(each) is thing(name) for each in same)


def test_the_reference_holds_nothing_twice() -> None:
    """A name has one place to be read and linked."""
    assert sorted(DIRECTIVES) == sorted(set(DIRECTIVES))


def is_plain_value(named: object) -> bool:
    """Whether it only holds values, or is an error: nothing is called on it."""
    if not inspect.isclass(named):
        return not inspect.isroutine(named)
    if issubclass(named, Exception | Enum) or is_typeddict(named):
        return True
    methods = [
        key for key, each in vars(named).items() if inspect.isfunction(each) and not key.startswith("_")
    ]
    return (attrs.has(named) or issubclass(named, msgspec.Struct)) and not methods


def test_each_public_name_shows_how_it_is_used() -> None:
    """It has an example, or its methods have, unless it is an error or a plain value."""
    assert [name for name in NAMES if not is_plain_value(thing(name)) and not has_example(thing(name))] == []


def has_example(named: object) -> bool:
    """Whether a docstring of a thing, or of a method of it, has one."""
    places = [named, *vars(named).values()] if inspect.isclass(named) else [named]
    return any("Example:" in (place.__doc__ or "") for place in places)


def test_what_is_called_is_no_plain_value() -> None:
    """A client needs an example, a project needs none."""
    names = ["AsyncClient", "Paginator", "Project", "NotFoundError", "AUTO"]
    values = [is_plain_value(thing(f"{PACKAGE}.{name}")) for name in names]
    assert values == [False, False, True, True, True]
