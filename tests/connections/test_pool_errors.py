"""Whatever the network does, an httpx error of the right name comes out, with its request."""

import socket
import ssl

import httpx
import pytest

from cloudplatform_async.settings import PoolLimits
from tests.connections.servers import (
    HALF,
    Behaviour,
    Server,
    Transport,
    answer,
    everywhere,
    fetch,
    get,
    hang,
    identified,
    request_for,
    reset,
    send,
    trusting,
)

pytestmark = [pytest.mark.anyio, everywhere]

ENDLESS_HEADER = (
    b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"x" * 100) for n in range(5000)) + b"\r\n"
)


def causes(error: BaseException | None) -> list[BaseException]:
    """An error and all that caused it."""
    return [] if error is None else [error, *causes(error.__cause__)]


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@pytest.mark.parametrize(
    ("behaviour", "error", "patience"),
    [
        (reset, httpx.ReadError, 5.0),
        (send(b"", close=True), httpx.RemoteProtocolError, 5.0),
        (send(b"HTTP/1.1 200 OK\r\nX-Hal", close=True), httpx.RemoteProtocolError, 5.0),
        (send(b"\x00\x01 nonsense\r\n\r\n"), httpx.RemoteProtocolError, 5.0),
        (send(ENDLESS_HEADER), httpx.RemoteProtocolError, 5.0),
        (send(HALF, close=True), httpx.RemoteProtocolError, 5.0),
        (hang, httpx.ReadTimeout, 0.05),
        (send(HALF), httpx.ReadTimeout, 0.05),
    ],
    ids=[
        "reset",
        "closed",
        "half-header",
        "nonsense",
        "endless-header",
        "half-body",
        "silent",
        "silent-in-body",
    ],
)
async def test_a_failed_answer_has_its_name_and_its_request(
    transport_class: type[Transport],
    behaviour: Behaviour,
    error: type[httpx.TransportError],
    patience: float,
) -> None:
    """The request may have been done, so none of these is an error of connecting."""
    transport = transport_class()
    with Server(behaviour) as server:
        request = request_for(server.url, timeout={"connect": 5.0, "read": patience})
        with pytest.raises(error) as caught:
            await fetch(transport, request)
        assert transport.connections == 0
        await transport.aclose()
    assert type(caught.value) is error
    assert caught.value.request is request


async def test_a_reset_in_the_body_is_an_error_and_not_an_end(transport_class: type[Transport]) -> None:
    """A body without a length ends with the connection, but not with its reset."""
    transport = transport_class()
    with Server(send(b"HTTP/1.1 200 OK\r\n\r\npart")) as server:
        response = await transport.handle_async_request(request_for(server.url))
        assert isinstance(response.stream, httpx.AsyncByteStream)
        chunks = aiter(response.stream)
        assert await anext(chunks) == b"part"
        for peer in list(server.peers):
            server.loop.call_soon_threadsafe(peer.reset)
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            await anext(chunks)
        await response.aclose()
        await transport.aclose()


async def test_closing_in_the_body_is_an_error_and_not_an_end(transport_class: type[Transport]) -> None:
    """A body without a length, cut off by our own ``aclose``, is neither taken for whole nor waited for."""
    transport = transport_class()
    with Server(send(b"HTTP/1.1 200 OK\r\n\r\npart")) as server:
        response = await transport.handle_async_request(request_for(server.url))
        assert isinstance(response.stream, httpx.AsyncByteStream)
        chunks = aiter(response.stream)
        assert await anext(chunks) == b"part"
        await transport.aclose()
        with pytest.raises(httpx.CloseError) as caught:
            await anext(chunks)
        assert caught.value.__cause__ is None  # no timeout of a read
        await response.aclose()


async def test_a_refused_connection_is_a_connect_error(transport_class: type[Transport]) -> None:
    """Nothing was sent, and the system's own error is the cause."""
    transport = transport_class()
    with pytest.raises(httpx.ConnectError) as caught:
        await get(transport, f"http://127.0.0.1:{free_port()}")
    await transport.aclose()
    assert any(isinstance(cause, OSError) for cause in causes(caught.value))


@pytest.mark.parametrize("host", ["nowhere.invalid", "a" * 64 + ".example", "a..example"])
async def test_an_unknown_host_is_a_connect_error(transport_class: type[Transport], host: str) -> None:
    """Also where the name could never be looked up."""
    transport = transport_class()
    with pytest.raises(httpx.ConnectError):
        await get(transport, f"http://{host}/", timeout={"connect": 20.0})
    assert transport.connections == 0
    await transport.aclose()


async def test_an_impossible_port_is_a_typed_error(transport_class: type[Transport]) -> None:
    """What httpx lets pass is refused before anything is sent."""
    transport = transport_class()
    with pytest.raises(httpx.ConnectError):
        await get(transport, "http://127.0.0.1:99999/")
    assert transport.connections == 0
    await transport.aclose()


async def test_a_silent_tls_server_is_a_connect_timeout(transport_class: type[Transport]) -> None:
    """The bound on connecting includes the TLS handshake."""
    transport = transport_class(verify=trusting())
    with Server(hang) as server:
        with pytest.raises(httpx.ConnectTimeout):
            await get(transport, server.url.replace("http:", "https:"), timeout={"connect": 0.05})
        await server.has_peers(0)
        await transport.aclose()


