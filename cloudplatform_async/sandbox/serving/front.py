"""The outermost layer of the platform: request ids, dates, scripted faults, and the record of requests."""

from collections.abc import Mapping
from contextlib import suppress
from email.utils import formatdate
from uuid import uuid4

from attrs import define
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloudplatform_async.sandbox.platform.state import Platform
from cloudplatform_async.sandbox.serving.faults import Fault
from cloudplatform_async.sandbox.serving.misbehaviour import Exchange, misbehave
from cloudplatform_async.sandbox.serving.records import Records, ServedRequest, readable_headers


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
        receipt = _Receipt(self._platform.records, scope, headers, now, fault)
        stamped = _Stamped(send, receipt, headers, now)
        try:
            # A client that left while it was sending is nobody's error.
            with suppress(ClientDisconnect):
                if fault is None:
                    await self._app(scope, receive, stamped)
                else:
                    await misbehave(fault, Exchange(self._app, scope, receive, stamped, receipt))
        finally:
            receipt(None)


@define
class _Receipt:
    """Takes one request down, once: before its client can know how it ended."""

    _records: Records
    _scope: Scope
    _headers: Mapping[str, str]
    _now: float
    _fault: Fault | None
    _taken: bool = False

    def __call__(self, status: int | None) -> None:
        if self._taken:
            return
        self._taken = True
        served = ServedRequest(
            method=self._scope["method"],
            path=self._scope["path"],
            query=self._scope["query_string"].decode("latin-1"),
            headers=self._headers,
            status=status,
            time=self._now,
            fault=self._fault.kind if self._fault else None,
        )
        self._records.add(served)


class _Stamped:
    """A `send` that puts the request id and the date on the answer, and takes down its status."""

    def __init__(self, send: Send, receipt: _Receipt, headers: Mapping[str, str], now: float) -> None:
        self._send = send
        self._receipt = receipt
        request_id = headers.get("x-request-id") or f"req_{uuid4().hex}"
        self._stamps = [
            (b"date", formatdate(now, usegmt=True).encode()),
            (b"x-request-id", request_id.encode("latin-1")),
        ]

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._receipt(message["status"])
            message = {**message, "headers": [*message["headers"], *self._stamps]}
        await self._send(message)
