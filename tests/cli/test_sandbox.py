"""``cloudplatform sandbox``: serves until Ctrl-C, and says where."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable

import httpx
import pytest

from cloudplatform_async.sandbox import Sandbox

Run = Callable[..., tuple[int, str, str]]


def test_it_serves_until_interrupted_and_prints_an_env_file() -> None:
    """Its first lines are settings that a client can use; Ctrl-C is its ordinary end."""
    command = [sys.executable, "-m", "cloudplatform_async", "sandbox", "--projects", "3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        url, key = (process.stdout.readline().rstrip("\n").partition("=") for _ in range(2))
        answer = httpx.get(f"{url[2]}/projects", headers={"x-api-key": key[2]})
        process.send_signal(signal.SIGINT)
        rest, err = process.communicate()
    assert (url[0], key[0]) == ("CLOUD_API_BASE_URL", "CLOUD_API_KEY")
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/v1", url[2])
    assert len(answer.json()["data"]) == 3
    assert (process.returncode, rest, err) == (0, "", "Serving until Ctrl-C.\n")


def test_a_port_that_is_taken_is_one_clear_line(run: Run, sandbox: Sandbox) -> None:
    """The line has the port, and what to do."""
    port = str(httpx.URL(sandbox.base_url).port)
    code, out, err = run("sandbox", "--port", port)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"Port {port} cannot be had" in err


@pytest.mark.parametrize("option", [("--projects", "-1"), ("--rate-limit", "-1"), ("--port", "65536")])
def test_a_number_out_of_range_is_refused(run: Run, option: tuple[str, str]) -> None:
    """Before anything is served."""
    code, out, err = run("sandbox", *option)
    assert (code, out, err.count("\n"), option[0] in err) == (2, "", 1, True)


def test_a_reader_that_left_ends_it_quietly(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can learn the key any more."""
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as broken:
        monkeypatch.setattr(sys, "stdout", broken)
        assert run("sandbox")[0] == 0
