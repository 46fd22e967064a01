"""The endpoint: what it answers to whom, and what reaches the handler."""

import functools
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import httpx
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from cloudplatform_async import ConfigurationError, Event, WebhookVerifier
from cloudplatform_async.webhooks import Claim, MemoryGuard, Receiver, receiver
from tests.webhooks.deliveries import NOW, SECRET, event_body, signed

pytestmark = pytest.mark.anyio

BODY = event_body()
VERIFIER = WebhookVerifier(SECRET, clock=lambda: NOW)


def client_of(app: Any) -> httpx.AsyncClient:
    """Speaks to an application as a server does."""
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


async def deliver(app: Any, body: bytes = BODY, **more: str) -> httpx.Response:
    """Deliver one event."""
    async with client_of(app) as client:
        return await client.post("/", content=body, headers={**signed(body), **more})


async def speak(app: Receiver, scope: dict[str, Any], *messages: dict[str, Any]) -> list[Any]:
    """Speak ASGI; what is asked for beyond the messages is an error."""
    waiting, sent = list(messages), []

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    await app({"type": "http", "method": "POST", "headers": [], **scope}, receive, send)
    return [*sent, *([{"unread": len(waiting)}] if waiting else [])]


async def test_a_genuine_delivery_is_answered_when_the_handler_has_returned() -> None:
    """204, and the handler got the typed event."""
    events: list[Event] = []

    async def handle(event: Event) -> str:
        events.append(event)
        return "of no interest"

    answer = await deliver(receiver(VERIFIER, handle))
    assert (answer.status_code, answer.content) == (204, b"")
    assert events == [VERIFIER.verify(BODY, signed(BODY))]


class Handler:
    """A handler that is an object."""

    def __init__(self, events: list[Event]) -> None:
        self.events = events

    async def __call__(self, event: Event) -> None:
        await anyio.lowlevel.checkpoint()
        self.events.append(event)


async def _into(events: list[Event], event: Event) -> None:
    await anyio.lowlevel.checkpoint()
    events.append(event)


HANDLERS: dict[str, Callable[[list[Event]], Any]] = {
    "a function": lambda events: events.append,
    "an async function": lambda events: functools.partial(_into, events),
    "an async object": Handler,
    "a function that gives an awaitable": lambda events: lambda event: _into(events, event),
}


@pytest.mark.parametrize("make", HANDLERS.values(), ids=HANDLERS)
async def test_a_handler_is_sync_or_async(make: Callable[[list[Event]], Any]) -> None:
    """Anything that can be called with an event, and awaited where it gives something to await."""
    events: list[Event] = []
    assert (await deliver(receiver(VERIFIER, make(events)))).status_code == 204
    assert [event.id for event in events] == ["evt_1"]


async def test_a_sync_handler_does_not_hold_the_event_loop() -> None:
    """It runs in a thread of its own."""
    threads: list[threading.Thread] = []
    app = receiver(VERIFIER, lambda _: threads.append(threading.current_thread()))
    assert (await deliver(app)).status_code == 204
    assert threads != [threading.current_thread()]


@pytest.mark.parametrize(
    ("body", "headers"),
    [(BODY, {"webhook-id": "msg_2"}), (b"[]", {}), (b"", {}), (BODY, {"webhook-timestamp": "1"})],
)
async def test_what_is_not_genuine_never_reaches_the_handler(body: bytes, headers: dict[str, str]) -> None:
    """Forged, too old, or signed and no event: 400, with a reason for the delivery log."""
    events: list[Event] = []
    answer = await deliver(receiver(VERIFIER, events.append), body, **headers)
    assert (answer.status_code, events) == (400, [])
    assert answer.json()["error"]["code"] == "not_verified"
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_anything_but_post_is_405(method: str) -> None:
    """Nothing is read for it."""
    start, _, left = await speak(receiver(VERIFIER, print), {"method": method}, {"type": "http.request"})
    assert (start["status"], left) == (405, {"unread": 1})
    assert (b"allow", b"POST") in start["headers"]


