"""``cloudplatform export``: whatever happens on the way, each row is in the file once."""

import contextlib
import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pyarrow.parquet as pq
import pytest

from cloudplatform_async.sandbox import Sandbox
from tests.tiers import slow

Run = Callable[..., tuple[int, str, str]]
KINDS = ["ndjson", "csv", "sqlite", "parquet"]
IDS = [f"prj_{number:06d}" for number in range(1, 31)]


def ids_in(file: Path) -> list[str]:
    """The ids of an export, in their order."""
    if file.suffix == ".ndjson":
        return [json.loads(line)["id"] for line in file.read_text().splitlines()]
    if file.suffix == ".csv":
        with file.open(newline="") as stream:
            return [row["id"] for row in csv.DictReader(stream)]
    if file.suffix == ".parquet":
        found: list[str] = pq.read_table(file)["id"].to_pylist()
        return found
    with sqlite3.connect(file) as database:
        rows = database.execute("SELECT id FROM projects ORDER BY rowid").fetchall()
    database.close()
    return [row[0] for row in rows]


@pytest.fixture(params=["ndjson", *slow("csv", "parquet", "sqlite")])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A target of each format."""
    return tmp_path / "out" / f"projects.{request.param}"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()


def test_a_whole_list_is_in_the_file(run: Run, sandbox: Sandbox, file: Path) -> None:
    """Each row once, in order; nothing unfinished stays beside it."""
    code, out, err = run("export", "projects", str(file), "--page-size", "7")
    assert (code, out, err.count("\n"), "30 rows" in err) == (0, "", 1, True)
    assert ids_in(file) == IDS
    beside = {path.name for path in file.parent.iterdir()} - {file.name}
    assert beside == (set() if file.suffix == ".sqlite" else {file.name + ".checkpoint"})


def test_an_error_keeps_what_came_and_resume_goes_on(
    run: Run, sandbox: Sandbox, file: Path, no_waiting: None
) -> None:
    """The target's name appears when it is whole; the pages before are not asked for again."""
    words = ["export", "projects", str(file), "--page-size", "7"]
    failing = Failing(sandbox)
    failing.from_page(4)
    code, _, err = run(*words)
    assert (code, err.count("\n"), "--resume" in err) == (4, 1, True)
    assert file.suffix == ".sqlite" or not file.exists()
    failing.stop()
    before = sandbox.served
    assert run(*words, "--resume")[0] == 0
    assert ids_in(file) == IDS
    assert sandbox.served - before <= 3


class Failing:
    """A platform that refuses the later pages of its list."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._faults = sandbox.faults

    def from_page(self, number: int) -> None:
        """Let the first pages through, by number of request."""
        self._faults.add(kind="delay", delay=0.0, path="/v1/projects", times=number - 1)
        self._faults.add(status=403, path="/v1/projects")

    def stop(self) -> None:
        """Let everything through."""
        self._faults.clear()


def test_a_finished_export_is_not_fetched_again(run: Run, sandbox: Sandbox, file: Path) -> None:
    """Resumed, it says so, sends nothing, and changes no byte."""
    words = ["export", "projects", str(file)]
    run(*words)
    data, served = file.read_bytes(), sandbox.served
    code, _, err = run(*words, "--resume")
    assert (code, "complete" in err, sandbox.served - served, file.read_bytes() == data) == (0, True, 0, True)


@pytest.mark.parametrize(
    "other",
    [
        ["/projects/", "-f", "status=active"],
        ["projects", "--columns", "id"],
        *slow(["projects", "--page-size", "9"], ["usage", "--from", "2026-03-01", "--to", "2026-03-02"]),
    ],
)
def test_the_file_of_another_list_is_refused(
    run: Run, sandbox: Sandbox, file: Path, other: list[str]
) -> None:
    """Exit 2, one line, and the file stays as it is."""
    run("export", "projects", str(file))
    data = file.read_bytes()
    code, _, err = run("export", other[0], str(file), *other[1:], "--resume")
    assert (code, err.count("\n"), file.read_bytes() == data) == (2, 1, True)


def test_a_file_that_is_no_export_is_not_resumed(run: Run, sandbox: Sandbox, file: Path) -> None:
    """Somebody else's data stays whole."""
    file.write_text("mine\n")
    code, _, err = run("export", "projects", str(file), "--resume")
    assert (code, err.count("\n"), file.read_text()) == (2, 1, "mine\n")