@pytest.mark.parametrize(
    ("identity", "trust"),
    [({}, False), ({"expired": True}, True), ({"host": "elsewhere.example"}, True)],
    ids=["untrusted", "expired", "wrong-host"],
)
async def test_a_bad_certificate_stops_the_request(
    transport_class: type[Transport], identity: dict[str, object], trust: bool
) -> None:
    """An untrusted, expired or wrong certificate is a connect error, and no byte of a header was sent."""
    transport = transport_class(verify=trusting() if trust else True)
    with Server(answer, tls=identified(**identity)) as server:  # type: ignore[arg-type]  # parametrized
        with pytest.raises(httpx.ConnectError) as caught:
            await get(transport, server.url)
        await transport.aclose()
    assert any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes(caught.value))
    assert (server.requests, bytes(server.received)) == (0, b"")


async def test_verify_false_asks_for_no_certificate(transport_class: type[Transport]) -> None:
    """For a development server, by the user's own word."""
    transport = transport_class(verify=False)
    with Server(answer, tls=identified(expired=True)) as server:
        assert await get(transport, server.url) == b'{"data": 1}'
        await transport.aclose()


async def test_a_peer_that_wants_a_certificate_is_a_typed_error(transport_class: type[Transport]) -> None:
    """Under TLS 1.3 the server's refusal arrives after the handshake, as an alert in place of the answer."""
    demanding = identified()
    demanding.verify_mode = ssl.CERT_REQUIRED
    transport = transport_class(verify=trusting())
    with Server(answer, tls=demanding) as server:
        with pytest.raises(httpx.TransportError):
            await get(transport, server.url)
        await transport.aclose()
    assert server.requests == 0


async def test_a_server_that_takes_no_body_is_a_write_timeout(transport_class: type[Transport]) -> None:
    """A large upload ends when the server stops reading."""
    transport = transport_class()
    with Server(hang) as server:
        await get_connection(transport, server)
        for peer in server.peers:
            server.loop.call_soon_threadsafe(peer.transport.pause_reading)
        request = request_for(server.url, method="POST", content=b"x" * 50_000_000, timeout={"write": 0.1})
        with pytest.raises(httpx.WriteTimeout):
            await fetch(transport, request)
        await transport.aclose()


async def get_connection(transport: Transport, server: Server) -> None:
    """Open a connection and give it back."""
    server.behaviour = answer
    await get(transport, server.url)
    server.behaviour = hang


@pytest.mark.parametrize("size", [0, 5, 300_000])
async def test_a_body_arrives_byte_for_byte(transport_class: type[Transport], size: int) -> None:
    """Small and large, with its length."""
    transport = transport_class(limits=PoolLimits(max_connections=1))
    content = bytes(number % 251 for number in range(size))
    with Server(answer) as server:
        await fetch(transport, request_for(server.url, method="POST", content=content))
        await fetch(transport, request_for(server.url))
        await transport.aclose()
    head, _, rest = bytes(server.received).partition(b"\r\n\r\n")
    assert f"content-length: {size}".encode() in head.lower()
    assert rest[:size] == content
    assert rest[size:].startswith(b"GET / HTTP/1.1\r\n")


async def test_compressed_bytes_are_handed_over_raw(transport_class: type[Transport]) -> None:
    """Inflating is bounded elsewhere; a header that comes twice comes twice."""
    head = b"HTTP/1.1 404 No\r\nContent-Encoding: gzip\r\nX-A: 1\r\nX-A: 2\r\ncontent-Length: 3\r\n\r\n"
    transport = transport_class()
    with Server(send(head + b"\x1f\x8b\x08")) as server:
        response = await transport.handle_async_request(request_for(server.url))
        assert isinstance(response.stream, httpx.AsyncByteStream)
        body = b"".join([chunk async for chunk in response.stream])
        await transport.aclose()
    assert (response.status_code, body) == (404, b"\x1f\x8b\x08")
    assert response.headers.get_list("x-a") == ["1", "2"]


async def test_the_path_goes_as_it_is(transport_class: type[Transport]) -> None:
    """Percent signs, dots and an empty segment are the caller's affair."""
    transport = transport_class()
    with Server(answer) as server:
        await get(transport, f"{server.url}//a%2Fb/%7Ec?q=%20+&r=%C3%A9#part")
        await transport.aclose()
    assert bytes(server.received).startswith(b"GET //a%2Fb/%7Ec?q=%20+&r=%C3%A9 HTTP/1.1\r\n")


async def test_no_secret_hangs_on_the_chain_of_an_error(transport_class: type[Transport]) -> None:
    """The token stands in the request alone: in no message of an error or of its causes."""
    transport = transport_class()
    with Server(send(b"nonsense\r\n\r\n")) as server:
        with pytest.raises(httpx.RemoteProtocolError) as caught:
            await get(transport, server.url)
        await transport.aclose()
    for error in [*causes(caught.value), *causes(caught.value.__context__)]:
        assert "secret-token" not in f"{error} {error!r} {error.args}"
