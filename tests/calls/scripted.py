"""A transport that plays a script instead of a network, and what is needed to call through it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx

from cloudplatform_async import AsyncClient
from cloudplatform_async._connections.exceptions import StaleConnectionError

Step = Callable[[httpx.Request], Awaitable[httpx.Response]] | Exception
ORIGIN = "http://127.0.0.1"
PROJECT = {"id": "prj_1", "name": "one"}


class Scripted(httpx.AsyncBaseTransport):
    """Plays one step a request; the last step goes on for ever.

    Attributes:
        requests: That came, in order.
    """

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)
        self.requests: list[httpx.Request] = []
        self.closed = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        self.requests.append(request)
        if isinstance(step, Exception):
            raise step
        return await step(request)

    async def aclose(self) -> None:
        self.closed += 1

    def sent(self, header: str) -> list[str | None]:
        """One header of every request."""
        return [request.headers.get(header) for request in self.requests]


def answer(status: int = 200, json: Any = None, headers: Mapping[str, str] | None = None) -> Step:
    """A step that answers; with a project where nothing else is given."""

    async def step(request: httpx.Request) -> httpx.Response:
        if status == 204:
            return httpx.Response(204, headers=headers)
        return httpx.Response(status, json=PROJECT if json is None else json, headers=headers)

    return step


def refuse(status: int, code: str = "no", headers: Mapping[str, str] | None = None) -> Step:
    """A step that answers with the platform's error envelope."""
    return answer(status, {"error": {"code": code, "message": "No."}}, headers)


def lost() -> Step:
    """A step whose answer is lost."""
    return httpx.ReadError("reset")


def unreachable() -> Step:
    """A step that never reaches the server."""
    return httpx.ConnectError("refused")


def stale() -> Step:
    """A step on a connection that the server had closed."""
    return StaleConnectionError("closed")


def client_over(
    transport: httpx.AsyncBaseTransport, client_class: type[AsyncClient] = AsyncClient, **options: Any
) -> AsyncClient:
    """A client whose every request goes to the transport."""
    options = {"api_key": "cp_test_key_1", **options}
    return client_class(base_url=f"{ORIGIN}/v1", transport=transport, **options)
