"""An application that makes a project for each new team, deploys it, and learns from webhooks how that went.

``uvicorn --factory teams:create_app`` serves it; it reads ``CLOUD_API_KEY`` and ``CLOUD_WEBHOOK_SECRET``.
"""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException

from cloudplatform_async import (
    AsyncClient,
    ConflictError,
    Event,
    Project,
    WebhookVerifier,
    WorkflowRunEvent,
)
from cloudplatform_async.webhooks import MemoryGuard, receiver


def create_app(client: AsyncClient | None = None, verifier: WebhookVerifier | None = None) -> FastAPI:
    """Make the application; a test passes a client of a sandbox, and a verifier with its secret."""
    cloud = client or AsyncClient()
    verifier = verifier or WebhookVerifier(os.environ["CLOUD_WEBHOOK_SECRET"])
    deployments: dict[str, str] = {}  # status by slug; a real application has a database

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        async with cloud:
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/teams/{slug}", status_code=201)
    async def create_team(slug: str, name: str) -> Project:
        try:
            project = await cloud.projects.create(name=name, slug=slug)
        except ConflictError as error:
            raise HTTPException(409, error.message) from error
        run = await cloud.workflows.trigger("wfl_deploy", inputs={"slug": slug}, idempotency_key=project.id)
        deployments[slug] = run.status
        return project

    @app.get("/teams/{slug}/deployment")
    async def deployment(slug: str) -> str:
        if slug not in deployments:
            raise HTTPException(404)
        return deployments[slug]

    async def take(event: Event) -> None:
        if isinstance(event, WorkflowRunEvent) and event.data.workflow_id == "wfl_deploy":
            deployments[event.data.inputs["slug"]] = event.data.status

    app.mount("/webhooks", receiver(verifier, take, guard=MemoryGuard()))  # such as /webhooks/cloud
    return app
