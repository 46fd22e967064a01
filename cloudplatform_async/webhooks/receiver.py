"""An ASGI application that takes deliveries, to stand in Starlette, FastAPI or Django, or alone."""

import inspect
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from types import TracebackType
from typing import Any, Self

import msgspec
from anyio import move_on_after, to_thread
from attrs import define, field, frozen

from cloudplatform_async.errors import ConfigurationError, WebhookVerificationError
from cloudplatform_async.models.events import Event
from cloudplatform_async.webhooks.guards import Claim, WebhookGuard
from cloudplatform_async.webhooks.verifier import WebhookVerifier, delivery_id

# ASGI's own words (https://asgi.readthedocs.io/en/latest/specs/www.html): plain dicts of anything.
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_LOGGER = logging.getLogger("cloudplatform_async")
_PATIENCE = 10.0  # seconds for the guard to settle a claim; after that its lease ends it
_DIGITS = 18  # of a length: enough to be too large
_CODES = {
    400: "not_verified",
    405: "method_not_allowed",
    409: "in_progress",
    413: "too_large",
    500: "handler_failed",
}

# What a handler returns is of no interest.
Handler = Callable[[Event], Awaitable[Any]] | Callable[[Event], Any]
"""Called with each genuine event; sync handlers run in a thread."""


def receiver(
    verifier: WebhookVerifier,
    handler: Handler,
    *,
    guard: WebhookGuard | None = None,
    max_body: int = 2**20,
    background: bool = False,
) -> "Receiver":
    """Make an endpoint for webhook deliveries: an ASGI application, to be mounted or served alone.

    It answers 204 when the handler has returned, and only then, so that the platform delivers again
    what was not handled. What is not genuine gets 400 and never reaches the handler; a body over
    ``max_body`` gets 413, anything but POST 405. A handler that fails answers 500, and its error is
    logged with its traceback by the logger ``cloudplatform_async``.

    Args:
        verifier: With the endpoint's secret.
        handler: Called with each event, sync (in a thread) or async.
        guard: Makes a delivery that comes again be handled once: it gets 204 without the handler, or 409
            while the first copy is being handled.
        max_body: Most bytes of a body, at least 1.
        background: Answer 202 before the handler is called, for work that takes longer than the
            platform waits. A handler that fails then is not called again for this delivery.

    Raises:
        ConfigurationError: For a handler that cannot be called, and a ``max_body`` below 1.

    Example:
        >>> from fastapi import FastAPI  # doctest: +SKIP
        >>> app = FastAPI()  # doctest: +SKIP
        >>> app.mount("/webhooks", receiver(WebhookVerifier("whsec_…"), handle))  # doctest: +SKIP
    """
    return Receiver(verifier, handler, guard, max_body, background)


@frozen(eq=False)
class Receiver:
    """The endpoint that ``receiver`` makes.

    Example:
        >>> app.mount("/hooks", receiver(verifier, handler))  # doctest: +SKIP
    """

    _verifier: WebhookVerifier
    _handler: Handler = field(repr=False)
    _guard: WebhookGuard | None
    _max_body: int
    _background: bool

    def __attrs_post_init__(self) -> None:
        verifier, handler, most = _untyped(self._verifier, self._handler, self._max_body)
        if not isinstance(verifier, WebhookVerifier):
            raise ConfigurationError(f"verifier must be a WebhookVerifier, not a {type(verifier).__name__}.")
        if not callable(handler):
            raise ConfigurationError(f"handler must be callable, not a {type(handler).__name__}.")
        if not isinstance(most, int) or most < 1:
            raise ConfigurationError(f"max_body must be a whole number of bytes from 1 up, not {most!r}.")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, as ASGI 3 has it."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
        elif scope["method"] != "POST":
            await _answer(send, 405, "Deliveries are sent by POST.", (b"allow", b"POST"))
        else:
            await self._take(scope, receive, send)

    async def _take(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: list[tuple[bytes, bytes]] = list(scope["headers"])
        body = bytearray()
        is_too_large, is_whole = _announced(headers) > self._max_body, False
        while not (is_too_large or is_whole):
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            is_too_large, is_whole = len(body) > self._max_body, not message.get("more_body", False)
        if is_too_large:
            await _answer(send, 413, f"A delivery has at most {self._max_body} bytes.")
        else:
            await self._judge(bytes(body), headers, send)

    async def _judge(self, body: bytes, headers: list[tuple[bytes, bytes]], send: Send) -> None:
        try:
            event = self._verifier.verify(body, headers)
        except WebhookVerificationError as error:
            await _answer(send, 400, error.message)
        else:
            await self._handle_once(event, delivery_id(headers), send)

    async def _handle_once(self, event: Event, delivery: str, send: Send) -> None:
        claim = await self._guard.claim(delivery) if self._guard else Claim(delivery, "granted")
        if claim.state == "held":
            await _answer(send, 409, "A copy of this delivery is being handled.", (b"retry-after", b"5"))
        elif claim.state == "done":
            await _answer(send, 204)
        else:
            async with _Handling(self._guard, claim, send) as handling:
                if self._background:
                    await handling.answer(202)
                await self._handle(event)

    async def _handle(self, event: Event) -> None:
        handler: Callable[[Event], Any] = self._handler
        if inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(type(handler).__call__):
            await handler(event)
            return
        # In a tuple, for trio takes a thread's coroutine for a mistake.
        (result,) = await to_thread.run_sync(lambda: (handler(event),))
        if inspect.isawaitable(result):
            await result


@define(eq=False)
class _Handling:
    """Settles a claim by how its handling ends, and only then answers."""

    _guard: WebhookGuard | None
    _claim: Claim
    _send: Send
    _answered: bool = False

    async def answer(self, status: int, message: str = "") -> None:
        """Answer, unless that was done."""
        if not self._answered:
            self._answered = True
            await _answer(self._send, status, message)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if self._guard is not None:
            with move_on_after(_PATIENCE, shield=True):  # also where the server cancels: the lease is long
                await (self._guard.done(self._claim) if error is None else self._guard.release(self._claim))
        if error is None:
            await self.answer(204)
        elif isinstance(error, Exception):  # a cancellation gets no answer, and goes on
            _LOGGER.error("the handler of webhook delivery %s failed", self._claim.id, exc_info=error)
            await self.answer(500, "The delivery could not be handled.")
            return True
        return False


def _untyped(*values: object) -> tuple[object, ...]:
    """Give what a caller passed, whatever its types promise."""
    return values


def _announced(headers: list[tuple[bytes, bytes]]) -> int:
    """Give the length that a request announces; 0 where it does not."""
    lengths = [value for name, value in headers if name.lower() == b"content-length" and value.isdigit()]
    return max(map(int, (value[:_DIGITS] for value in lengths)), default=0)


async def _answer(send: Send, status: int, message: str = "", *headers: tuple[bytes, bytes]) -> None:
    body = b""
    if message:
        body = msgspec.json.encode({"error": {"code": _CODES[status], "message": message}})
        headers = (*headers, (b"content-type", b"application/json"))
    if status != 204:  # which has no length (RFC 9110 §8.6)
        headers = (*headers, (b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})


async def _live(receive: Receive, send: Send) -> None:
    """Start and stop with the server, where this is all that it serves."""
    for step in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{step}.complete"})