def test_somebody_elses_database_is_never_touched(run: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    """Neither to resume it nor to begin."""
    path = tmp_path / "mine.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE projects (id)")
    database.close()
    for extra in ([], ["--resume"]):
        code, _, err = run("export", "projects", str(path), *extra)
        assert (code, err.count("\n"), "something else" in err) == (2, 1, True)


def test_an_export_anew_replaces_the_old_one_when_it_is_whole(run: Run, sandbox: Sandbox, file: Path) -> None:
    """Rows are not added to it."""
    for _ in range(2):
        assert run("export", "projects", str(file))[0] == 0
    assert ids_in(file) == IDS


def test_what_was_written_after_the_checkpoint_comes_again_once(
    run: Run, sandbox: Sandbox, file: Path
) -> None:
    """As after a kill: the unfinished file is longer than its checkpoint says."""
    if file.suffix == ".sqlite":
        pytest.skip("a database forgets by itself what was not committed")
    Failing(sandbox).from_page(3)
    run("export", "projects", str(file), "--page-size", "7")
    sandbox.faults.clear()
    part = file.with_name(file.name + ".part")
    with part.open("ab") as stream:
        stream.write(b'{"id":"prj_0000')
    assert run("export", "projects", str(file), "--page-size", "7", "--resume")[0] == 0
    assert ids_in(file) == IDS


