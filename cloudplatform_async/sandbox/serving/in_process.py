"""An httpx transport that reaches the platform without a socket, on asyncio and trio."""

from collections.abc import AsyncIterator
from urllib.parse import unquote

import anyio
import anyio.lowlevel
import httpx
from starlette.types import ASGIApp, Message, Scope


class InProcessTransport(httpx.ASGITransport):
    """Hands requests to the application, with the read timeout and broken connections of a real one."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app)  # pyright: ignore[reportArgumentType]  # httpx has types of its own for ASGI
        self._app = app

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Serve one request.

        Raises:
            httpx.ReadTimeout: If nothing comes for as long as the request's read timeout.
            httpx.ReadError: If a scripted fault resets the connection.
        """
        # A network always gives other tasks their turn; without it a loop of requests would starve them.
        await anyio.lowlevel.checkpoint()
        exchange = _MemoryExchange(request, await request.aread())
        await exchange.run(self._app)
        if exchange.status is None:
            raise httpx.ReadError("The platform reset the connection.", request=request)
        stream = _Body(bytes(exchange.body), exchange.broken.is_set())
        return httpx.Response(exchange.status, headers=exchange.headers, stream=stream, request=request)


class _MemoryExchange:
    """One exchange in memory: both sides of ASGI, and the connection that a fault may break."""

    def __init__(self, request: httpx.Request, content: bytes) -> None:
        self.status: int | None = None
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = bytearray()
        self.broken = anyio.Event()
        self._request = request
        self._pending: list[Message] = [{"type": "http.request", "body": content, "more_body": False}]
        self._patience: float | None = request.extensions.get("timeout", {}).get("read")
        self._waiting = anyio.CancelScope()

    async def run(self, app: ASGIApp) -> None:
        """Run the application until it is done or silent for too long."""
        with self._waiting:
            self._extend()
            await app(self._scope(), self._receive, self._send)
        if self._waiting.cancelled_caught:
            raise httpx.ReadTimeout("The platform was silent for too long.", request=self._request)

    def reset(self) -> None:
        """Lose the answer."""
        self.status = None
        self.broken.set()

    def close(self) -> None:
        """End the answer where it is."""
        self.broken.set()

    async def _receive(self) -> Message:
        if self._pending:
            return self._pending.pop()
        await self.broken.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        self._extend()
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], message["headers"]
        elif self._request.method != "HEAD":
            self.body += message.get("body", b"")

    def _extend(self) -> None:
        if self._patience is not None:
            self._waiting.deadline = anyio.current_time() + self._patience

    def _scope(self) -> Scope:
        url = self._request.url
        path, _, query = url.raw_path.partition(b"?")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": self._request.method,
            "scheme": url.scheme,
            "path": unquote(path.decode("ascii")),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in self._request.headers.raw],
            "server": (url.host, url.port),
            "client": ("127.0.0.1", 0),
            "state": {"connection": self},
        }


class _Body(httpx.AsyncByteStream):
    def __init__(self, content: bytes, cut: bool) -> None:
        self._content = content
        self._cut = cut

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content
        if self._cut:
            raise httpx.RemoteProtocolError("The platform closed the connection within the body.")
