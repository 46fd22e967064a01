"""The house stands: imports only go down, and the garden looks at the front door alone."""

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import cloudplatform_async

HOUSE = "cloudplatform_async"
ROOT = Path(cloudplatform_async.__file__).parent
GARDEN = {"sandbox", "testing", "collect", "blocking", "cli", "mcp", "__main__"}
FLOORS = {
    **dict.fromkeys(
        ["credentials", "environment", "errors", "models", "responses", "settings", "statistics", "version"],
        0,
    ),
    **dict.fromkeys(["_protocol", "observability"], 1),
    **dict.fromkeys(["_connections", "_runtime"], 2),
    **dict.fromkeys(["_calls", "_oauth"], 3),
    **dict.fromkeys(["_paging", "pagination", "resources", "webhooks"], 4),
    "client": 5,
    "": 6,
}


def module_name(path: Path) -> str:
    """The dotted name of a file of the package."""
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in ROOT.rglob("*.py")}


def imported(path: Path) -> Iterator[str]:
    """The modules of the package that a file imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            inner = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if name in MODULES else node.module for name in inner)


def room(module: str) -> str:
    """The first part of a name below the package; empty for the front door."""
    return module.removeprefix(HOUSE).removeprefix(".").partition(".")[0]


@cache
def edges() -> set[tuple[str, str]]:
    """Who imports whom."""
    return {(module, target) for module, path in MODULES.items() for target in imported(path)}


def test_every_module_stands_in_a_known_room() -> None:
    """A new room is placed on a floor, or in the garden, before anything moves in."""
    assert {room(module) for module in MODULES} <= FLOORS.keys() | GARDEN


def test_imports_go_down_or_sideways() -> None:
    """No floor knows one above it, and nothing in the house knows the garden."""
    house = {(module, target) for module, target in edges() if room(module) in FLOORS}
    assert [edge for edge in house if FLOORS.get(room(edge[1]), 99) > FLOORS[room(edge[0])]] == []


def test_imports_make_no_cycle() -> None:
    """Any module can be read after the ones it imports."""
    graph: dict[str, set[str]] = {module: set() for module in MODULES}
    for module, target in edges() - {(module, module) for module in MODULES}:
        graph[module].add(target)
    TopologicalSorter(graph).prepare()


def test_the_garden_looks_at_the_front_door_alone() -> None:
    """What the garden does, every user can do; the plugin for tests may also turn the clock.

    ``webhooks`` and ``observability`` are front doors of their own: they have names that the package's
    own door has no room for.
    """
    garden = {(module, target) for module, target in edges() if room(module) in GARDEN - {"sandbox"}}
    doors = GARDEN | {"", "webhooks"}
    inside = {
        (module, target)
        for module, target in garden
        if room(target) not in doors and target != f"{HOUSE}.observability"
    }
    assert {edge for edge in inside if edge != (f"{HOUSE}.testing", f"{HOUSE}._runtime.clock")} == set()


def test_the_sandbox_imports_nothing_of_the_house() -> None:
    """Client and sandbox spell the wire twice, so that each can catch the other's mistake."""
    targets = {target for module, target in edges() if room(module) == "sandbox"}
    assert {target for target in targets if room(target) != "sandbox"} == set()
