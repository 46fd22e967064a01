"""The formats: what each shows of a list, of one object, and of what a query leaves."""

import csv
import io
import json
import sys
from collections.abc import Callable
from datetime import date

import httpx
import pytest
import yaml

from cloudplatform_async.cli.__main__ import main
from cloudplatform_async.cli.output.charts import sparkline
from cloudplatform_async.sandbox import Sandbox
from tests.tiers import slow

Run = Callable[..., tuple[int, str, str]]


class Terminal(io.TextIOWrapper):
    """A stdout that says that a person looks at it."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding=encoding, write_through=True)

    def isatty(self) -> bool:
        return True

    def shown(self) -> str:
        raw = self.buffer
        assert isinstance(raw, io.BytesIO)
        return raw.getvalue().decode(self.encoding)


Watch = Callable[..., str]


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Run a command on a terminal without colours; gives what a person would see."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")

    def watched(*arguments: str, encoding: str = "utf-8") -> str:
        terminal = Terminal(encoding)
        with monkeypatch.context() as context:
            context.setattr(sys, "stdout", terminal)
            assert main(arguments) == 0
        return terminal.shown().replace("\x1b[1m", "").replace("\x1b[0m", "")  # the heading is bold

    return watched


def named(sandbox: Sandbox, name: str) -> None:
    """Put a project of this name on the platform, by other means than the package's."""
    headers = {"x-api-key": sandbox.api_key}
    body = {"name": name, "slug": "one-more"}
    httpx.post(f"{sandbox.base_url}/projects", json=body, headers=headers).raise_for_status()


def test_columns_choose_what_every_format_shows(run: Run, sandbox: Sandbox) -> None:
    """In the order in which they are named; a path leads into what is nested."""
    words = ["projects", "list", "--limit", "2", "--columns", "id,labels.team", "-o"]
    assert run(*words, "table")[1] == "ID\tLABELS.TEAM\nprj_000001\tgreen\nprj_000002\tred\n"
    assert run(*words, "csv")[1] == "id,labels.team\nprj_000001,green\nprj_000002,red\n".replace("\n", "\r\n")
    assert json.loads(run(*words, "json")[1])[1] == {"id": "prj_000002", "labels.team": "red"}
    assert run(*words, "ndjson")[1].splitlines()[0] == '{"id":"prj_000001","labels.team":"green"}'
    assert yaml.safe_load(run(*words, "yaml")[1])[0] == {"id": "prj_000001", "labels.team": "green"}


@pytest.mark.parametrize("columns", ["idd", "id,,name", *slow("", "id,[", "id,createdat")])
def test_a_column_that_is_not_there_is_refused_before_anything_is_sent(
    run: Run, sandbox: Sandbox, columns: str
) -> None:
    """Not an empty column that nobody understands."""
    code, out, err = run("projects", "list", "--columns", columns)
    assert (code, out, err.count("\n"), sandbox.served) == (2, "", 1, 0)


def test_a_query_is_applied_to_the_whole_result(run: Run, sandbox: Sandbox) -> None:
    """Over all pages, and shown as what it leaves: lines, rows, one value."""
    words = ["projects", "list", "--page-size", "10", "--query"]
    ids = [f"prj_{number:06d}" for number in range(1, 31)]
    assert run(*words, "[].id")[1].splitlines() == ids
    assert json.loads(run(*words, "[].id", "-o", "json")[1]) == ids
    assert run(*words, "length(@)")[1] == "30\n"
    assert run(*words, "[?status=='archived'].{key: id, at: created_at}")[1].splitlines()[:2] == [
        "KEY\tAT",
        "prj_000010\t2024-01-01T00:10:00Z",
    ]
    assert run(*words, "[:2].[id, name]")[1] == "prj_000001\tpayments-worker\nprj_000002\tsearch-web\n"


def test_a_query_that_cannot_be_read_is_refused_before_anything_is_sent(run: Run, sandbox: Sandbox) -> None:
    """One line that names it."""
    code, out, err = run("projects", "list", "--query", "[")
    assert (code, out, err.count("\n"), sandbox.served) == (2, "", 1, 0)


def test_csv_quotes_what_must_be_quoted(run: Run, sandbox: Sandbox) -> None:
    """Any reader of CSV gets the name back, line breaks apart, which no name has."""
    named(sandbox, 'a,"b" €')
    out = run("projects", "list", "-o", "csv", "--slug", "one-more")[1]
    rows = list(csv.DictReader(io.StringIO(out)))
    assert (rows[0]["name"], json.loads(rows[0]["labels"])) == ('a,"b" €', {})


@pytest.mark.parametrize(("output", "empty"), [("yaml", []), ("json", [])])
def test_an_empty_list_is_one_in_every_format(run: Run, sandbox: Sandbox, output: str, empty: object) -> None:
    """A program need not treat it apart."""
    out = run("projects", "list", "--slug", "nobody", "-o", output)[1]
    assert yaml.safe_load(out) == empty


