"""Sockets, queue and idle connections stay within the limits, in the order promised."""

import gc
import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import httpx
import pytest
from msgspec.structs import replace

from cloudplatform_async._runtime.clock import CLOCK
from cloudplatform_async.settings import PoolLimits
from tests.connections.servers import (
    Peer,
    Server,
    Transport,
    answer,
    everywhere,
    fetch,
    get,
    hang,
    request_for,
    send,
)

pytestmark = [pytest.mark.anyio, everywhere]


@contextmanager
def clock_at(seconds: list[float]) -> Iterator[None]:
    """Read the time from the first item of a list."""
    before = CLOCK.process
    CLOCK.process = replace(before, monotonic=lambda: seconds[0])
    try:
        yield
    finally:
        CLOCK.process = before


def answer_at_eight(peer: Peer, request: bytes) -> None:
    """Answer nobody before eight connections have asked."""
    peer.transport.pause_reading()
    if peer.server.requests >= 8:
        for each in peer.server.peers:
            answer(each, request)
            each.transport.resume_reading()


async def test_one_call_after_the_other_uses_one_connection(transport_class: type[Transport]) -> None:
    """An answer read to its end gives its connection back."""
    transport = transport_class()
    with Server(answer) as server:
        for _ in range(10):
            await get(transport, server.url)
        assert transport.connections == 1
        await transport.aclose()
    assert server.accepted == 1


async def test_the_connection_used_last_is_used_first(transport_class: type[Transport]) -> None:
    """After a burst the others fall idle together, instead of all being kept half awake."""
    transport = transport_class(limits=PoolLimits(max_connections=8))
    with Server(answer_at_eight) as server:
        async with anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(get, transport, server.url)
        before = {peer: peer.requests for peer in server.peers}
        for _ in range(20):
            await get(transport, server.url)
        busy = [peer for peer, requests in before.items() if peer.requests > requests]
        await transport.aclose()
    assert len(before) == 8
    assert len(busy) == 1


async def test_the_queue_is_first_in_first_out(transport_class: type[Transport]) -> None:
    """No caller is overtaken."""
    transport = transport_class(limits=PoolLimits(max_connections=1))
    served: list[int] = []

    async def call(number: int) -> None:
        await get(transport, server.url)
        served.append(number)

    with Server(answer) as server:
        response = await transport.handle_async_request(request_for(server.url))
        async with anyio.create_task_group() as group:
            for number in range(30):
                group.start_soon(call, number)
                await anyio.wait_all_tasks_blocked()
            assert transport.waiting == 30
            await response.aclose()
        await transport.aclose()
    assert served == list(range(30))


async def test_waiting_too_long_in_the_queue_is_a_pool_timeout(transport_class: type[Transport]) -> None:
    """The bound is on the queue alone, and what waited leaves nothing behind."""
    transport = transport_class(limits=PoolLimits(max_connections=1))
    with Server(answer) as server:
        response = await transport.handle_async_request(request_for(server.url))
        with pytest.raises(httpx.PoolTimeout) as caught:
            await get(transport, server.url, timeout={"pool": 0.01})
        assert caught.value.request.url.port == server.port
        assert transport.waiting == 0
        await response.aclose()
        assert await get(transport, server.url, timeout={"pool": 0.01})
        await transport.aclose()
    assert server.requests == 2


async def test_several_origins_share_the_sockets(transport_class: type[Transport]) -> None:
    """An idle connection elsewhere makes room; there is never one socket too many."""
    transport = transport_class(limits=PoolLimits(max_connections=3))
    with Server(answer) as first, Server(answer) as second:
        urls = itertools.cycle([first.url, second.url, first.url])
        async with anyio.create_task_group() as group:
            for url in itertools.islice(urls, 60):
                group.start_soon(get, transport, url)
        assert transport.connections <= 3
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(get, transport, second.url)
        await first.has_peers(3 - len(second.peers) if len(second.peers) < 3 else 0)
        await transport.aclose()
    assert first.peak <= 3
    assert second.peak <= 3


