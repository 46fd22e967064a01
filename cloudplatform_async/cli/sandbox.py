"""``cloudplatform sandbox``: the whole platform on this machine, until Ctrl-C."""

import contextlib
import sys
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter, validators

from cloudplatform_async import ConfigurationError

if TYPE_CHECKING:
    from cloudplatform_async.sandbox import Sandbox

Count = Annotated[int, Parameter(validator=validators.Number(gte=0))]
Port = Annotated[int, Parameter(validator=validators.Number(gte=0, lte=65535))]


def serve(
    *,
    projects: Count = 50,
    paging: Literal["page", "cursor"] = "page",
    port: Port = 0,
    rate_limit: Count = 600,
) -> None:
    """Serve a platform on this machine until Ctrl-C.

    Prints its address and key in the form of an env file.

    Args:
        projects: How many projects to begin with.
        paging: How it pages its lists: by number or by cursor.
        port: Port on 127.0.0.1; 0 takes a free one.
        rate_limit: Requests a minute for each key and endpoint group; 0 sets no limit.

    Raises:
        ConfigurationError: The port cannot be had.
    """
    from cloudplatform_async.sandbox import Sandbox  # Its server is slow to import.

    sandbox = Sandbox(projects=projects, paging=paging, port=port, rate_limit=rate_limit or None)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            sandbox.serve_forever(ready=_announce)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ConfigurationError(f"Port {port} cannot be had ({error.strerror}): choose another.") from error


def _announce(sandbox: "Sandbox") -> None:
    print("Serving until Ctrl-C.", file=sys.stderr)
    print(f"CLOUD_API_BASE_URL={sandbox.base_url}\nCLOUD_API_KEY={sandbox.api_key}", flush=True)
