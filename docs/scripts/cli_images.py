"""Takes the pictures of ``docs/cli.md``: runs commands in a pseudo-terminal, and draws what they show."""

import io
import os
import pty
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


def take(name: str, words: list[str]) -> None:
    """Draw one picture."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    command = " ".join(["cloudplatform", *words])
    console.print(Text(f"$ {command}", style="green"))
    console.print(Text.from_ansi(seen(words)))
    IMAGES.mkdir(exist_ok=True)
    console.save_svg(str(IMAGES / f"{name}.svg"), title=command, unique_id=name)


if __name__ == "__main__":
    for each, command in PICTURES.items():
        take(each, command)
