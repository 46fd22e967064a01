"""The page at `/` in a real browser: live, safe with whatever users write, usable by hand and keyboard."""

import os
import shutil
import subprocess
import sys
from typing import Any

import httpx
import pytest

from cloudplatform_async.sandbox import Sandbox

pytestmark = pytest.mark.slow
HOSTILE = "<img src=x onerror=\"document.title='taken'\"><b>bold</b> & 'quoted'"


@pytest.fixture
def api(sandbox: Sandbox):
    """A client beside the page."""
    with httpx.Client(base_url=sandbox.base_url, headers={"x-api-key": sandbox.api_key}) as client:
        yield client


def test_what_happens_elsewhere_appears_by_itself(page: Any, api: httpx.Client) -> None:
    """A project, the request that made it, and the day's usage, without a reload."""
    assert page.locator(".projects .row").count() == 3
    api.post("/projects", json={"name": "Night Train", "slug": "night-train"})
    page.locator(".projects .row", has_text="Night Train").wait_for()
    row = page.locator(".requests .row").first
    assert [row.locator(part).inner_text() for part in (".method", ".path", ".status")] == [
        "POST",
        "/v1/projects",
        "201",
    ]
    assert page.locator("#today").inner_text() == "1"
    assert page.locator("#chart svg").get_attribute("aria-label") == "1 requests in 14 days, 0 of them errors"


def test_names_are_text_whatever_they_contain(page: Any, api: httpx.Client) -> None:
    """Markup in a name is shown as it was written, and nothing of it is run or loaded."""
    title = page.title()
    api.post("/projects", json={"name": HOSTILE, "slug": "hostile"})
    api.get("/projects", params={"name": HOSTILE})
    name = page.locator(".projects .row b.cut").first
    page.locator(".projects b.cut", has_text=HOSTILE).wait_for()
    assert name.inner_text() == HOSTILE
    page.locator(".requests summary").nth(1).click()
    page.locator(".requests .detail pre", has_text="onerror").wait_for()
    assert page.locator("main img, main b b, .list script").count() == 0
    assert page.title() == title


def test_one_button_creates_triggers_and_delivers(page: Any) -> None:
    """Project, run, events and deliveries appear as they come to be; the run ends as the clock goes on."""
    page.get_by_test_id("freeze").check()
    page.get_by_test_id("create-project").click()
    page.locator(".runs .row").wait_for()
    run = page.locator(".runs .row .mono").inner_text()
    assert run.startswith("run_")
    page.locator(".events .type", has_text="project.created").wait_for()
    page.locator(".deliveries .row", has_text="project.created").filter(has_text="delivered").wait_for()
    page.locator(".runs .dot", has_text="running").wait_for()
    page.get_by_role("button", name="Advance by one minute").click()
    page.locator(".runs .dot", has_text="succeeded").wait_for()
    page.locator(".deliveries .row", has_text="workflow.run.succeeded").filter(
        has_text="delivered"
    ).wait_for()
    page.locator(".runs summary").click()
    assert f'"id": "{run}"' in page.locator(".runs .detail pre").inner_text()
    paths = page.locator(".requests .path").all_inner_texts()
    assert paths == ["/v1/workflows/wfl_build/runs", "/v1/projects", "/v1/webhooks"]


def test_a_delivery_shows_each_of_its_attempts(page: Any, sandbox: Sandbox) -> None:
    """The page's endpoint fails until it is told not to; the clock brings the next attempt."""
    sandbox.clock.freeze()
    with page.expect_response("**/_sandbox/settings"):
        page.get_by_test_id("endpoint-fails").check()
    page.get_by_test_id("create-project").click()
    delivery = page.locator(".deliveries .row", has_text="project.created")
    delivery.filter(has_text="retrying").wait_for()
    delivery.locator("summary").click()
    assert delivery.locator(".attempts .status").all_inner_texts() == ["500"]
    with page.expect_response("**/_sandbox/settings"):
        page.get_by_test_id("endpoint-fails").uncheck()
    page.get_by_role("button", name="Advance by one minute").click()
    delivery.filter(has_text="delivered").wait_for()
    assert delivery.locator(".attempts .status").all_inner_texts() == ["500", "204"]


