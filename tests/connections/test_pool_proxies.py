"""Which proxy a request goes through, and what it sees."""

import base64

import httpx
import pytest

from cloudplatform_async._connections.messages import Origin
from cloudplatform_async._connections.proxies import Proxies, is_loopback
from cloudplatform_async._connections.transport import PooledTransport
from cloudplatform_async.errors import ConfigurationError
from tests.connections.servers import OK, Peer, Server, Transport, everywhere, get, send

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "request_method")


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def found(url: str, proxy: str | None = None, *, trust_env: bool = True) -> str | None:
    result = Proxies(proxy, trust_env=trust_env).find(Origin.of(httpx.URL(url)))
    return None if result is None else str(result)


def test_the_environment_names_a_proxy_for_each_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP_PROXY and HTTPS_PROXY come before ALL_PROXY; a missing scheme means http."""
    monkeypatch.setenv("HTTPS_PROXY", "http://secure.example:1")
    monkeypatch.setenv("ALL_PROXY", "other.example:2")
    assert found("https://api.example/") == "http://secure.example:1"
    assert found("http://api.example/") == "http://other.example:2"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000/",
        "http://127.9.9.9/",
        "http://[::1]:1/",
        "http://localhost/",
        "http://x.localhost/",
    ],
)
def test_the_loopback_never_goes_through_the_environments_proxy(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """But through one that was named by the user it does."""
    monkeypatch.setenv("ALL_PROXY", "http://proxy.example:1")
    assert found(url) is None
    assert found(url, "http://mine.example:1") == "http://mine.example:1"


@pytest.mark.parametrize(
    ("no_proxy", "direct"),
    [
        ("api.example", True),
        (".example", True),
        ("*", True),
        ("api.example:8443", True),
        ("pi.example", False),
        ("", False),
    ],
)
def test_no_proxy_names_what_is_reached_directly(
    monkeypatch: pytest.MonkeyPatch, no_proxy: str, direct: bool
) -> None:
    """By host, suffix, port or star."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:1")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert (found("https://api.example:8443/") is None) is direct


def test_the_environment_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A later change does not reroute a client that is running."""
    proxies = Proxies(None, trust_env=True)
    monkeypatch.setenv("ALL_PROXY", "http://proxy.example:1")
    assert proxies.find(Origin.of(httpx.URL("https://api.example/"))) is None


def test_an_untrusted_environment_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """``trust_env=False`` is a direct connection, unless a proxy is named."""
    monkeypatch.setenv("ALL_PROXY", "nonsense://proxy.example:1")
    assert found("https://api.example/", trust_env=False) is None


@pytest.mark.parametrize(
    "proxy", ["ftp://user:hunter2@proxy.example", "http://", "http://user:hunter2@proxy.example:99999"]
)
def test_an_impossible_proxy_is_refused_at_construction(proxy: str) -> None:
    """The message names the option and not the password."""
    with pytest.raises(ConfigurationError, match=r"^proxy: ") as caught:
        PooledTransport(proxy=proxy)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("host", ["128.0.0.1", "localhost.example", "mylocalhost", "127.0.0.1.example"])
def test_a_name_that_only_looks_like_the_loopback_is_another_host(host: str) -> None:
    """It gets no exception."""
    assert not is_loopback(host)


@everywhere
@pytest.mark.anyio
async def test_a_proxy_sees_the_whole_url_and_its_own_credentials(transport_class: type[Transport]) -> None:
    """A plain request is forwarded in absolute form (RFC 9112 §3.2.2); the password shows nowhere else."""
    with Server(send(OK)) as server:
        proxy = f"http://user:hunter2@127.0.0.1:{server.port}"
        transport = transport_class(proxy=proxy)
        assert await get(transport, "http://api.example/v1/projects?limit=1") == b'{"data": 1}'
        await transport.aclose()
    sent = bytes(server.received)
    assert sent.startswith(b"GET http://api.example/v1/projects?limit=1 HTTP/1.1\r\n")
    assert base64.b64encode(b"user:hunter2") in sent
    assert "hunter2" not in repr(transport) + repr(vars(transport))


@everywhere
@pytest.mark.anyio
async def test_a_proxy_that_refuses_the_tunnel_is_a_proxy_error(transport_class: type[Transport]) -> None:
    """Nothing of the request was sent: the proxy saw a CONNECT without its headers."""

    def refuse(peer: Peer, request: bytes) -> None:
        peer.transport.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    with Server(refuse) as server:
        transport = transport_class(proxy=server.url)
        with pytest.raises(httpx.ProxyError):
            await get(transport, "https://api.example/")
        await transport.aclose()
    assert bytes(server.received).startswith(b"CONNECT api.example:443 HTTP/1.1\r\n")
    assert b"secret-token" not in server.received
