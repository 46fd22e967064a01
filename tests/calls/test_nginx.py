"""A limit that nobody announces: nginx's own `limit_req`, in front of many tasks."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from cloudplatform_async import AsyncClient

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")
CALLS, TASKS, RATE, BURST = 300, 50, 50, 10
CONFIGURATION = """
daemon off; master_process off; pid nginx.pid;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  limit_req_zone $http_x_api_key zone=keys:1m rate={rate}r/s;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      limit_req zone=keys burst={burst} {nodelay};
      limit_req_status 429;
      root {root};
      default_type application/json;
      try_files /project.json =404;
    }}
  }}
}}
"""

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed"),
]


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port: int = listener.getsockname()[1]
        return port


def wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            continue
        return
    pytest.fail("nginx did not start")


@pytest.fixture(params=["nodelay", ""], ids=["nodelay", "delay"])
def base_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where nginx serves one project to every path, at 50 requests a second and a burst of 10."""
    port = free_port()
    tmp_path.chmod(0o755)
    (tmp_path / "project.json").write_text('{"id": "prj_1", "name": "one"}')
    configuration = CONFIGURATION.format(
        port=port, rate=RATE, burst=BURST, nodelay=request.param, root=tmp_path
    )
    (tmp_path / "nginx.conf").write_text(configuration)
    assert NGINX is not None
    command = [NGINX, "-p", str(tmp_path), "-c", "nginx.conf", "-e", "error.log"]
    with subprocess.Popen(command) as process:
        try:
            wait_for(port, process)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()


@pytest.mark.slow
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_many_tasks_under_a_limit_of_nginx_are_all_answered_with_next_to_no_waste(
    base_url: str,
) -> None:
    """Beyond the first wave, which nobody could know of, at most 15 requests are rejected."""
    calls = iter(range(CALLS))
    answered: list[str] = []

    async def work() -> None:
        answered.extend([(await client.projects.get("prj_1")).id for _ in calls])

    async with AsyncClient(base_url=base_url, api_key="cp_test_key_1") as client:
        async with anyio.create_task_group() as tasks:
            for _ in range(TASKS):
                tasks.start_soon(work)
        statistics = client.statistics()
    first_wave = TASKS - BURST - 1
    assert answered == ["prj_1"] * CALLS
    assert statistics.throttled <= first_wave + 15
