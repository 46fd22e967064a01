"""What an assistant can do, told by the protocol's own client over the sandbox."""

from collections.abc import AsyncIterator
from importlib.util import find_spec
from typing import Any

import httpx
import pytest
from attrs import frozen

from cloudplatform_async import AsyncClient, ConfigurationError, RetryPolicy
from cloudplatform_async.sandbox import Sandbox
from tests.connections.servers import Peer, Server
from tests.tiers import slow

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(find_spec("mcp") is None, reason="needs the extra mcp"),
]

ONCE = RetryPolicy(max_retries=0)
READING = [
    "projects_list",
    "projects_get",
    "usage_get",
    "workflows_list",
    "runs_list",
    "runs_get",
    "events_list",
    "doctor",
]
WRITING = ["projects_create", "projects_update", "workflows_trigger", "workflows_cancel"]


async def diagnose() -> dict[str, Any]:
    """Stands in for the command line's doctor."""
    return {"problems": []}


def speaking(client: AsyncClient, **options: Any) -> Any:
    """The protocol's client, connected to a server of this one."""
    import mcp

    from cloudplatform_async.mcp.server import build_server

    return mcp.Client(build_server(client, **options))


@frozen
class Assistant:
    """The protocol's client, and the sandbox at the other end."""

    sandbox: Sandbox
    tools: Any

    async def call(self, tool: str, **arguments: object) -> dict[str, Any]:
        """Call a tool that must succeed."""
        result = await self.tools.call_tool(tool, arguments)
        assert not result.is_error, result.content
        assert result.structured_content is not None
        return result.structured_content

    async def refused(self, tool: str, **arguments: object) -> str:
        """Call a tool that must fail, and give what the assistant reads."""
        result = await self.tools.call_tool(tool, arguments)
        assert result.is_error
        return "\n".join(each.text for each in result.content if each.type == "text")


@pytest.fixture
async def assistant() -> AsyncIterator[Assistant]:
    """All tools but those that must be named."""
    async with (
        Sandbox(projects=25) as sandbox,
        AsyncClient(
            base_url=sandbox.base_url, api_key=sandbox.api_key, retries=RetryPolicy(max_retries=0)
        ) as client,
        speaking(client, allow_writes=True, diagnose=diagnose) as tools,
    ):
        yield Assistant(sandbox, tools)


def arguments_for(tool: str) -> dict[str, Any]:
    """Arguments that a tool takes."""
    names: dict[str, Any] = {
        "projects_create": {"name": "n", "slug": "s"},
        "projects_update": {"id": "prj_000001", "name": "n"},
        "usage_get": {"start": "2026-03-01", "end": "2026-03-02"},
        "runs_list": {"workflow_id": "wfl_build"},
        "runs_get": {"workflow_id": "wfl_build", "run_id": "run_000001"},
        "workflows_cancel": {"workflow_id": "wfl_build", "run_id": "run_000001"},
    }
    needs_an_id = tool in ("projects_get", "projects_delete", "workflows_trigger")
    return names.get(tool, {"id": "prj_000001"} if needs_an_id else {})


async def names(**options: Any) -> list[str]:
    """The tools that a server offers."""
    transport = httpx.MockTransport(lambda _: httpx.Response(500))
    async with (
        AsyncClient(api_key="key", transport=transport) as client,
        speaking(client, diagnose=diagnose, **options) as tools,
    ):
        return [tool.name for tool in (await tools.list_tools()).tools]


async def test_without_permission_there_are_only_tools_that_read() -> None:
    """Nobody's assistant changes anything before somebody has said so."""
    assert await names() == READING


async def test_with_permission_there_are_tools_that_write_and_none_that_deletes() -> None:
    """Deleting is a permission of its own."""
    assert await names(allow_writes=True) == READING + WRITING


async def test_a_tool_that_deletes_is_there_when_it_is_named() -> None:
    """Who wants it can have it."""
    assert "projects_delete" in await names(allow_writes=True, named=["projects_delete"])


@pytest.mark.parametrize("options", [{"named": ["projects_delete"]}, {"allow_writes": True, "named": ["no"]}])
async def test_a_name_that_cannot_be_offered_is_refused(options: dict[str, Any]) -> None:
    """A typing mistake does not silently offer less."""
    with pytest.raises(ConfigurationError):
        await names(**options)


async def test_each_tool_says_what_it_does_and_each_argument_what_it_means(assistant: Assistant) -> None:
    """An assistant needs no other manual."""
    for tool in (await assistant.tools.list_tools()).tools:
        assert tool.description
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint is (tool.name in READING)
        assert tool.annotations.destructive_hint is not None
        assert tool.annotations.idempotent_hint is not None
        assert tool.input_schema["additionalProperties"] is False
        if tool.name in WRITING:
            assert "idempotency_key" in tool.input_schema["properties"]
        assert all(each.get("description") for each in tool.input_schema.get("properties", {}).values())


async def test_a_list_comes_a_page_at_a_time(assistant: Assistant) -> None:
    """A large workspace does not flood an assistant, and none of it is out of reach."""
    seen: list[str] = []
    cursor = None
    while True:
        page = await assistant.call("projects_list", limit=10, cursor=cursor)
        seen += [project["id"] for project in page["projects"]]
        cursor = page["cursor"]
        if cursor is None:
            break
        assert len(page["projects"]) == 10
    assert len(set(seen)) == len(seen) == page["total"] == 25


