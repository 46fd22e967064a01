"""No call is given an answer that another one, or nobody, has asked for (API contract §8)."""

import json
import socket

import anyio
import pytest

from cloudplatform_async import AsyncClient, CloudPlatformError, RetryPolicy
from tests.connections.servers import Peer, Server, Transport, everywhere, identified, trusting

pytestmark = [pytest.mark.anyio, everywhere]


def project(name: str) -> bytes:
    body = json.dumps({"id": name, "name": name}).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def asked(request: bytes) -> bytes:
    return project(request.split(b" ")[1].rpartition(b"/")[2].decode())


TIMEOUT = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"
STRAYS = {
    "a whole answer": project("EVIL"),
    "a 404": b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    "a 408": TIMEOUT,
    "one byte": b"H",
    "a line break": b"\r\n",
    "half an answer": project("EVIL")[:20],
    "nonsense": b"\x00\x01\x02",
}


@pytest.mark.parametrize("stray", STRAYS.values(), ids=STRAYS)
@pytest.mark.parametrize("is_later", [False, True], ids=["in the same write", "while idle"])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
async def test_what_follows_an_answer_is_no_answer_to_the_next_call(
    transport_class: type[Transport], stray: bytes, *, is_later: bool, tls: bool
) -> None:
    """In the same write, or while the connection is idle: the next call goes over another one.

    Over TLS each is a record of its own: what the TLS layer holds of what came, the socket does not show.
    """
    names, got = ["one", "two", "three"], list[str]()
    used: list[Peer] = []

    def behave(peer: Peer, request: bytes) -> None:
        used.append(peer)
        sock = peer.transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what is sent has then come, too
        peer.transport.writelines([asked(request)] if is_later else [asked(request), stray])

    with Server(behave, tls=identified() if tls else None) as server:
        transport = transport_class(verify=trusting()) if tls else transport_class()
        async with AsyncClient(base_url=f"{server.url}/v1", api_key="k", transport=transport) as client:
            for name in names:
                got.append((await client.projects.get(name)).id)
                if is_later:
                    await server.run(used[-1].transport.write, stray)
            statistics = client.statistics()
    assert got == names
    assert (statistics.attempts, server.accepted) == (3, 3)


@pytest.mark.parametrize("strays", [60, pytest.param(1000, marks=pytest.mark.slow)])
async def test_a_burst_among_strays_gets_its_own_answers(
    transport_class: type[Transport], strays: int
) -> None:
    """Whatever comes on whichever connection; what cannot be told apart is an error, not a wrong answer."""

    def behave(peer: Peer, request: bytes) -> None:
        peer.transport.write(asked(request) + project("EVIL") * (peer.server.requests % 3 > 0))

    wrong: list[str] = []
    errors: list[CloudPlatformError] = []

    async def call(number: int) -> None:
        try:
            found = await client.projects.get(f"p{number}")
        except CloudPlatformError as error:
            errors.append(error)
        else:
            wrong.extend([found.id] if found.id != f"p{number}" else [])

    with Server(behave) as server:
        async with AsyncClient(
            base_url=f"{server.url}/v1",
            api_key="k",
            transport=transport_class(),
            retries=RetryPolicy(max_retries=0),
        ) as client:
            for first in range(0, strays * 3 // 2, 50):
                async with anyio.create_task_group() as tasks:
                    for number in range(first, first + 50):
                        tasks.start_soon(call, number)
    assert (wrong, errors) == ([], [])