def test_a_failure_is_told(page: Any, sandbox: Sandbox) -> None:
    """With what was asked and what the platform answered."""
    sandbox.faults.add(status=503, times=1)
    page.keyboard.press("c")
    toast = page.locator(".toast.bad")
    toast.wait_for()
    assert toast.inner_text() == "POST /v1/webhooks: 503 scripted_fault. This answer was scripted."


def test_a_switch_scripts_a_fault_and_takes_it_back(page: Any, api: httpx.Client, sandbox: Sandbox) -> None:
    """The next request meets it; a fault that a program scripted shows too."""
    switch = page.get_by_test_id("fault-503")
    with page.expect_response("**/_sandbox/faults"):
        switch.click()
    assert api.get("/projects").status_code == 503
    page.locator(".requests .tag", has_text="fault").wait_for()
    with page.expect_response("**/_sandbox/faults/*"):
        switch.click()
    assert api.get("/projects").status_code == 200
    sandbox.faults.add(kind="cut", method="GET", times=2)
    scripted = page.locator("#scripted li")
    scripted.wait_for()
    assert scripted.locator("span").inner_text() == "cut GET · 2 left"
    with page.expect_response("**/_sandbox/faults/*"):
        scripted.get_by_role("button").click()
    assert sandbox.faults.script() == [entry for entry in sandbox.faults.script() if entry.times == 0]


