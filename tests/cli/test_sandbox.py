"""``cloudplatform sandbox``: serves until Ctrl-C, and says where."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from cloudplatform_async.sandbox import Sandbox

Run = Callable[..., tuple[int, str, str]]


@pytest.mark.slow
def test_it_serves_until_interrupted_and_prints_an_env_file() -> None:
    """Its first lines are settings that a client can use; Ctrl-C is its ordinary end."""
    with serving("--projects", "3", "--log") as (process, settings):
        url = settings["CLOUD_API_BASE_URL"]
        answer = httpx.get(f"{url}/projects", headers={"x-api-key": settings["CLOUD_API_KEY"]})
        client = {"client_id": settings["CLOUD_CLIENT_ID"], "client_secret": settings["CLOUD_CLIENT_SECRET"]}
        form = {"grant_type": "client_credentials", **client}
        token = httpx.post(settings["CLOUD_TOKEN_URL"], data=form).json()["access_token"]
        process.send_signal(signal.SIGINT)
        rest, err = process.communicate()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/v1", url)
    assert (len(answer.json()["data"]), token != "") == (3, True)
    assert settings["CLOUD_WEBHOOK_SECRET"].startswith("whsec_")
    assert (process.returncode, rest) == (0, "")
    first, *logged = err.splitlines()
    assert first == f"Serving until Ctrl-C; watch and steer it at {url.removesuffix('v1')}"
    assert [re.sub(r"^[\d:]+ | \d+ ms$", "", line) for line in logged] == [
        "GET /v1/projects 200",
        "POST /oauth/token 200",
    ]


@pytest.mark.slow
def test_its_options_are_those_of_the_sandbox(tmp_path: Path) -> None:
    """`--rate-limit 0` is none, `--database` is kept for the next time, `--latency` is set."""
    database = ("--database", str(tmp_path / "db"))
    options = (*database, "--rate-limit", "0", "--latency", "0.001", "--api-key", "chosen")
    names: list[list[str]] = []
    for number in (1, 2):
        with serving(*options, "--projects", "0") as (process, settings):
            with httpx.Client(
                base_url=settings["CLOUD_API_BASE_URL"], headers={"x-api-key": "chosen"}
            ) as client:
                client.post("/projects", json={"name": f"n{number}", "slug": f"s{number}"})
                answer = client.get("/projects")
                state = client.get(httpx.URL(settings["CLOUD_API_BASE_URL"]).join("/_sandbox/settings"))
            process.send_signal(signal.SIGINT)
            process.communicate()
        assert not [name for name in answer.headers if name.startswith("ratelimit")]
        assert state.json()["latency"] == 0.001
        names.append([project["name"] for project in answer.json()["data"]])
    assert names == [["n1"], ["n1", "n2"]]


def test_a_key_that_no_header_can_have_is_one_clear_line(run: Run) -> None:
    """A blank one, or one with characters beyond ASCII."""
    for key in ("", "k\u00e9y"):
        code, out, err = run("sandbox", "--api-key", key)
        assert (code, out, err.count("\n"), "api_key" in err) == (2, "", 1, True)


def test_a_database_that_is_none_is_one_clear_line(run: Run, tmp_path: Path) -> None:
    """The line has its path; nothing is served."""
    code, out, err = run("sandbox", "--database", str(tmp_path / "missing" / "db"))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "missing/db cannot be used" in err


@contextmanager
def serving(*options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """The command as a process of its own, once it has printed its settings."""
    command = [sys.executable, "-m", "cloudplatform_async", "sandbox", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        lines: list[str] = []
        while not lines or not lines[-1].startswith("CLOUD_WEBHOOK_SECRET="):
            lines.append(process.stdout.readline().rstrip("\n"))
        yield process, dict(line.split("=", 1) for line in lines)


def test_a_port_that_is_taken_is_one_clear_line(run: Run, sandbox: Sandbox) -> None:
    """The line has the port, and what to do."""
    port = str(httpx.URL(sandbox.base_url).port)
    code, out, err = run("sandbox", "--port", port)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"Port {port} cannot be had" in err


@pytest.mark.parametrize(
    "option", [("--projects", "-1"), ("--rate-limit", "-1"), ("--port", "65536"), ("--latency", "-1")]
)
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
