"""Retries are not spent on connections that are all dead alike (API contract §8)."""

import anyio
import pytest

from cloudplatform_async import APITimeoutError, AsyncClient, RetryPolicy, Timeouts
from tests.connections.servers import Peer, Server, Transport, everywhere, natively_when_quick
from tests.tiers import slow

pytestmark = pytest.mark.anyio

OK = b'HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\n{"id": "prj", "name": "n"}'


class Network:
    """Answers until it is cut; then only connections that are opened later get an answer."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.dead: set[Peer] = set()
        self.swallowed = 0

    def __call__(self, peer: Peer, request: bytes) -> None:
        if peer in self.dead:
            self.swallowed += 1
        elif self.wanted:  # so many calls are in flight together, each on its own connection
            if peer.server.requests >= self.wanted:
                self.wanted = 0
                for each in peer.server.peers:
                    each.transport.write(OK)
        else:
            peer.transport.write(OK)

    def cut(self, server: Server) -> None:
        self.dead = set(server.peers)


@everywhere
@pytest.mark.parametrize(
    ("idle", "method"),
    [
        (1, "GET"),
        (10, "POST"),
        *slow((3, "GET"), (5, "GET"), (10, "GET"), (1, "POST"), (3, "POST"), (5, "POST")),
    ],
)
async def test_one_attempt_at_most_is_lost_on_old_connections(
    transport_class: type[Transport], idle: int, method: str
) -> None:
    """However many there are: after the first silence the next attempt goes over a fresh one."""
    network = Network(idle)
    timeout = Timeouts(total=20, read=0.15)
    with Server(network) as server:
        async with AsyncClient(
            base_url=f"{server.url}/v1",
            api_key="k",
            transport=transport_class(),
            timeout=timeout,
            retries=RetryPolicy(base=0.001),
        ) as client:
            patient = client.with_options(timeout=Timeouts(total=20, read=10))
            async with anyio.create_task_group() as tasks:
                for _ in range(idle):
                    tasks.start_soon(patient.projects.get, "prj")
            assert client.statistics().connections == idle
            network.cut(server)
            response = await client.request(method, "/projects")
            assert client.statistics().connections == 1
            await client.projects.get("prj")
    assert (response.attempts, network.swallowed) == (2, 1)


@natively_when_quick
@pytest.mark.parametrize("give_up", [0.1, *slow(1.1)])
async def test_a_call_that_is_given_up_is_the_last_on_old_connections(
    transport_class: type[Transport], give_up: float
) -> None:
    """By its own ``timeout=``, or from outside after a second: the next does not wait for as dead a one."""
    network = Network(5)
    with Server(network) as server:
        async with AsyncClient(
            base_url=f"{server.url}/v1", api_key="k", transport=transport_class()
        ) as client:
            async with anyio.create_task_group() as tasks:
                for _ in range(5):
                    tasks.start_soon(client.projects.get, "prj")
            network.cut(server)
            with anyio.move_on_after(give_up if give_up > 1 else None):
                with pytest.raises(APITimeoutError):
                    await client.projects.get("prj", timeout=0.1 if give_up < 1 else 60)
            assert client.statistics().connections == 0
            await client.projects.get("prj")
    assert network.swallowed == 1


@everywhere
async def test_a_call_that_is_given_up_soon_costs_no_connection_but_its_own(
    transport_class: type[Transport],
) -> None:
    """A browser that leaves says nothing of the network."""
    network = Network(5)
    with Server(network) as server:
        async with AsyncClient(
            base_url=f"{server.url}/v1", api_key="k", transport=transport_class()
        ) as client:
            async with anyio.create_task_group() as tasks:
                for _ in range(5):
                    tasks.start_soon(client.projects.get, "prj")
            network.cut(server)
            with anyio.move_on_after(0.05):
                await client.projects.get("prj")
            assert client.statistics().connections == 4
