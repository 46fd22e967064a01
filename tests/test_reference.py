"""The reference holds every public name, and each name says how it is used."""

import re
from importlib import import_module
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("name", NAMES)
def test_each_public_name_is_in_the_reference(name: str) -> None:
    """Under the name itself, or under another that means the same."""
    same = [each for each in DIRECTIVES if each.split(".")[-1] == name.split(".")[-1]]
    assert name in same or any(thing(each) is thing(name) for each in same)


def test_the_reference_holds_nothing_twice() -> None:
    """A name has one place to be read and linked."""
    assert sorted(DIRECTIVES) == sorted(set(DIRECTIVES))
