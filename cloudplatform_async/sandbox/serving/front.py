"""The outermost layer of the platform: request ids, dates, scripted faults, and the record of requests."""

import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from email.utils import formatdate
from uuid import uuid4

from attrs import define, field
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloudplatform_async.sandbox.platform.state import Platform
from cloudplatform_async.sandbox.serving.faults import Fault
from cloudplatform_async.sandbox.serving.misbehaviour import Exchange, misbehave
from cloudplatform_async.sandbox.serving.records import (
    LONGEST_BODY,
    Records,
    ServedRequest,
    readable_headers,
)

LOGGER = logging.getLogger("cloudplatform_sandbox")


class Front:
    """The platform as one ASGI application."""

    def __init__(self, platform: Platform, app: ASGIApp) -> None:
        self._platform = platform
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and take it down."""
        own = is_own(scope["path"])
        headers = readable_headers(scope["headers"])
        fault = None if own else self._platform.faults.draw(scope["method"], scope["path"])
        receipt = _Receipt(
            self._platform.records, scope, headers, self._platform.clock(), fault, receive, taken=own
        )
        stamped = _Stamped(send, receipt)
        try:
            # A client that left while it was sending is nobody's error.
            with suppress(ClientDisconnect):
                if fault is None:
                    await self._app(scope, receipt.receive, stamped)
                else:
                    await misbehave(fault, Exchange(self._app, scope, receipt.receive, stamped, receipt))
        finally:
            receipt(None)


def is_own(path: str) -> bool:
    """Whether a path is the sandbox's and not the platform's: no fault meets it, and nobody counts it."""
    return path in {"/", "/health"} or path.startswith("/_sandbox/")


@define
class _Receipt:
    """Takes one request down, once: before its client can know how it ended."""

    _records: Records
    _scope: Scope
    _headers: Mapping[str, str]
    now: float
    _fault: Fault | None
    _receive: Receive
    _taken: bool = field(alias="taken")
    _body: bytearray = field(factory=bytearray, init=False)
    _began: float = field(factory=time.perf_counter, init=False)
    request_id: str = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.request_id = self._headers.get("x-request-id") or f"req_{uuid4().hex}"

    async def receive(self) -> Message:
        message = await self._receive()
        body: bytes = message.get("body", b"")
        if body and len(self._body) < LONGEST_BODY:
            self._body += body[: LONGEST_BODY - len(self._body)]
        return message

    def __call__(self, status: int | None) -> None:
        if self._taken:
            return
        self._taken = True
        is_json = self._headers.get("content-type", "").startswith("application/json")
        served = ServedRequest(
            method=self._scope["method"],
            path=self._scope["path"],
            query=self._scope["query_string"].decode("latin-1"),
            headers=self._headers,
            status=status,
            time=self.now,
            fault=self._fault.kind if self._fault else None,
            elapsed=time.perf_counter() - self._began,
            request_id=self.request_id,
            body=bytes(self._body) if is_json else b"",
        )
        self._records.add(served)
        LOGGER.info("%s", served)


class _Stamped:
    """A `send` that puts the request id and the date on the answer, and takes down its status."""

    def __init__(self, send: Send, receipt: _Receipt) -> None:
        self._send = send
        self._receipt = receipt

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._receipt(message["status"])
            stamps = [
                (b"date", formatdate(self._receipt.now, usegmt=True).encode()),
                (b"x-request-id", self._receipt.request_id.encode("latin-1")),
            ]
            message = {**message, "headers": [*message["headers"], *stamps]}
        await self._send(message)
