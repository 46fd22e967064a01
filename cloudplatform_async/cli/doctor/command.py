"""The command ``doctor``: all checks in the order in which they explain each other."""

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from cloudplatform_async.cli.output.streams import encodable, printable, write
from cloudplatform_async.cli.session.options import CONFIGURED, Connection

if TYPE_CHECKING:
    from cloudplatform_async.cli.doctor.findings import Findings


async def doctor(
    *,
    json: Annotated[bool, Parameter(name="--json")] = False,
    connection: Connection = CONFIGURED,
) -> int:
    """Look at settings, name, network, certificate, clock, credentials, scopes and limits.

    Says what is wrong and what to do, and ends with the exit code of the first thing that is wrong.
    Nothing that it prints is secret.

    Args:
        json: Print everything as JSON, for a support ticket.
        connection: Where.

    Returns:
        The exit code.
    """
    import sys

    from cloudplatform_async.cli.output.formats import write_json

    findings = await examine(connection)
    if json:
        write_json(findings.as_dict())
    else:
        lines = map(printable, findings.as_text().split("\n"))
        write("".join(encodable(f"{line}\n", sys.stdout) for line in lines).encode())
    return findings.exit_code


async def examine(connection: Connection) -> "Findings":
    """Make all checks, and give what was found."""
    from cloudplatform_async.cli.doctor.findings import Findings

    findings = Findings()
    if connection.sandbox:
        await _examine_sandbox(findings)
    else:
        await _examine(findings, connection)
    return findings


async def _examine(findings: "Findings", connection: Connection) -> None:
    from cloudplatform_async.cli.doctor import local, network, platform
    from cloudplatform_async.cli.session.connect import client_options

    local.check_versions(findings)
    local.check_secrets(findings)
    local.check_env_file(findings, connection)
    settings = await local.check_settings(findings, connection)
    if not settings:
        return
    platform.check_tokens(findings, settings)
    await network.check_way(findings, settings[0].value)
    if not any(finding.code == network.UNREACHABLE for finding in findings.all):
        options = client_options(connection)
        options.pop("tokens", None)
        await platform.check_answers(findings, options)


async def _examine_sandbox(findings: "Findings") -> None:
    """See that the command line itself works, against a platform on this machine."""
    from cloudplatform_async.cli.doctor import local, network, platform
    from cloudplatform_async.sandbox import Sandbox

    local.check_versions(findings)
    async with Sandbox(projects=1) as sandbox:
        findings.ok("base_url", f"{sandbox.base_url}, from --sandbox")
        await network.check_way(findings, sandbox.base_url)
        await platform.check_answers(findings, {"base_url": sandbox.base_url, "api_key": sandbox.api_key})
