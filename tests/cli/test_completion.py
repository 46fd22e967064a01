"""Completion: what may follow, said by the command itself; each shell's script asks it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cloudplatform_async.sandbox import Sandbox

Run = Callable[..., tuple[int, str, str]]


def offered(run: Run, *words: str) -> list[str]:
    """What may stand in place of the last word."""
    code, out, err = run("complete", "--", *words)
    assert (code, err) == (0, "")
    return out.splitlines()


def test_commands_complete(run: Run) -> None:
    """By their beginning; what is hidden stays so."""
    assert offered(run, "pro") == ["projects"]
    assert offered(run, "projects", "") == ["create", "delete", "get", "list", "update"]
    assert "complete" not in offered(run, "")


def test_options_complete_and_so_do_their_values(run: Run) -> None:
    """Those of the command that is being typed."""
    assert offered(run, "projects", "list", "--out") == ["--output"]
    assert offered(run, "projects", "list", "--output", "nd") == ["ndjson"]
    assert offered(run, "projects", "list", "-o", "ya") == ["yaml"]
    assert "--yes" in offered(run, "projects", "delete", "--")


def test_profiles_complete(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """By name."""
    from cloudplatform_async.cli.session.profiles import Profile, set_profile

    for name in ("work", "home"):
        set_profile(name, Profile())
    assert offered(run, "projects", "list", "--profile", "") == ["home", "work"]
    assert offered(run, "projects", "list", "--profile", "w") == ["work"]


def test_ids_complete_from_the_platform(run: Run, sandbox: Sandbox) -> None:
    """One request, and only those that begin so."""
    assert offered(run, "projects", "get", "prj_00001") == [f"prj_{number:06d}" for number in range(10, 20)]
    assert offered(run, "projects", "get", "prj_000001", "") == []
    assert sandbox.served == 1


def test_a_platform_that_cannot_be_asked_offers_nothing(run: Run, sandbox: Sandbox) -> None:
    """Quietly: a shell's line is no place for errors."""
    sandbox.faults.add(status=401)
    assert offered(run, "projects", "get", "") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_script(run: Run, shell: str, tmp_path: Path) -> None:
    """One that the shell itself takes, where it is installed."""
    code, out, err = run("completion", shell)
    assert (code, err, "cloudplatform complete" in out) == (0, "", True)
    program = shutil.which(shell)
    if program:
        path = tmp_path / "script"
        path.write_text(out)
        subprocess.run([program, "-n", str(path)], check=True)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_in_bash_a_word_is_completed(run: Run, tmp_path: Path) -> None:
    """The whole way, as the shell goes it."""
    script = tmp_path / "script"
    script.write_text(run("completion", "bash")[1])
    lines = f"""
    source {script}
    COMP_WORDS=(cloudplatform projects up); COMP_CWORD=2
    _cloudplatform; echo "${{COMPREPLY[@]}}"
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path}
    done = subprocess.run(["bash", "-c", lines], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "update\n"