@pytest.mark.parametrize("limit", [{}, {"limit": 10}, {"limit": 3}])
async def test_a_cursor_goes_on_whatever_limit_is_given_with_it(
    assistant: Assistant, limit: dict[str, int]
) -> None:
    """An assistant that passes the cursor alone goes on too; none gets more than it wants, or skips any."""
    page = await assistant.call("projects_list", limit=5)
    seen = [project["id"] for project in page["projects"]]
    while page["cursor"] is not None:
        page = await assistant.call("projects_list", cursor=page["cursor"], **limit)
        assert len(page["projects"]) <= limit.get("limit", 20)
        seen += [project["id"] for project in page["projects"]]
    assert seen == [f"prj_{number:06}" for number in range(1, 26)]


async def test_a_write_says_that_it_was_done(assistant: Assistant) -> None:
    """The outcome is a word, not to be guessed."""
    made = await assistant.call("projects_create", name="Search", slug="search-api", labels={"team": "blue"})
    assert made["outcome"] == "done"
    found = await assistant.call("projects_get", id=made["project"]["id"])
    assert found["labels"] == {"team": "blue"}
    changed = await assistant.call("projects_update", id=found["id"], name="Find")
    assert changed["project"]["name"] == "Find"


async def test_a_write_whose_answer_was_lost_is_finished_with_the_key_that_the_error_names(
    assistant: Assistant,
) -> None:
    """An assistant that repeats as it is told does nothing twice."""
    assistant.sandbox.faults.add(kind="lost_answer", times=1)
    text = await assistant.refused("projects_create", name="Search", slug="search-api")
    assert "outcome: unknown" in text
    assert "repeated with the same arguments and this idempotency_key" in text
    key = text.partition("idempotency_key: ")[2].partition("\n")[0]
    again = await assistant.call("projects_create", name="Search", slug="search-api", idempotency_key=key)
    assert again["project"]["slug"] == "search-api"
    assert (await assistant.call("projects_list", slug="search-api"))["total"] == 1


async def test_workflows_and_events_are_followed(assistant: Assistant) -> None:
    """Trigger, look, cancel, and read what happened."""
    flows = await assistant.call("workflows_list")
    assert "wfl_build" in [flow["id"] for flow in flows["workflows"]]
    run = (await assistant.call("workflows_trigger", id="wfl_build", inputs={"sandbox": {"seconds": 60}}))[
        "run"
    ]
    again = await assistant.call("runs_get", workflow_id="wfl_build", run_id=run["id"])
    assert again["status"] in {"queued", "running"}
    ended = await assistant.call("workflows_cancel", workflow_id="wfl_build", run_id=run["id"])
    assert ended["run"]["status"] == "cancelled"
    runs = await assistant.call("runs_list", workflow_id="wfl_build", status="cancelled")
    assert [each["id"] for each in runs["runs"]] == [run["id"]]
    events = await assistant.call("events_list", type="workflow.*", limit=100)
    assert "workflow.run.cancelled" in [event["type"] for event in events["events"]]


async def test_usage_is_a_span_of_days(assistant: Assistant) -> None:
    """Days are written as people write them."""
    usage = await assistant.call("usage_get", start="2026-03-01", end="2026-03-02")
    assert (usage["from"], usage["to"]) == ("2026-03-01", "2026-03-02")


@pytest.mark.parametrize(
    ("tool", "arguments", "told"),
    [
        ("projects_get", {"id": "prj_gone"}, "code: project_not_found"),
        ("projects_list", {"limit": 101}, "message: limit: Input should be less than or equal to 100\n"),
        ("projects_update", {"id": "prj_000001"}, "Nothing to update"),
        *slow(
            ("projects_get", {"id": "../usage"}, "advice: Correct the argument"),
            ("projects_list", {"limit": 101}, "advice: Correct the argument"),
            ("projects_list", {"state": "active"}, "message: state: Extra inputs are not permitted\n"),
            ("projects_list", {"cursor": "nonsense"}, "message: `cursor` is not a checkpoint"),
            ("usage_get", {"start": "2026-03-02", "end": "2026-03-01"}, "swap them"),
            ("usage_get", {"start": "yesterday", "end": "today"}, "valid date"),
        ),
    ],
)
async def test_a_failure_says_what_to_do(
    assistant: Assistant, tool: str, arguments: dict[str, object], told: str
) -> None:
    """A failed call is something to act on, never a bare "error"."""
    assert told in await assistant.refused(tool, **arguments)


async def test_a_refused_key_is_a_matter_for_the_user(assistant: Assistant) -> None:
    """The model is told that repeating does not help, and who can."""
    assistant.sandbox.faults.add(status=403, times=1)
    assert "advice: Ask the user" in await assistant.refused("projects_get", id="prj_000001")


async def test_without_permission_no_write_reaches_the_platform() -> None:
    """What is not offered cannot be called either, and what is offered only reads: the server counts."""
    writes: list[str] = []

    def count(peer: Peer, request: bytes) -> None:
        method = request.partition(b" ")[0].decode()
        writes.extend([method] if method != "GET" else [])
        peer.transport.write(b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"data":[]}')

    with Server(count) as server:
        async with (
            AsyncClient(base_url=f"{server.url}/v1", api_key="key") as client,
            speaking(client, diagnose=diagnose) as tools,
        ):
            for name in (*WRITING, "projects_delete"):
                result = await tools.call_tool(name, arguments_for(name))
                assert result.is_error
            assert server.requests == 0
            for name in READING:
                await tools.call_tool(name, arguments_for(name))
    assert (server.requests, writes) == (len(READING) - 1, [])  # all but the doctor


async def test_every_page_of_the_documentation_can_be_read(assistant: Assistant) -> None:
    """An assistant reads what a person would."""
    listed = {str(each.uri) for each in (await assistant.tools.list_resources()).resources}
    index = (await assistant.tools.read_resource("docs://cloudplatform/llms.txt")).contents[0]
    for uri in listed - {"docs://cloudplatform/llms.txt"}:
        assert uri in index.text
        assert (await assistant.tools.read_resource(uri)).contents[0].text.startswith("# ")
