"""The webhooks resource: subscriptions, secrets, and what is refused."""

from base64 import b64decode

import httpx
import pytest

from cloudplatform_async.sandbox import Sandbox
from tests.sandbox.endpoints import endpoint
from tests.tiers import slow

pytestmark = pytest.mark.anyio

URL = "http://127.0.0.1:9/hooks"


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of an error."""
    return answer.status_code, answer.json()["error"]["code"]


async def test_a_secret_is_told_once(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    """In the answer of the creation; it is a `whsec_` of at least 24 bytes."""
    created = (await api.post("/webhooks", json={"url": URL})).json()
    secret = created.pop("secret")
    assert secret == sandbox.webhook_secret
    assert secret.startswith("whsec_")
    assert len(b64decode(secret.removeprefix("whsec_"), validate=True)) >= 24
    assert created["types"] == ["*"]
    assert (await api.get(f"/webhooks/{created['id']}")).json() == created
    assert (await api.get("/webhooks")).json()["data"] == [created]


def test_each_platform_has_its_own_secret() -> None:
    """So that one test's deliveries are not another's."""
    assert Sandbox().webhook_secret != Sandbox().webhook_secret


async def test_a_webhook_tells_what_it_was_given(api: httpx.AsyncClient) -> None:
    """Types, families and a description."""
    fields = {"url": URL, "types": ["project.*", "workflow.run.failed"], "description": "Mine"}
    created = (await api.post("/webhooks", json=fields)).json()
    assert {name: created[name] for name in fields} == fields


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1",
        "http://127.255.0.3:65535/a?b=c",
        "https://localhost:8443/",
        "http://[::1]:80/hook",
    ],
)
async def test_this_machine_is_a_target(api: httpx.AsyncClient, url: str) -> None:
    """By any of its loopback names."""
    assert (await api.post("/webhooks", json={"url": url})).status_code == 201


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/hook",
        "http://10.0.0.1/",
        "http://127.0.0.1.example.com/",
        "http://127.0.0.1@example.com/",
        "http://user:password@127.0.0.1/",
        "http://localhost.example.com/",
        "http://[::ffff:10.0.0.1]/",
        "http://127.0.0.1\\@example.com/",
        "http://127.0.0.1/\r\nx: y",
        "127.0.0.1/hook",
        "",
        None,
        *slow(
            "http://0.0.0.0/",
            "http://128.0.0.1/",
            "http://[::2]/",
            "http://127.0.0.256/",
            "http://127.1/",
            "http://2130706433/",
            "http://127.0.0.1:65536/",
            "http://127.0.0.1:0/",
            "http://127.0.0.1/#part",
            "http://127.0.0.1/a b",
            "http://127.0.0.1/ä",
            "ftp://127.0.0.1/",
            7,
        ),
    ],
)
async def test_no_other_machine_is_a_target(api: httpx.AsyncClient, url: object) -> None:
    """422: the sandbox posts to the loopback alone, whatever the URL is dressed up as."""
    assert problem(await api.post("/webhooks", json={"url": url})) == (422, "validation_failed")
    assert (await api.get("/webhooks")).json()["data"] == []


@pytest.mark.parametrize(
    "fields",
    [
        {"types": []},
        {"types": "project.created"},
        {"types": ["Project"]},
        {"types": ["project.*.created"]},
        {"types": ["**"]},
        {"types": [""]},
        *slow(
            {"types": [1]},
            {"types": ["a"] * 51},
            {"description": "x" * 201},
            {"description": "a\nb"},
            {"secret": "whsec_mine"},
        ),
    ],
)
async def test_a_subscription_that_is_none_is_refused(
    api: httpx.AsyncClient, fields: dict[str, object]
) -> None:
    """422 that names the field."""
    answer = await api.post("/webhooks", json={"url": URL, **fields})
    assert problem(answer) == (422, "validation_failed")
    assert [detail["field"] for detail in answer.json()["error"]["details"]] == list(fields)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/webhooks/whk_0"),
        ("DELETE", "/webhooks/whk_0"),
        ("POST", "/webhooks/whk_0/rotate"),
        ("GET", "/webhooks/whk_0/deliveries"),
        ("POST", "/webhooks/whk_0/deliveries/dlv_0/redeliver"),
    ],
)
async def test_a_webhook_that_is_not_there_is_not_found(
    api: httpx.AsyncClient, method: str, path: str
) -> None:
    """404 `webhook_not_found`."""
    assert problem(await api.request(method, path)) == (404, "webhook_not_found")


async def test_a_delivery_that_is_not_there_is_not_found(api: httpx.AsyncClient) -> None:
    """404 `delivery_not_found`."""
    id_ = (await api.post("/webhooks", json={"url": URL})).json()["id"]
    answer = await api.post(f"/webhooks/{id_}/deliveries/dlv_0/redeliver")
    assert problem(answer) == (404, "delivery_not_found")


async def test_webhooks_need_the_scope_of_events(reach, sandbox: Sandbox) -> None:
    """What is delivered is what `GET /events` tells."""
    for scopes, refused in ((("events:read",), False), (("projects:read", "workflows:write"), True)):
        headers = {"authorization": f"Bearer {sandbox.issue_token(scopes=scopes)}"}
        async with reach(sandbox, headers) as api:
            answers = [
                await api.get("/webhooks"),
                await api.post("/webhooks", json={"url": URL}),
                await api.get("/webhooks/whk_0"),
                await api.delete("/webhooks/whk_0"),
                await api.post("/webhooks/whk_0/rotate"),
                await api.get("/webhooks/whk_0/deliveries"),
                await api.post("/webhooks/whk_0/deliveries/dlv_0/redeliver"),
            ]
        assert {answer.status_code == 403 for answer in answers} == {refused}


async def test_a_deleted_webhook_gets_nothing_more(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    """Neither what comes nor what was still to be tried, and its log is gone."""
    sandbox.clock.freeze()
    with endpoint() as first, endpoint() as second:
        first.statuses = [500]
        gone = (await api.post("/webhooks", json={"url": first.url})).json()["id"]
        await api.post("/webhooks", json={"url": second.url})
        await api.post("/projects", json={"name": "n", "slug": "s"})
        first.next()
        second.next()
        assert (await api.delete(f"/webhooks/{gone}")).status_code == 204
        sandbox.clock.advance(3600)
        await api.post("/projects", json={"name": "n", "slug": "t"})
        second.next()
        assert first.received.empty()
    assert problem(await api.get(f"/webhooks/{gone}/deliveries")) == (404, "webhook_not_found")
    sandbox.stop()
