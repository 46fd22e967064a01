"""``cloudplatform projects list``: what it asks for, and how it shows what comes."""

import json
import re
from collections.abc import Callable

import httpx
import pytest

from cloudplatform_async.sandbox import Sandbox
from tests.tiers import slow

Run = Callable[..., tuple[int, str, str]]


def listed(run: Run, *options: str) -> list[str]:
    """The ids that a list gives."""
    code, out, err = run("projects", "list", "--output", "ndjson", *options)
    assert (code, err) == (0, "")
    return [json.loads(line)["id"] for line in out.splitlines()]


def create(sandbox: Sandbox, name: str) -> None:
    """Put one more project on the platform, by other means than the package's."""
    answer = httpx.post(
        f"{sandbox.base_url}/projects",
        json={"name": name, "slug": "one-more"},
        headers={"x-api-key": sandbox.api_key},
    )
    answer.raise_for_status()


def test_off_a_terminal_a_table_is_lines_with_tabs(run: Run, sandbox: Sandbox) -> None:
    """No width, nothing folded, nothing cut; pages leave no trace in it."""
    code, out, err = run("projects", "list", "--page-size", "10", "--utc")
    heading, *lines = out.splitlines()
    assert (code, err, len(lines), len(sandbox.requests)) == (0, "", 30, 3)
    assert heading.split("\t") == ["ID", "NAME", "SLUG", "STATUS", "CREATED_AT"]
    assert lines[1].split("\t") == [
        "prj_000002",
        "search-web",
        "search-web-2",
        "active",
        "2024-01-01T00:02:00Z",
    ]


def test_ndjson_is_one_whole_project_a_line(run: Run, sandbox: Sandbox) -> None:
    """A program reads every field, in a fixed order, as the platform sent it."""
    code, out, err = run("projects", "list", "--output", "ndjson", "--max-items", "1")
    assert (code, err) == (0, "")
    assert list(json.loads(out).items()) == [
        ("id", "prj_000001"),
        ("name", "payments-worker"),
        ("slug", "payments-worker-1"),
        ("status", "active"),
        ("labels", {"team": "green"}),
        ("created_at", "2024-01-01T00:01:00Z"),
        ("updated_at", "2024-01-01T00:01:00Z"),
    ]


def test_json_is_one_array(run: Run, sandbox: Sandbox) -> None:
    """However many pages there were."""
    code, out, _ = run("projects", "list", "--output", "json")
    assert code == 0
    assert [project["id"] for project in json.loads(out)] == [f"prj_{number:06d}" for number in range(1, 31)]


def test_no_projects_are_a_table_of_its_heading_alone(run: Run, sandbox: Sandbox) -> None:
    """The list was read, and it is empty."""
    code, out, err = run("projects", "list", "--name", "nobody's")
    assert (code, out.split()[0], len(out.splitlines()), err) == (0, "ID", 1, "")


def test_no_projects_are_an_empty_array(run: Run, sandbox: Sandbox) -> None:
    """A program need not treat an empty list apart."""
    _, out, _ = run("projects", "list", "--output", "json", "--name", "nobody's")
    assert json.loads(out) == []


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        (["--max-items", "2"], [1, 2]),
        (["--name", "search-web"], [2]),
        (["--slug", "search-web-2"], [2]),
        (["--status", "archived"], [10, 20, 30]),
        *slow(
            (["--label", "team:blue", "--max-items", "2"], [3, 6]),
            (["--label", "team:blue", "--label", "team:red"], []),
            (["--created-after", "2024-01-01T00:28:00Z"], [29, 30]),
            (["--created-before", "2024-01-01T01:03:00+01:00"], [1, 2]),
        ),
    ],
)
def test_filters_choose_the_projects(
    run: Run, sandbox: Sandbox, options: list[str], numbers: list[int]
) -> None:
    """Each filter reaches the platform."""
    assert listed(run, *options) == [f"prj_{number:06d}" for number in numbers]


def test_a_moment_without_a_time_zone_is_refused(run: Run, sandbox: Sandbox) -> None:
    """Midnight is not everywhere at one time; the message shows a moment that would do."""
    code, out, err = run("projects", "list", "--created-after", "2026-03-17")
    assert (code, out, sandbox.served) == (2, "", 0)
    assert "2026-03-17T00:00:00Z" in err


def test_a_name_cannot_steer_the_terminal(run: Run, sandbox: Sandbox) -> None:
    """Whoever can name a project cannot turn round or clear what another person reads."""
    create(sandbox, "evil\u202eipa")
    code, out, _ = run("projects", "list", "--slug", "one-more")
    assert (code, "evil\ufffdipa" in out) == (0, True)