@pytest.mark.parametrize("length", [b"101", b"9" * 5000])
async def test_a_body_that_announces_itself_as_too_large_is_not_read(length: bytes) -> None:
    """413, by the length alone."""
    app = receiver(VERIFIER, print, max_body=100)
    start, _, left = await speak(app, {"headers": [(b"Content-Length", length)]}, {"type": "http.request"})
    assert (start["status"], left) == (413, {"unread": 1})


@pytest.mark.parametrize("headers", [[], [(b"content-length", b"5")], [(b"content-length", b"-1")]])
async def test_a_body_that_grows_too_large_is_read_no_further(headers: list[Any]) -> None:
    """413 while it streams, whatever was announced."""
    app = receiver(VERIFIER, print, max_body=100)
    piece = {"type": "http.request", "body": b"x" * 60, "more_body": True}
    start, _, left = await speak(app, {"headers": headers}, piece, piece, piece)
    assert (start["status"], left) == (413, {"unread": 1})


async def test_a_body_of_just_the_limit_in_pieces_is_taken() -> None:
    """The limit is a number of bytes, the last one included."""
    events: list[Event] = []
    app = receiver(VERIFIER, events.append, max_body=len(BODY))
    headers = [(name.encode(), value.encode()) for name, value in signed(BODY).items()]
    pieces = [
        {"type": "http.request", "body": BODY[at : at + 9], "more_body": True} for at in range(0, 999, 9)
    ]
    start, _ = await speak(app, {"headers": headers}, *pieces, {"type": "http.request"})
    assert (start["status"], len(events)) == (204, 1)


async def test_a_sender_that_leaves_gets_no_answer() -> None:
    """Its delivery is not whole, and nothing is handled."""
    half = {"type": "http.request", "body": BODY[:9], "more_body": True}
    assert await speak(receiver(VERIFIER, print), {}, half, {"type": "http.disconnect"}) == []


async def test_a_failing_handler_is_500_and_its_error_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever serves the endpoint, the error is seen and the platform delivers again."""

    def handle(event: Event) -> None:
        raise ZeroDivisionError(event.id)

    answer = await deliver(receiver(VERIFIER, handle))
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "handler_failed")
    assert "ZeroDivisionError: evt_1" in caplog.text


async def test_a_delivery_that_comes_again_is_handled_once() -> None:
    """The second copy is acknowledged, so that it does not come a third time."""
    events: list[Event] = []
    app = receiver(VERIFIER, events.append, guard=MemoryGuard())
    assert [(await deliver(app)).status_code for _ in range(3)] == [204, 204, 204]
    assert len(events) == 1
    other = signed(BODY, name="msg_2")
    assert (await deliver(app, **other)).status_code == 204
    assert len(events) == 2


async def test_a_handler_that_failed_is_called_again() -> None:
    """Its claim is free by the time that the platform knows of the failure."""
    calls: list[Event] = []

    def handle(event: Event) -> None:
        calls.append(event)
        if len(calls) < 3:
            raise ZeroDivisionError

    app = receiver(VERIFIER, handle, guard=MemoryGuard())
    assert [(await deliver(app)).status_code for _ in range(4)] == [500, 500, 204, 204]
    assert len(calls) == 3


async def test_a_second_copy_while_the_first_is_handled_gets_409() -> None:
    """It may come again later, should the first one fail."""
    entered, finish, statuses = anyio.Event(), anyio.Event(), []

    async def handle(_: Event) -> None:
        entered.set()
        await finish.wait()

    app = receiver(VERIFIER, handle, guard=MemoryGuard())

    async def first() -> None:
        statuses.append((await deliver(app)).status_code)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(first)
        await entered.wait()
        second = await deliver(app)
        finish.set()
    assert (second.status_code, second.headers["retry-after"], statuses) == (409, "5", [204])


async def test_a_handler_that_is_cancelled_frees_its_claim() -> None:
    """As when the server stops: no answer, and the next copy is handled."""
    entered, guard = anyio.Event(), MemoryGuard()

    async def wait(_: Event) -> None:
        entered.set()
        await anyio.sleep_forever()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(deliver, receiver(VERIFIER, wait, guard=guard))
        await entered.wait()
        tasks.cancel_scope.cancel()
    assert (await deliver(receiver(VERIFIER, lambda _: None, guard=guard))).status_code == 204
    assert (await guard.claim("msg_1")).state == "done"


class SlowGuard(MemoryGuard):
    """A guard on another machine: each step is a wait that may be cancelled."""

    async def release(self, claim: Claim) -> None:
        await anyio.lowlevel.checkpoint()
        await super().release(claim)


async def test_a_claim_is_freed_on_a_slow_store_too() -> None:
    """The cancellation waits for that; its own lease is for processes that die."""
    entered, guard = anyio.Event(), SlowGuard()

    async def wait(_: Event) -> None:
        entered.set()
        await anyio.sleep_forever()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(deliver, receiver(VERIFIER, wait, guard=guard))
        await entered.wait()
        tasks.cancel_scope.cancel()
    assert (await guard.claim("msg_1")).state == "granted"


async def test_in_the_background_the_answer_comes_first() -> None:
    """202 before the handler has begun, and the claim is settled when it has ended."""
    steps: list[object] = []
    guard = MemoryGuard()

    async def handle(_: Event) -> None:
        steps.append((await guard.claim("msg_1")).state)

    app = receiver(VERIFIER, handle, guard=guard, background=True)

    async def watched(scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        async def note(message: Any) -> None:
            steps.append(message.get("status", "body"))
            await send(message)

        await app(scope, receive, note)

    assert (await deliver(watched)).status_code == 202
    assert steps == [202, "body", "held"]
    assert (await deliver(watched)).status_code == 204


async def test_a_failure_in_the_background_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The platform has its answer; the claim is free for a delivery by hand."""
    guard = MemoryGuard()
    app = receiver(VERIFIER, lambda _: 1 / 0, guard=guard, background=True)
    assert (await deliver(app)).status_code == 202
    assert "ZeroDivisionError" in caplog.text
    assert (await guard.claim("msg_1")).state == "granted"


