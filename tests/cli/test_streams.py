"""Every command in every situation: in a pipe, on a terminal, without streams, full, closed, interrupted."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cloudplatform_async.cli.__main__ import main
from cloudplatform_async.sandbox import Sandbox

Run = Callable[..., tuple[int, str, str]]
COMMAND = [sys.executable, "-m", "cloudplatform_async"]
COMMANDS = {
    "projects list": ["projects", "list"],
    "projects list json": ["projects", "list", "-o", "json"],
    "projects list csv": ["projects", "list", "-o", "csv"],
    "projects list yaml": ["projects", "list", "-o", "yaml"],
    "projects list query": ["projects", "list", "--query", "[].id"],
    "projects get": ["projects", "get", "prj_000001"],
    "projects create": ["projects", "create", "--name", "N", "--slug", "s-1"],
    "projects update": ["projects", "update", "prj_000001", "--name", "N"],
    "usage show": ["usage", "show", "--from", "2026-03-01", "--to", "2026-03-03"],
    "workflows list": ["workflows", "list"],
    "workflows trigger": ["workflows", "trigger", "wfl_build"],
    "workflows runs": ["workflows", "runs", "wfl_build"],
    "events list": ["events", "list"],
    "api": ["api", "GET", "/projects"],
    "api paginate": ["api", "GET", "/projects", "--paginate"],
    "whoami": ["whoami"],
}
SILENT = {
    "projects delete": ["projects", "delete", "prj_000001", "--yes"],
    "export": ["export", "projects", "x.csv"],
}
EVERY = {**COMMANDS, **SILENT}
OF_EACH_KIND = {"projects list", "projects create", "export"}


def each_of(table: dict[str, list[str]]) -> pytest.MarkDecorator:
    """All of them; those that are much like another one among the slow tests."""
    return pytest.mark.parametrize(
        "words",
        [
            pytest.param(words, id=name, marks=() if name in OF_EACH_KIND else pytest.mark.slow)
            for name, words in table.items()
        ],
    )


commands = each_of(COMMANDS)
every = each_of(EVERY)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def lines(err: str) -> int:
    """Errors told; what an export adds about going on is part of one."""
    return len([line for line in err.splitlines() if line.startswith("error: ")])


@every
def test_on_a_good_day_there_is_no_error(run: Run, sandbox: Sandbox, words: list[str]) -> None:
    """Exit 0; what is said on stderr is no error."""
    code, _, err = run(*words)
    assert (code, lines(err)) == (0, 0)


@every
def test_bad_input_is_one_line_and_sends_nothing(run: Run, sandbox: Sandbox, words: list[str]) -> None:
    """An option that there is not, in the command's own place."""
    code, out, err = run(*words, "--no-such-option")
    assert (code, out, lines(err), sandbox.served) == (2, "", 1, 0)


@every
def test_no_network_is_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, no_waiting: None, words: list[str]
) -> None:
    """Exit 7, and no data."""
    with Sandbox() as gone:
        monkeypatch.setenv("CLOUD_API_BASE_URL", gone.base_url)
    monkeypatch.setenv("CLOUD_API_KEY", "any")
    code, out, err = run(*words)
    assert (code, out, lines(err)) == (7, "", 1)


@every
def test_a_wrong_key_is_one_line_without_it(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    """Exit 3."""
    monkeypatch.setenv("CLOUD_API_KEY", "cp_live_CANARY")
    code, out, err = run(*words)
    assert (code, lines(err), "CANARY" in out + err) == (3, 1, False)


@every
def test_a_limit_that_is_used_up_is_one_line(run: Run, sandbox: Sandbox, words: list[str]) -> None:
    """Exit 6, at once where the wait would be long."""
    sandbox.faults.add(status=429, times=1, headers={"retry-after": "3600"})
    code, out, err = run(*words)
    assert (code, out, lines(err)) == (6, "", 1)


@contextmanager
def stream(path: str | None) -> Iterator[object]:
    """A stdout of this kind."""
    if path is None:
        yield None
    elif path == "closed pipe":
        reader, writer = os.pipe()
        os.close(reader)
        with open(writer, "w") as broken:
            yield broken
    else:
        with open(path, "w") as full:
            yield full


@commands
@pytest.mark.parametrize(
    ("path", "code", "told"), [("closed pipe", 0, 0), ("/dev/full", 12, 1), (None, 0, 0)]
)
def test_a_stdout_that_takes_nothing(
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    path: str | None,
    code: int,
    told: int,
) -> None:
    """A reader that left is no failure, a full disk is one line, and no stdout is no output."""
    with stream(path) as out, monkeypatch.context() as context:
        context.setattr(sys, "stdout", out)
        assert main(words) == code
    assert lines(capsys.readouterr().err) == told


@every
def test_without_a_stderr_an_error_is_its_exit_code_alone(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """Its text never stands among the data."""
    sandbox.faults.add(status=404)
    with monkeypatch.context() as context:
        context.setattr(sys, "stderr", None)
        assert main(words) == 5
    assert capsys.readouterr().out == ""


def test_a_full_stderr_changes_no_exit_code(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be told is not told."""
    with open("/dev/full", "w") as full, monkeypatch.context() as context:
        context.setattr(sys, "stderr", full)
        assert main(["projects", "get", "nobody"]) == 5


@pytest.mark.parametrize("words", [["--help"], ["projects", "list", "--help"], ["--version"]])
def test_help_on_a_full_disk_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """Not a traceback."""
    with open("/dev/full", "w") as full, monkeypatch.context() as context:
        context.setattr(sys, "stdout", full)
        assert main(words) == 12
    assert lines(capsys.readouterr().err) == 1


@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_help_whose_reader_has_left_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """As with ``| head``, whose exit code a shell with ``pipefail`` would take for ours."""
    with stream("closed pipe") as out, monkeypatch.context() as context:
        context.setattr(sys, "stdout", out)
        assert main(words) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.slow
@pytest.mark.parametrize("redirection", [">&-", ">&- 2>&-", "2>&-", "<&-", "> /dev/full", "| head -n 1"])
@pytest.mark.parametrize(
    "words", ["projects list", "projects list -o ndjson", "--help", "projects get nobody"]
)
def test_a_shell_sees_no_traceback(sandbox: Sandbox, words: str, redirection: str) -> None:
    """Whatever it does with the streams, at the interpreter's exit too."""
    line = f"{sys.executable} -m cloudplatform_async {words} {redirection}"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr + done.stdout
    assert "Exception ignored" not in done.stderr
    assert "error:" not in done.stdout


def on_terminal(words: list[str], interrupt_after: Callable[[], bool] | None = None) -> tuple[int, str]:
    """Run a command in a pseudo-terminal; gives its exit code and what a person sees."""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [*COMMAND, *words])
    seen = b""
    if interrupt_after is not None:
        while not interrupt_after():
            select.select([], [], [], 0.02)
        os.write(terminal, b"\x03")
    try:
        while part := os.read(terminal, 65536):
            seen += part
    except OSError:  # the terminal of a process that has ended
        pass
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), seen.decode()


@pytest.mark.slow
@every
def test_on_a_terminal_a_good_day_and_ctrl_c(sandbox: Sandbox, words: list[str]) -> None:
    """Data or silence; then, while the platform does not answer, Ctrl-C: 130 and no traceback."""
    code, seen = on_terminal(words)
    assert (code, "Traceback" in seen, "error:" in seen) == (0, False, False)
    sandbox.faults.add(kind="hang")
    before = sandbox.served
    code, seen = on_terminal([*words, "--timeout", "60"], lambda: sandbox.served > before)
    assert (code, "Traceback" in seen) == (130, False)


@pytest.mark.slow
def test_on_a_terminal_a_delete_asks(sandbox: Sandbox) -> None:
    """No is the answer unless somebody says yes."""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [*COMMAND, "projects", "delete", "prj_000001"])
    assert b"[y/N]" in os.read(terminal, 4096)
    os.write(terminal, b"n\n")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    os.close(terminal)
    assert sandbox.served == 0


