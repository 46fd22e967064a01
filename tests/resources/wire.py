"""A platform that only listens: it keeps each request and gives the answers it was told to."""

from collections.abc import Callable
from typing import Any

import httpx
from attrs import define, field

Answers = Callable[[httpx.Request], httpx.Response]


@define(eq=False)
class Wire(httpx.AsyncBaseTransport):
    """A transport with one answer for everything.

    Attributes:
        answer: Made from each request.
        requests: What was sent, in order.
        closed: How often the transport was closed.
    """

    answer: Answers
    requests: list[httpx.Request] = field(factory=list)
    closed: int = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Keep the request, and answer it."""
        self.requests.append(request)
        return self.answer(request)

    async def aclose(self) -> None:
        """Count."""
        self.closed += 1

    @property
    def sent(self) -> list[tuple[str, str, bytes]]:
        """Method, path with query, and body of each request."""
        return [(each.method, each.url.raw_path.decode(), each.content) for each in self.requests]


def always(body: Any, status: int = 200, **headers: str) -> Wire:
    """A platform that says the same to everybody; ``None`` is an empty body."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if isinstance(body, bytes):
        return Wire(lambda _: httpx.Response(status, content=body, headers=named))
    return Wire(lambda _: httpx.Response(status, **({} if body is None else {"json": body}), headers=named))
