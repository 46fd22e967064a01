"""``cloudplatform mcp``: the platform as tools for assistants, over stdin and stdout, until stdin ends."""

from typing import Annotated, Any

from cyclopts import Parameter

from cloudplatform_async import ConfigurationError
from cloudplatform_async.cli.session.options import CONFIGURED, Connection

_EXTRA = 'cloudplatform mcp needs the extra `mcp`: pip install "cloudplatform-async[cli,mcp]"'


async def serve(
    *,
    allow_writes: bool = False,
    tool: Annotated[list[str] | None, Parameter(name="--tool")] = None,
    connection: Connection = CONFIGURED,
) -> None:
    """Serve the platform as tools of the Model Context Protocol, on stdin and stdout, until stdin ends.

    Without --allow-writes no tool changes anything.

    Args:
        allow_writes: Offer tools that create, change, trigger and cancel.
        tool: Offer this tool too, which is offered only by its name: projects_delete.
        connection: Where.

    Raises:
        ConfigurationError: The extra is not installed, a tool cannot be offered, or ``--dry-run`` is given.
    """
    if connection.dry_run:
        raise ConfigurationError("--dry-run prints a request, where assistants read answers: leave it out.")
    try:
        from cloudplatform_async.mcp.server import build_server
        from cloudplatform_async.mcp.server import serve as serve_tools
    except ImportError:
        raise ConfigurationError(_EXTRA) from None
    from cloudplatform_async.cli.doctor.command import examine
    from cloudplatform_async.cli.session.connect import connect

    async def diagnose() -> dict[str, Any]:
        return (await examine(connection)).as_dict()

    async with connect(connection) as client:
        server = build_server(client, allow_writes=allow_writes, named=tool or (), diagnose=diagnose)
        await serve_tools(server)
