"""What is deprecated (PEP 702) names its successor and the release that ends it."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
END = r"use .+; goes in (\d+)\.(\d+)"


def deprecations(source: str) -> Iterator[str]:
    """The messages of all ``@deprecated`` in a file; an empty one where it is not a plain text."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "deprecated":
            message = node.args[0] if node.args else None
            yield str(message.value) if isinstance(message, ast.Constant) else ""


def is_due(message: str, version: str) -> bool:
    """Whether a deprecation names no end, or one that has come."""
    end = re.search(END, message)
    return end is None or tuple(map(int, end.groups())) <= tuple(map(int, version.split(".")[:2]))


def test_nothing_deprecated_outlives_its_end() -> None:
    """A user is told once what to use and until when, and the promise is kept."""
    found = [
        (path.name, message)
        for path in (ROOT / "cloudplatform_async").rglob("*.py")
        if "deprecated" in (source := path.read_text("utf-8"))  # to parse them all takes long
        for message in deprecations(source)
    ]
    assert [each for each in found if is_due(each[1], VERSION)] == []


@pytest.mark.parametrize(
    ("source", "due"),
    [
        ('@deprecated("use b; goes in 0.3")\ndef a(): ...', False),
        ('@warnings.deprecated("use b; goes in 1.0")\ndef a(): ...', False),
        ('@deprecated("use b; goes in 0.2")\ndef a(): ...', True),
        ('@deprecated("use b")\ndef a(): ...', True),
        ("@deprecated(TEXT)\ndef a(): ...", True),
    ],
)
def test_a_deprecation_without_an_end_to_come_is_seen(source: str, due: bool) -> None:
    """The check above can fail."""
    assert [is_due(message, "0.2.1") for message in deprecations(source)] == [due]
