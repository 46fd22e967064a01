"""Which requests go through a proxy, and how failures on the way are told (API contract §8)."""

import anyio
import httpx
import pytest

from cloudplatform_async import (
    APIConnectionError,
    APITimeoutError,
    AsyncClient,
    ConfigurationError,
    RetryPolicy,
    Timeouts,
)
from cloudplatform_async._connections.messages import Origin
from cloudplatform_async._connections.proxies import Proxies
from cloudplatform_async._connections.transport import PooledTransport
from tests.connections.servers import Server, hang, send


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("url", "no_proxy", "direct"),
    [
        ("https://[fd00::1]/v1", "fd00::1", True),
        ("https://[fd00::1]/v1", "fd00:0:0::1", True),
        ("https://[fd00::1]/v1", "[fd00::1]", True),
        ("https://[fd00::1]/v1", "[fd00::1]:443", True),
        ("https://[fd00::1]/v1", "[fd00::1]:8443", False),
        ("https://[fd00::1]/v1", "fd00::/8", True),
        ("https://[fd00::1]/v1", "fd00::2", False),
        ("https://10.1.2.3/v1", "10.0.0.0/8", True),
        ("https://10.1.2.3/v1", "10.1.2.3:443", True),
        ("https://11.1.2.3/v1", "10.0.0.0/8", False),
        ("https://10.1.2.3/v1", "10.1.2.*", True),
        ("https://10.1.3.3/v1", "10.1.2.*", False),
        ("https://10.1.2.3/v1", "::ffff:10.1.2.3", True),
        ("https://a.test.example/", "a.*.example", True),
        ("https://a.example/", "*,localhost", True),
        ("https://a.example/", "localhost *", True),
        ("https://a.example/", "a.example:443", True),
        ("https://a.example/", "a.example:80", False),
        ("http://a.example/", "a.example:80", True),
        ("https://a.example/", "a.example b.example", True),
        ("https://b.example/", "a.example , b.example", True),
        ("https://c.b.example/", "*.b.example", True),
        ("https://A.Example/", "a.EXAMPLE", True),
        ("https://aa.example/", "a.example", False),
        ("https://a.example/", ", ,", False),
        ("https://a.example/", "*:443", True),
        ("https://a.example/", "*:80", False),
        ("https://a.example/", "https://a.example", True),
        ("https://a.example/", "all://.example/", True),
        ("https://a.example/", "http://a.example", False),
        ("https://[fd00::1]/v1", "[fd00::]/8", True),
        ("https://[::ffff:10.1.2.3]/v1", "::ffff:0:0/96", True),
        ("https://10.1.2.3/v1", "::ffff:10.1.2.0/120", True),
        ("https://10.1.2.3/v1", "::/0", False),
    ],
)
def test_no_proxy_is_read_in_every_form(
    monkeypatch: pytest.MonkeyPatch, url: str, no_proxy: str, direct: bool
) -> None:
    """A request that was to stay inside does not go out."""
    monkeypatch.setenv("ALL_PROXY", "http://proxy.example:1")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    found = Proxies(None, trust_env=True).find(Origin.of(httpx.URL(url)))
    assert (found is None) is direct


