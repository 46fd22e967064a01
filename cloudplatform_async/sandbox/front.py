"""The outermost layer of the platform: request ids, the date, scripted faults, and the record of what was served."""

from collections.abc import Mapping
from contextlib import suppress
from email.utils import formatdate
from uuid import uuid4

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloudplatform_async.sandbox.misbehaviour import Exchange, misbehave
from cloudplatform_async.sandbox.platform import Platform
from cloudplatform_async.sandbox.records import ServedRequest, readable_headers


class Front:
    """The platform as one ASGI application."""

    def __init__(self, platform: Platform, app: ASGIApp) -> None:
        self._platform = platform
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and take it down."""
        now = self._platform.clock()
        headers = readable_headers(scope["headers"])
        fault = self._platform.faults.draw(scope["method"], scope["path"])
        stamped = _Stamped(send, headers, now)
        try:
            # A client that left while it was sending is nobody's error.
            with suppress(ClientDisconnect):
                if fault is None:
                    await self._app(scope, receive, stamped)
                else:
                    await misbehave(fault, Exchange(self._app, scope, receive, stamped))
        finally:
            served = ServedRequest(
                method=scope["method"],
                path=scope["path"],
                query=scope["query_string"].decode("latin-1"),
                headers=headers,
                status=stamped.status,
                time=now,
                fault=fault.kind if fault else None,
            )
            self._platform.records.add(served)


class _Stamped:
    """A `send` that puts the request id and the date on the answer, and notes its status."""

    def __init__(self, send: Send, headers: Mapping[str, str], now: float) -> None:
        self.status: int | None = None
        self._send = send
        request_id = headers.get("x-request-id") or f"req_{uuid4().hex}"
        self._stamps = [
            (b"date", formatdate(now, usegmt=True).encode()),
            (b"x-request-id", request_id.encode("latin-1")),
        ]

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": [*message["headers"], *self._stamps]}
        await self._send(message)
