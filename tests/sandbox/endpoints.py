"""An endpoint for webhooks on the loopback, which says what it is told to and keeps what it was sent."""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from threading import Thread
from typing import Any

import msgspec
from attrs import define, field

LONG = 10  # seconds after which a test is told that what it waits for does not come


@define
class Received:
    """One request to the endpoint."""

    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """The event in it."""
        return msgspec.json.decode(self.body, type=dict[str, Any])

    def signed_by(self, secret: str) -> bool:
        """Whether one of its signatures is by this secret, reckoned here once more."""
        content = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + self.body
        digest = hmac.new(b64decode(secret.removeprefix("whsec_")), content, "sha256").digest()
        return f"v1,{b64encode(digest).decode()}" in self.headers["webhook-signature"].split(" ")


@define
class Endpoint:
    """What tests see of it: `statuses` are answered first, then 204; a function is asked for each."""

    url: str = ""
    statuses: list[int] = field(factory=list)
    received: "Queue[Received]" = field(factory=Queue)
    before_answer: Callable[[Received], None] | None = None

    def next(self) -> Received:
        """The next request, which may be on its way."""
        return self.received.get(timeout=LONG)


@contextmanager
def endpoint() -> Iterator[Endpoint]:
    """An endpoint that is served until the block ends."""
    told = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received = Received({name.lower(): value for name, value in self.headers.items()}, body)
            told.received.put(received)
            if told.before_answer is not None:
                told.before_answer(received)
            self.send_response(told.statuses.pop(0) if told.statuses else 204)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told.url = f"http://127.0.0.1:{server.server_port}/hooks"
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield told
        finally:
            server.shutdown()
            thread.join()
