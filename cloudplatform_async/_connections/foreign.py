"""The user's own transport, of httpx or of its fork httpx2, behind the same two verbs."""

import sys
from types import ModuleType
from typing import Any

import httpx

from cloudplatform_async._connections.connection import Connections, Lease
from cloudplatform_async._connections.exceptions import NOT_SENT, caused_by
from cloudplatform_async._connections.messages import Request, Response, httpx_request
from cloudplatform_async._connections.transport import PooledTransport
from cloudplatform_async._runtime.raised import RaisedByUser
from cloudplatform_async.errors import CloudPlatformError, ConfigurationError


def connections_of(transport: Any) -> Connections:  # Any: of one of two libraries
    """Find what acquires a lease: a pool itself, if nothing of the user's stands before it.

    Raises:
        ConfigurationError: It is no asynchronous transport.
    """
    if isinstance(transport, PooledTransport) and (
        type(transport).handle_async_request is PooledTransport.handle_async_request
    ):
        return transport.pool
    loaded = (sys.modules[name] for name in ("httpx", "httpx2") if name in sys.modules)
    for library in loaded:
        if isinstance(transport, library.AsyncBaseTransport):
            return ForeignConnections(transport, library)
    kind = type(transport).__name__
    raise ConfigurationError(f"transport must be an AsyncBaseTransport of httpx, not {kind}.")


class ForeignConnections(Connections):
    """Asks somebody else's transport, which has limits of its own.

    Args:
        transport: It is closed with this.
        library: That it is written for: httpx, or its fork.
    """

    def __init__(self, transport: Any, library: ModuleType) -> None:  # Any: of one of two libraries
        self._transport = transport
        self._library = library
        in_process = (library.MockTransport, library.ASGITransport)
        self.opens_sockets = not isinstance(transport, in_process)

    async def acquire(self, timeout: float | None, *, fresh: bool = False) -> Lease:  # noqa: ARG002
        return _ForeignLease(self._transport, self._library)

    def count(self) -> tuple[int | None, int | None]:
        return self._transport.pool.count() if isinstance(self._transport, PooledTransport) else (None, None)

    def renew(self) -> None:
        """Nothing: what it holds is its own affair."""

    def abandon(self) -> None:
        """Nothing: what it holds is its own affair."""

    async def aclose(self) -> None:
        await self._transport.aclose()


class _ForeignLease(Lease):
    def __init__(self, transport: Any, library: ModuleType) -> None:
        self._transport = transport
        self._library = library

    async def exchange(self, request: Request, limit: int) -> Response:
        if self.enter is not None:
            self.enter("wait")
        self.sent = True  # of another's transport nothing is certain once it has a request
        try:
            response = await self._transport.handle_async_request(httpx_request(request, self._library))
            if self.enter is not None:
                self.enter("read")
            return Response(response.status_code, response.headers.raw, await self._body(response, limit))
        except self._library.TransportError as error:
            failure = _httpx_error(error)
            self.sent = not isinstance(failure, NOT_SENT)
        except CloudPlatformError as error:  # of a client of its own: it says nothing of this call
            raise RaisedByUser(error) from None
        raise failure

    async def _body(self, response: Any, limit: int) -> bytes:
        chunks = aiter(response.stream)
        body: list[bytes] = []
        size = 0
        try:
            async for chunk in chunks:
                body.append(chunk)
                size += len(chunk)
                if size > limit:
                    break
        finally:
            if hasattr(chunks, "aclose"):  # left half-way it is a warning on trio, a late end on asyncio
                await chunks.aclose()
            await response.stream.aclose()
        return b"".join(body)[: limit + 1]

    async def distrust(self) -> None:
        """Nothing: what it keeps is its own affair."""

    async def release(self) -> None:
        """Nothing: the exchange has closed its response."""


def _httpx_error(error: Exception) -> httpx.TransportError:
    """Give httpx's error of the same name, or of the nearest kind that it knows."""
    if isinstance(error, httpx.TransportError):
        return error
    kinds = (getattr(httpx, kind.__name__, None) for kind in type(error).__mro__)
    kind = next(kind for kind in kinds if isinstance(kind, type) and issubclass(kind, httpx.TransportError))
    return caused_by(error, kind(str(error)))
