"""Canaries for secrets: whatever an assistant calls or reads, it is shown none, and neither is a log."""

import json
import logging
import os
import sys
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Self

import pytest
from attrs import define, field

from cloudplatform_async import AsyncClient, RetryPolicy
from cloudplatform_async.sandbox import Sandbox
from tests.mcp.test_tools import arguments_for, diagnose, speaking

if TYPE_CHECKING:
    import mcp

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(find_spec("mcp") is None, reason="needs the extra mcp"),
]

KEY, OTHER_KEY = "cp_canary_5f2b91c7", "cp_canary_of_a_view"
HEADER = "canary-in-a-header"
PASSWORD, ANYTHING = "canary-of-a-proxy", "canary-of-the-environment"


@define
class Shown:
    """An assistant that keeps everything that it is shown.

    Attributes:
        tools: The protocol's client.
        texts: All that came.
    """

    tools: "mcp.Client"
    texts: list[str] = field(factory=list)

    async def __aenter__(self) -> Self:
        await self.tools.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self.tools.__aexit__(*error)

    async def call(self, tool: str, arguments: dict[str, Any]) -> "mcp.types.CallToolResult":
        """Call a tool, whatever comes of it."""
        result = await self.tools.call_tool(tool, arguments)
        self.texts += [repr(result), result.model_dump_json()]
        return result

    async def names(self) -> list[str]:
        """List the tools."""
        listed = await self.tools.list_tools()
        self.texts += [repr(listed), repr(self.tools.instructions), repr(self.tools.server_capabilities)]
        return [tool.name for tool in listed.tools]

    async def read(self) -> None:
        """List and read everything that can be read."""
        listed = await self.tools.list_resources()
        self.texts.append(repr(listed))
        for each in listed.resources:
            self.texts.append(repr(await self.tools.read_resource(str(each.uri))))


def answers(sandbox: Sandbox, secrets: list[str]) -> Iterator[None]:
    """Let the next answer say secrets where it can: as a refusal, as a page of a proxy, as a success."""
    said = " ".join(secrets)
    error = {"error": {"code": secrets[0], "message": f"no {said}", "details": {"seen": secrets}}}
    for status, body in (
        (403, json.dumps(error)),
        (409, json.dumps(error)),
        (422, json.dumps(error)),
        (502, f"<html>{said}</html>"),
        (200, json.dumps({"id": 5, "name": said})),
        (200, said),
    ):
        sandbox.faults.add(status=status, body=body.encode(), times=1)
        yield
        sandbox.faults.clear()
    sandbox.faults.add(kind="lost_answer", times=1)
    yield
    sandbox.faults.clear()


def leaks(texts: list[str], secrets: list[str]) -> list[str]:
    """Where a secret stands, with what stands around it."""
    places = ((text, text.find(secret)) for text in texts for secret in secrets)
    return [text[max(0, place - 150) : place + 150] for text, place in places if place >= 0]


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """The log of every library, at DEBUG."""
    with caplog.at_level(logging.DEBUG):
        yield caplog


@pytest.fixture
async def shown(logged: pytest.LogCaptureFixture) -> AsyncIterator[tuple[Shown, Sandbox, list[str]]]:
    """All tools, over a view with a key and headers of its own; at the end nothing has shown a secret."""
    async with Sandbox(projects=25, api_key=OTHER_KEY, rate_limit=None) as sandbox:
        token = sandbox.issue_token()
        secrets = [OTHER_KEY, token, HEADER, KEY, sandbox.webhook_secret]
        async with AsyncClient(
            base_url=sandbox.base_url, api_key=KEY, access_token=token, retries=RetryPolicy(max_retries=0)
        ) as client:
            view = client.with_options(api_key=OTHER_KEY, headers={"x-tenant": HEADER})
            tools = speaking(view, allow_writes=True, named=["projects_delete"], diagnose=diagnose)
            async with Shown(tools) as assistant:
                yield assistant, sandbox, secrets
    # Beside what was shown stands the log of the whole test, of the client's end of the protocol too.
    records = [record for phase in ("setup", "call") for record in logged.get_records(phase)]
    records = [record for record in records if record.name != "cloudplatform_sandbox"]  # the platform
    assert records
    texts = [*assistant.texts, *(record.getMessage() + repr(record.args) for record in records)]
    assert len(texts) > 100
    assert leaks(texts, secrets) == []


