"""``cloudplatform export`` in parts: chunks in a folder, each row once, whoever works and whatever is cut."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cloudplatform_async import ConfigurationError
from cloudplatform_async.cli.session.environment import session_for_processes, session_for_workers
from cloudplatform_async.cli.session.options import Connection
from cloudplatform_async.cli.session.profiles import Profile, set_profile
from cloudplatform_async.cli.session.secrets import load, save
from cloudplatform_async.sandbox import Sandbox
from tests.collect.targets import bytes_of, ids_of, project_ids, rows_of
from tests.tiers import slow

Run = Callable[..., tuple[int, str, str]]
HERE = ["--processes", "0"]
KEY = "cp_live_CANARY"


@pytest.fixture(params=["csv", *slow("ndjson", "parquet", "db")])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A target of each format."""
    return tmp_path / "out" / f"projects.{request.param}"


def test_a_whole_list_is_there_in_chunks(run: Run, sandbox: Sandbox, target: Path) -> None:
    """Each row once, and one line on stderr."""
    words = ["--page-size", "7", "--chunk-rows", "10"]
    code, out, err = run("export", "projects", str(target), *HERE, *words)
    assert (code, out, err.count("\n"), "30 rows" in err) == (0, "", 1, True)
    assert ids_of(target) == project_ids(30)
    assert target.is_file() or len(list(target.glob(f"*{target.suffix}"))) == 3


def test_a_finished_job_sends_nothing(run: Run, sandbox: Sandbox, target: Path) -> None:
    """And changes no byte; pages are cut as they were, however the list has grown."""
    words = ["export", "projects", str(target), *HERE, "--by-pages", "1", "--page-size", "10"]
    assert run(*words)[0] == 0
    data, served = bytes_of(target), sandbox.served
    code, _, err = run(*words)
    assert (code, "is complete: 30 rows" in err, sandbox.served - served) == (0, True, 0)
    assert bytes_of(target) == data


@pytest.mark.parametrize(
    ("words", "shards"),
    [
        (["--by-pages", "2", "--page-size", "5"], 3),
        (["--by-filter", "status=active", "--by-filter", "status=archived", "--by-pages", "1"], 2),
        *slow(
            (["--by-filter", "status=active", "--by-filter", "status=archived"], 2),
            (["--by-created", "4", "--from", "2024-01-01", "--to", "2024-01-02"], 4),
        ),
    ],
)
def test_a_list_is_cut(run: Run, sandbox: Sandbox, tmp_path: Path, words: list[str], shards: int) -> None:
    """By ranges of pages, by a filter, by spans of creation, and by two of them; each row is in one shard."""
    target = tmp_path / "p.ndjson"
    assert run("export", "projects", str(target), *HERE, *words)[0] == 0
    assert ids_of(target) == project_ids(30)
    assert len({path.name.rpartition("-")[0] for path in target.glob("*.ndjson")}) == shards


