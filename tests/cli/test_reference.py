"""``docs/cli.md`` has a page for each command, written from the commands themselves."""

import runpy
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "docs" / "scripts" / "cli_reference.py"


def test_the_reference_is_that_of_the_commands() -> None:
    """After a change of a command: ``python docs/scripts/cli_reference.py``."""
    written = runpy.run_path(str(SCRIPT))
    page = Path(SCRIPT).parents[1] / "cli.md"
    assert page.read_text(encoding="utf-8") == written["whole_page"]()


@pytest.mark.parametrize("words", ["projects list", "export", "doctor", "auth login", "completion"])
def test_a_command_has_its_page(words: str) -> None:
    """With every option explained."""
    page = (
        (SCRIPT.parents[1] / "cli.md")
        .read_text(encoding="utf-8")
        .partition(f"### cloudplatform {words}\n")[2]
    )
    rows = [line for line in page.partition("\n### ")[0].splitlines() if line.startswith("| `")]
    assert rows
    assert [row for row in rows if not row.split("|")[2].strip()] == []
