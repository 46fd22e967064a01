"""``cloudplatform mcp``, started as an assistant starts it: another process, on stdin and stdout."""

import json
import signal
import subprocess
import sys
from importlib.util import find_spec

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("mcp") is None, reason="needs the extra mcp"),
]
COMMAND = [sys.executable, "-m", "cloudplatform_async", "mcp", "--sandbox"]


@pytest.mark.anyio
async def test_the_official_client_lists_and_calls_its_tools() -> None:
    """Reading, writing with permission, and the doctor of the command line."""
    import mcp

    parameters = mcp.StdioServerParameters(command=COMMAND[0], args=[*COMMAND[1:], "--allow-writes"])
    async with mcp.Client(parameters) as assistant:
        names = [tool.name for tool in (await assistant.list_tools()).tools]
        assert len(names) == 12
        assert "doctor" in names
        listed = await assistant.call_tool("projects_list", {"limit": 3})
        assert listed.structured_content is not None
        assert len(listed.structured_content["projects"]) == 3
        made = await assistant.call_tool("projects_create", {"name": "Search", "slug": "search-mcp"})
        assert made.structured_content is not None
        assert made.structured_content["outcome"] == "done"
        found = await assistant.call_tool("doctor", {})
        assert not found.is_error


@pytest.mark.parametrize("further", [0, 20])
def test_an_interrupt_ends_it_with_130_and_no_traceback(further: int) -> None:
    """Though it waits for a line that never comes, or lines are coming in at that moment."""
    command = [sys.executable, "-W", "error", *COMMAND[1:]]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        assert server.stderr is not None
        hello = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "initialize",
            "params": {
                "protocolVersion": "2025-06-18",
                "capabilities": {},
                "clientInfo": {"name": "test", "version": "1"},
            },
        }
        server.stdin.write(json.dumps(hello) + "\n")
        server.stdin.flush()
        assert json.loads(server.stdout.readline())["id"] == 1
        ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        server.stdin.write((json.dumps(ready) + "\n") * further)
        server.stdin.flush()
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=30) == 130
        assert server.stderr.read() == ""


def test_the_end_of_stdin_ends_it() -> None:
    """As an assistant that leaves does it."""
    done = subprocess.run(COMMAND, input="", capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("options", "named"),
    [(["--tool", "projects_delete"], "--allow-writes"), (["--dry-run"], "--dry-run")],
)
def test_what_cannot_be_offered_is_one_line(options: list[str], named: str) -> None:
    """And an exit code, before anything is served."""
    command = [*COMMAND, *options]
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert named in done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