def test_a_name_is_shown_as_it_is(run: Run, sandbox: Sandbox) -> None:
    """Brackets are text, not markup."""
    create(sandbox, "[bold]x[/]")
    assert "[bold]x[/]" in run("projects", "list", "--slug", "one-more")[1]


def test_an_embedded_sandbox_needs_no_settings(run: Run) -> None:
    """``--sandbox`` brings its own platform, with 50 projects."""
    assert len(listed(run, "--sandbox")) == 50


@pytest.mark.parametrize("option", [("--base-url", "http://localhost:1/v1"), ("--env-file", ".env")])
def test_an_embedded_sandbox_goes_with_no_other_address(run: Run, option: tuple[str, str]) -> None:
    """Of two contradicting options none is silently ignored."""
    code, _, err = run("projects", "list", "--sandbox", *option)
    assert (code, err.count("\n"), "leave out" in err) == (2, 1, True)


def test_an_env_file_has_the_key(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A key that stands in no environment and in no argument."""
    monkeypatch.delenv("CLOUD_API_KEY")
    file = tmp_path_factory.mktemp("settings") / ".env"
    file.write_text(f"CLOUD_API_KEY={sandbox.api_key}\n")
    assert len(listed(run, "--env-file", str(file))) == 30


@pytest.mark.parametrize("option", ["--limit", "--max-items"])
def test_a_limit_has_both_names(run: Run, sandbox: Sandbox, option: str) -> None:
    """What other command lines call it, and what the client calls it."""
    assert listed(run, option, "2") == ["prj_000001", "prj_000002"]


def test_a_small_limit_asks_for_no_more_than_that(run: Run, sandbox: Sandbox) -> None:
    """Three projects are not worth a page of a hundred."""
    listed(run, "--limit", "3")
    assert [request.query for request in sandbox.requests] == ["limit=3"]


def test_a_created_project_is_shown_and_there(run: Run, sandbox: Sandbox) -> None:
    """What create prints is what get finds."""
    words = ["--name", "N", "--slug", "s-1", "--label", "team:blue", "--label", "url:http://x"]
    code, out, err = run("projects", "create", *words, "-o", "json")
    created = json.loads(out)
    assert (code, err, created["labels"]) == (0, "", {"team": "blue", "url": "http://x"})
    assert json.loads(run("projects", "get", created["id"], "-o", "json")[1]) == created


def test_an_update_changes_what_is_given_and_no_more(run: Run, sandbox: Sandbox) -> None:
    """A new name leaves slug and labels."""
    before = json.loads(run("projects", "get", "prj_000001", "-o", "json")[1])
    code, out, _ = run("projects", "update", "prj_000001", "--name", "New", "-o", "json")
    after = json.loads(out)
    assert (code, after["name"]) == (0, "New")
    assert {**before, "name": "New", "updated_at": after["updated_at"]} == after


def test_an_update_of_nothing_is_refused(run: Run, sandbox: Sandbox) -> None:
    """Nothing is sent."""
    code, _, err = run("projects", "update", "prj_000001")
    assert (code, err.count("\n"), sandbox.served) == (2, 1, 0)


def test_a_delete_off_a_terminal_wants_to_be_confirmed_in_words(run: Run, sandbox: Sandbox) -> None:
    """A script does not delete by accident: exit 2, one line that names --yes, nothing sent."""
    code, out, err = run("projects", "delete", "prj_000001")
    assert (code, out, err.count("\n"), "--yes" in err, sandbox.served) == (2, "", 1, True, 0)
    assert run("projects", "delete", "prj_000001", "--yes") == (0, "", "")
    assert run("projects", "get", "prj_000001")[0] == 5


def test_a_label_without_a_value_is_refused(run: Run, sandbox: Sandbox) -> None:
    """Before anything is sent."""
    code, _, err = run("projects", "create", "--name", "N", "--slug", "s", "--label", "team")
    assert (code, "key:value" in err, sandbox.served) == (2, True, 0)


def test_a_write_whose_fate_is_unknown_says_how_to_repeat_it(
    run: Run, sandbox: Sandbox, no_waiting: None
) -> None:
    """The key in the message makes the repetition the same write."""
    sandbox.faults.add(kind="lost_answer", method="POST")
    code, _, err = run("projects", "create", "--name", "N", "--slug", "only-once")
    assert (code, err.count("\n")) == (7, 1)
    key = re.search("--idempotency-key ([0-9a-f-]+)", err)
    assert key
    sandbox.faults.clear()
    words = ["--name", "N", "--slug", "only-once", "--idempotency-key", key[1]]
    assert run("projects", "create", *words)[0] == 0
