"""The measure of the house: small files, small functions, and a first sentence in each file."""

import ast
from functools import cache
from pathlib import Path

import cloudplatform_async

ROOT = Path(cloudplatform_async.__file__).parent


@cache
def sources() -> dict[str, str]:
    """Each file of the package."""
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in ROOT.rglob("*.py")}


@cache
def trees() -> dict[str, ast.Module]:
    """The same, parsed."""
    return {name: ast.parse(source) for name, source in sources().items()}


def body_length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function after its docstring."""
    body = function.body[1:] if ast.get_docstring(function) and len(function.body) > 1 else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1


def test_a_module_is_at_most_300_lines() -> None:
    """One concept a module."""
    assert {name for name, source in sources().items() if source.count("\n") > 300} == set()


def test_a_function_body_is_at_most_40_lines() -> None:
    """What is longer does more than one thing."""
    functions = [
        (name, node)
        for name, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert {(name, node.name) for name, node in functions if body_length(node) > 40} == set()


def test_a_file_opens_with_what_it_is_for() -> None:
    """A reader knows after one sentence whether this is the place."""
    assert {name for name, tree in trees().items() if not ast.get_docstring(tree)} == set()


def test_a_room_has_at_most_14_modules() -> None:
    """What is more is two rooms."""
    rooms: dict[Path, int] = {}
    for path in ROOT.rglob("*.py"):
        rooms[path.parent] = rooms.get(path.parent, 0) + 1
    assert {str(room): count for room, count in rooms.items() if count > 14} == {}
