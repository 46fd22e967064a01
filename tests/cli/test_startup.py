"""The command line starts quickly: what a command does not need is not loaded."""

import subprocess
import sys

import pytest

from cloudplatform_async.cli.app import COMMANDS

CLIENT = (
    "httpx",
    "httpcore",
    "cattrs",
    "tenacity",
    "cloudplatform_async.client",
    "cloudplatform_async.sandbox",
)


def loaded(code: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after some code."""
    script = f"import sys\n{code}\nprint('\\n' + ' '.join(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stderr.splitlines()[-1].split())


def running(*words: str) -> str:
    """Code that runs a command line."""
    return f"from cloudplatform_async.cli.__main__ import main\nmain({list(words)!r})"


@pytest.mark.slow
def test_help_loads_no_command_and_no_client() -> None:
    """The names and summaries of the commands are known without them."""
    found = loaded(running("--help"))
    assert found & {*CLIENT, "asyncio", "importlib.metadata", "rich.markdown", "pygments"} == set()
    commands = {place.partition(":")[0] for place, _ in COMMANDS.values()}
    assert found & commands == set()


@pytest.mark.slow
def test_the_modules_of_all_commands_load_no_client() -> None:
    """Their help and their completion come without it too."""
    modules = sorted({place.partition(":")[0] for place, _ in COMMANDS.values()})
    assert loaded("\n".join(f"import {module}" for module in modules)) & set(CLIENT) == set()


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [("projects", "list", "--help"), ("config", "list"), ("completion", "bash")]
)
def test_what_sends_nothing_loads_no_client(words: tuple[str, ...]) -> None:
    """Nor an event loop."""
    assert loaded(running(*words)) & {*CLIENT, "asyncio"} == set()


@pytest.mark.slow
@pytest.mark.httpx_alone  # its fork leaves its command line out by itself
def test_httpx_comes_without_its_own_command_line() -> None:
    """Which loads click and rich, and takes longer than httpx itself; the program that has it keeps it."""
    found = loaded(
        "import os; os.environ['CLOUD_API_KEY'] = 'k'\n" + running("projects", "list", "--dry-run")
    )
    assert "httpx" in found
    assert found & {"click", "pygments", "rich.progress", "rich.syntax"} == set()
    assert "click" in loaded("import httpx\n" + running("--version"))


@pytest.mark.slow
def test_the_stub_leaves_httpx_whole() -> None:
    """All of its names are there."""
    code = running("--version") + "\nimport httpx\nassert all(hasattr(httpx, name) for name in httpx.__all__)"
    assert "httpx" in loaded(code)
