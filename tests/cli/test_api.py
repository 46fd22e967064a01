"""``cloudplatform api``: any endpoint, as it is typed."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from cloudplatform_async.cli.api import fields_of
from cloudplatform_async.sandbox import Sandbox
from tests.tiers import slow

Run = Callable[..., tuple[int, str, str]]


def test_fields_of_a_get_are_its_query(run: Run, sandbox: Sandbox) -> None:
    """Beside those that the path has already; the payload comes out as JSON."""
    code, out, err = run("api", "GET", "/projects?limit=2", "-f", "status=active", "-f", "label=team:green")
    assert (code, err, len(json.loads(out))) == (0, "", 2)
    query = parse_qs(sandbox.requests[0].query)
    assert query == {"limit": ["2"], "status": ["active"], "label": ["team:green"]}


def test_fields_of_a_post_are_its_body(run: Run, sandbox: Sandbox) -> None:
    """As texts, or with -F as what JSON makes of them."""
    fields = ["-f", "name=42", "-f", "slug=s-1", "-F", 'labels={"team":"red"}']
    code, out, _ = run("api", "post", "projects", *fields)
    project = json.loads(out)
    assert (code, project["name"], project["labels"]) == (0, "42", {"team": "red"})


def test_pages_are_followed_to_the_end(run: Run, sandbox: Sandbox) -> None:
    """As one list, with the filters on each page."""
    words = ["api", "GET", "/projects", "--paginate", "-f", "status=active"]
    code, out, _ = run(*words)
    assert (code, len(json.loads(out))) == (0, 27)
    assert run(*words, "--query", "length(@)")[1] == "27\n"
    assert len(run(*words, "-o", "ndjson", "--limit", "5")[1].splitlines()) == 5


def test_a_delete_shows_nothing(run: Run, sandbox: Sandbox) -> None:
    """Its answer has no body."""
    assert run("api", "DELETE", "/projects/prj_000001") == (0, "", "")
    assert run("api", "GET", "/projects/prj_000001")[0] == 5


def test_a_body_comes_from_a_file_or_from_stdin(
    run: Run, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever JSON it is."""
    body = tmp_path / "body.json"
    body.write_text('{"name": "N", "slug": "from-file"}')
    assert json.loads(run("api", "POST", "/projects", "--input", str(body))[1])["slug"] == "from-file"
    stdin = io.TextIOWrapper(io.BytesIO(b'{"name": "N", "slug": "from-stdin"}'))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert json.loads(run("api", "POST", "/projects", "--input", "-")[1])["slug"] == "from-stdin"


@pytest.mark.parametrize(
    "words",
    [
        ["GET", "/projects", "-f", "no-equals"],
        ["GET", "/projects", "-F", "limit=five"],
        ["POST", "/projects", "--paginate"],
        ["POST", "/projects", "--input", "/nowhere.json"],
        *slow(["GET", "/projects/../usage"], ["GET", "https://elsewhere.example/"], ["GET"]),
    ],
)
def test_what_cannot_be_sent_is_refused(run: Run, sandbox: Sandbox, words: list[str]) -> None:
    """One line, and nothing is sent."""
    code, out, err = run("api", *words)
    assert (code, out, err.count("\n"), sandbox.served) == (2, "", 1, 0)


def test_a_field_that_is_given_again_becomes_a_list() -> None:
    """As queries and bodies have them."""
    assert fields_of(("a=1", "a=2", "b=", "a=3"), ("c=[1]",)) == {"a": ["1", "2", "3"], "b": "", "c": [1]}
