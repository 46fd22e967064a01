"""Finishes the built site: Markdown twins and ``llms.txt`` for agents, then a check of all links.

Run after the site generator: ``python docs/scripts/site.py``. Exits with the list of what is wrong.
"""

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import griffe
import yaml

ROOT = Path(__file__).parents[2]
DOCS, SITE = ROOT / "docs", ROOT / "site"
DIRECTIVE = re.compile(r"^::: ([\w.]+)\n(?:(?: +.*)?\n)*", re.MULTILINE)
LOADED_BY_A_READER = {
    "script": "src",
    "img": "src",
    "link": "href",
    "iframe": "src",
    "source": "src",
    "object": "data",
}
PAGES_OF_THE_WEB = {"canonical", "alternate", "next", "prev"}


def navigation(entries: list[Any], section: str = "") -> Iterator[tuple[str, str, str]]:
    """Give section, title and path of each page, in the order of the site."""
    for entry in entries:
        for title, target in entry.items():
            if isinstance(target, str):
                yield section, title, target
            else:
                yield from navigation(target, title)


def twin(text: str) -> str:
    """Write a page as plain Markdown: what the reference pulls from docstrings stands in it."""
    return DIRECTIVE.sub(lambda match: "\n".join(described(find(match[1]))) + "\n", text)


def find(name: str) -> griffe.Object:
    """Find a documented name in the package."""
    package = griffe.load("cloudplatform_async", search_paths=[str(ROOT)], docstring_parser="google")
    found = package[name.removeprefix("cloudplatform_async.")] if "." in name else package
    return found.final_target if isinstance(found, griffe.Alias) else found


def described(thing: griffe.Object, level: int = 2) -> Iterator[str]:
    """Write one name with its signature, its docstring and its public members."""
    yield f"{'#' * level} {thing.name}\n"
    if isinstance(thing, griffe.Function):
        kind = "async " if "async" in thing.labels else ""
        yield f"```python\n{kind}def {thing.name}{signature(thing)}\n```\n"
    if thing.docstring:
        yield thing.docstring.value + "\n"
    for name, member in thing.members.items():
        described_itself = isinstance(member, griffe.Function | griffe.Attribute) and member.docstring
        if not name.startswith("_") and described_itself:
            yield from described(member, level + 1)


def signature(function: griffe.Function) -> str:
    """Write the parameters as they were written in the source."""
    parts: list[str] = []
    stars = {griffe.ParameterKind.var_positional: "*", griffe.ParameterKind.var_keyword: "**"}
    for each in function.parameters:
        if each.name == "self":
            continue
        if each.kind is griffe.ParameterKind.keyword_only and not any(part[0] == "*" for part in parts):
            parts.append("*")
        annotation = f": {each.annotation}" if each.annotation else ""
        default = f" = {each.default}" if each.default and each.kind not in stars else ""
        parts.append(f"{stars.get(each.kind, '')}{each.name}{annotation}{default}")
    return f"({', '.join(parts)})" + (f" -> {function.returns}" if function.returns else "")


def write_twins(config: dict[str, Any]) -> None:
    """Write the twin of each page, ``llms.txt`` which links them, and all of them in one file."""
    index, whole, last = [f"# {config['site_name']}\n", f"> {config['site_description']}\n"], [], None
    for section, title, path in navigation(config["nav"]):
        text = twin((DOCS / path).read_text("utf-8"))
        (SITE / path).parent.mkdir(parents=True, exist_ok=True)
        (SITE / path).write_text(text, "utf-8")
        whole.append(text)
        if section != last:
            index.append(f"\n## {section or 'Start'}\n")
            last = section
        index.append(f"- [{title}]({path}): {first_sentence(text)}")
    (SITE / "llms.txt").write_text("\n".join(index) + "\n", "utf-8")
    (SITE / "llms-full.txt").write_text("\n\n".join(whole), "utf-8")


def first_sentence(text: str) -> str:
    """Give the sentence that a page opens with."""
    body = re.sub(r"\A# .*\n+", "", text)
    paragraph = body.split("\n\n")[0].replace("\n", " ").removesuffix(":")
    return re.split(r"(?<=[.!?])\s", paragraph.strip(), maxsplit=1)[0]


class Page(HTMLParser):
    """Collects what a page links to, what it loads, and where it can be linked."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take in one element."""
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif (name := LOADED_BY_A_READER.get(tag)) in given and given.get("rel") not in PAGES_OF_THE_WEB:
            self.loads.append(given[str(name)])


def faults(pages: dict[Path, Page]) -> Iterator[str]:
    """Name each dead link, dead anchor, and request to another origin."""
    for page in pages.values():
        where = page.path.relative_to(SITE)
        yield from (f"{where} loads {each} from elsewhere" for each in page.loads if urlsplit(each).netloc)
        for link in (*page.links, *page.loads):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path
            target = target / "index.html" if target.is_dir() else target
            if not target.exists():
                yield f"{where} links to {link}, which is not there"
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                yield f"{where} links to {link}, an anchor that is not there"
    for sheet in (*SITE.rglob("*.css"), *SITE.rglob("*.svg")):
        for url in re.findall(r"url\(['\"]?((?:https?:)?//[^)]+)", sheet.read_text("utf-8")):
            yield f"{sheet.relative_to(SITE)} loads {url}"


def main() -> None:
    """Write the twins, then check."""
    loader = yaml.SafeLoader
    config = yaml.load((ROOT / "mkdocs.yml").read_text("utf-8"), Loader=loader)
    write_twins(config)
    # The page for what is not found is served under any path: its links are written from the root.
    pages = {path: Page(path) for path in SITE.rglob("*.html") if path.name != "404.html"}
    if found := list(faults(pages)):
        sys.exit("\n".join(found))
    print(f"{len(pages)} pages: no dead link, no request to another origin")


if __name__ == "__main__":
    main()
