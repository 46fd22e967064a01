"""What is built to watch or replace httpx's connections works on the pool's, and importing it stays cheap."""

import json
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import respx

from cloudplatform_async import AsyncClient
from cloudplatform_async._connections.tls import TLSSettings
from cloudplatform_async._connections.transport import PooledTransport
from cloudplatform_async.errors import ConfigurationError
from tests.connections.servers import HttpxTransport, Server, answer, authority, get, identified, trusting

pytestmark = pytest.mark.anyio


async def test_respx_answers_in_place_of_the_network() -> None:
    """Its httpcore mocks take the pool's requests, again and again."""
    transport = PooledTransport()
    with respx.mock(using="httpcore") as router:
        route = router.get("https://api.example/v1/projects").respond(json={"data": []})
        for _ in range(3):
            assert json.loads(await get(transport, "https://api.example/v1/projects")) == {"data": []}
        await transport.aclose()
    assert route.call_count == 3


async def test_a_wrapper_round_httpxs_transport_sees_each_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """The OpenTelemetry instrumentor replaces ``AsyncHTTPTransport.handle_async_request`` in this way."""
    seen: list[str] = []
    original = httpx.AsyncHTTPTransport.handle_async_request

    async def watched(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        seen.append(request.url.path)
        return await original(self, request)

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", watched)
    transport = PooledTransport()
    with Server(answer) as server:
        await get(transport, f"{server.url}/first")
        await get(transport, f"{server.url}/second")
        await transport.aclose()
    assert seen == ["/first", "/second"]


async def test_a_call_on_a_kept_connection_imports_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that is looked for in vain costs as much as the rest of a call."""

    class Spy:
        def find_spec(self, name: str, *_: object) -> None:
            sought.append(name)

    sought: list[str] = []
    with Server(answer) as server:
        async with AsyncClient(base_url=f"{server.url}/v1", api_key="key") as client:
            await client.request("GET", "/projects/prj_1", model=None)
            monkeypatch.setattr(sys, "meta_path", [Spy(), *sys.meta_path])
            await client.request("GET", "/projects/prj_1", model=None)
    assert sought == []


async def test_a_callers_trace_is_called_for_each_request() -> None:
    """Where a connection is httpx's, our own look at it does not take the place of the caller's."""
    events: list[str] = []

    async def trace(event: str, info: dict[str, object]) -> None:
        events.append(event)

    transport = HttpxTransport()
    with Server(answer) as server:
        for _ in range(2):
            await get(transport, server.url, trace=trace)
        await transport.aclose()
    assert events.count("connection.connect_tcp.complete") == 1
    assert events.count("http11.response_closed.complete") == 2


@pytest.fixture
def _usual_authorities(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that names no authorities of its own."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)


@pytest.mark.usefixtures("_usual_authorities")
async def test_one_context_serves_all_tls_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading the trusted authorities takes longer than a request: it happens once, when needed."""
    made: list[ssl.SSLContext] = []

    def create(**options: object) -> ssl.SSLContext:
        made.append(trusting())
        return made[-1]

    monkeypatch.setattr(httpx, "create_ssl_context", create)
    transport = PooledTransport()
    assert made == []
    with Server(answer, tls=identified()) as server:
        for _ in range(3):
            await get(transport, server.url, fresh=True)
        await transport.aclose()
    assert len(made) == 1


@pytest.mark.usefixtures("_usual_authorities")
async def test_the_authorities_of_the_environment_are_trusted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """SSL_CERT_FILE names them."""
    authority().cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    transport = PooledTransport()
    with Server(answer, tls=identified()) as server:
        assert await get(transport, server.url) == b'{"data": 1}'
        await transport.aclose()


@pytest.mark.usefixtures("_usual_authorities")
def test_the_authorities_of_the_environment_take_the_place_of_the_usual_ones(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An empty SSL_CERT_DIR trusts nobody, unless the environment is not to be followed."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert TLSSettings(True, trust_env=True).context.get_ca_certs() == []
    assert TLSSettings(True, trust_env=False).context.get_ca_certs() != []


async def test_a_broken_certificate_file_of_the_environment_is_a_connect_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """SSL_CERT_FILE is read with the first connection; what is wrong with it comes out typed."""
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent.pem")
    transport = PooledTransport()
    with pytest.raises(httpx.ConnectError, match="trusted certificates"):
        await get(transport, "https://127.0.0.1:1")
    assert (transport.connections, transport.waiting) == (0, 0)
    await transport.aclose()


def test_a_path_without_certificates_is_refused_at_construction() -> None:
    """The message names the path."""
    with pytest.raises(ConfigurationError, match=r"/nonexistent\.pem"):
        PooledTransport(verify="/nonexistent.pem")


@pytest.mark.slow
def test_constructing_loads_httpcore_and_importing_does_not() -> None:
    """No request waits for it, and no program that makes no transport; aiohttp is not for this one."""
    program = (
        "import sys, httpx; before = set(sys.modules);"  # httpx 0.27 brings httpcore with it
        "look = lambda: {'httpcore', 'certifi', 'aiohttp'} & set(sys.modules);"
        "from cloudplatform_async._connections.transport import PooledTransport as P;"
        "print(look() <= before);"
        "P(); print('httpcore' in look(), 'aiohttp' in look())"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert printed.stdout == "True\nTrue False\n"
