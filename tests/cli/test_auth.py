"""Profiles and their secrets: kept where nobody else reads them, used where they belong, shown nowhere."""

import io
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend

from cloudplatform_async.sandbox import Sandbox

Run = Callable[..., tuple[int, str, str]]
KEY = "cp_live_CANARY"


pytestmark = pytest.mark.usefixtures("no_keyring")


class _Keeps(KeyringBackend):
    priority = 1
    kept: dict[tuple[str, str], str]

    def __init__(self) -> None:
        self.kept = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


def log_in(run: Run, monkeypatch: pytest.MonkeyPatch, secret: str, *options: str) -> tuple[int, str, str]:
    """Log in with secrets on stdin."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(secret))
    return run("auth", "login", *options)


def folder() -> Path:
    """Where settings and secrets are."""
    return Path(os.environ["CLOUD_CONFIG_DIR"])


def test_a_profile_serves_by_its_name(run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key comes by stdin, its file is its owner's alone, and one warning says so."""
    monkeypatch.delenv("CLOUD_API_KEY")
    monkeypatch.delenv("CLOUD_API_BASE_URL")
    options = ["--profile", "work", "--base-url", sandbox.base_url]
    code, out, err = log_in(run, monkeypatch, f"{sandbox.api_key}\n", *options)
    assert (code, out, err.count("warning:"), "[keyring]" in err) == (0, "", 1, True)
    assert {
        stat.S_IMODE(path.stat().st_mode) for path in folder().rglob("*.*") if path.suffix != ".lock"
    } == {0o600}
    assert stat.S_IMODE((folder() / "secrets").stat().st_mode) == 0o700
    assert sandbox.api_key not in (folder() / "config.toml").read_text()
    assert run("projects", "list", "--profile", "work", "--limit", "1")[0] == 0
    assert run("projects", "list", "--limit", "1")[0] == 0  # the first profile is the default


