"""Makes a test of every code block in the documentation, and each test answer for what it leaves open."""

import contextlib
import gc
import io
import os
import re
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from unittest import mock

import hypothesis  # noqa: F401 - its plugin would load it as the very last thing, when warnings are errors
import pytest
from sybil import Example, Sybil
from sybil.integration.pytest import SybilItem
from sybil.parsers.markdown import CodeBlockParser

FOLLOWING_OUTPUT = re.compile(r"\s*```text\n(.*?)```", re.DOTALL)


def run_script(example: Example) -> None:
    """Run a block as the script it is; a ``text`` block right after it is what it prints."""
    code = compile("\n" * (example.line + example.parsed.line_offset) + example.parsed, example.path, "exec")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), mock.patch.dict(os.environ):
        exec(code, {"__name__": "__main__"})
    expected = FOLLOWING_OUTPUT.match(example.document.text, example.region.end)
    if expected:
        assert printed.getvalue() == expected[1]


def run_session(example: Example) -> None:
    """Run the lines of a ``console`` block that begin with ``$``; the others are what they print."""
    for command, expected in re.findall(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", example.parsed, re.MULTILINE):
        assert re.sub(" +\n", "\n", _shell(command)) == expected


def _shell(command: str) -> str:
    """What a command prints, where this Python's own programs are found first."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {"PATH": path, "HOME": os.environ.get("HOME", "/"), "COLUMNS": "80"}
    done = subprocess.run(
        command, shell=True, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    return done.stdout + done.stderr


pytest_collect_file = Sybil(
    parsers=[
        CodeBlockParser(language="python", evaluator=run_script),
        CodeBlockParser(language="console", evaluator=run_session),
    ],
    filenames=["README.md"],
    patterns=["docs/*.md"],
).pytest()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect no garbage while test modules are imported and rewritten: it took half of that time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()  # as after each test, see below
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave to the whole suite what starts an interpreter for each command, or waits for a run to end."""
    for item in items:
        if isinstance(item, SybilItem):
            is_session = item.example.region.evaluator is run_session
            if is_session or "workflows.wait(" in item.example.parsed:
                item.add_marker(pytest.mark.slow)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """Fail the test that left something open to the collector, which would else complain in another test."""
    yield
    if isinstance(item, pytest.Function):
        item.funcargs.clear()  # pytest drops them a moment later
    complaints: list[BaseException] = []
    before, sys.unraisablehook = sys.unraisablehook, lambda found: complaints.append(found.exc_value)
    try:
        gc.collect()
    finally:
        sys.unraisablehook = before
    gc.freeze()  # what outlives a test is not searched again after each later one
    if complaints:
        raise BaseExceptionGroup("left to the collector", complaints)
