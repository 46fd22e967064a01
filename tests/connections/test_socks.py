"""Requests through a SOCKS proxy (RFC 1928), and what its refusals and its nonsense come to."""

import socketserver
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

from cloudplatform_async import APIConnectionError, AsyncClient, RetryPolicy
from cloudplatform_async._connections.transport import PooledTransport

pytest.importorskip("socksio")

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\n{"id": "prj", "name": "n"}'
NO_NAME, WITH_NAME = b"\x05\x00", b"\x05\x02"


def reply(code: int) -> bytes:
    return bytes((5, code, 0, 1, 0, 0, 0, 0, 0, 0))


class Proxy(socketserver.ThreadingTCPServer):
    """Says one text after each that it hears, then closes.

    Attributes:
        texts: Of each connection.
        heard: By all connections.
        accepted: Connections so far.
    """

    daemon_threads = True

    def __init__(self, *texts: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Talk)
        self.texts, self.heard, self.accepted = texts, bytearray(), 0

    def url(self, scheme: str = "socks5") -> str:
        return f"{scheme}://user:p%40ss@127.0.0.1:{self.server_address[1]}"


class Talk(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        proxy: Any = self.server
        proxy.accepted += 1
        for text in proxy.texts:
            proxy.heard += self.request.recv(4096)
            self.request.sendall(text)


@contextmanager
def running(*texts: bytes) -> Generator[Proxy]:
    with Proxy(*texts) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()


def client_through(url: str) -> AsyncClient:
    return AsyncClient(
        base_url="http://127.0.0.1:1/v1",
        api_key="k",
        transport=PooledTransport(proxy=url),
        retries=RetryPolicy(max_retries=2, base=0),
    )


@pytest.mark.anyio
@pytest.mark.parametrize("scheme", ["socks", "socks5", "SOCKS5H"])
async def test_a_call_goes_through_a_socks_proxy_with_its_password(scheme: str) -> None:
    """Under each name that is in use, also with the oldest httpx, which knows no socks5h."""
    with running(WITH_NAME, b"\x01\x00", reply(0), ANSWER) as proxy:
        async with client_through(proxy.url(scheme)) as client:
            assert (await client.projects.get("prj")).name == "n"
    assert b"\x04user\x04p@ss" in proxy.heard


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        ([NO_NAME], "got NO AUTHENTICATION"),
        ([b"\x05\xff"], "NO ACCEPTABLE METHODS"),
        ([WITH_NAME, b"\x01\x01"], "Invalid username"),
        ([WITH_NAME, b"\x01\x00", reply(2)], "not allowed by ruleset"),
    ],
)
async def test_a_refusal_by_a_socks_proxy_is_final_and_names_it(texts: list[bytes], reason: str) -> None:
    """As 407 and 403 are of an HTTP proxy."""
    with running(*texts) as proxy:
        async with client_through(proxy.url()) as client:
            with pytest.raises(APIConnectionError, match=rf"proxy 127\.0\.0\.1:\d+ .*{reason}") as caught:
                await client.projects.create(name="n", slug="s")
    assert (proxy.accepted, caught.value.outcome) == (1, "not_sent")
    assert "p@ss" not in str(caught.value)


@pytest.mark.anyio
@pytest.mark.parametrize("texts", [[], [b""], [b"zz"], [b"HTTP/1.1 400 Bad Request\r\n\r\n"]])
async def test_what_is_no_socks_is_a_failure_of_the_proxy(texts: list[bytes]) -> None:
    """No error of the library below comes out, and it is tried again: another may do better."""
    with running(*texts) as proxy:
        async with client_through(proxy.url()) as client:
            with pytest.raises(APIConnectionError, match=r"proxy 127\.0\.0\.1:\d+") as caught:
                await client.projects.create(name="n", slug="s")
    assert (proxy.accepted, caught.value.outcome, caught.value.attempts) == (3, "not_sent", 3)
