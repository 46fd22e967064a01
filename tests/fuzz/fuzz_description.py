"""Schemathesis against a served sandbox: what its OpenAPI document says is what it does.

`nox -s description` runs it; the rules that a schema cannot say are in `schemathesis.toml`.
"""

import os
import subprocess
import sys
from pathlib import Path

from cloudplatform_async.sandbox import Sandbox

ROOT = Path(__file__).parents[2]


def main() -> int:
    """Serve a sandbox, run schemathesis, and give its exit code."""
    with Sandbox(projects=20, rate_limit=None) as sandbox:
        origin = sandbox.base_url.removesuffix("/v1")
        command = ["schemathesis", "--config-file", "schemathesis.toml", "run", f"{origin}/openapi.json"]
        credentials = {
            "CLOUD_API_KEY": sandbox.api_key,
            "CLOUD_CLIENT_ID": sandbox.client_id,
            "CLOUD_CLIENT_SECRET": sandbox.client_secret,
        }
        environment = {**os.environ, **credentials}
        code = subprocess.run([*command, *sys.argv[1:]], cwd=ROOT, env=environment, check=False).returncode
        print(f"{sandbox.served} requests")
    return code


if __name__ == "__main__":
    sys.exit(main())
