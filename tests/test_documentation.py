"""The documentation is true: its commands, its tables, its links; its code blocks are tests of their own."""

import doctest
import re
import shlex
import subprocess
import sys
from datetime import date, datetime
from importlib import import_module
from pathlib import Path

import pytest

from cloudplatform_async import AsyncClient, CloudPlatformError
from cloudplatform_async.cli.errors import EXIT_CODES, USAGE
from cloudplatform_async.sandbox import Sandbox

ROOT = Path(__file__).parents[1]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def texts(*patterns: str) -> dict[Path, str]:
    """Files of the repository, in the same order for every worker of a parallel run."""
    paths = sorted(path for pattern in patterns for path in ROOT.glob(pattern))
    return {path: path.read_text(encoding="utf-8") for path in paths}


def module_name(path: Path) -> str:
    """The dotted name of a file of the package."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


PAGES = {path.name: text for path, text in texts("*.md", "docs/*.md").items()}
BLOCKS = [(page, *block) for page, text in PAGES.items() for block in FENCE.findall(text)]
COMMANDS = [source for page, language, source in BLOCKS if page == "README.md" and language == "sh"]
SOURCES = texts("cloudplatform_async/**/*.py")
EXAMPLES = [module_name(path) for path, text in SOURCES.items() if ">>> " in text]
BAD_INPUT = re.findall(r"^\| `(.+?)`.*? \| `(\w+Error)`: (.*) \|$", PAGES["errors.md"], re.MULTILINE)


def test_the_readme_begins_with_two_commands_of_one_line() -> None:
    """One installs and shows projects, one installs and tests; each can be pasted whole."""
    first, second = (command.removesuffix("\n").split(" && ") for command in COMMANDS[:2])
    assert [len(first), len(second)] == [2, 2]
    assert all(command.startswith("python3 -m pip install ") for command, _ in (first, second))
    assert first[1].endswith(" projects list --sandbox")
    assert " -m pytest" in second[1]


@pytest.mark.slow
def test_the_first_command_shows_the_seeded_projects() -> None:
    """After its installation it prints all 50 projects, and nothing else but their heading."""
    words = shlex.split(COMMANDS[0].split(" && ")[1])
    done = subprocess.run([sys.executable, *words[1:]], cwd=ROOT, capture_output=True, text=True, check=True)
    assert len(re.findall(r"^prj_\d+\s", done.stdout, re.MULTILINE)) == 50
    assert len(done.stdout.splitlines()) == 51
    assert done.stderr == ""


def test_every_code_block_is_of_a_language_that_is_run() -> None:
    """Nothing that looks like code is there only to be looked at."""
    assert {language for _, language, _ in BLOCKS} <= {"python", "text", "console", "sh"}
    assert len(COMMANDS) == len([source for _, language, source in BLOCKS if language == "sh"]) == 2


def test_the_exit_codes_are_those_of_the_documentation() -> None:
    """The table of ``docs/cli.md`` has each error class at its code, and no other."""
    rows = re.findall(r"^\| (\d+) \|.*\|(.*)\|$", PAGES["cli.md"], re.MULTILINE)
    written = {(name, int(code)) for code, names in rows for name in re.findall(r"`(\w+)`", names)}
    known = {(kind.__name__, code) for kind, code in EXIT_CODES.items()}
    assert written == known - {("CycloptsError", USAGE)}


@pytest.mark.anyio
@pytest.mark.parametrize(("source", "kind", "message"), BAD_INPUT)
async def test_bad_input_gets_what_the_page_on_errors_says(
    source: str, kind: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each row of the table is run: the error, the start of its message, and that nothing was sent."""
    for name in ("CLOUD_API_KEY", "CLOUD_ACCESS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    sandbox = Sandbox()
    transport = sandbox.transport()
    async with AsyncClient(base_url=sandbox.base_url, api_key=sandbox.api_key, transport=transport) as client:
        names = {"AsyncClient": AsyncClient, "client": client, "date": date, "datetime": datetime}
        with pytest.raises(CloudPlatformError, match=re.escape(message)) as caught:
            await eval(source, names)
    assert (type(caught.value).__name__, caught.value.outcome, sandbox.served) == (kind, "not_sent", 0)


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_in_docstrings_do_what_they_say(name: str) -> None:
    """Those that need an event loop or the platform itself are marked so, and only shown."""
    result = doctest.testmod(import_module(name))
    assert result.failed == 0


def test_links_to_files_lead_somewhere() -> None:
    """A file that a page links to is in the repository."""
    links = {
        (page, (ROOT if (ROOT / page).exists() else ROOT / "docs") / link)
        for page, text in PAGES.items()
        for link in re.findall(r"\]\((?!https?://|#)([^)#]+)", text)
    }
    assert [link for link in links if not link[1].exists()] == []


def test_tests_and_programs_that_a_page_names_are_there() -> None:
    """What is said to be shown by a test can be read."""
    named = {
        (page, path)
        for page, text in PAGES.items()
        for path in re.findall(r"`((?:tests|docs)/[\w./-]+)`", text)
    }
    assert [each for each in named if not (ROOT / each[1]).exists()] == []


def test_no_picture_of_the_documentation_loads_anything() -> None:
    """Opened by themselves they ask no other server, not even for a font."""
    pictures = texts("docs/**/*.svg")
    assert pictures
    loads = r"url\(['\"]?(?:https?:)?//|@import|<script|<image"
    assert [path.name for path, text in pictures.items() if re.search(loads, text)] == []
