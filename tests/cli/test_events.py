"""``cloudplatform events``: what happened, and what happens."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable

import anyio
import httpx
import pytest

from cloudplatform_async import AsyncClient, TokenRefreshError
from cloudplatform_async.cli.events import _next_of
from cloudplatform_async.sandbox import Sandbox
from tests.tiers import slow

Run = Callable[..., tuple[int, str, str]]


def make(run: Run, *slugs: str) -> None:
    """Let something happen."""
    for slug in slugs:
        assert run("projects", "create", "--name", slug.upper(), "--slug", slug)[0] == 0


def test_events_are_listed_oldest_first(run: Run, sandbox: Sandbox) -> None:
    """And the other way round where that is asked for."""
    make(run, "a", "b")
    words = ["events", "list", "--type", "project.*", "--query", "[].data.slug"]
    assert run(*words)[1].split() == ["a", "b"]
    assert run(*words, "--order", "desc")[1].split() == ["b", "a"]


def test_events_go_on_after_one(run: Run, sandbox: Sandbox) -> None:
    """By its id."""
    make(run, "a", "b", "c")
    first = run("events", "list", "--limit", "1", "--query", "[].id")[1].strip()
    assert run("events", "list", "--after", first, "--query", "[].data.slug")[1].split() == ["b", "c"]


def test_a_table_says_what_it_happened_to(run: Run, sandbox: Sandbox) -> None:
    """By the id of that."""
    make(run, "a")
    heading, line = run("events", "list", "--utc")[1].splitlines()
    assert heading.split("\t") == ["CREATED_AT", "ID", "TYPE", "DATA.ID"]
    assert line.split("\t")[2] == "project.created"
    assert line.split("\t")[3].startswith("prj_")


def test_a_tail_gives_each_event_once(run: Run, sandbox: Sandbox) -> None:
    """From the one that was dealt with last."""
    make(run, "a", "b", "c")
    first = run("events", "list", "--limit", "1", "--query", "[].id")[1].strip()
    code, out, err = run("events", "tail", "--after", first, "--limit", "2", "-o", "ndjson")
    assert (code, err, [json.loads(line)["data"]["slug"] for line in out.splitlines()]) == (0, "", ["b", "c"])


def test_a_token_endpoint_in_an_outage_makes_a_tail_late_and_a_refusal_ends_it() -> None:
    """As an outage of the platform does: the token of a profile comes from a function of this command."""
    answers = iter([TokenRefreshError("down"), TokenRefreshError("down", status_code=503), "t", "t"])

    def token() -> str:
        answer = next(answers, TokenRefreshError("no", status_code=400))
        if isinstance(answer, TokenRefreshError):
            raise answer
        return answer

    def answer(_: httpx.Request) -> httpx.Response:
        event = {"id": "evt_2", "type": "quota.raised", "created_at": "2026-03-17T00:00:00Z", "data": {}}
        return httpx.Response(200, json={"data": [event], "meta": {}})

    async def main() -> None:
        transport = httpx.MockTransport(answer)
        async with AsyncClient(access_token=token, transport=transport) as client:
            tail = client.events.tail(after="evt_1", poll_interval=1e-6)
            assert (await _next_of(tail, 0)).id == "evt_2"
            with pytest.raises(TokenRefreshError, match="no"):
                await _next_of(tail, 0)

    anyio.run(main)


@pytest.mark.parametrize(
    "words", [["-o", "json"], ["-o", "yaml"], *slow(["--query", "[]"], ["--poll-interval", "0"])]
)
def test_what_needs_an_end_is_refused_for_a_tail(run: Run, sandbox: Sandbox, words: list[str]) -> None:
    """It has none."""
    code, _, err = run("events", "tail", *words)
    assert (code, err.count("\n"), sandbox.served) == (2, 1, 0)


@pytest.mark.slow
def test_ctrl_c_ends_a_tail_with_130(run: Run, sandbox: Sandbox) -> None:
    """After what happened was printed at once, also into a pipe."""
    make(run, "a")
    command = [sys.executable, "-m", "cloudplatform_async", "events", "tail", "-o", "ndjson"]
    since = ["--since", "2020-01-01T00:00:00Z", "--poll-interval", "0.1"]
    with subprocess.Popen(
        [*command, *since], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ}
    ) as process:
        assert process.stdout
        assert json.loads(process.stdout.readline())["data"]["slug"] == "a"
        make(run, "b")
        assert json.loads(process.stdout.readline())["data"]["slug"] == "b"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert (process.returncode, out, err) == (130, b"", b"")