@pytest.mark.parametrize("name", ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY"])
@pytest.mark.parametrize("proxy", ["socks://127.0.0.1:7891/", "gopher://x", "http://", "socks4://x:1"])
def test_a_proxy_that_is_not_used_stops_nobody(
    monkeypatch: pytest.MonkeyPatch, name: str, proxy: str
) -> None:
    """It is judged when a request would go through it."""
    monkeypatch.setenv(name, proxy)
    proxies = Proxies(None, trust_env=True)
    assert proxies.find(Origin("http", "127.0.0.1", 80)) is None


@pytest.mark.parametrize("proxy", [" http://mine.example:2 ", "mine.example:2\n"])
def test_blanks_round_a_proxy_are_no_part_of_it(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    """And blanks alone name none."""
    monkeypatch.setenv("ALL_PROXY", proxy)
    monkeypatch.setenv("HTTPS_PROXY", " ")
    found = Proxies(None, trust_env=True).find(Origin("https", "a.example", 443))
    assert str(found) == "http://mine.example:2"


def test_a_proxy_that_cannot_be_used_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """When a request would need it; the password shows nowhere."""
    monkeypatch.setenv("ALL_PROXY", "gopher://user:hunter2@proxy.example")
    with pytest.raises(ConfigurationError, match=r"^ALL_PROXY: .*such as http://") as caught:
        Proxies(None, trust_env=True).find(Origin("https", "a.example", 443))
    assert "hunter2" not in str(caught.value)


def test_socks_is_read_as_socks5(monkeypatch: pytest.MonkeyPatch) -> None:
    """As desktops write it; without socksio the message says what to install."""
    monkeypatch.setenv("ALL_PROXY", "socks://127.0.0.1:7891/")
    module = "cloudplatform_async._connections.proxies"
    monkeypatch.setattr(f"{module}.find_spec", lambda _: object())
    found = Proxies(None, trust_env=True).find(Origin("https", "a.example", 443))
    assert str(found) == "socks5://127.0.0.1:7891/"
    monkeypatch.setattr(f"{module}.find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match=r"ALL_PROXY.*httpx\[socks\]"):
        Proxies(None, trust_env=True).find(Origin("https", "a.example", 443))


def client_through(server: Server, **timeouts: float) -> AsyncClient:
    proxy = f"http://user:hunter2@127.0.0.1:{server.port}"
    return AsyncClient(
        base_url="https://api.example.invalid/v1",
        api_key="k",
        transport=PooledTransport(proxy=proxy),
        timeout=Timeouts(total=20, **timeouts),
        retries=2,
    )


@pytest.mark.anyio
@pytest.mark.parametrize(
    "status",
    [
        b"407 Proxy Authentication Required",
        b"403 Forbidden",
        b"401 Unauthorized",
        b"405 Not Allowed",
        b"302 Found",
    ],
)
async def test_a_refusal_by_a_proxy_is_final_and_names_it(status: bytes) -> None:
    """Asking again changes nothing, and the API is not to blame."""
    with Server(send(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")) as server:
        async with client_through(server) as client:
            with pytest.raises(APIConnectionError, match=rf"proxy 127\.0\.0\.1:{server.port}") as caught:
                await client.projects.get("prj")
    assert (server.requests, caught.value.outcome, caught.value.attempts) == (1, "not_sent", 1)
    assert "hunter2" not in str(caught.value)


@pytest.mark.anyio
async def test_a_proxy_that_wants_to_know_who_forwards_is_named_too() -> None:
    """A plain request is forwarded without CONNECT; that it was not is the proxy's word as well."""
    with Server(send(b"HTTP/1.1 407 Who\r\nContent-Length: 4\r\n\r\nwho?")) as server:
        async with AsyncClient(
            base_url="http://127.0.0.1:1/v1",
            api_key="k",
            proxy=f"http://user:hunter2@127.0.0.1:{server.port}",
        ) as client:
            with pytest.raises(APIConnectionError, match=rf"proxy 127\.0\.0\.1:{server.port} ans") as caught:
                await client.projects.create(name="n", slug="s")
            assert client.statistics().connections == 0
    assert (server.requests, caught.value.outcome, caught.value.attempts) == (1, "not_sent", 1)
    assert "hunter2" not in str(caught.value)


@pytest.mark.anyio
async def test_a_proxy_that_may_do_better_is_asked_again() -> None:
    """A gateway's 502 is no refusal (contract §7)."""
    with Server(send(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")) as server:
        async with client_through(server) as client:
            patient = client.with_options(retries=RetryPolicy(max_retries=2, base=0))
            with pytest.raises(APIConnectionError, match="502") as caught:
                await patient.projects.get("prj")
    assert (server.requests, caught.value.outcome) == (3, "not_sent")


@pytest.mark.anyio
async def test_a_proxy_with_an_address_of_ipv6_is_named_as_in_a_url() -> None:
    """With its brackets, and without user name and password."""
    transport = PooledTransport(proxy="http://user:hunter2@[::1]:1")
    async with AsyncClient(
        base_url="https://api.example.invalid/v1", api_key="k", transport=transport, retries=0
    ) as client:
        with pytest.raises(APIConnectionError, match=r"The proxy \[::1\]:1\b") as caught:
            await client.projects.get("prj")
    assert "hunter2" not in str(caught.value)


@pytest.mark.anyio
async def test_silence_before_a_proxy_opens_the_way_is_a_connect_timeout() -> None:
    """It takes the time for connecting, and nothing was sent."""
    with Server(hang) as server:
        async with client_through(server, connect=0.05, read=15) as client:
            with anyio.fail_after(10), pytest.raises(APITimeoutError, match="proxy 127") as caught:
                await client.with_options(retries=0).projects.create(name="n", slug="s")
    assert caught.value.outcome == "not_sent"
