"""A FastAPI service over the platform: a view for each user, streams, errors, and work after the answer."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

import msgspec
from fastapi import BackgroundTasks, Depends, FastAPI, Header, Request
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from cloudplatform_async import (
    APIConnectionError,
    APIStatusError,
    AsyncClient,
    CloudPlatformError,
    ConflictError,
    NotFoundError,
    Paginator,
    Project,
    RateLimitError,
)

STATUS = {
    NotFoundError: 404,
    ConflictError: 409,
    RateLimitError: 503,
    APIConnectionError: 502,
    APIStatusError: 502,
}


def create_app(client: AsyncClient) -> FastAPI:
    """Build the service; the client is opened and closed with it."""
    app = FastAPI(lifespan=client.lifespan)

    def user(authorization: Annotated[str | None, Header()] = None) -> AsyncClient:
        """Speak as whoever asks: a view costs next to nothing, and shares connections, limits and budget."""
        if authorization is None:
            return client
        return client.with_options(access_token=authorization.removeprefix("Bearer "), timeout=10)

    AsUser = Annotated[AsyncClient, Depends(user)]

    @app.exception_handler(CloudPlatformError)
    async def explain(request: Request, error: CloudPlatformError) -> JSONResponse:
        """Say what happened in the service's own words, and nothing of how it is built."""
        status = next((status for kind, status in STATUS.items() if isinstance(error, kind)), 500)
        headers = {} if error.retry_after is None else {"Retry-After": f"{error.retry_after:.0f}"}
        content = {"error": error.code or type(error).__name__, "request_id": error.request_id}
        return JSONResponse(content, status, headers)

    @app.get("/projects/{id}")
    async def project(id: str, user: AsUser) -> Project:
        return await user.projects.get(id)

    @app.get("/projects")
    async def projects(user: AsUser, status: str | None = None) -> Rows:
        """Stream all projects as lines of JSON; the first row decides the status."""
        walk = user.projects.iter_all(status=status)
        await walk.peek()  # an error here is an answer of its own; later there is no status to change
        return Rows(walk)

    @app.post("/projects/{id}/archive", status_code=202)
    async def archive(id: str, user: AsUser, background: BackgroundTasks) -> dict[str, str]:
        """Answer at once, and do the work after the answer; the key makes a repeated request the same one."""
        background.add_task(user.projects.update, id, status="archived", idempotency_key=f"archive-{id}")
        return {"accepted": id}

    return app


class Rows(StreamingResponse):
    """One line of JSON for each project; whoever leaves in the middle ends the walk."""

    def __init__(self, walk: Paginator[Project]) -> None:
        self._walk = walk
        self._lines = lines(walk)
        super().__init__(self._lines, media_type="application/x-ndjson")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the lines; Starlette itself leaves a stream that was not read to its end to the collector."""
        async with self._walk, aclosing(self._lines):
            await super().__call__(scope, receive, send)


async def lines(walk: Paginator[Project]) -> AsyncGenerator[bytes, None]:
    """Write one line for each project."""
    async for project in walk:
        yield msgspec.json.encode(project.to_dict()) + b"\n"