def test_a_fault_for_the_next_request_switches_itself_off(page: Any, api: httpx.Client) -> None:
    """It meets one request, and the switch follows."""
    page.select_option("#how-often", "once")
    switch = page.get_by_test_id("fault-429")
    with page.expect_response("**/_sandbox/faults"):
        switch.check()
    answers = [api.get("/projects") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [429, 200]
    assert answers[0].headers["retry-after"] == "2"
    page.locator("[data-testid=fault-429]:not(:checked)").wait_for()


def test_the_latency_is_set(page: Any, sandbox: Sandbox) -> None:
    """In steps of 50 ms, with the keyboard too."""
    page.locator("#latency").focus()
    with page.expect_response("**/_sandbox/settings"):
        page.keyboard.press("ArrowRight")
    assert sandbox._platform.latency == 0.05
    assert page.locator("#latency-shown").inner_text() == "50 ms"


def test_the_log_is_filtered_by_every_word(page: Any, api: httpx.Client) -> None:
    """Method, path and status; Escape shows everything again."""
    api.get("/projects/prj_000001")
    api.get("/projects/prj_none")
    api.patch("/projects/prj_000001", json={"status": "archived"})
    rows = page.locator(".requests .row")
    rows.nth(2).wait_for()
    page.keyboard.press("/")
    page.keyboard.type("get 404")
    assert [rows.count(), rows.locator(".path").inner_text()] == [1, "/v1/projects/prj_none"]
    page.locator("#filter").fill("nothing like it")
    assert page.locator(".requests .empty b").inner_text() == "No request matches"
    page.locator("#filter").press("Escape")
    assert rows.count() == 3


@pytest.mark.parametrize("kind", ["curl", "python"])
def test_a_request_is_copied_without_its_credentials(
    page: Any, api: httpx.Client, sandbox: Sandbox, kind: str
) -> None:
    """The copy does the same again, once the key is in the environment."""
    if kind == "curl" and shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    name = """It's "here", \u00fcber \\ $HOME"""
    api.post("/projects", json={"name": name, "slug": "copied", "labels": {"a": "b"}})
    page.locator(".requests summary").first.click()
    page.get_by_test_id(f"copy-{kind}").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert sandbox.api_key not in copied
    api.delete(f"/projects/{api.get('/projects', params={'slug': 'copied'}).json()['data'][0]['id']}")
    commands = {
        "curl": ["sh", "-c", f"{copied} --silent --fail --noproxy '*'"],
        "python": [sys.executable, "-c", copied],
    }
    environment = {"PATH": os.environ["PATH"], "CLOUD_API_KEY": sandbox.api_key}
    subprocess.run(commands[kind], env=environment, check=True, capture_output=True)
    (made,) = api.get("/projects", params={"slug": "copied"}).json()["data"]
    assert (made["name"], made["labels"]) == (name, {"a": "b"})


def test_the_keyboard_reaches_everything(page: Any, api: httpx.Client) -> None:
    """Arrows move through a list, Enter opens, and a new row on top does not take the focus away."""
    for number in range(3):
        api.get(f"/projects/prj_00000{number + 1}")
    page.locator(".requests .row").nth(2).wait_for()
    page.locator(".requests summary").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    focused = "document.activeElement.querySelector('.path').textContent"
    assert page.evaluate(focused) == "/v1/projects/prj_000002"
    api.get("/usage", params={"from": "2026-01-01", "to": "2026-01-01"})
    page.locator(".requests .path", has_text="/v1/usage").wait_for()
    assert page.evaluate(focused) == "/v1/projects/prj_000002"
    assert page.locator(".requests details[open] .path").inner_text() == "/v1/projects/prj_000002"
    page.keyboard.press("ArrowUp")
    assert page.evaluate(focused) == "/v1/projects/prj_000003"
    assert page.evaluate(NAMELESS) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_in_light_and_dark(open_page: Any, scheme: str) -> None:
    """Contrast of at least 4.5 to 1 (WCAG 2.2, 1.4.3), in the system's theme and in a chosen one."""
    page = open_page(color_scheme=scheme, viewport={"width": 1280, "height": 860})
    assert page.evaluate(CONTRASTS) == []
    page.keyboard.press("t")
    page.keyboard.press("t" if scheme == "dark" else "Shift")
    assert page.evaluate(CONTRASTS) == []


def test_a_chosen_theme_is_kept(page: Any) -> None:
    """Also when the page is opened again."""
    page.locator("#theme").click()
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_a_phone_shows_everything_without_scrolling_sideways(open_page: Any, api: httpx.Client) -> None:
    """At 390 px; what is tapped is at least 24 px high (WCAG 2.2, 2.5.8)."""
    api.post("/projects", json={"name": "W" * 200, "slug": "w" * 100})
    api.get("/projects", params={"name": "W" * 200})
    page = open_page(viewport={"width": 390, "height": 844})
    page.locator(".requests summary").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert all(box["height"] >= 24 for box in page.evaluate(TARGETS))
    assert page.locator(".requests .status").first.is_visible()


def test_the_page_comes_back_with_its_sandbox(page: Any, sandbox: Sandbox) -> None:
    """While it is away the page says so."""
    port = sandbox._server.port
    sandbox.stop()
    page.locator("#live[data-state=lost]").wait_for()
    sandbox._port = port
    sandbox.start()
    page.locator("#live[data-state=live]").wait_for()


NAMELESS = """
[...document.querySelectorAll('button, input, select, a')]
  .filter(e => !(e.ariaLabel || e.textContent.trim() || e.labels?.length))
  .filter(e => !e.hasAttribute('aria-labelledby'))
  .map(e => e.outerHTML)
"""
TARGETS = """
[...document.querySelectorAll('button, select, summary, input:not([type=range]), .jumps a')]
  .filter(e => e.checkVisibility() && !e.closest('label')?.matches('.switch'))
  .map(e => ({ height: e.getBoundingClientRect().height, html: e.outerHTML.slice(0, 80) }))
"""
CONTRASTS = """
(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgb = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const color = rgb(getComputedStyle(e).backgroundColor);
      if (color[3] === 255) return color;
    }
    return [255, 255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const weak = [];
  for (let node; (node = walker.nextNode()); ) {
    const e = node.parentElement;
    if (!node.textContent.trim() || !e.checkVisibility() || e.closest('svg, noscript, option')) continue;
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) weak.push([e.tagName, node.textContent.trim(), ratio.toFixed(2)]);
  }
  return weak;
})()
"""
