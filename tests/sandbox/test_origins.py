"""What browsers may do from other sites, IPv6, and the probe."""

import socket
from collections.abc import Callable

import httpx
import pytest

from cloudplatform_async.sandbox import Sandbox
from cloudplatform_async.sandbox.serving import server

anyio_test = pytest.mark.anyio
ELSEWHERE = {"origin": "https://app.example"}
PREFLIGHT = {
    **ELSEWHERE,
    "access-control-request-method": "POST",
    "access-control-request-headers": "x-api-key,idempotency-key,content-type",
}


@anyio_test
async def test_any_site_may_use_the_api_with_a_key(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    """Preflight and answer allow it, errors and scripted faults included, and show the API's own headers."""
    transport = sandbox.transport()
    async with httpx.AsyncClient(base_url=sandbox.base_url, transport=transport) as client:
        preflight = await client.options("/projects", headers=PREFLIGHT)
        assert (preflight.status_code, sandbox.served) == (200, 0)
        assert preflight.headers["access-control-allow-origin"] == "*"
        assert "idempotency-key" in preflight.headers["access-control-allow-headers"]
        sandbox.faults.add(status=503, times=1)
        answers = [await client.get("/projects", headers=ELSEWHERE) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [503, 401]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "retry-after" in answer.headers["access-control-expose-headers"]


@pytest.mark.parametrize("path", ["/", "/_sandbox/state", "/_sandbox/faults"])
@anyio_test
async def test_no_other_site_may_steer_the_sandbox(sandbox: Sandbox, path: str) -> None:
    """No CORS, and none under a name that another site made point here (DNS rebinding)."""
    async with httpx.AsyncClient(transport=sandbox.transport()) as client:
        url = httpx.URL(sandbox.base_url).join(path)
        answer = await client.get(url, headers=ELSEWHERE)
        preflight = await client.options(url, headers=PREFLIGHT)
        rebound = await client.get(url, headers={"host": "rebound.example"})
    assert (answer.status_code, preflight.status_code, rebound.status_code) == (200, 405, 403)
    for each in (answer, preflight):
        assert "access-control-allow-origin" not in each.headers
    assert rebound.json()["error"]["code"] == "foreign_host"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:80", "[::1]:8080", "LOCALHOST"])
@anyio_test
async def test_every_name_of_this_machine_reaches_the_page(sandbox: Sandbox, host: str) -> None:
    """With a port or without."""
    async with httpx.AsyncClient(transport=sandbox.transport()) as client:
        answer = await client.get(httpx.URL(sandbox.base_url).join("/"), headers={"host": host})
    assert answer.status_code == 200


def test_the_probe_needs_no_key(served: Callable[..., Sandbox]) -> None:
    """`/health` at the origin."""
    answer = httpx.get(httpx.URL(served().base_url).join("/health"))
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def has_ipv6() -> bool:
    """Whether this machine has the address ::1."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_ipv6_reaches_the_same_platform(served: Callable[..., Sandbox]) -> None:
    """On the same port, for programs to which `localhost` is `::1`."""
    sandbox = served(projects=2)
    url = httpx.URL(f"{sandbox.base_url}/projects").copy_with(host="::1")
    answer = httpx.get(url, headers={"x-api-key": sandbox.api_key})
    assert answer.json()["pagination"]["total"] == 2


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_a_machine_without_ipv6_is_served_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over IPv4 alone."""
    monkeypatch.setattr(server, "_NO_IPV6", frozenset({server.errno.EADDRINUSE}))
    with socket.socket(socket.AF_INET6) as taken, Sandbox() as first:
        port = first._server.port
        first.stop()
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("::1", port))
        taken.listen()
        with Sandbox(port=port) as sandbox:
            assert httpx.get(httpx.URL(sandbox.base_url).join("/health")).status_code == 200


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_a_free_port_is_free_for_both_families(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is taken for IPv6 is left alone, and another one is tried."""
    bound, tried = server._bound, []

    def mostly_taken(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
        tried.append(port)
        if family == socket.AF_INET6 and len(tried) < 6:
            raise OSError(server.errno.EADDRINUSE, "taken")
        return bound(family, host, port)

    monkeypatch.setattr(server, "_bound", mostly_taken)
    with Sandbox() as sandbox:
        assert httpx.URL(sandbox.base_url).port == tried[-1]
    assert len(tried) == 6
