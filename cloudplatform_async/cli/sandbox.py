"""``cloudplatform sandbox``: the whole platform on this machine, until Ctrl-C."""

import contextlib
import sys
from functools import partial
from typing import Literal

import anyio


def serve(
    *,
    projects: int = 50,
    paging: Literal["page", "cursor"] = "page",
    port: int = 0,
    rate_limit: int = 600,
) -> None:
    """Serve a platform on this machine until Ctrl-C.

    Prints its address and key in the form of an env file:
    `cloudplatform sandbox > .env &` and then `cloudplatform projects list --env-file .env`.

    Args:
        projects: How many projects to begin with.
        paging: How it pages its lists: by number or by cursor.
        port: Port on 127.0.0.1; 0 takes a free one.
        rate_limit: Requests a minute for each key and endpoint group; 0 sets no limit.
    """
    with contextlib.suppress(KeyboardInterrupt):
        anyio.run(partial(_serve, projects=projects, paging=paging, port=port, rate_limit=rate_limit or None))


async def _serve(
    *, projects: int, paging: Literal["page", "cursor"], port: int, rate_limit: int | None
) -> None:
    from cloudplatform_async.sandbox import Sandbox

    async with Sandbox(projects=projects, paging=paging, port=port, rate_limit=rate_limit) as sandbox:
        print(f"CLOUD_API_BASE_URL={sandbox.base_url}\nCLOUD_API_KEY={sandbox.api_key}", flush=True)
        print("Serving on this machine until Ctrl-C.", file=sys.stderr)
        await anyio.sleep_forever()