def test_a_keyring_keeps_the_secret_where_there_is_one(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing of it is in a file; logging out removes it."""
    backend = _Keeps()
    keyring.set_keyring(backend)
    options = ["--profile", "work", "--base-url", sandbox.base_url]
    code, _, err = log_in(run, monkeypatch, sandbox.api_key, *options)
    assert (code, "warning" in err, len(backend.kept)) == (0, False, 1)
    assert not (folder() / "secrets").exists()
    monkeypatch.delenv("CLOUD_API_KEY")
    assert run("projects", "list", "--profile", "work", "--limit", "1")[0] == 0
    assert run("auth", "logout", "--profile", "work")[0] == 0
    assert backend.kept == {}


def test_credentials_of_the_environment_go_before_the_default_profile(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were set for this run; a profile that is named goes before them."""
    log_in(run, monkeypatch, KEY, "--profile", "wrong", "--base-url", sandbox.base_url)
    assert run("projects", "list", "--limit", "1")[0] == 0
    assert run("projects", "list", "--limit", "1", "--profile", "wrong")[0] == 3


def test_a_profiles_key_goes_to_no_address_of_the_environment(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment names one platform, the profile another: the profile's is asked."""
    monkeypatch.delenv("CLOUD_API_KEY")
    with Sandbox() as other:
        log_in(run, monkeypatch, other.api_key, "--profile", "work", "--base-url", other.base_url)
        assert run("projects", "list", "--profile", "work")[0] == 0
        assert run("projects", "list")[0] == 0
        assert (sandbox.served, other.served) == (0, 2)


def test_what_is_told_of_an_env_file_with_address_and_key_is_what_is_used(
    run: Run, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment's key does not go where only a file points, and so is not what is told."""
    monkeypatch.delenv("CLOUD_API_BASE_URL")
    monkeypatch.setenv("CLOUD_API_KEY", "cp_live_elsewhere")
    file = tmp_path / "platform.env"
    file.write_text(f"CLOUD_API_BASE_URL={sandbox.base_url}\nCLOUD_API_KEY={sandbox.api_key}\n")
    code, out, _ = run("whoami", "--env-file", str(file), "-o", "json")
    assert (code, json.loads(out)["api_key"]) == (0, f"from CLOUD_API_KEY of {file}")


@pytest.mark.parametrize("secret", ["", "\n", "two words\n", "käse\n", "esc\x1b[0m\n"])
def test_what_is_no_secret_is_not_stored(run: Run, monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    """One line that says what is wanted, and does not repeat it."""
    code, _, err = log_in(run, monkeypatch, secret, "--profile", "work")
    assert (code, err.count("\n"), "stdin" in err) == (2, 1, True)
    assert not secret.strip() or secret.strip() not in err
    assert not (folder() / "config.toml").exists()


@pytest.mark.parametrize("name", ["../up", "", "a/b", "a b", ".hidden"])
def test_what_is_no_name_of_a_profile_is_refused(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A name is the name of a file too."""
    assert log_in(run, monkeypatch, KEY, "--profile", name)[0] == 2


def test_a_wrong_address_is_refused_before_the_secret_is_read(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line shows the right one."""
    stdin = io.StringIO(KEY)
    monkeypatch.setattr(sys, "stdin", stdin)
    code, _, err = run("auth", "login", "--profile", "work", "--base-url", "https://a.example")
    assert (code, "https://a.example/v1" in err, stdin.read()) == (2, True, KEY)


def test_a_profile_that_is_not_there_is_told_with_those_that_are(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A typo is seen at once."""
    log_in(run, monkeypatch, KEY, "--profile", "work")
    code, _, err = run("projects", "list", "--profile", "wrok")
    assert (code, "work" in err, err.count("\n")) == (2, True, 1)


def test_status_shows_profiles_and_no_secret(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where each secret is, and which profile is the default."""
    log_in(run, monkeypatch, KEY, "--profile", "one")
    log_in(run, monkeypatch, KEY, "--profile", "two", "--kind", "access-token")
    code, out, _ = run("auth", "status", "-o", "json")
    rows = [(row["profile"], row["default"], row["kind"], row["stored_in"]) for row in json.loads(out)]
    assert rows == [("one", True, "api-key", "file"), ("two", False, "access-token", "file")]
    assert (code, KEY in out) == (0, False)


def test_logging_out_leaves_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the secret nor the profile; a second time there is nothing to do."""
    log_in(run, monkeypatch, KEY, "--profile", "work")
    assert run("auth", "logout")[0] == 0
    assert list((folder() / "secrets").iterdir()) == []
    assert KEY not in "".join(path.read_text() for path in folder().glob("*.*"))
    assert run("auth", "logout", "--profile", "work")[0] == 2


def test_whoami_tells_what_is_known_and_whether_it_is_accepted(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Address and source of the key, never the key; a wrong one is exit 3."""
    code, out, _ = run("whoami", "-o", "json")
    told = json.loads(out)
    assert (code, told["accepted"], told["base_url"]) == (0, True, sandbox.base_url)
    assert "CLOUD_API_KEY" in told["api_key"]
    monkeypatch.setenv("CLOUD_API_KEY", KEY)
    code, out, err = run("whoami", "-o", "json")
    assert (code, json.loads(out)["accepted"], KEY in out + err) == (3, False, False)


def oauth(sandbox: Sandbox, *extra: str) -> list[str]:
    """The options of an OAuth profile of the sandbox."""
    place = ["--base-url", sandbox.base_url, "--token-url", sandbox.token_url]
    return ["--profile", "ci", *place, "--client-id", sandbox.client_id, *extra]


def tokens_asked_for(sandbox: Sandbox) -> int:
    """Requests of the token endpoint so far."""
    return len([request for request in sandbox.requests if request.path == "/oauth/token"])


def test_client_credentials_fetch_one_token_for_many_commands(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is kept beside the secret until it ends."""
    options = oauth(sandbox, "--kind", "client-credentials")
    assert log_in(run, monkeypatch, sandbox.client_secret, *options)[0] == 0
    for _ in range(3):
        assert run("projects", "list", "--profile", "ci", "--limit", "1")[0] == 0
    assert tokens_asked_for(sandbox) == 1


def test_a_token_that_was_revoked_is_replaced_by_the_next_command(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that met it fails with 3; nobody has to log in again."""
    log_in(run, monkeypatch, sandbox.client_secret, *oauth(sandbox, "--kind", "client-credentials"))
    run("projects", "list", "--profile", "ci", "--limit", "1")
    secrets = json.loads((folder() / "secrets" / "ci.json").read_text())
    sandbox.revoke(secrets["access_token"])
    assert run("projects", "list", "--profile", "ci", "--limit", "1")[0] == 3
    assert run("projects", "list", "--profile", "ci", "--limit", "1")[0] == 0


def test_a_refresh_token_is_rotated_where_it_is_kept(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A used one is worthless: the next is stored before the token serves."""
    sandbox.token_lifetime = 0.001
    given = f"{sandbox.client_secret}\n{sandbox.issue_refresh_token()}\n"
    assert log_in(run, monkeypatch, given, *oauth(sandbox, "--kind", "refresh-token"))[0] == 0
    sandbox.token_lifetime = 3600
    for _ in range(2):
        (folder() / "secrets" / "ci.json").write_text(
            json.dumps({**json.loads((folder() / "secrets" / "ci.json").read_text()), "renew_at": "0"})
        )
        assert run("projects", "list", "--profile", "ci", "--limit", "1")[0] == 0
    assert tokens_asked_for(sandbox) == 2


@pytest.mark.slow
def test_of_many_processes_one_rotates_and_the_others_read_what_it_got(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refresh token that two would spend would lock both out."""
    given = f"{sandbox.client_secret}\n{sandbox.issue_refresh_token()}\n"
    log_in(run, monkeypatch, given, *oauth(sandbox, "--kind", "refresh-token"))
    command = [
        sys.executable,
        "-m",
        "cloudplatform_async",
        "projects",
        "list",
        "--profile",
        "ci",
        "--limit",
        "1",
    ]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(6)]
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0] * 6
    assert tokens_asked_for(sandbox) == 1


def test_a_token_endpoint_that_says_no_is_one_line(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its code, and without a secret."""
    log_in(run, monkeypatch, "CANARY-secret", *oauth(sandbox, "--kind", "client-credentials"))
    code, _, err = run("projects", "list", "--profile", "ci")
    assert (code, err.count("\n"), "invalid_client" in err, "CANARY" in err) == (3, 1, True, False)


def test_a_secret_is_no_option(run: Run) -> None:
    """Other users of a machine can read the arguments of a process."""
    out = run("auth", "login", "--help")[1] + run("projects", "list", "--help")[1]
    assert not [
        word for word in ("--api-key", "--access-token ", "--client-secret", "--secret") if word in out
    ]


def test_settings_hold_for_every_command(run: Run, sandbox: Sandbox) -> None:
    """And what is given on the command line goes before them."""
    assert run("config", "set", "output", "ndjson")[0] == 0
    assert json.loads(run("projects", "list", "--limit", "1")[1])["id"] == "prj_000001"
    assert run("projects", "list", "--limit", "1", "-o", "table")[1].startswith("ID\t")
    assert run("config", "get", "output")[1] == "ndjson\n"
    assert run("config", "unset", "output")[0] == 0
    assert run("config", "get", "output")[1] == "\n"
    assert [line.split("\t")[0] for line in run("config", "list")[1].splitlines()] == [
        "NAME",
        "profile",
        "output",
        "utc",
        "timeout",
    ]


@pytest.mark.parametrize(
    ("name", "value"), [("output", "xml"), ("utc", "maybe"), ("timeout", "-1"), ("profile", "nobody")]
)
def test_a_setting_that_could_not_hold_is_refused(run: Run, name: str, value: str) -> None:
    """Nothing is stored."""
    code, _, err = run("config", "set", name, value)
    assert (code, err.count("\n")) == (2, 1)
    assert not (folder() / "config.toml").exists()


def test_where_there_can_be_no_settings_there_are_none(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Containers have ``HOME=/dev/null``, and a key in the environment."""
    monkeypatch.setattr("cloudplatform_async.cli.session.profiles.folder", lambda: Path("/dev/null/cp"))
    code, _, err = run("projects", "list")
    assert (code, err) == (0, "")


def test_a_broken_settings_file_is_named(run: Run, sandbox: Sandbox) -> None:
    """One line with its path, from every command."""
    folder().mkdir()
    (folder() / "config.toml").write_text("profile = \n")
    code, _, err = run("projects", "list")
    assert (code, err.count("\n"), str(folder() / "config.toml") in err) == (2, 1, True)
