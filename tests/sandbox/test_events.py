"""The events resource: one for each change, in the change's transaction, and every way to ask for them."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from cloudplatform_async.sandbox import Sandbox
from tests.tiers import slow

pytestmark = pytest.mark.anyio

START = 1_773_742_934.5
PROJECT = {"name": "n", "slug": "s"}


@pytest.fixture
def sandbox() -> Sandbox:
    """An empty platform whose time stands still."""
    sandbox = Sandbox(rate_limit=None, clock=lambda: START)
    sandbox.clock.freeze()
    return sandbox


async def events(api: httpx.AsyncClient, **params: object) -> list[dict[str, Any]]:
    """One page of events."""
    answer = await api.get("/events", params=params)
    assert answer.status_code == 200
    data: list[dict[str, Any]] = answer.json()["data"]
    return data


async def three_changes(sandbox: Sandbox, api: httpx.AsyncClient) -> list[dict[str, Any]]:
    """A project that is created, changed and deleted, ten seconds apart; its three documents."""
    created = (await api.post("/projects", json=PROJECT)).json()
    sandbox.clock.advance(10)
    updated = (await api.patch(f"/projects/{created['id']}", json={"name": "m"})).json()
    sandbox.clock.advance(10)
    assert (await api.delete(f"/projects/{created['id']}")).status_code == 204
    return [created, updated, updated]


async def test_each_change_of_a_project_is_an_event_with_the_project(
    sandbox: Sandbox, api: httpx.AsyncClient
) -> None:
    """Created and updated as answered, deleted as it last was; oldest first, with its time."""
    documents = await three_changes(sandbox, api)
    found = await events(api)
    assert [event["type"] for event in found] == ["project.created", "project.updated", "project.deleted"]
    assert [event["data"] for event in found] == documents
    assert [event["created_at"] for event in found] == [
        f"2026-03-17T10:22:{second}.500000Z" for second in (14, 24, 34)
    ]
    assert len({event["id"] for event in found}) == 3
    assert {event["api_version"] for event in found} == {"v1"}


async def test_seeds_are_no_events() -> None:
    """They were there before."""
    sandbox = Sandbox(projects=3)
    async with httpx.AsyncClient(
        base_url=sandbox.base_url, transport=sandbox.transport(), headers={"x-api-key": sandbox.api_key}
    ) as api:
        assert await events(api) == []


async def test_a_refused_change_is_no_event(api: httpx.AsyncClient) -> None:
    """Neither a conflict nor a bad document nor something missing."""
    await api.post("/projects", json=PROJECT)
    for method, path, body in (
        ("POST", "/projects", PROJECT),
        ("POST", "/projects", {}),
        ("PATCH", "/projects/none", {"name": "x"}),
        ("DELETE", "/projects/none", None),
    ):
        assert (await api.request(method, path, json=body)).status_code >= 400
    assert len(await events(api)) == 1


async def test_a_replayed_change_is_one_event(api: httpx.AsyncClient) -> None:
    """The key's second answer tells of the first change."""
    for _ in range(2):
        await api.post("/projects", json=PROJECT, headers={"idempotency-key": "k"})
    assert len(await events(api)) == 1