def test_the_heading_can_be_left_out(run: Run, sandbox: Sandbox) -> None:
    """For scripts that take each line for a row."""
    words = ["projects", "list", "--limit", "1", "--columns", "id", "--no-header"]
    assert run(*words)[1] == "prj_000001\n"
    assert run(*words, "-o", "csv")[1] == "prj_000001\r\n"


def test_times_are_local_unless_utc_is_asked_for(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With their offset, so that nothing is lost."""
    import time

    monkeypatch.setenv("TZ", "XXX-02:00")
    time.tzset()
    try:
        words = ["projects", "list", "--limit", "1", "--columns", "created_at", "--no-header"]
        assert run(*words)[1] == "2024-01-01T02:01:00+02:00\n"
        assert run(*words, "--utc")[1] == "2024-01-01T00:01:00Z\n"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_on_a_terminal_columns_line_up_over_all_pages(watch: Watch, sandbox: Sandbox) -> None:
    """From the first line to the last."""
    heading, *lines = watch("projects", "list", "--page-size", "10", "--utc").splitlines()
    assert len(lines) == 30
    assert {line.index("2024-01-01") for line in lines} == {heading.index("CREATED_AT (UTC)")}
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("width", [5, 20, *slow(40, 60, 200)])
def test_on_a_narrow_terminal_ids_stay_whole(
    watch: Watch, sandbox: Sandbox, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever else must be shortened: an id that is copied works."""
    monkeypatch.setenv("COLUMNS", str(width))
    lines = watch("projects", "list", "--limit", "3").splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["prj_000001", "prj_000002", "prj_000003"]
    assert len(lines) == 4


def test_on_a_narrow_terminal_ids_within_others_numbers_and_days_stay_whole(
    watch: Watch, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part of one would be taken for another."""
    monkeypatch.setenv("COLUMNS", "5")
    sandbox.add_usage(date(2026, 3, 1), requests=1234567, errors=0)
    shown = watch("usage", "show", "--from", "2026-03-01", "--to", "2026-03-02")
    assert shown.splitlines()[1].split()[:3] == ["2026-03-01", "2026-03-02", "1234567"]
    named(sandbox, "n")
    words = ["projects", "list", "--slug", "one-more", "--columns"]
    monkeypatch.setenv("COLUMNS", "200")
    whole = watch(*words, "id").split()[-1]
    monkeypatch.setenv("COLUMNS", "5")
    *_, line = watch("events", "list").splitlines()
    assert line.split()[-1] == whole


def test_a_terminal_of_unknown_width_gets_a_heading_too(
    watch: Watch, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``COLUMNS=0`` is what some shells say of one."""
    monkeypatch.setenv("COLUMNS", "0")
    assert watch("projects", "list", "--limit", "1").splitlines()[0].startswith("ID ")


def test_a_terminal_without_a_name_gets_no_escapes(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows what it would make of them."""
    monkeypatch.delenv("TERM", raising=False)
    monkeypatch.delenv("COLORTERM", raising=False)
    terminal = Terminal()
    with monkeypatch.context() as context:
        context.setattr(sys, "stdout", terminal)
        assert main(["projects", "list"]) == 0
    assert "\x1b" not in terminal.shown()


def test_an_ascii_terminal_gets_ascii(
    watch: Watch, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it lacks is replaced; nothing ends in a traceback."""
    named(sandbox, "Käse €")
    assert "K?se ?" in watch(
        "projects", "list", "--columns", "id,name", "--slug", "one-more", encoding="ascii"
    )
    monkeypatch.setenv("COLUMNS", "40")
    assert "..." in watch("projects", "list", "--limit", "1", encoding="ascii")


@pytest.mark.parametrize("output", ["table", "json", "ndjson", *slow("csv", "yaml")])
def test_no_format_lets_a_name_steer_the_terminal(watch: Watch, sandbox: Sandbox, output: str) -> None:
    """Neither by C1 controls nor by turning the text round."""
    named(sandbox, "evil\u202eipa \x9b2J")
    shown = watch("projects", "list", "--slug", "one-more", "-o", output)
    assert {letter for letter in shown if not letter.isprintable()} <= {"\n", "\r"}


def test_json_on_a_terminal_is_the_same_json(watch: Watch, sandbox: Sandbox) -> None:
    """Escapes read alike; nothing of the name is lost."""
    named(sandbox, "evil\u202eipa \N{GRINNING FACE}")
    shown = watch("projects", "list", "--slug", "one-more", "-o", "json")
    assert json.loads(shown)[0]["name"] == "evil\u202eipa \N{GRINNING FACE}"


def test_a_sparkline_goes_from_the_lowest_block_to_the_highest() -> None:
    """Zero is the floor, so that a quiet month does not look like a storm."""
    assert sparkline([0, 5, 10]) == "▁▅█"
    assert sparkline([0, 0]) == "▁▁"
    assert sparkline([]) == ""