@pytest.mark.slow
@every
def test_in_a_pipe_ctrl_c_is_130(sandbox: Sandbox, words: list[str]) -> None:
    """While the platform does not answer; nothing on stdout, no traceback on stderr."""
    sandbox.faults.add(kind="hang")
    with subprocess.Popen(
        [*COMMAND, *words, "--timeout", "60"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        while not sandbox.served:
            select.select([], [], [], 0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert (process.returncode, out, b"Traceback" in err) == (130, b"", False)


@pytest.mark.slow
def test_nothing_that_is_printed_has_a_secret(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, no_waiting: None
) -> None:
    """No command, on a good day or a bad one, with --debug and --dry-run."""
    monkeypatch.setenv("CLOUD_API_KEY", "cp_live_CANARY")
    monkeypatch.setenv("CLOUD_ACCESS_TOKEN", "CANARY.token")
    shown = ""
    for words in EVERY.values():
        for extra in ([], ["--debug"], ["--dry-run"], ["--debug", "--timeout", "0.001"]):
            shown += "".join(map(str, run(*words, *extra)))
    for words in (["doctor"], ["doctor", "--json"], ["auth", "status"], ["config", "list"]):
        shown += "".join(map(str, run(*words)))
    assert "debug: GET" in shown
    assert "curl -X" in shown
    assert "CANARY" not in shown


@every
def test_a_dry_run_sends_nothing(run: Run, sandbox: Sandbox, words: list[str]) -> None:
    """And shows what would be sent, with the variable in the secret's place."""
    code, out, err = run(*words, "--dry-run")
    assert (code, err, sandbox.served) == (0, "", 0)
    assert out.startswith("curl -X ")
    assert "$CLOUD_API_KEY" in out
    assert sandbox.api_key not in out


def test_debug_shows_each_attempt_and_the_breakdown_of_each_call(
    run: Run, sandbox: Sandbox, no_waiting: None
) -> None:
    """On stderr, without the id; the data is what it is without."""
    sandbox.faults.add(status=503, times=2)
    code, out, err = run("projects", "get", "prj_000001", "--columns", "id", "--debug")
    assert (code, out) == (0, "ID\nprj_000001\n")
    told = [line.removeprefix("debug: GET /projects/{id} ") for line in err.splitlines()]
    assert [re.sub(r"[\d.]+ ms.*", "…", line) for line in told] == [
        "attempt 1: 503 after …",
        "attempt 2 in …",
        "attempt 2: 503 after …",
        "attempt 3 in …",
        "attempt 3: 200 after …",
        "done after 3 attempts, …",
    ]
    whole, *parts = map(float, re.findall(r"([\d.]+) ms", told[-1]))
    assert len(parts) > 2
    assert sum(parts) == pytest.approx(whole, abs=1)


@pytest.mark.slow
def test_debug_tells_that_a_rate_limit_is_waited_for(run: Run, sandbox: Sandbox, no_waiting: None) -> None:
    """A command that seems to stand still says why, and for how long."""
    sandbox.faults.add(status=429, times=1, headers={"retry-after": "1"})
    code, _, err = run("projects", "get", "prj_000001", "--debug")
    assert code == 0
    assert re.search(r"rate limit: projects waits for (?:1000\.0|99\d\.\d) ms", err)
