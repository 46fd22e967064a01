"""Takes the pictures of the command line: runs commands in a pseudo-terminal, and draws what they show.

``docs/images/cli.svg`` moves, by CSS alone; its text can be selected. No picture loads anything.
"""

import io
import os
import pty
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

IMAGES = Path(__file__).parents[1] / "images"
WIDTH = 100
PICTURES = {
    "cli-help": ["--help"],
    "cli-projects": ["projects", "list", "--sandbox", "--limit", "8", "--utc"],
    "cli-usage": ["usage", "show", "--sandbox", "--from", "2026-03-01", "--to", "2026-03-30"],
    "cli-doctor": ["doctor", "--base-url", "https://api.exmaple.invalid/v1"],
    "cli-dry-run": [
        "projects",
        "create",
        "--sandbox",
        "--name",
        "Payments",
        "--slug",
        "payments",
        "--dry-run",
    ],
}

SCENES = [
    ["projects", "list", "--sandbox", "--limit", "6", "--utc"],
    ["workflows", "trigger", "wfl_build", "--sandbox", "--wait", "--utc"],
    ["projects", "create", "--name", "Payments", "--slug", "payments", "--sandbox", "--utc"],
    ["projects", "get", "prj_gone", "--sandbox"],
]
TYPED, READ = 1.0, 4.0  # seconds that a command is there alone, and with what it shows
LINES = 10
FILM = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<title>The command line: projects, a workflow that is waited for, a create, and an error</title>
<style>
text {{ font: 20px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre }}
.frame {{ visibility: hidden }}
@media (prefers-reduced-motion: reduce) {{ .frame {{ animation: none }} .s1 {{ visibility: visible }} }}
{rules}
</style>
<rect width="100%" height="100%" rx="8" fill="#292929"/>
<circle cx="26" cy="24" r="7" fill="#ff5f57"/>
<circle cx="48" cy="24" r="7" fill="#febc2e"/>
<circle cx="70" cy="24" r="7" fill="#28c840"/>
<g transform="translate(20 50)">
{frames}
</g>
</svg>
"""


def seen(words: list[str]) -> str:
    """What a person sees of a command."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(
            COLUMNS=str(WIDTH), TERM="xterm-256color", CLOUD_API_KEY="key", CLOUD_CONFIG_DIR="/nowhere"
        )
        os.execv(sys.executable, [sys.executable, "-m", "cloudplatform_async", *words])
    data = b""
    try:
        while part := os.read(terminal, 65536):
            data += part
    except OSError:  # the terminal of a process that has ended
        pass
    os.waitpid(child, 0)
    return data.decode().replace("\r\n", "\n")


def drawn(words: list[str], shown: str) -> Console:
    """A terminal after a command, or while it is typed."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text(f"$ {' '.join(['cloudplatform', *words])}", style="green"))
    console.print(Text.from_ansi(shown))
    return console


def take(name: str, words: list[str]) -> None:
    """Draw one picture."""
    picture = drawn(words, seen(words)).export_svg(title=" ".join(["cloudplatform", *words]), unique_id=name)
    (IMAGES / f"{name}.svg").write_text(without_fonts(picture), "utf-8")


def without_fonts(picture: str) -> str:
    """Leave out the fonts that a viewer would fetch from elsewhere; the system's own has the same widths."""
    return re.sub(r"\s*@font-face \{.*?\}", "", picture, flags=re.DOTALL).replace("Fira Code, ", "")


def film(name: str, scenes: list[list[str]]) -> None:
    """Draw commands one after the other: each is there for a second alone, then with what it shows."""
    frames: list[tuple[float, str, str]] = []
    for number, words in enumerate(scenes):
        for part, (seconds, shown) in enumerate([(TYPED, ""), (READ, seen(words))]):
            unique = f"f{number}{part}"
            body = drawn(words, shown).export_svg(
                code_format="{styles}|{backgrounds}{matrix}", unique_id=unique
            )
            styles, _, matrix = body.partition("|")
            frames.append((seconds, styles, re.sub(r' clip-path="[^"]*"', "", matrix)))
    whole = sum(seconds for seconds, _, _ in frames)
    start, groups, rules = 0.0, list[str](), list[str]()
    for number, (seconds, styles, matrix) in enumerate(frames):
        begin, end = (f"{100 * moment / whole:.2f}%" for moment in (start, start + seconds))
        shown = (
            f"0% {{ visibility: hidden }} {begin} {{ visibility: visible }} {end} {{ visibility: hidden }}"
        )
        rules += [styles, f"@keyframes s{number} {{ {shown} }}"]
        rules.append(f".s{number} {{ animation: s{number} {whole}s step-end infinite }}")
        groups.append(f'<g class="frame s{number}">{matrix}</g>')
        start += seconds
    picture = FILM.format(
        width=WIDTH * 12.2 + 40, height=LINES * 24.4 + 70, rules="\n".join(rules), frames="\n".join(groups)
    )
    (IMAGES / f"{name}.svg").write_text(picture, "utf-8")


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    for each, command in PICTURES.items():
        take(each, command)
    film("cli", SCENES)
