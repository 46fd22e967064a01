"""Whether an idle connection was closed by its peer is seen without reading from it."""

import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from cloudplatform_async._connections import quiet
from cloudplatform_async._connections.quiet import QuietSocket, quiet_check


class Stream:
    """A network stream over a socket, or over nothing that has one."""

    def __init__(self, sock: socket.socket | None, *, is_readable: bool = False) -> None:
        self.told = {"socket": sock, "is_readable": is_readable}
        self.closed = False

    async def aclose(self) -> None:
        raise NotImplementedError

    def get_extra_info(self, info: str) -> Any:
        if self.closed and info == "is_readable":
            raise ValueError("file descriptor cannot be a negative integer")
        return self.told[info]


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a connection."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_a_connection_is_quiet_until_its_peer_says_something(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    """What comes between two answers belongs to neither."""
    ours, theirs = pair
    is_quiet = quiet_check(Stream(ours))
    assert is_quiet()
    assert is_quiet()
    theirs.send(b"HTTP/1.1 408 Request Timeout\r\n")
    assert not is_quiet()


def test_a_connection_that_its_peer_closed_is_not_quiet(pair: tuple[socket.socket, socket.socket]) -> None:
    """The end of a stream can be read."""
    ours, theirs = pair
    is_quiet = quiet_check(Stream(ours))
    theirs.close()
    assert not is_quiet()


def test_a_closed_socket_is_not_quiet_whoever_has_its_descriptor_now(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    """The system gives the numbers of closed sockets to new ones."""
    ours, theirs = pair
    number = ours.fileno()
    watched = QuietSocket(ours)
    ours.close()
    os.dup2(theirs.fileno(), number)
    try:
        assert not watched.is_quiet()
        assert not QuietSocket(ours).is_quiet()
    finally:
        os.close(number)


@pytest.mark.parametrize("is_readable", [True, False])
def test_httpx_is_asked_where_there_is_no_socket_or_no_poll(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch, *, is_readable: bool
) -> None:
    """Windows has none, and a mock has no socket."""
    assert quiet_check(Stream(None, is_readable=is_readable))() is not is_readable
    monkeypatch.delattr(quiet.select, "poll")
    assert quiet_check(Stream(pair[0], is_readable=is_readable))() is not is_readable


def test_a_closed_connection_is_not_quiet_where_httpx_is_asked() -> None:
    """Trio raises where the standard library would answer."""
    stream = Stream(None)
    is_quiet = quiet_check(stream)
    assert is_quiet()
    stream.closed = True
    assert not is_quiet()
