"""Makes a test of every code block in the documentation."""

import contextlib
import io
import os
import re
import subprocess
import sys
from pathlib import Path

from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser

FOLLOWING_OUTPUT = re.compile(r"\s*```text\n(.*?)```", re.DOTALL)


def run_script(example: Example) -> None:
    """Run a block as the script it is; a ``text`` block right after it is what it prints."""
    code = compile("\n" * (example.line + example.parsed.line_offset) + example.parsed, example.path, "exec")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
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
