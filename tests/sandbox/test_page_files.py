"""The files of the page: served from the package, safe by their headers and by what they do not hold."""

import re
from pathlib import Path

import httpx
import pytest

from cloudplatform_async.sandbox import Sandbox

anyio_test = pytest.mark.anyio
FILES = Path(__file__).parents[2] / "cloudplatform_async" / "sandbox" / "page"


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/_sandbox/page.css", "text/css; charset=utf-8"),
        ("/_sandbox/page.js", "text/javascript; charset=utf-8"),
        ("/_sandbox/icon.svg", "image/svg+xml"),
    ],
)
@anyio_test
async def test_a_file_has_the_headers_of_a_closed_page(sandbox: Sandbox, path: str, media_type: str) -> None:
    """Nothing is loaded from elsewhere, nothing may frame it, and no type is guessed."""
    async with httpx.AsyncClient(transport=sandbox.transport()) as client:
        answer = await client.get(httpx.URL(sandbox.base_url).join(path))
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    assert answer.headers["content-security-policy"] == "default-src 'self'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"


def test_the_page_has_one_module_and_nothing_inline() -> None:
    """What the policy would stop is not there in the first place."""
    html, script = ((FILES / name).read_text(encoding="utf-8") for name in ("index.html", "page.js"))
    assert re.findall(r"<script[^>]*>", html) == ['<script type="module" src="/_sandbox/page.js">']
    assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:|https?:", html) == []
    assert re.findall(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|\.style\b|import ", script
    ) == [
        "import ",  # the imports of the copied Python program
        "import ",
    ]