async def test_an_idle_connection_is_closed_after_its_time(transport_class: type[Transport]) -> None:
    """Past ``keepalive_expiry`` the next call, to whichever server, closes it."""
    transport = transport_class(limits=PoolLimits(keepalive_expiry=30.0))
    time = [0.0]
    with clock_at(time), Server(answer) as first, Server(answer) as second:
        await get(transport, first.url)
        time[0] = 29.0
        await get(transport, second.url)
        assert transport.connections == 2
        time[0] = 31.0
        await get(transport, second.url)
        assert transport.connections == 1
        await first.has_peers(0)
        time[0] = 1e6
        await get(transport, second.url)
        await transport.aclose()
    assert (first.accepted, second.accepted) == (1, 2)


async def test_a_connection_without_expiry_is_kept(transport_class: type[Transport]) -> None:
    """``keepalive_expiry=None`` keeps it until the transport is closed."""
    transport = transport_class(limits=PoolLimits(keepalive_expiry=None))
    time = [0.0]
    with clock_at(time), Server(answer) as server:
        await get(transport, server.url)
        time[0] = 1e9
        await get(transport, server.url)
        await transport.aclose()
    assert server.accepted == 1


async def test_an_answer_closed_unread_ends_its_connection(transport_class: type[Transport]) -> None:
    """What was left of it would be taken for the next answer."""
    transport = transport_class()
    with Server(answer) as server:
        response = await transport.handle_async_request(request_for(server.url))
        await response.aclose()
        assert transport.connections == 0
        assert await get(transport, server.url) == b'{"data": 1}'
        await transport.aclose()
    assert server.accepted == 2


async def test_a_timed_out_request_ends_its_connection(transport_class: type[Transport]) -> None:
    """A late answer never reaches the next caller."""
    transport = transport_class(limits=PoolLimits(max_connections=1))
    with Server(hang) as server:
        with pytest.raises(httpx.ReadTimeout):
            await get(transport, server.url, timeout={"read": 0.01})
        server.behaviour = answer
        assert await get(transport, server.url) == b'{"data": 1}'
        await transport.aclose()
    assert server.peak == 1


async def test_a_server_that_says_close_is_taken_at_its_word(transport_class: type[Transport]) -> None:
    """After ``Connection: close`` the connection is not offered to the next request (RFC 9112 §9.6)."""
    transport = transport_class()
    closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
    with Server(lambda peer, _: peer.transport.write(closing)) as server:
        assert await get(transport, server.url) == b"ok"
        assert transport.connections == 0
        await transport.aclose()
        await server.has_peers(0)


async def test_reading_a_response_twice_finds_it_consumed(transport_class: type[Transport]) -> None:
    """The stream ends once; a closed one cannot be read."""
    transport = transport_class()
    with Server(answer) as server:
        response = await transport.handle_async_request(request_for(server.url))
        assert isinstance(response.stream, httpx.AsyncByteStream)
        assert [chunk async for chunk in response.stream] == [b'{"data": 1}']
        assert [chunk async for chunk in response.stream] == []
        response = await transport.handle_async_request(request_for(server.url))
        await response.aclose()
        assert isinstance(response.stream, httpx.AsyncByteStream)
        with pytest.raises(httpx.StreamClosed):
            [chunk async for chunk in response.stream]
        await transport.aclose()


async def test_a_closed_transport_refuses_and_closes_again_in_peace(transport_class: type[Transport]) -> None:
    """``aclose`` is idempotent; a request on a closed transport is a ``CloseError``, and nothing is sent."""
    transport = transport_class()
    with Server(answer) as server:
        await get(transport, server.url)
        await transport.aclose()
        await transport.aclose()
        with pytest.raises(httpx.CloseError) as caught:
            await fetch(transport, request_for(server.url))
        await server.has_peers(0)
    assert caught.value.request.url.port == server.port
    assert server.requests == 1


async def test_breaking_off_in_a_body_leaves_nothing_behind(transport_class: type[Transport]) -> None:
    """No half-run generator, no task and no socket is left for the garbage collector."""
    transport = transport_class(limits=PoolLimits(max_connections=1))
    with Server(send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\npart")) as server:
        response = await transport.handle_async_request(request_for(server.url))
        assert isinstance(response.stream, httpx.AsyncByteStream)
        async for chunk in response.stream:
            assert chunk == b"part"
            break
        await response.aclose()
        del response
        gc.collect()
        assert transport.connections == 0
        await server.has_peers(0)
        await transport.aclose()