APPLICATIONS: dict[str, Callable[[Receiver], Any]] = {
    "Starlette's route": lambda app: Starlette(routes=[Route("/hooks/cloud", app)]),
    "Starlette's mount": lambda app: Starlette(routes=[Mount("/hooks", app)]),
    "FastAPI's route": lambda app: _fastapi().add_route("/hooks/cloud", app),
    "FastAPI's mount": lambda app: _fastapi().mount("/hooks", app),
}


def _fastapi() -> Any:
    app = FastAPI()

    class Building:
        def __getattr__(self, name: str) -> Any:
            def build(*arguments: Any) -> FastAPI:
                getattr(app, name)(*arguments)
                return app

            return build

    return Building()


@pytest.mark.parametrize("make", APPLICATIONS.values(), ids=APPLICATIONS)
async def test_it_stands_in_any_asgi_framework(make: Callable[[Receiver], Any]) -> None:
    """As a route of its own, or mounted below a path; other methods are its own to refuse."""
    events: list[Event] = []
    app = make(receiver(VERIFIER, events.append))
    async with client_of(app) as client:
        answer = await client.post("/hooks/cloud", content=BODY, headers=signed(BODY))
        assert (answer.status_code, len(events)) == (204, 1)
        assert (await client.get("/hooks/cloud")).status_code == 405


async def test_alone_it_starts_and_stops_with_its_server() -> None:
    """``uvicorn module:app`` asks for its life before the first request."""
    steps = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent = await speak(receiver(VERIFIER, print), {"type": "lifespan"}, *steps)
    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


async def test_a_websocket_is_closed() -> None:
    """There is nothing to talk about."""
    sent = await speak(receiver(VERIFIER, print), {"type": "websocket"})
    assert sent == [{"type": "websocket.close", "code": 1000}]


@pytest.mark.parametrize(
    ("handler", "options", "message"),
    [
        (None, {}, "callable"),
        (print, {"verifier": SECRET}, "WebhookVerifier"),
        (print, {"max_body": 0}, "max_body"),
        (print, {"max_body": None}, "max_body"),
    ],
)
async def test_a_receiver_that_cannot_work_is_refused_at_once(
    handler: Any, options: Any, message: str
) -> None:
    """When it is made, not when the first delivery comes."""
    with pytest.raises(ConfigurationError, match=message):
        receiver(**{"verifier": VERIFIER, "handler": handler, **options})
