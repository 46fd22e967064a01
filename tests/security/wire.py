"""A server on a real socket that means no good, and calls that meet it on native connections."""

import re
from collections import Counter
from itertools import count
from random import Random
from zlib import crc32

import anyio

from cloudplatform_async import AsyncClient, CloudPlatformError, RetryPolicy, Timeouts
from tests.connections.servers import Peer, Server
from tests.security.chaos import random_answer
from tests.security.judge import is_right

_AT_ONCE = 32
_FRAMES = (
    b"X-A: b\r\n" * 300,
    b"HTTP/1.1 100 Continue\r\n\r\n" * 20,
    b"\r\n",
    b"0\r\n\r\n",
    b"Content-Length: 3\r\n",
)
_TAG = re.compile(r"p(\d+)-([0-9a-f]{8})")


def tag(number: int) -> str:
    """Name a call so that no chance makes another one's name of it."""
    return f"p{number}-{crc32(b'%d' % number):08x}"


def answer_to(name: str, dice: Random) -> bytes:
    """Write an answer: to this call or to nobody, framed in one of three ways, and often broken somewhere."""
    drawn = random_answer(dice)
    body = b"".join(drawn.chunks)
    status = 400 if drawn.status == 429 else drawn.status  # which would hold the next calls back
    headers = [(name, value) for name, value in drawn.headers if b"r" not in name[:1]]
    if dice.random() < 0.5:
        status, headers, body = 200, [], b'{"id": "%b", "name": "n"}' % name.encode()
    head = b"HTTP/1.%d %d X\r\n" % (dice.random() < 0.9, status)
    head += b"".join(b"%b: %b\r\n" % header for header in headers)
    framing = dice.randrange(3)
    if framing == 0:
        data = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    elif framing == 1:
        data = head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    else:
        data = head + b"\r\n" + body
    return _broken(data, dice) if dice.random() < 0.4 else data


def _broken(data: bytes, dice: Random) -> bytes:
    at = dice.randrange(len(data))
    kind = dice.randrange(4)
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + dice.randbytes(dice.randrange(1, 4)) + data[at + dice.randrange(3) :]
    if kind == 2:
        return data[:at] + dice.choice(_FRAMES) + data[at:]
    return data + answer_to(tag(10**9), dice)  # that nobody asked for


async def meet(answers: int, seed: int) -> Counter[str]:
    """Make so many calls that meet bad answers; count what came out of them.

    Raises:
        AssertionError: For a value of a wrong type, or the answer to another call.
        Exception: Anything else is the fault that is looked for.
    """
    dice, met, numbers = Random(seed), Counter[str](), count()

    def behave(peer: Peer, request: bytes) -> None:
        peer.transport.write(answer_to(request.split(b" ")[1].rpartition(b"/")[2].decode(), dice))
        ending = dice.random()
        if ending < 0.6:
            peer.transport.close()
        elif ending < 0.65:
            peer.reset()

    async def calls(client: AsyncClient) -> None:
        while (number := next(numbers)) < answers:
            met[await _outcome(client, number)] += 1

    with Server(behave) as server:
        client = AsyncClient(
            base_url=f"{server.url}/v1",
            api_key="k",
            timeout=Timeouts(total=20, read=0.05),
            retries=RetryPolicy(max_retries=0),
        )
        async with client, anyio.create_task_group() as tasks:
            for _ in range(_AT_ONCE):
                tasks.start_soon(calls, client)
    return met


async def _outcome(client: AsyncClient, number: int) -> str:
    try:
        project = await client.projects.get(tag(number))
    except CloudPlatformError as error:
        assert error.outcome in ("not_sent", "rejected", "unknown")
        return type(error).__name__
    assert is_right(project), project
    if found := _TAG.fullmatch(project.id):
        other = int(found[1])
        assert other == number or tag(other) != project.id, (number, project)
    return "Project"
