"""The pages of the documentation, for an assistant to read."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

INDEX = "llms.txt"


def pages() -> dict[str, Traversable]:
    """Give each page by its file's name; none where the package came without them."""
    shipped = files("cloudplatform_async.mcp").joinpath("documentation")
    # In a checkout they still stand where they are written.
    source: Traversable = shipped if shipped.is_dir() else Path(__file__).parents[2] / "docs"
    if not source.is_dir():
        return {}
    found = (page for page in source.iterdir() if page.name.endswith(".md"))
    return {page.name: page for page in sorted(found, key=lambda page: page.name)}


def title(page: Traversable) -> str:
    """Give the heading of a page."""
    return page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")


def index() -> str:
    """List all pages with their titles, as ``llms.txt`` does on the site."""
    lines = (f"- [{title(page)}](docs://cloudplatform/{name})" for name, page in pages().items())
    return "# cloudplatform-async\n\n" + "\n".join(lines) + "\n"
