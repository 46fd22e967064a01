"""A kept connection that the server has closed never costs a call."""

import httpx
import pytest

from cloudplatform_async._connections.exceptions import StaleConnectionError
from cloudplatform_async.settings import PoolLimits
from tests.connections.servers import (
    OK,
    Behaviour,
    Peer,
    Server,
    Transport,
    answer,
    close_on_second,
    everywhere,
    get,
    hang,
    request_for,
    reset,
    reset_on_second,
    send,
)
from tests.tiers import slow

pytestmark = [pytest.mark.anyio, everywhere]


def close_after_answer(peer: Peer, request: bytes) -> None:
    """Answer without a word about closing, then close."""
    answer(peer, request)
    peer.transport.close()


def first_well_then(behaviour: Behaviour) -> Behaviour:
    """Answer the first request of a connection, and treat the second otherwise."""
    return lambda peer, request: (answer if peer.requests == 1 else behaviour)(peer, request)


async def get_resending_once(transport: Transport, url: str) -> bytes:
    try:
        return await get(transport, url)
    except StaleConnectionError:
        return await get(transport, url, fresh=True)


@pytest.mark.parametrize("behaviour", [reset_on_second, close_after_answer, *slow(close_on_second)])
async def test_a_server_that_closes_each_kept_connection_costs_no_call(
    transport_class: type[Transport], behaviour: Behaviour
) -> None:
    """Of 200 gets all are answered, when a stale one is sent again once on a fresh connection."""
    transport = transport_class(limits=PoolLimits(max_connections=2))
    with Server(behaviour) as server:
        bodies = [await get_resending_once(transport, server.url) for _ in range(200)]
        await transport.aclose()
    assert bodies == [b'{"data": 1}'] * 200
    assert server.peak <= 2


@pytest.mark.parametrize("behaviour", [close_on_second, reset_on_second])
async def test_a_kept_connection_that_breaks_before_the_answer_is_stale(
    transport_class: type[Transport], behaviour: Behaviour
) -> None:
    """The error says so by its type, and carries its request."""
    transport = transport_class()
    with Server(behaviour) as server:
        await get(transport, server.url)
        request = request_for(server.url)
        with pytest.raises(StaleConnectionError) as caught:
            await transport.handle_async_request(request)
        await transport.aclose()
    assert caught.value.request is request


@pytest.mark.parametrize(
    ("behaviour", "error"), [(reset, httpx.ReadError), (send(b"", close=True), httpx.RemoteProtocolError)]
)
async def test_a_new_connection_that_breaks_is_not_stale(
    transport_class: type[Transport], behaviour: Behaviour, error: type[httpx.TransportError]
) -> None:
    """The server may have done the request: this is for the retry policy to judge."""
    transport = transport_class()
    with Server(behaviour) as server:
        with pytest.raises(error) as caught:
            await get(transport, server.url)
        await transport.aclose()
    assert not isinstance(caught.value, StaleConnectionError)


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [(hang, httpx.ReadTimeout), (send(b"this is not HTTP\r\n\r\n"), httpx.RemoteProtocolError)],
)
async def test_silence_or_nonsense_on_a_kept_connection_is_not_stale(
    transport_class: type[Transport], behaviour: Behaviour, error: type[httpx.TransportError]
) -> None:
    """Only a connection that was closed is worth sending again at once."""
    transport = transport_class()
    with Server(first_well_then(behaviour)) as server:
        await get(transport, server.url)
        with pytest.raises(error) as caught:
            await get(transport, server.url, timeout={"connect": 5.0, "read": 0.05})
        await transport.aclose()
    assert not isinstance(caught.value, StaleConnectionError)


async def test_a_body_cut_off_on_a_kept_connection_is_not_stale(transport_class: type[Transport]) -> None:
    """The answer had begun."""
    transport = transport_class()
    with Server(first_well_then(send(OK[:-4], close=True))) as server:
        await get(transport, server.url)
        with pytest.raises(httpx.RemoteProtocolError):
            await get(transport, server.url)
        await transport.aclose()


async def test_a_fresh_request_takes_no_kept_connection(transport_class: type[Transport]) -> None:
    """With ``fresh`` a connection is opened even where an idle one waits, and within the limit."""
    transport = transport_class(limits=PoolLimits(max_connections=1))
    with Server(answer) as server:
        for fresh in (False, False, True, False):
            await get(transport, server.url, fresh=fresh)
        await transport.aclose()
    assert (server.accepted, server.peak) == (2, 1)


async def test_a_kept_connection_known_to_be_closed_is_not_even_tried(
    transport_class: type[Transport],
) -> None:
    """The next request gets a new connection, and what breaks on that one is not called stale."""
    transport = transport_class()
    with Server(close_after_answer) as server:
        await get(transport, server.url)
        await server.has_peers(0)
        server.behaviour = reset
        with pytest.raises(httpx.ReadError) as caught:
            await get(transport, server.url)
        await transport.aclose()
    assert type(caught.value) is httpx.ReadError
