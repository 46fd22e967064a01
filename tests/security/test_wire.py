"""What a hostile server writes on the wire ends in a typed error, in bounded room (design §3.3)."""

import gzip
import os
from functools import cache

import anyio
import pytest

from cloudplatform_async import APIConnectionError, AsyncClient, ResponseTooLargeError, RetryPolicy
from cloudplatform_async._connections.transport import PooledTransport
from tests.connections.servers import Behaviour, Peer, Server, Transport, everywhere, send
from tests.security.wire import meet

pytestmark = pytest.mark.anyio

ANSWERS = int(os.environ.get("HOSTILE_ANSWERS", "5000"))
BEGUN = b"HTTP/1.1 200 OK\r\n"
ENDLESS = {
    "one header": (BEGUN + b"X: ", b"x" * 65_536),
    "headers": (BEGUN, b"X-A: b\r\n" * 8_192),
    "chunk extension": (BEGUN + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x" * 65_536),
    "trailers": (BEGUN + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: b\r\n" * 8_192),
}


@pytest.mark.slow
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_thousands_of_hostile_answers_give_typed_errors_and_no_wrong_answer() -> None:
    """Broken, cut, followed by strays or reset; ``HOSTILE_ANSWERS`` says how many."""
    with anyio.fail_after(60 + ANSWERS / 100):
        met = await meet(ANSWERS, seed=ANSWERS)
    assert met.total() == ANSWERS
    assert met["Project"] > ANSWERS / 10
    assert met["APIConnectionError"] > ANSWERS / 20


def client_of(server: Server, transport: Transport, **options: int) -> AsyncClient:
    retries = RetryPolicy(max_retries=0)
    return AsyncClient(
        base_url=f"{server.url}/v1", api_key="k", transport=transport, retries=retries, **options
    )


def without_end(begin: bytes, piece: bytes, written: list[int]) -> Behaviour:
    """Write a piece after another, as fast as they are taken, until the client has gone."""

    def behave(peer: Peer, request: bytes) -> None:
        def go_on() -> None:
            if peer.transport.is_closing():
                return
            if peer.transport.get_write_buffer_size() < len(piece):
                peer.transport.write(piece)
                written.append(len(piece))
            peer.server.loop.call_later(0.001, go_on)

        peer.transport.write(begin)
        go_on()

    return behave


@everywhere
@pytest.mark.parametrize(("begin", "piece"), ENDLESS.values(), ids=ENDLESS)
async def test_what_does_not_end_around_a_body_is_cut_off(
    transport_class: type[Transport], begin: bytes, piece: bytes
) -> None:
    """With an error of the connection, after no more than the sockets hold."""
    await cut_off(transport_class, begin, piece)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_informational_answers_without_end_are_cut_off() -> None:
    """By the native connection; on httpx's, which passes over all of them, the call's timeout ends them."""
    await cut_off(PooledTransport, b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2_048)


async def cut_off(transport_class: type[Transport], begin: bytes, piece: bytes) -> None:
    """Make a call that meets an answer without end."""
    written: list[int] = []
    with Server(without_end(begin, piece, written)) as server:
        async with client_of(server, transport_class()) as client:
            with anyio.fail_after(20), pytest.raises(APIConnectionError):
                await client.projects.get("prj")
        await server.has_peers(0)
    assert sum(written) < 32 * 2**20


@cache
def bomb() -> bytes:
    return gzip.compress(bytes(100 * 2**20), 1)


@everywhere
async def test_a_bomb_is_defused(transport_class: type[Transport]) -> None:
    """What would be a hundred times the bound when inflated is too large, and no time is spent on it."""
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb())
    with Server(send(head + bomb())) as server:
        async with client_of(server, transport_class(), max_response_bytes=2**20) as client:
            with pytest.raises(ResponseTooLargeError):
                await client.projects.get("prj")