def test_an_unfinished_file_that_was_cut_is_not_gone_on_with(
    run: Run, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Rows would be missing: the line says to begin anew."""
    file = tmp_path / "p.ndjson"
    Failing(sandbox).from_page(3)
    run("export", "projects", str(file), "--page-size", "7")
    sandbox.faults.clear()
    file.with_name("p.ndjson.part").write_bytes(b"")
    code, _, err = run("export", "projects", str(file), "--page-size", "7", "--resume")
    assert (code, "without --resume" in err) == (2, True)


def test_columns_choose_what_is_exported(run: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    """In every format, in their order."""
    words = ["--columns", "slug,labels.team", "--limit", "2"]
    for kind in KINDS:
        assert run("export", "projects", str(tmp_path / f"p.{kind}"), *words)[0] == 0
    assert (tmp_path / "p.csv").read_text().split() == [
        "slug,labels.team",
        "payments-worker-1,green",
        "search-web-2,red",
    ]
    assert json.loads((tmp_path / "p.ndjson").read_text().splitlines()[0]) == {
        "slug": "payments-worker-1",
        "labels.team": "green",
    }
    assert pq.read_table(tmp_path / "p.parquet").column_names == ["slug", "labels.team"]


def test_parquet_has_types(run: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    """Moments have their zone, numbers are numbers."""
    run("export", "projects", str(tmp_path / "p.parquet"))
    schema = pq.read_schema(tmp_path / "p.parquet")
    assert (str(schema.field("created_at").type), str(schema.field("id").type)) == (
        "timestamp[us, tz=UTC]",
        "string",
    )
    span = ["--from", "2026-03-01", "--to", "2026-03-03"]
    run("export", "usage", str(tmp_path / "u.parquet"), *span)
    table = pq.read_table(tmp_path / "u.parquet")
    assert (table["from"].to_pylist(), str(table.schema.field("requests").type)) == (
        ["2026-03-01", "2026-03-02", "2026-03-03"],
        "int64",
    )


def test_an_empty_list_is_an_empty_file(run: Run, sandbox: Sandbox, file: Path) -> None:
    """With its heading, where there is one."""
    code, _, err = run("export", "projects", str(file), "-f", "slug=nobody")
    assert (code, " 0 rows" in err, file.exists()) == (0, True, True)
    if file.suffix == ".csv":
        assert file.read_text().startswith("id,name,slug")


@pytest.mark.parametrize(
    "words",
    [
        ["projects", "out/p.xlsx"],
        ["usage", "out/u.csv"],
        ["usage", "out/u.csv", "--from", "2026-03-02", "--to", "2026-03-01"],
        *slow(
            ["projects", "out/p.csv", "--from", "2026-03-02"],
            ["projects", "out/p.csv", "--columns", "idd"],
            ["projects", "out/p.csv", "-f", "x"],
        ),
    ],
)
def test_what_cannot_be_exported_is_refused(
    run: Run, sandbox: Sandbox, tmp_path: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line, nothing sent, nothing made."""
    monkeypatch.chdir(tmp_path)
    code, _, err = run("export", *words)
    assert (code, err.count("\n"), sandbox.served) == (2, 1, 0)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_that_is_not_there_is_one_line(run: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    """Before anything is sent."""
    code, _, err = run("export", "projects", str(tmp_path / "no" / "p.ndjson"))
    assert (code, err.count("\n"), sandbox.served) == (12, 1, 0)


def test_a_full_disk_is_one_line(run: Run, sandbox: Sandbox, file: Path) -> None:
    """And the target does not appear."""
    part = file.with_name(file.name + ".part")
    if file.suffix == ".sqlite":
        pytest.skip("the device takes no database")
    part.symlink_to("/dev/full")
    code, _, err = run("export", "projects", str(file))
    assert (code, err.count("\n"), file.exists()) == (12, 1, False)


@pytest.mark.parametrize("missing", ["pyarrow"])
def test_a_missing_extra_is_named(
    run: Run, sandbox: Sandbox, tmp_path: Path, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is sent."""
    monkeypatch.setitem(sys.modules, missing, None)
    code, _, err = run("export", "projects", str(tmp_path / "p.parquet"))
    assert (code, "cloudplatform-async[parquet]" in err, sandbox.served) == (2, True, 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "ending"), [*((kind, signal.SIGKILL) for kind in KINDS), ("ndjson", signal.SIGINT)]
)
def test_however_it_is_ended_it_goes_on(tmp_path: Path, kind: str, ending: signal.Signals) -> None:
    """Killed and interrupted again and again, each row is there once."""
    file = tmp_path / f"projects.{kind}"
    with Sandbox(projects=1000, rate_limit=None, latency=0.05) as sandbox:
        settings = {"CLOUD_API_BASE_URL": sandbox.base_url, "CLOUD_API_KEY": sandbox.api_key}
        command = [sys.executable, "-m", "cloudplatform_async", "export", "projects", str(file), "--resume"]
        served = -1
        for _ in range(2):
            with subprocess.Popen(
                [*command, "--page-size", "20"], env={**os.environ, **settings}, stderr=subprocess.PIPE
            ) as process:
                wanted = sandbox.served + 15
                while sandbox.served < wanted and process.poll() is None:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(0.02)
                process.send_signal(ending)
                err = process.communicate()[1].decode()
            assert process.returncode in {130, -ending, 0}
            assert "Traceback" not in err
            assert sandbox.served > served
            served = sandbox.served
        subprocess.run(
            [*command, "--page-size", "20"], env={**os.environ, **settings}, check=True, capture_output=True
        )
    assert ids_in(file) == [f"prj_{number:06d}" for number in range(1, 1001)]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
def test_a_disk_that_fills_up_on_the_way_is_one_line_and_loses_nothing(sandbox: Sandbox, file: Path) -> None:
    """A file may be of 8 kB at first; when there is room, it goes on and has each row once."""
    words = f"export projects {file} --page-size 5 --resume"
    command = f"{sys.executable} -m cloudplatform_async {words}"
    for number in range(40):
        headers = {"x-api-key": sandbox.api_key}
        body = {"name": "N" * 150, "slug": f"more-{number}"}
        httpx.post(f"{sandbox.base_url}/projects", json=body, headers=headers).raise_for_status()
    full = subprocess.run(
        ["sh", "-c", f"ulimit -f 16; exec {command}"], capture_output=True, text=True, check=False
    )
    assert (full.returncode, full.stderr.count("error: "), "Traceback" in full.stderr) == (12, 1, False)
    assert file.suffix == ".sqlite" or not file.exists()
    subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    ids = ids_in(file)
    assert (len(ids), len(set(ids)), ids[:30]) == (70, 70, IDS)
