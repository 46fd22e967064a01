"""The command as a process: its beginning, and every way in which it ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from typing import NoReturn

import pytest

from cloudplatform_async.cli.__main__ import main
from cloudplatform_async.sandbox import Sandbox

Run = Callable[..., tuple[int, str, str]]
COMMAND = [sys.executable, "-m", "cloudplatform_async"]


def test_the_version_is_that_of_the_installed_package(run: Run) -> None:
    """What a bug report needs."""
    assert run("--version") == (0, version("cloudplatform-async") + "\n", "")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["projects"], ["projects", "list", "--help"]])
def test_help_is_where_it_is_looked_for(run: Run, arguments: list[str]) -> None:
    """Asking is not an error."""
    code, out, err = run(*arguments)
    assert (code, err) == (0, "")
    assert "Usage: cloudplatform" in out


def test_a_mistyped_command_is_answered_with_the_nearest(run: Run) -> None:
    """One line, without a traceback."""
    code, out, err = run("projcts")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert '"projects"' in err


@pytest.mark.slow
@pytest.mark.parametrize("module", ["cloudplatform_async", "cloudplatform_async.cli"])
def test_the_package_runs_as_a_module(module: str) -> None:
    """``python -m`` needs no directory of scripts on the path."""
    command = [sys.executable, "-m", module, "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == (version("cloudplatform-async") + "\n", "")


def test_both_modules_run_the_same_command() -> None:
    """There is one command line, under two names."""
    assert import_module("cloudplatform_async.__main__").main is main


def test_without_the_extra_one_line_says_how_to_install_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script is there even when its libraries are not."""
    for name in [name for name in sys.modules if name.startswith("cloudplatform_async.cli.")]:
        if name != main.__module__:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cyclopts", None)
    code, out, err = run("--version")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "pip install 'cloudplatform-async[cli]'" in err


def test_a_missing_module_of_our_own_is_no_missing_extra(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what an extra brings is called missing."""
    monkeypatch.setitem(sys.modules, "cloudplatform_async.cli.app", None)
    with pytest.raises(ModuleNotFoundError):
        run("--version")


@pytest.mark.parametrize("output", ["table", "json", "ndjson"])
def test_a_reader_that_leaves_ends_the_command_quietly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], output: str
) -> None:
    """``| head`` is no failure."""
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as broken:
        monkeypatch.setattr(sys, "stdout", broken)
        code = main(["projects", "list", "--sandbox", "--output", output])
    assert (code, capsys.readouterr().err) == (0, "")


@pytest.mark.slow
def test_a_closed_pipe_leaves_nothing_on_stderr() -> None:
    """Not at the interpreter's exit either."""
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as broken:
        command = [*COMMAND, "projects", "list", "--sandbox"]
        done = subprocess.run(command, stdout=broken, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_an_interrupt_before_the_first_answer_is_quiet_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C means the same at every moment."""

    def interrupted(connection: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr("cloudplatform_async.cli.session.connect.connect", interrupted)
    assert run("projects", "list") == (130, "", "")


@pytest.mark.slow
def test_an_interrupt_ends_a_list_with_130() -> None:
    """Ctrl-C in the midst of a list: no traceback, and the code that shells expect."""
    with Sandbox(projects=2000) as sandbox:
        settings = {"CLOUD_API_BASE_URL": sandbox.base_url, "CLOUD_API_KEY": sandbox.api_key}
        with subprocess.Popen(
            [*COMMAND, "projects", "list", "--output", "ndjson"],
            env={**os.environ, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            assert process.stdout
            first = process.stdout.readline()
            # 2,000 projects do not fit into a pipe, so the command cannot have come to its end.
            process.send_signal(signal.SIGINT)
            _, err = process.communicate()
    assert json.loads(first)["id"] == "prj_000001"
    assert (process.returncode, err) == (130, b"")