def test_usage_is_cut_by_days(run: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    """Each day once."""
    target, span = tmp_path / "u.ndjson", ["--from", "2026-03-01", "--to", "2026-03-10"]
    assert run("export", "usage", str(target), *HERE, *span, "--by-days", "4")[0] == 0
    assert len(list(target.glob("*.ndjson"))) == 3
    assert sorted(row["from"] for row in rows_of(target)) == [f"2026-03-{day:02d}" for day in range(1, 11)]


def test_workspaces_are_cut_by_the_names_of_their_credentials(
    run: Run, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which the environment has; without one of them that shard fails, and no other."""
    monkeypatch.setenv("CLOUD_API_KEY_TEAM_A", sandbox.api_key)
    monkeypatch.delenv("CLOUD_API_KEY")
    words = ["export", "projects", str(tmp_path / "p.csv"), *HERE]
    names = ["--by-credentials", "team-a", "--by-credentials", "team-b"]
    code, _, err = run(*words, *names)
    assert (code, "1 of 2 shards failed" in err, "CLOUD_API_KEY_TEAM_B" in err) == (2, True, True)
    assert ids_of(tmp_path / "p.csv") == project_ids(30)
    monkeypatch.setenv("CLOUD_API_KEY_TEAM_B", sandbox.api_key)
    assert run(*words, *names)[0] == 0
    assert ids_of(tmp_path / "p.csv") == sorted(project_ids(30) * 2)


@pytest.mark.parametrize(("what", "rows"), [("workflows", 3), *slow(("/events", 2))])
def test_other_lists_go_in_parts_too(
    run: Run, sandbox: Sandbox, tmp_path: Path, what: str, rows: int
) -> None:
    """Those that a shard knows."""
    for slug in ("one", "two"):
        run("projects", "create", "--name", slug, "--slug", slug)
    assert run("export", what, str(tmp_path / "rows.ndjson"), *HERE)[0] == 0
    assert len(rows_of(tmp_path / "rows.ndjson")) == rows


@pytest.mark.parametrize(
    "words",
    [
        ["/workflows/wfl_build/runs", "p.ndjson", *HERE],
        ["projects", "folder", *HERE],
        ["projects", "p.ndjson", *HERE, "--limit", "3"],
        ["projects", "p.ndjson", "--processes", "-1"],
        ["projects", "p.ndjson", *HERE, "--workers", "tcp://127.0.0.1:1"],
        ["projects", "p.ndjson", "--workers", "tcp://user:secret@127.0.0.1:1"],
        ["projects", "p.ndjson", "--by-pages", "3"],
        ["projects", "p.ndjson", *HERE, "--by-days", "3"],
        ["projects", "p.ndjson", *HERE, "-f", "status=active", "--by-filter", "status=active"],
        ["usage", "p.ndjson", *HERE],
        ["projects", "s3://bucket/p.db"],
        ["projects", "s3://key:secret@bucket/p.csv"],
        ["projects", "p.ndjson", "--sandbox", "--workers", "tcp://127.0.0.1:1"],
        ["projects", "p.ndjson", *HERE, "--shared-limit", "http://127.0.0.1"],
        *slow(
            ["projects", "p.ndjson", *HERE, "--columns", "id"],
            ["projects", "p.ndjson", *HERE, "--page-size", "0"],
            ["projects", "p.ndjson", "--workers", "somewhere"],
            ["projects", "p.ndjson", "--chunk-rows", "3"],
            ["projects", "p.ndjson", *HERE, "--by-created", "3"],
            ["projects", "p.ndjson", *HERE, "--from", "2026-03-01", "--to", "2026-03-02"],
            ["projects", "p.ndjson", *HERE, "--by-filter", "status"],
            ["events", "p.ndjson", *HERE, "--by-created", "2", "--from", "2026-03-01", "--to", "2026-03-02"],
            ["usage", "p.ndjson", *HERE, "--from", "2026-03-01", "--to", "2026-03-02", "--by-pages", "2"],
            ["workflows", "p.ndjson", *HERE, "-f", "status=active"],
            ["projects", "p.db", "--workers", "tcp://127.0.0.1:1"],
            ["projects", "s3:///p.csv"],
            ["projects", "ftp://bucket/p.csv"],
            ["projects", "p.ndjson", "--debug", "--workers", "tcp://127.0.0.1:1"],
            ["projects", "p.ndjson", "--sandbox", *HERE, "--by-credentials", "team-a"],
            ["projects", "p.ndjson", *HERE, "--shared-limit", "$NO_SUCH_VARIABLE"],
        ),
    ],
)
def test_what_does_not_go_in_parts_is_refused(
    run: Run, sandbox: Sandbox, tmp_path: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line in the words of the command line, nothing sent, nothing made."""
    monkeypatch.chdir(tmp_path)
    code, _, err = run("export", *words)
    assert (code, err.count("\n"), sandbox.served) == (2, 1, 0)
    assert "secret" not in err
    assert "()" not in err
    assert list(tmp_path.iterdir()) == []


def test_a_list_with_cursors_has_no_pages_to_cut(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which the platform tells when it is asked."""
    with Sandbox(projects=30, paging="cursor") as sandbox:
        monkeypatch.setenv("CLOUD_API_BASE_URL", sandbox.base_url)
        monkeypatch.setenv("CLOUD_API_KEY", sandbox.api_key)
        code, _, err = run("export", "projects", str(tmp_path / "p.csv"), *HERE, "--by-pages", "2")
    assert (code, "leave out --by-pages" in err, list(tmp_path.iterdir())) == (2, True, [])


@pytest.mark.parametrize(
    "other",
    [
        ["-f", "status=active"],
        ["--base-url", "http://127.0.0.1:9/v1"],
        *slow(["--by-pages", "1"], ["--format", "csv"]),
    ],
)
def test_the_target_of_another_list_is_refused(
    run: Run, sandbox: Sandbox, tmp_path: Path, other: list[str]
) -> None:
    """Rows would be there twice, or of two lists: exit 2, one line, nothing changed."""
    target = tmp_path / "p.ndjson"
    run("export", "projects", str(target), *HERE)
    data = bytes_of(target)
    code, _, err = run("export", "projects", str(target), *HERE, *other)
    assert (code, err.count("\n"), "another list" in err, bytes_of(target)) == (2, 1, True, data)


@pytest.mark.parametrize("target", ["ndjson", *slow("db")], indirect=True)
def test_what_others_have_written_is_not_added_to(run: Run, sandbox: Sandbox, target: Path) -> None:
    """A folder with rows, or a database, of unknown origin."""
    mine = target if target.suffix == ".db" else target / "mine.ndjson"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine\n")
    code, _, err = run("export", "projects", str(target), *HERE)
    assert (code, err.count("\n"), mine.read_text(), sandbox.served) == (2, 1, "mine\n", 0)


def test_a_file_is_no_folder_and_a_folder_no_file(run: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    """Said before anything is sent."""
    target = str(tmp_path / "p.ndjson")
    assert run("export", "projects", target)[0] == 0
    served = sandbox.served
    code, _, err = run("export", "projects", target, *HERE)
    assert (code, err.count("\n"), sandbox.served) == (12, 1, served)
    assert run("export", "projects", str(tmp_path / "q.ndjson"), *HERE)[0] == 0
    served = sandbox.served
    code, _, err = run("export", "projects", str(tmp_path / "q.ndjson"))
    assert (code, err.count("\n"), "--processes" in err, sandbox.served) == (12, 1, True, served)


def test_a_folder_that_cannot_be_made_is_one_line(run: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    """Exit 12, before anything is sent."""
    (tmp_path / "file").touch()
    code, _, err = run("export", "projects", str(tmp_path / "file" / "p.ndjson"), *HERE)
    assert (code, err.count("\n"), sandbox.served) == (12, 1, 0)


def test_an_error_keeps_what_came_and_the_same_command_goes_on(
    run: Run, sandbox: Sandbox, target: Path, no_waiting: None
) -> None:
    """The exit code is that of the error's class, as with one file."""
    words = ["export", "projects", str(target), *HERE, "--page-size", "5"]
    sandbox.faults.add(kind="delay", delay=0.0, path="/v1/projects", times=3)
    sandbox.faults.add(status=403, path="/v1/projects")
    code, _, err = run(*words)
    assert (code, err.count("\n"), "the same command goes on" in err) == (4, 1, True)
    assert ids_of(target) == project_ids(15)
    sandbox.faults.clear()
    served = sandbox.served
    assert run(*words)[0] == 0
    assert ids_of(target) == project_ids(30)
    assert sandbox.served - served <= 4


@pytest.mark.parametrize(
    ("missing", "extra", "words"),
    [
        ("obstore.store", "remote", ["s3://bucket/p.csv"]),
        ("redis", "redis", ["p.csv", *HERE, "--shared-limit", "redis://127.0.0.1:1"]),
        *slow(
            ("pyarrow", "parquet", ["p.parquet", *HERE]),
            ("distributed", "dask", ["p.csv", "--workers", "tcp://127.0.0.1:1"]),
            ("redis", "redis", ["p.csv", "--shared-limit", "redis://127.0.0.1:1"]),
        ),
    ],
)
def test_a_missing_extra_of_a_job_is_named(
    run: Run,
    sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    missing: str,
    extra: str,
    words: list[str],
) -> None:
    """In one line, before anything is sent."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, missing, None)
    code, _, err = run("export", "projects", *words)
    assert (code, err.count("\n"), f"cloudplatform-async[{extra}]" in err) == (2, 1, True)
    assert sandbox.served == 0


def test_a_password_of_redis_is_no_argument(run: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    """Which others could read: it is refused, and not shown."""
    for url in ("redis://:hunter2@127.0.0.1", "redis://127.0.0.1?password=hunter2"):
        for more in (HERE, []):
            code, _, err = run("export", "projects", str(tmp_path / "p.csv"), *more, "--shared-limit", url)
            assert (code, err.count("\n"), "hunter2" in err, "$REDIS_URL" in err) == (2, 1, False, True)
    assert sandbox.served == 0


def test_a_dry_run_shows_the_first_request(run: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    """Sends nothing, and makes nothing."""
    words = ["export", "projects", str(tmp_path / "p.csv"), *HERE, "-f", "status=active", "--dry-run"]
    code, out, _ = run(*words)
    assert (code, out.startswith("curl -X GET "), "status=active" in out) == (0, True, True)
    assert sandbox.api_key not in out
    code, out, _ = run(*words, "--by-pages", "2")
    assert (code, "limit=1&" in out or "limit=1'" in out) == (0, True)
    assert (sandbox.served, list(tmp_path.iterdir())) == (0, [])


def test_debug_shows_the_attempts_of_a_job(
    run: Run, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of any command."""
    monkeypatch.setenv("CLOUD_API_KEY_TEAM_A", sandbox.api_key)
    for number, words in enumerate([[], ["--by-credentials", "team-a"]]):
        err = run("export", "projects", str(tmp_path / f"{number}.csv"), *HERE, "--debug", *words)[2]
        assert "debug: GET /projects attempt 1: 200" in err
        assert sandbox.api_key not in err


def test_the_sandbox_serves_a_job(run: Run, tmp_path: Path) -> None:
    """And is the same platform the next time."""
    for _ in range(2):
        assert run("export", "projects", str(tmp_path / "p.csv"), *HERE, "--sandbox")[0] == 0
    assert ids_of(tmp_path / "p.csv") == project_ids(50)


@pytest.mark.slow
@pytest.mark.usefixtures("no_keyring")
@pytest.mark.parametrize("named", [[], ["--by-credentials", "team-a"]])
def test_credentials_that_no_worker_knows_are_refused(
    run: Run, sandbox: Sandbox, tmp_path: Path, named: list[str]
) -> None:
    """The line says what to set on the workers, and shows no secret."""
    where = tmp_path / "platform.env"
    where.write_text(f"CLOUD_API_KEY={KEY}\n")
    save("work", {"secret": KEY})
    set_profile("work", Profile(base_url=sandbox.base_url))
    words = ["export", "projects", str(tmp_path / "p.csv"), "--workers", "tcp://127.0.0.1:1", *named]
    for source in (["--env-file", str(where)], ["--profile", "work"]):
        code, _, err = run(*words, *source)
        assert (code, err.count("\n"), "of every worker" in err, KEY in err) == (2, 1, True, False)
    assert ("CLOUD_API_KEY" in err) == (not named)


@pytest.mark.usefixtures("no_keyring")
def test_a_default_profile_is_no_identity_of_workers(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless all credentials have names of their own, so that it is not used."""
    save("work", {"secret": KEY})
    set_profile("work", Profile(), as_default=True)
    assert session_for_workers(Connection(), named=False).address == sandbox.base_url
    monkeypatch.delenv("CLOUD_API_KEY")
    with pytest.raises(ConfigurationError, match="profile 'work'"):
        session_for_workers(Connection(), named=False)
    assert session_for_workers(Connection(base_url="https://a.example/v1"), named=True).options == {
        "base_url": "https://a.example/v1"
    }


@pytest.mark.usefixtures("no_keyring")
@pytest.mark.anyio
async def test_processes_speak_as_the_session_does(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their environment has the profile's key and address and no other key; then it is as before."""
    save("work", {"secret": KEY})
    set_profile("work", Profile(base_url="https://work.example/v1", kind="access-token"))
    names = ("CLOUD_API_BASE_URL", "CLOUD_API_KEY", "CLOUD_ACCESS_TOKEN")
    before = [os.environ.get(name) for name in names]
    async with session_for_processes(Connection(profile="work", timeout=5.0)) as session:
        within = [os.environ.get(name) for name in names]
        assert (session.address, session.options) == ("https://work.example/v1", {"timeout": 5.0})
    assert within == ["https://work.example/v1", None, KEY]
    assert [os.environ.get(name) for name in names] == before


@pytest.mark.usefixtures("no_keyring", "no_waiting")
def test_a_token_that_any_shard_finds_refused_is_forgotten(
    run: Run, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Also where the first shard that failed met something else: the next command fetches another token."""
    save("work", {"client_secret": "s", "access_token": sandbox.issue_token(), "renew_at": "9e9"})
    login = Profile(
        kind="client-credentials",
        token_url="https://login.example/token",
        client_id="c",
        base_url=sandbox.base_url,
    )
    set_profile("work", login)
    sandbox.faults.add(status=403, path="/v1/projects", times=1)
    sandbox.faults.add(status=401, path="/v1/projects")
    words = ["export", "projects", str(tmp_path / "p.csv"), *HERE, "--profile", "work"]
    code, _, err = run(*words, "--by-filter", "status=active", "--by-filter", "status=archived")
    # Which shard comes first to the server is not settled; the exit code is that of the first one written.
    (first,) = (request.status for request in sandbox.requests if "status=active" in request.query)
    assert (code, "2 of 2 shards failed" in err) == ({403: 4, 401: 3}[first], True)
    assert load("file", "work") == {"client_secret": "s", "renew_at": "9e9"}


def test_a_key_of_the_environment_goes_to_no_address_of_a_file(
    run: Run, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the work is done by processes (API contract §2)."""
    monkeypatch.delenv("CLOUD_API_BASE_URL")
    (tmp_path / "platform.env").write_text(f"CLOUD_API_BASE_URL={sandbox.base_url}\n")
    target = tmp_path / "p.csv"
    code, _, err = run("export", "projects", str(target), *HERE, "--env-file", str(tmp_path / "platform.env"))
    assert (code, err.count("\n"), sandbox.served, target.exists()) == (2, 1, 0, False)


def test_a_plan_that_was_spoilt_is_one_line(run: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    """Exit 2; nobody guesses what the folder holds."""
    target = tmp_path / "p.csv"
    run("export", "projects", str(target), *HERE)
    for spoilt in ("{", json.dumps({"job": 1})):
        (target / "_export.json").write_text(spoilt)
        code, _, err = run("export", "projects", str(target), *HERE)
        assert (code, err.count("\n"), "_export.json" in err) == (2, 1, True)
