"""Log lines: one a call at DEBUG, warnings for what is out of the ordinary, fields for formatters."""

import logging
import subprocess
import sys
from typing import Any

import pytest

from cloudplatform_async import AsyncClient, OAuthClientCredentials
from cloudplatform_async.sandbox import Sandbox
from cloudplatform_async.testing import no_waiting

pytestmark = pytest.mark.anyio


@pytest.fixture
def sandbox() -> Sandbox:
    """A platform in this process."""
    return Sandbox(projects=1)


def client_of(sandbox: Sandbox) -> AsyncClient:
    """A client that nobody watches."""
    return AsyncClient(base_url=sandbox.base_url, api_key=sandbox.api_key, transport=sandbox.transport())


async def test_a_call_is_one_line_also_where_it_was_retried(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """At DEBUG, read at the time of the call; its fields are attributes of the record."""
    sandbox.faults.add(status=503, times=2)
    with no_waiting():
        async with client_of(sandbox) as client:
            caplog.set_level(logging.DEBUG, "cloudplatform_async")
            await client.projects.get("prj_000001")
    (line,) = [record for record in caplog.records if record.levelno == logging.DEBUG]
    assert line.getMessage().startswith("GET /projects/{id}: done 200 after ")
    assert (line.__dict__["attempts"], line.__dict__["group"]) == (3, "projects")


async def test_a_retry_and_a_closed_group_are_warnings_without_an_observer(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """What an operator should see with the default level."""
    sandbox.faults.add(status=429, headers={"Retry-After": "3"}, times=1)
    with no_waiting():
        async with client_of(sandbox) as client:
            await client.projects.list()
    texts = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert [text.partition(":")[0] for text in texts] == ["projects", "GET /projects"]
    assert "RateLimitError 429, again in 3." in texts[1]


async def test_each_line_has_the_attempt_and_the_status(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """As each event has, so that one format fits all lines."""
    caplog.set_level(logging.DEBUG, "cloudplatform_async")
    token = OAuthClientCredentials(sandbox.token_url, sandbox.client_id, sandbox.client_secret)
    sandbox.faults.add(status=429, headers={"Retry-After": "3"}, path="/v1/*", times=1)
    with no_waiting():
        async with AsyncClient(
            base_url=sandbox.base_url, access_token=token, transport=sandbox.transport()
        ) as client:
            await client.projects.list()
    lines = [record for record in caplog.records if record.name == "cloudplatform_async"]
    assert [(each.levelname, each.__dict__["attempt"], each.__dict__["status_code"]) for each in lines] == [
        ("INFO", 0, None),
        ("WARNING", 1, 429),
        ("WARNING", 1, 429),
        ("DEBUG", 2, 200),
    ]


async def test_a_refresh_is_an_info(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """Once."""
    caplog.set_level(logging.INFO, "cloudplatform_async")
    token = OAuthClientCredentials(sandbox.token_url, sandbox.client_id, sandbox.client_secret)
    async with AsyncClient(
        base_url=sandbox.base_url, access_token=token, transport=sandbox.transport()
    ) as client:
        await client.projects.list()
        await client.projects.list()
    texts = [record.getMessage() for record in caplog.records if record.name == "cloudplatform_async"]
    assert [text[:29] for text in texts] == ["the access token was replaced"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "own",
    [
        "",
        "import logging; logging.basicConfig()\n",
        "import logging, os; logging.basicConfig(filename=os.devnull)\n",
    ],
)
@pytest.mark.parametrize(("level", "lines"), [("debug", 1), ("info", 0), ("", 0)])
def test_an_environment_variable_shows_lines_for_a_quick_look(level: str, lines: int, own: str) -> None:
    """``CLOUD_LOG=debug`` needs no line of code; what a program shows already comes no second time."""
    program = """
import asyncio
from cloudplatform_async import AsyncClient
from cloudplatform_async.sandbox import Sandbox
async def main():
    sandbox = Sandbox(projects=1)
    async with AsyncClient(
        base_url=sandbox.base_url, api_key=sandbox.api_key, transport=sandbox.transport()
    ) as client:
        await client.projects.list()
asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", own + program],
        env={"CLOUD_LOG": level, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr.count("GET /projects: done 200") == lines


async def test_a_record_factory_with_a_name_of_ours_keeps_it_and_breaks_no_call(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """Web backends put their own request id on every record; the other fields are there as ever."""

    def factory(*args: Any, **options: Any) -> logging.LogRecord:
        record = logging.LogRecord(*args, **options)
        record.request_id = "of the web request"
        return record

    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(factory)
    try:
        caplog.set_level(logging.DEBUG, "cloudplatform_async")
        async with client_of(sandbox) as client:
            await client.projects.get("prj_000001")
    finally:
        logging.setLogRecordFactory(before)
    (line,) = [record for record in caplog.records if record.name == "cloudplatform_async"]
    assert line.__dict__["request_id"] == "of the web request"
    assert (line.__dict__["group"], line.filename) == ("projects", "logging.py")
