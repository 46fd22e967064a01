"""Debian's Chromium, driven through playwright; without either, these tests are skipped by name."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cloudplatform_async.sandbox import Sandbox

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

Open = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One browser for a module's tests: as long as it is there, its driver's loop runs in this thread."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM}")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A served platform with three projects."""
    with Sandbox(projects=3) as sandbox:
        yield sandbox


@pytest.fixture
def open_page(browser: Any, sandbox: Sandbox) -> Iterator[Open]:
    """Opens the page in a window of its own; whatever the page complains of fails the test."""
    contexts: list[Any] = []
    complaints: list[str] = []

    def complain(message: Any) -> None:
        # A failed answer of the API is told as an error too, and is what some tests are about.
        if message.type in {"error", "warning"} and "Failed to load resource" not in message.text:
            complaints.append(message.text)

    def open_in_new_window(**options: Any) -> Any:
        permissions = ["clipboard-read", "clipboard-write"]
        context = browser.new_context(**{"permissions": permissions, "locale": "en-GB", **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", complain)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(sandbox.base_url.removesuffix("v1"))
        page.locator("#live[data-state=live]").wait_for()
        return page

    yield open_in_new_window
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def page(open_page: Open) -> Any:
    """The page in a desktop window."""
    return open_page(viewport={"width": 1280, "height": 860})