async def test_no_tool_shows_a_secret(shown: tuple[Shown, Sandbox, list[str]]) -> None:
    """Neither where it succeeds nor where the platform repeats what it was sent, and no page does."""
    assistant, sandbox, secrets = shown
    names = await assistant.names()
    await assistant.read()
    for tool in names:
        await assistant.call(tool, {})
        await assistant.call(tool, arguments_for(tool))
        for _ in answers(sandbox, secrets[:3]):  # what it was sent
            await assistant.call(tool, arguments_for(tool))
    assert any("***" in text for text in assistant.texts)  # it was repeated, and masked


def made_up(dice: Random, depth: int = 2) -> object:
    """What a model may make up for an argument."""
    plain = [
        None,
        True,
        -1,
        0,
        7,
        10**30,
        1.5,
        "",
        "prj_000001",
        "../x",
        "\x00",
        "é" * 300,
        "2026-13-01",
        "{}",
    ]
    kind = dice.randrange(8)
    if depth and kind == 0:
        return [made_up(dice, depth - 1) for _ in range(dice.randrange(3))]
    if depth and kind == 1:
        return {f"k{number}": made_up(dice, depth - 1) for number in range(dice.randrange(3))}
    return dice.choice(plain)


@pytest.mark.slow
async def test_whatever_the_arguments_only_tool_errors_come(
    shown: tuple[Shown, Sandbox, list[str]],
) -> None:
    """A model that makes things up gets an answer to learn from, and no crash; nothing secret is in it."""
    assistant, dice = shown[0], Random(7)
    await assistant.names()
    tools = (await assistant.tools.list_tools()).tools
    for _ in range(1_000):
        tool = dice.choice(tools)
        names = [name for name in tool.input_schema.get("properties", {}) if dice.random() < 0.8]
        result = await assistant.call(tool.name, {name: made_up(dice) for name in names})
        if result.is_error:
            text = "".join(each.text for each in result.content if each.type == "text")
            assert text != f"Error executing tool {tool.name}"  # a crash tells no more than this


@pytest.mark.slow
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_command_shows_no_secret_of_its_environment(tmp_path: Path) -> None:
    """A key, an env file, a proxy's password, and what else there is: not in an answer, nor on stderr."""
    from mcp import Client, StdioServerParameters
    from mcp.client.stdio import stdio_client

    with Sandbox(projects=3, api_key=KEY, rate_limit=None) as sandbox, (tmp_path / "err").open("w+") as err:
        token = sandbox.issue_token()
        secrets = [KEY, token, PASSWORD, ANYTHING]
        env_file = tmp_path / ".env"
        env_file.write_text(f"CLOUD_API_KEY={KEY}\nCLOUD_ACCESS_TOKEN={token}\nDATABASE={ANYTHING}\n")
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CLOUD_")},
            "CLOUD_API_BASE_URL": sandbox.base_url,
            "HTTPS_PROXY": f"http://me:{PASSWORD}/x@127.0.0.1:9",
            "OTHER": ANYTHING,
        }
        options = ["--allow-writes", "--debug", "--env-file", str(env_file)]
        command = ["-m", "cloudplatform_async", "mcp", *options]
        parameters = StdioServerParameters(command=sys.executable, args=command, env=environment)
        async with Shown(Client(stdio_client(parameters, errlog=err))) as assistant:
            for tool in await assistant.names():
                await assistant.call(tool, arguments_for(tool))
                for _ in answers(sandbox, secrets[:2]):
                    await assistant.call(tool, arguments_for(tool))
            await assistant.read()
        stderr = (tmp_path / "err").read_text()
    assert "attempt 1: 403" in stderr
    assert "Traceback" not in stderr
    assert leaks([*assistant.texts, stderr], secrets) == []
