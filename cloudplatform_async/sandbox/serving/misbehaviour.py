"""What each kind of fault does to an exchange, as ASGI round the well-behaved platform."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

import anyio
from attrs import evolve, frozen
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloudplatform_async.sandbox.api.answers import error_answer
from cloudplatform_async.sandbox.serving.faults import Fault, Kind

WORK_DELAY = "sandbox.work_delay"
DRIP_SIZE = 16


class Connection(Protocol):
    """The connection under an exchange, as faults need it; in the scope it is `state["connection"]`."""

    def reset(self) -> None:
        """Break it off at once (TCP RST)."""
        ...

    def close(self) -> None:
        """End it in order (TCP FIN), after what was sent."""
        ...


@frozen
class Exchange:
    """One request to the platform, on its way."""

    app: ASGIApp
    scope: Scope
    receive: Receive
    send: Send
    receipt: Callable[[int | None], None]

    @property
    def connection(self) -> Connection:
        """The connection it came in on."""
        connection: Connection = self.scope["state"]["connection"]
        return connection

    async def reset(self) -> None:
        """Take it down as unanswered, and break its connection off."""
        self.receipt(None)
        self.connection.reset()
        await self.client_gone()

    async def answered(self) -> list[Message]:
        """Let the platform do its work, and hold its answer back."""
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self.app(self.scope, self.receive, keep)
        return messages

    async def received(self) -> "Exchange":
        """The same exchange, once the client has sent its whole request and only waits for the answer."""
        messages = [await self.receive()]
        while messages[-1].get("more_body", False):
            messages.append(await self.receive())

        async def replay() -> Message:
            return messages.pop(0) if messages else await self.receive()

        return evolve(self, receive=replay)

    async def client_gone(self) -> None:
        """Wait until the client is no longer there."""
        while (await self.receive())["type"] != "http.disconnect":
            pass


Behaviour: TypeAlias = Callable[[Fault, Exchange], Awaitable[None]]


async def misbehave(fault: Fault, exchange: Exchange) -> None:
    """Serve one request in the way of the fault."""
    # Broken off while it sends, a client would see a failed write or a failed read, as chance has it.
    await _BEHAVIOURS[fault.kind](fault, await exchange.received())


async def _status(fault: Fault, exchange: Exchange) -> None:
    await anyio.sleep(fault.delay)
    body = fault.body
    if body is None and fault.status >= 400:
        body = error_answer(fault.status, "scripted_fault", "This answer was scripted.").body
    response = Response(body, fault.status, dict(fault.headers), "application/json" if body else None)
    await response(exchange.scope, exchange.receive, exchange.send)


async def _delay(fault: Fault, exchange: Exchange) -> None:
    exchange.scope[WORK_DELAY] = fault.delay
    await exchange.app(exchange.scope, exchange.receive, exchange.send)


async def _reset(fault: Fault, exchange: Exchange) -> None:
    await anyio.sleep(fault.delay)
    await exchange.reset()


async def _lost_answer(fault: Fault, exchange: Exchange) -> None:
    exchange.scope[WORK_DELAY] = fault.delay
    await exchange.answered()
    await exchange.reset()


async def _cut(fault: Fault, exchange: Exchange) -> None:
    exchange.scope[WORK_DELAY] = fault.delay
    start, body = _joined(await exchange.answered())
    size = len(body) // 2 if fault.size is None else fault.size
    await exchange.send(start)
    await exchange.send({"type": "http.response.body", "body": body[:size], "more_body": True})
    exchange.connection.close()
    await exchange.client_gone()


async def _drip(fault: Fault, exchange: Exchange) -> None:
    start, body = _joined(await exchange.answered())
    size = fault.size or DRIP_SIZE
    await exchange.send(start)
    for offset in range(0, len(body), size):
        await anyio.sleep(fault.delay)
        piece = body[offset : offset + size]
        await exchange.send({"type": "http.response.body", "body": piece, "more_body": True})
    await exchange.send({"type": "http.response.body", "body": b""})


async def _hang(fault: Fault, exchange: Exchange) -> None:
    exchange.receipt(None)
    await anyio.sleep(fault.delay)
    await exchange.client_gone()


def _joined(messages: list[Message]) -> tuple[Message, bytes]:
    start, *bodies = messages
    return start, b"".join(message.get("body", b"") for message in bodies)


_BEHAVIOURS: dict[Kind, Behaviour] = {
    "status": _status,
    "delay": _delay,
    "reset": _reset,
    "lost_answer": _lost_answer,
    "cut": _cut,
    "drip": _drip,
    "hang": _hang,
}
