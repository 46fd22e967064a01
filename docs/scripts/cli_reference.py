"""Writes the reference of the command line into ``docs/cli.md``: a page like a manual's for each command.

``python docs/scripts/cli_reference.py`` after a change of a command; a test compares.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cloudplatform_async.cli.app import COMMANDS, NO_NEGATIVES, build

if TYPE_CHECKING:
    from cyclopts import App
    from cyclopts.argument import Argument

PAGE = Path(__file__).parents[1] / "cli.md"
BEGIN = "<!-- written by docs/scripts/cli_reference.py from here to the end -->\n"
EVERYWHERE = {
    "--sandbox",
    "--profile",
    "--base-url",
    "--env-file",
    "--timeout",
    "--debug",
    "--dry-run",
}
SHOWN = {"--output", "--query", "--columns", "--utc", "--no-header"}


def commands(app: "App", words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], "App"]]:
    """Give each command that can be run, with its words, in the order of their definition."""
    names = list(COMMANDS) if not words else [name for name in app if not name.startswith("-")]
    for name in names:
        command = app[name]
        if command.default_command is None:
            yield from commands(command, (*words, name))
        else:
            yield (*words, name), command


def reference() -> str:
    """Write all of it."""
    app = build()
    pages = [_page(words, command) for words, command in commands(app)]
    _, listing = next(iter(commands(app)))
    arguments = list(_arguments(listing))
    where = _options([each for each in arguments if each.name in EVERYWHERE])
    shown = _options([each for each in arguments if each.name in SHOWN])
    return "\n".join(
        [
            BEGIN,
            "## Reference\n",
            "### Options of every command that talks to a platform\n",
            where,
            "### Options of every command that shows a result\n",
            shown,
            *pages,
        ]
    )


def _page(words: tuple[str, ...], command: "App") -> str:
    arguments = list(_arguments(command))
    positional = [each for each in arguments if not each.name.startswith("-")]
    common = {each.name for each in arguments} & (EVERYWHERE | SHOWN)
    own = [each for each in arguments if each not in positional and each.name not in common]
    usage = " ".join(
        [
            "cloudplatform",
            *words,
            *(each.name for each in positional),
            *(f"{each.name} …" for each in own if each.required),
            "[options]",
        ]
    )
    paragraphs = re.split(r"\n\s*Args:|\n\s*Raises:|\n\s*Returns:", command.default_command.__doc__ or "")[0]
    about = "\n".join(line.strip() for line in paragraphs.strip().splitlines())
    notes = [
        text
        for names, text in ((EVERYWHERE, "where to and as whom"), (SHOWN, "how to show a result"))
        if names & common
    ]
    also = f"Also takes the options of {' and of '.join(notes)}.\n" if notes else ""
    table = _options([*positional, *own]) if positional or own else ""
    also = f"\n{also}" if table and also else also
    return f"### cloudplatform {' '.join(words)}\n\n`{usage}`\n\n{about}\n\n{table}{also}"


def _arguments(command: "App") -> Iterator["Argument"]:
    found = command.assemble_argument_collection(default_parameter=NO_NEGATIVES, parse_docstring=True)
    return (each for each in found if each.show and each.name != "*")


def _options(arguments: list["Argument"]) -> str:
    rows = ["| Option | Meaning |", "|---|---|"]
    for each in arguments:
        names = " ".join(f"`{name}`" for name in each.names)
        choices = each.get_choices()
        values = f" ({', '.join(choices)})" if choices else ""
        text = f"{each.parameter.help or ''}".rstrip(".").replace("|", r"\|")
        rows.append(f"| {names} | {text}{values}{'; required' if each.required else ''} |")
    return "\n".join(rows) + "\n"


def whole_page() -> str:
    """Give the page as it should be."""
    return PAGE.read_text(encoding="utf-8").partition(BEGIN)[0] + reference()


if __name__ == "__main__":
    PAGE.write_text(whole_page(), encoding="utf-8")
