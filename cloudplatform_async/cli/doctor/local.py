"""Checks that send nothing: versions, settings and where each came from, the env file, secrets in files."""

import os
import platform
import stat
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import urlsplit

from cloudplatform_async import AsyncClient, CloudPlatformError
from cloudplatform_async.cli.doctor.findings import Findings
from cloudplatform_async.cli.errors import EXIT_CODES, USAGE
from cloudplatform_async.cli.session.connect import client_options
from cloudplatform_async.cli.session.identity import (
    BASE_URL,
    CREDENTIALS,
    Found,
    found_settings,
    names_in_file,
)
from cloudplatform_async.cli.session.options import Connection
from cloudplatform_async.cli.session.profiles import folder
from cloudplatform_async.cli.session.watching import Nowhere

_PACKAGES = ("cloudplatform-async", "httpx", "anyio", "httptools", "h11", "msgspec", "cyclopts")


def check_versions(findings: Findings) -> None:
    """Tell the versions that a bug report needs."""
    found = [f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"]
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} not installed")
    findings.ok("versions", ", ".join(found))


def check_env_file(findings: Findings, connection: Connection) -> None:
    """See that the env file can be read and says something."""
    if connection.env_file is None:
        return
    names = names_in_file(connection.env_file)
    known = [BASE_URL, *CREDENTIALS.values()]
    if names is None:
        advice = "pass the path of a text file with lines such as CLOUD_API_KEY=…"
        findings.problem("env file", f"{connection.env_file} cannot be read", advice, code=USAGE)
    elif usable := [name for name in known if name in names]:
        findings.ok("env file", f"{connection.env_file} has {', '.join(usable)}")
    else:
        advice = f"put one of {', '.join(known)} into it"
        found = f"{connection.env_file} has none of the names that count"
        findings.problem("env file", found, advice, code=USAGE)


async def check_settings(findings: Findings, connection: Connection) -> list[Found]:
    """Tell each setting and its source, and hear what the client says to them.

    Returns:
        The settings; none where they cannot be used.
    """
    try:
        found = found_settings(connection)
        for setting in found:
            shown = without_userinfo(setting.value) if setting.name == "base_url" else "set"
            findings.ok(setting.name, f"{shown}, from {setting.source}")
        options = client_options(connection)
        options.pop("tokens", None)
        async with AsyncClient(**options, transport=Nowhere()):
            pass
    except CloudPlatformError as error:
        code = EXIT_CODES.get(type(error), USAGE)
        findings.problem("settings", str(error), "change the setting that this names", code=code)
        return []
    return found


def check_secrets(findings: Findings) -> None:
    """See that files with secrets are their owner's alone."""
    loose = [
        path
        for path in sorted((folder() / "secrets").glob("*.json"))
        if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    for path in loose:
        found = f"{path} can be read by others"
        findings.problem("secrets", found, f"chmod 600 {path}, and change the key", code=USAGE)


def without_userinfo(url: str) -> str:
    """Show a URL without the name and password that it may have by mistake."""
    if "@" not in url:
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(not a URL)"
    return f"{parts.scheme}://***@{parts.netloc.rpartition('@')[2]}{parts.path.rpartition('@')[2]}"
