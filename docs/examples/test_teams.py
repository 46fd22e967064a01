"""The tests of the application in ``teams.py``: the platform is a sandbox, and may misbehave."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest
from teams import create_app

from cloudplatform_async import AsyncClient, WebhookVerifier
from cloudplatform_async.sandbox import Sandbox
from cloudplatform_async.testing import WebhookEndpoint

pytest_plugins = ["cloudplatform_async.testing"]
pytestmark = pytest.mark.anyio


@pytest.fixture
def verifier(cloud_sandbox: Sandbox) -> WebhookVerifier:
    return WebhookVerifier(cloud_sandbox.webhook_secret, clock=cloud_sandbox.clock)


@pytest.fixture
async def browser(cloud_client: AsyncClient, verifier: WebhookVerifier) -> AsyncIterator[httpx.AsyncClient]:
    """Speaks to the application."""
    transport = httpx.ASGITransport(create_app(cloud_client, verifier))
    async with httpx.AsyncClient(transport=transport, base_url="http://teams") as client:
        yield client


async def test_a_team_is_deployed_although_the_platform_misbehaves(
    browser: httpx.AsyncClient,
    cloud_sandbox: Sandbox,
    cloud_webhooks: WebhookEndpoint,
    verifier: WebhookVerifier,
    no_waiting: list[float],
) -> None:
    cloud_sandbox.faults.add(status=429, headers={"retry-after": "30"}, times=1)
    cloud_sandbox.faults.add(kind="lost_answer", times=1)
    answer = await browser.post("/teams/blue", params={"name": "Blue"})
    assert (answer.status_code, answer.json()["slug"]) == (201, "blue")
    assert (await browser.get("/teams/blue/deployment")).json() == "queued"

    event = await cloud_webhooks.wait_for("workflow.run.succeeded")
    body = json.dumps(event.to_dict()).encode()
    for _ in range(2):  # delivered twice, handled once
        headers = verifier.sign(body, id=event.id)
        delivered = await browser.post("/webhooks/cloud", content=body, headers=headers)
        assert delivered.status_code == 204
    assert (await browser.get("/teams/blue/deployment")).json() == "succeeded"
    assert [each.type for each in cloud_webhooks.events].count("project.created") == 1
    assert no_waiting[0] >= 30  # seconds that nobody waited


async def test_a_slug_that_is_taken_is_a_conflict(browser: httpx.AsyncClient) -> None:
    await browser.post("/teams/blue", params={"name": "Blue"})
    answer = await browser.post("/teams/blue", params={"name": "Blue again"})
    assert answer.status_code == 409


async def test_a_forged_delivery_is_refused(browser: httpx.AsyncClient) -> None:
    answer = await browser.post("/webhooks/cloud", content=b"{}", headers={"webhook-id": "msg_1"})
    assert answer.status_code == 400
