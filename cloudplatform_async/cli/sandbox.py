"""``cloudplatform sandbox``: the whole platform on this machine, until Ctrl-C."""

import contextlib
import logging
import sqlite3
import sys
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter, validators

from cloudplatform_async import ConfigurationError
from cloudplatform_async.cli.session.options import WHOLE

if TYPE_CHECKING:
    from cloudplatform_async.sandbox import Sandbox

Count = Annotated[int, WHOLE, Parameter(validator=validators.Number(gte=0))]
Port = Annotated[int, WHOLE, Parameter(validator=validators.Number(gte=0, lte=65535))]
Seconds = Annotated[float, Parameter(validator=validators.Number(gte=0))]


def serve(
    *,
    projects: Count = 50,
    paging: Literal["page", "cursor"] = "page",
    port: Port = 0,
    rate_limit: Count = 600,
    latency: Seconds = 0.0,
    database: str = ":memory:",
    api_key: str | None = None,
    log: bool = False,
) -> None:
    """Serve a platform on this machine until Ctrl-C, with a page to watch and steer it.

    Prints its address and its credentials in the form of an env file.

    Args:
        projects: How many projects to begin with.
        paging: How it pages its lists: by number or by cursor.
        port: Port on 127.0.0.1 and ::1; 0 takes a free one.
        rate_limit: Requests a minute for each key and endpoint group; 0 sets no limit.
        latency: Seconds that the work of each request takes.
        database: A SQLite file that keeps the platform for the next time.
        api_key: The key that clients are to send; default: that of the database, else a new one.
        log: Write each request to stderr.

    Raises:
        ConfigurationError: The port, the database or the key cannot be had.
    """
    from cloudplatform_async.sandbox import Sandbox  # Its server is slow to import.

    if log:
        _log_to_stderr()
    try:
        sandbox = Sandbox(
            projects=projects,
            paging=paging,
            port=port,
            rate_limit=rate_limit or None,
            latency=latency,
            database=database,
            api_key=api_key,
        )
        with contextlib.suppress(KeyboardInterrupt):
            sandbox.serve_forever(ready=_announce)
    except BrokenPipeError:
        raise
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    except sqlite3.DatabaseError as error:
        raise ConfigurationError(f"The database {database} cannot be used: {error}.") from error
    except OSError as error:
        raise ConfigurationError(f"Port {port} cannot be had ({error.strerror}): choose another.") from error


def _announce(sandbox: "Sandbox") -> None:
    page = sandbox.base_url.removesuffix("v1")
    print(f"Serving until Ctrl-C; watch and steer it at {page}", file=sys.stderr)
    print(
        f"CLOUD_API_BASE_URL={sandbox.base_url}",
        f"CLOUD_API_KEY={sandbox.api_key}",
        f"CLOUD_TOKEN_URL={sandbox.token_url}",
        f"CLOUD_CLIENT_ID={sandbox.client_id}",
        f"CLOUD_CLIENT_SECRET={sandbox.client_secret}",
        f"CLOUD_WEBHOOK_SECRET={sandbox.webhook_secret}",
        sep="\n",
        flush=True,
    )


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
    logger = logging.getLogger("cloudplatform_sandbox")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
