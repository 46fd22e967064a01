"""Shows that an installed wheel works: run by the Python it was installed into, outside the source tree."""

import asyncio
import sys
from importlib.metadata import files, version
from pathlib import Path

import cloudplatform_async
from cloudplatform_async import AsyncClient
from cloudplatform_async.sandbox import Sandbox

NAME = "cloudplatform-async"


def check_contents() -> None:
    """The wheel holds its types, its licence, its bill of materials and its skill, and no tests."""
    paths = [str(path) for path in files(NAME) or ()]
    for wanted in ("py.typed", "SKILL.md", "licenses/LICENSE", "sboms/cloudplatform-async.cdx.json"):
        if not any(path.endswith(wanted) for path in paths):
            sys.exit(f"{wanted} is missing from the wheel")
    if strangers := [path for path in paths if path.startswith(("tests", "benchmarks", "docs"))]:
        sys.exit(f"{strangers[0]} does not belong into the wheel")
    if "site-packages" not in Path(cloudplatform_async.__file__).parts:
        sys.exit("the source tree was imported, not the wheel")


async def stream() -> list[str]:
    """Stream projects from the embedded sandbox."""
    async with (
        Sandbox(projects=250) as sandbox,
        AsyncClient(base_url=sandbox.base_url, api_key=sandbox.api_key) as client,
    ):
        return [project.id async for project in client.projects.iter_all()]


if __name__ == "__main__":
    check_contents()
    if len(set(asyncio.run(stream()))) != 250:
        sys.exit("not every project came")
    print(f"{NAME} {version(NAME)} works on Python {sys.version.split()[0]}")
