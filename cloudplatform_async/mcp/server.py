"""The server: which tools there are, what they say of themselves, and how it ends."""

import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import suppress
from functools import partial
from typing import Any, Protocol, cast

import anyio
from anyio.from_thread import BlockingPortal
from anyio.streams.memory import MemoryObjectSendStream
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.resources import FunctionResource
from mcp.server.mcpserver.tools import Tool
from mcp.server.stdio import stdio_server
from mcp.types import ToolAnnotations
from pydantic import ValidationError

from cloudplatform_async import AsyncClient, ConfigurationError, __version__
from cloudplatform_async.mcp.failures import misfit, told
from cloudplatform_async.mcp.pages import INDEX, index, pages, title
from cloudplatform_async.mcp.reading import Reading
from cloudplatform_async.mcp.writing import Writing

INSTRUCTIONS = (
    "Tools for the Cloud API Platform. Lists come a page at a time: pass the `cursor` of an answer to go on. "
    'An error says its `outcome`: after "unknown" repeat a write with the idempotency_key that it names.'
)
NAMED = frozenset({"projects_delete"})
"""Tools that are offered only where they are asked for by name."""

Diagnose = Callable[[], Awaitable[dict[str, Any]]]  # Any: JSON values
_READS = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=True
)
_LINE = 2**20  # bytes that are read from stdin at a time


def build_server(
    client: AsyncClient,
    *,
    allow_writes: bool = False,
    named: Collection[str] = (),
    diagnose: Diagnose | None = None,
) -> MCPServer[None]:
    """Build the server over a client, which the caller opens and closes.

    Args:
        client: Through which every tool speaks.
        allow_writes: Whether to offer tools that change something.
        named: Tools to offer beside those, such as ``projects_delete``.
        diagnose: What the tool ``doctor`` does; none leaves it out.

    Raises:
        ConfigurationError: For a name that is none of these tools, or one without ``allow_writes``.
    """
    if unknown := set(named) - NAMED:
        raise ConfigurationError(f"{sorted(unknown)}: only {sorted(NAMED)} are offered by name.")
    if named and not allow_writes:
        raise ConfigurationError(f"{sorted(named)} changes something: it needs --allow-writes.")
    tools = [_tool(method, _READS) for method in _methods(Reading(client))]
    if diagnose is not None:
        tools.append(_tool(_told_of(diagnose), _READS))
    for method in _methods(Writing(client)) if allow_writes else ():
        name = method.__name__
        if name not in NAMED or name in named:
            tools.append(_tool(method, _writes(name)))
    server = _Server(
        "cloudplatform", version=__version__, instructions=INSTRUCTIONS, tools=tools, log_level="WARNING"
    )
    _add_pages(server)
    return server


class _Server(MCPServer[None]):
    """Says of arguments that do not fit what it says of any other error."""

    async def call_tool(self, name: str, arguments: dict[str, Any], context: Any = None) -> Any:
        # Any: as the library has it, whose types change.
        try:
            return await super().call_tool(name, arguments, context)
        except ToolError as error:
            if isinstance(error.__cause__, ValidationError):
                raise ToolError(
                    f"Error executing tool {name}: {misfit(error.__cause__)}"
                ) from error.__cause__
            raise


def _tool(method: Callable[..., Any], annotations: ToolAnnotations) -> Tool:
    """Make a tool that refuses what it does not know: to leave a filter out in silence is a wrong answer."""
    tool = Tool.from_function(method, annotations=annotations)
    model = tool.fn_metadata.arg_model
    model.model_config["extra"] = "forbid"
    model.model_rebuild(force=True)
    tool.parameters = model.model_json_schema()
    return tool


def _told_of(diagnose: Diagnose) -> Diagnose:
    async def doctor() -> dict[str, Any]:
        """Find out what is wrong with settings, network and credentials; shows no secret."""
        with told():
            return await diagnose()

    return doctor


def _methods(tools: object) -> list[Callable[..., Any]]:
    return [getattr(tools, name) for name in vars(type(tools)) if not name.startswith("_")]


def _writes(name: str) -> ToolAnnotations:
    """Say that a tool changes something; a key makes a repetition the same call, a fresh one does not."""
    return ToolAnnotations(
        read_only_hint=False,
        destructive_hint=name in {"projects_delete", "projects_update", "workflows_cancel"},
        idempotent_hint=name in {"projects_delete", "projects_update", "workflows_cancel"},
        open_world_hint=True,
    )


def _add_pages(server: MCPServer[None]) -> None:
    def add(name: str, read: Callable[[], str], heading: str) -> None:
        server.add_resource(
            FunctionResource.from_function(
                read, uri=f"docs://cloudplatform/{name}", name=name, title=heading, mime_type="text/markdown"
            )
        )

    found = pages()
    if found:
        add(INDEX, index, "All pages")
    for name, page in found.items():
        add(name, partial(page.read_text, encoding="utf-8"), title(page))


class _Lines(Protocol):
    def __aiter__(self) -> AsyncIterator[str]: ...


async def serve(server: MCPServer[None]) -> None:
    """Serve over stdin and stdout until stdin ends; cancelling it, as Ctrl-C does, ends it at once.

    The library would read stdin in a thread that nothing can interrupt.
    """
    send, receive = anyio.create_memory_object_stream[str](0)
    async with BlockingPortal() as portal:
        with send, receive:
            # Ctrl-C cancels the task that waits here, and the group then all of the library's at one time:
            # cancelled itself, its loop would break the stream to which its reader writes.
            async with anyio.create_task_group() as group:
                _read_stdin(portal, send)
                group.start_soon(_run, server, receive)


async def _run(server: MCPServer[None], lines: _Lines) -> None:
    # Its own `run_stdio_async` takes no stdin.
    low = server._lowlevel_server  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    async with stdio_server(stdin=cast("anyio.AsyncFile[str]", lines)) as (read_stream, write_stream):
        await low.run(read_stream, write_stream, low.create_initialization_options())


def _read_stdin(portal: BlockingPortal, send: MemoryObjectSendStream[str]) -> None:
    """Read stdin in a thread that need not end, for it may wait for ever; pass on whole lines."""
    descriptor = os.dup(0)

    def read() -> None:
        rest = b""
        with suppress(
            RuntimeError, anyio.BrokenResourceError, anyio.ClosedResourceError
        ):  # the server has ended
            while chunk := os.read(descriptor, _LINE):
                *whole, rest = (rest + chunk).split(b"\n")
                for line in whole:
                    portal.call(send.send, line.decode("utf-8", "replace"))
            portal.call(send.aclose)

    threading.Thread(target=read, name="cloudplatform mcp stdin", daemon=True).start()