async def test_a_change_whose_event_cannot_be_written_is_not_made(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are one transaction: all or nothing, and its key is free again."""
    headers = {"x-api-key": sandbox.api_key, "idempotency-key": "k"}
    async with httpx.AsyncClient(
        base_url=sandbox.base_url, transport=sandbox.transport(), headers=headers
    ) as api:
        with monkeypatch.context() as patch:
            patch.setattr("cloudplatform_async.sandbox.storage.projects.append_event", None)
            with pytest.raises(TypeError):
                await api.post("/projects", json=PROJECT)
        assert (await api.get("/projects")).json()["data"] == []
        repeat = await api.post("/projects", json=PROJECT)
        assert (repeat.status_code, len(await events(api))) == (201, 1)


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        (["project.created"], ["created"]),
        (["project.created", "project.deleted"], ["created", "deleted"]),
        (["project.*"], ["created", "updated", "deleted"]),
        (["workflow.*", "project.updated"], ["updated"]),
        (["project"], []),
        ([""], []),
        *slow(
            (["*"], ["created", "updated", "deleted"]),
            (["workflow.run.*"], []),
            (["project*"], []),
            (["proj.*"], []),
            (["PROJECT.*"], []),
            (["unheard.of"] * 2000, []),
        ),
    ],
)
async def test_types_and_families_are_chosen(
    sandbox: Sandbox, api: httpx.AsyncClient, types: list[str], expected: list[str]
) -> None:
    """`type` may be repeated; a family is what stands before `.*`; nothing else is a pattern."""
    await three_changes(sandbox, api)
    found = await events(api, type=types)
    assert [event["type"] for event in found] == [f"project.{name}" for name in expected]


async def test_since_includes_its_moment(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    """To the microsecond, in any offset."""
    await three_changes(sandbox, api)
    found = await events(api)
    for number, event in enumerate(found):
        assert await events(api, since=event["created_at"]) == found[number:]
    assert await events(api, since="2026-03-17T11:22:24.500001+01:00") == found[2:]
    assert await events(api, since=datetime(2027, 1, 1, tzinfo=UTC).isoformat()) == []


async def test_after_is_what_follows_an_event(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    """Without the event itself, also where several have one time."""
    await three_changes(sandbox, api)
    found = await events(api)
    assert [await events(api, after=event["id"]) for event in found] == [found[1:], found[2:], []]


async def test_desc_is_newest_first(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    """Page by page too, and together with every filter."""
    await three_changes(sandbox, api)
    found = await events(api)
    assert await events(api, order="desc") == found[::-1]
    assert await events(api, order="asc") == found
    assert await events(api, order="desc", limit=1) == found[2:]
    assert await events(api, order="desc", after=found[0]["id"]) == [found[2], found[1]]
    assert await events(api, order="desc", type="project.*", since=found[1]["created_at"]) == [
        found[2],
        found[1],
    ]


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_pages_join_to_the_whole_while_events_come(
    sandbox: Sandbox, api: httpx.AsyncClient, order: str
) -> None:
    """The cursor stands after an event; nothing is skipped or told twice."""
    for number in range(7):
        await api.post("/projects", json={"name": "n", "slug": f"s{number}"})
    walked: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await api.get("/events", params={"cursor": cursor, "limit": 3, "order": order})).json()
        walked += [event["data"]["slug"] for event in page["data"]]
        cursor = page["meta"]["next_cursor"]
        if len(walked) == 3:
            await api.post("/projects", json={"name": "n", "slug": "late"})
    slugs = [f"s{number}" for number in range(7)]
    assert walked == ([*slugs, "late"] if order == "asc" else slugs[::-1])


async def test_events_are_paged_by_cursor_in_any_sandbox(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    """A log that grows has no stable page numbers; still, who asks for one gets it."""
    await three_changes(sandbox, api)
    assert (await api.get("/events", params={"limit": 1})).json()["meta"]["has_more"] is True
    assert (await api.get("/events", params={"page": 2, "limit": 2})).json()["pagination"]["total"] == 3


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"since": "2026-03-17"}, "invalid_filter"),
        ({"since": "2026-03-17T10:22:14"}, "invalid_filter"),
        ({"since": "yesterday"}, "invalid_filter"),
        ({"order": "down"}, "invalid_filter"),
        ({"after": "evt_none"}, "unknown_event"),
        ({"after": ""}, "unknown_event"),
        ({"limit": "0"}, "invalid_limit"),
        ({"cursor": "x"}, "invalid_cursor"),
    ],
)
async def test_a_question_that_has_no_answer_is_refused(
    api: httpx.AsyncClient, params: dict[str, str], code: str
) -> None:
    """400 with a code that says what is wrong."""
    answer = await api.get("/events", params=params)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


async def test_events_need_their_scope(reach, sandbox: Sandbox) -> None:
    """`events:read`, and nothing else will do."""
    others = ("projects:read", "workflows:read", "usage:read")
    for scopes, status in ((("events:read",), 200), (others, 403)):
        headers = {"authorization": f"Bearer {sandbox.issue_token(scopes=scopes)}"}
        async with reach(sandbox, headers) as api:
            assert (await api.get("/events")).status_code == status


async def test_changes_that_the_clock_brings_stand_before_later_ones(
    sandbox: Sandbox, api: httpx.AsyncClient
) -> None:
    """A run that ended before a project was created is told before it, although nobody looked meanwhile."""
    await api.post("/workflows/wfl_build/runs", json={"inputs": {"sandbox": {"seconds": 5}}})
    sandbox.clock.advance(60)
    await api.post("/projects", json=PROJECT)
    assert [event["type"] for event in await events(api)] == [
        "workflow.run.started",
        "workflow.run.succeeded",
        "project.created",
    ]
