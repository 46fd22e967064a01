"""Opens the sockets of native connections: whichever address answers first, then TLS, before any byte."""

import asyncio
import socket
from contextlib import suppress
from ipaddress import ip_address
from itertools import chain, zip_longest
from ssl import SSLContext
from typing import Any

import anyio
import httpx

from cloudplatform_async._connections.messages import Origin

_HEAD_START = 0.25  # seconds that an address has before the next one is tried beside it (RFC 8305 §5)

_Address = tuple[Any, Any, int, str, Any]  # as `getaddrinfo` gives it


async def open_transport(
    protocol: asyncio.Protocol, origin: Origin, tls: SSLContext | None, timeout: float | None
) -> tuple[asyncio.Transport, socket.socket]:
    """Connect a protocol to an origin; the socket comes too, for it can be shut at once.

    Raises:
        httpx.ConnectTimeout: Not within ``timeout`` seconds, the TLS handshake included.
        httpx.ConnectError: Not at all; the cause is the system's or the TLS layer's own error.
    """
    try:
        with anyio.move_on_after(timeout):
            sock = await _open_socket(origin)
            try:
                transport, _ = await asyncio.get_running_loop().create_connection(lambda: protocol, sock=sock)
            except BaseException:
                sock.close()  # asyncio would do it in a later turn of the event loop
                raise
            if tls is not None:
                transport = await _secured(transport, protocol, tls, origin.host)
            return transport, sock
    except (OSError, UnicodeError) as error:  # the latter for a name that can be no host's
        raise httpx.ConnectError(str(error) or type(error).__name__) from error
    raise httpx.ConnectTimeout(f"The connection was not open within {timeout} seconds.")


async def _open_socket(origin: Origin) -> socket.socket:
    """Try each address a little after the one before, IPv6 and IPv4 by turns, until one answers."""
    addresses = await _addresses(origin)
    if len(addresses) == 1:
        return await _connected(addresses[0])
    opened: list[socket.socket] = []
    errors: list[OSError] = []

    async def attempt(address: _Address, failed: anyio.Event) -> None:
        try:
            opened.append(await _connected(address))
        except OSError as error:
            errors.append(error)
            failed.set()
        else:
            group.cancel_scope.cancel()

    try:
        async with anyio.create_task_group() as group:
            for address in addresses:
                failed = anyio.Event()
                group.start_soon(attempt, address, failed)
                with anyio.move_on_after(_HEAD_START):
                    await failed.wait()
    finally:
        for late in opened[1:]:
            late.close()
    if not opened:
        raise errors[0]
    return opened[0]


async def _addresses(origin: Origin) -> list[_Address]:
    """Resolve a host; one that is an address itself needs no resolver, unless it names a zone."""
    with suppress(ValueError):
        if ip_address(origin.host) and "%" not in origin.host:
            family = socket.AF_INET6 if ":" in origin.host else socket.AF_INET
            return [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (origin.host, origin.port))]
    host = origin.host.encode("ascii")  # as text it would be encoded as a foreign name once more
    loop = asyncio.get_running_loop()
    found: list[_Address] = await loop.getaddrinfo(host, origin.port, type=socket.SOCK_STREAM)
    first = [address for address in found if address[0] == found[0][0]]
    second = [address for address in found if address[0] != found[0][0]]
    return [address for address in chain(*zip_longest(first, second)) if address is not None]


async def _connected(address: _Address) -> socket.socket:
    sock = socket.socket(*address[:3])
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        await asyncio.get_running_loop().sock_connect(sock, address[4])
    except BaseException:
        sock.close()
        raise
    return sock


async def _secured(
    transport: asyncio.Transport, protocol: asyncio.Protocol, tls: SSLContext, host: str
) -> asyncio.Transport:
    secured: asyncio.Transport | None = None
    try:
        secured = await asyncio.get_running_loop().start_tls(transport, protocol, tls, server_hostname=host)
    finally:
        if secured is None:  # without a farewell, which a silent peer would drag out
            transport.abort()
    if secured is None:
        raise ConnectionResetError("The peer closed the connection during the TLS handshake.")
    return secured
