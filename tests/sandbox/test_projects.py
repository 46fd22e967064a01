"""The projects resource: filters, create, get, change, delete, and what is refused."""

import httpx
import pytest

from cloudplatform_async.sandbox import Sandbox
from tests.tiers import slow

pytestmark = pytest.mark.anyio

MINUTE_3 = "2024-01-01T00:03:00Z"


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of an error."""
    return answer.status_code, answer.json()["error"]["code"]


async def test_a_created_project_is_the_bare_object_and_is_found_again(api: httpx.AsyncClient) -> None:
    """201 with every field; the vendor's create sample has no envelope."""
    created = await api.post(
        "/projects", json={"name": "Payments", "slug": "payments-api", "labels": {"a": "b"}}
    )
    project = created.json()
    assert created.status_code == 201
    assert {key: project[key] for key in ("name", "slug", "status", "labels")} == {
        "name": "Payments",
        "slug": "payments-api",
        "status": "active",
        "labels": {"a": "b"},
    }
    assert project["id"].startswith("prj_")
    assert (await api.get(f"/projects/{project['id']}")).json() == project
    assert (await api.get("/projects")).json()["data"] == [project]


@pytest.mark.parametrize("name", ['"quoted"', "Ümläut 😀", "a\\b", "{}", "'; DROP TABLE projects; --"])
async def test_any_name_comes_back_as_it_was_sent(api: httpx.AsyncClient, name: str) -> None:
    """Neither SQL nor JSON has a meaning inside of a value."""
    fields = {"name": name, "slug": "s", "labels": {name.replace(":", ""): name}}
    created = (await api.post("/projects", json=fields)).json()
    assert {key: created[key] for key in fields} == fields


async def test_a_slug_that_is_taken_is_a_conflict(api: httpx.AsyncClient) -> None:
    """409 `slug_taken`, on create and on change, and nothing is changed."""
    one, two = [
        (await api.post("/projects", json={"name": "n", "slug": slug})).json() for slug in ("one", "two")
    ]
    assert problem(await api.post("/projects", json={"name": "n", "slug": "one"})) == (409, "slug_taken")
    assert problem(await api.patch(f"/projects/{two['id']}", json={"slug": "one"})) == (409, "slug_taken")
    assert (await api.get("/projects")).json()["data"] == [one, two]


@pytest.mark.parametrize(
    "change",
    [{"name": "new"}, {"slug": "new"}, {"status": "archived"}, {"labels": {"k": "v"}}, {"labels": {}}, {}],
)
async def test_a_change_touches_the_given_fields_only(
    api: httpx.AsyncClient, change: dict[str, object]
) -> None:
    """PATCH leaves every other field as it was."""
    fields = {"name": "old", "slug": "old", "labels": {"old": "old"}}
    before = (await api.post("/projects", json=fields)).json()
    changed = await api.patch(f"/projects/{before['id']}", json=change)
    expected = {**before, **change, "updated_at": changed.json()["updated_at"]}
    assert changed.json() == expected
    assert (await api.get(f"/projects/{before['id']}")).json() == expected


async def test_a_change_moves_only_the_time_of_the_last_change(
    sandbox: Sandbox, api: httpx.AsyncClient
) -> None:
    """`updated_at` is the platform's time of the change; `created_at` stays."""
    sandbox.clock._source = lambda: 1_773_742_934.9
    before = (await api.post("/projects", json={"name": "n", "slug": "s"})).json()
    sandbox.clock._source = lambda: 1_773_742_994.0
    after = (await api.patch(f"/projects/{before['id']}", json={"name": "m"})).json()
    assert (before["created_at"], before["updated_at"]) == ("2026-03-17T10:22:14Z",) * 2
    assert (after["created_at"], after["updated_at"]) == ("2026-03-17T10:22:14Z", "2026-03-17T10:23:14Z")


async def test_a_deleted_project_is_gone(api: httpx.AsyncClient) -> None:
    """204 without a body, then 404 for everything; its slug is free again."""
    path = f"/projects/{(await api.post('/projects', json={'name': 'n', 'slug': 's'})).json()['id']}"
    deleted = await api.delete(path)
    assert (deleted.status_code, deleted.content, "content-type" in deleted.headers) == (204, b"", False)
    for answer in (await api.get(path), await api.patch(path, json={}), await api.delete(path)):
        assert problem(answer) == (404, "project_not_found")
    assert (await api.post("/projects", json={"name": "n", "slug": "s"})).status_code == 201


BAD_FIELDS = [
    ({}, {"name", "slug"}),
    ({"name": "", "slug": "s"}, {"name"}),
    ({"name": "a\nb", "slug": "s"}, {"name"}),
    ({"name": "n" * 201, "slug": "s" * 101}, {"name", "slug"}),
    ({"name": "n", "slug": "a\n"}, {"slug"}),
    ({"name": "n", "slug": "s", "labels": None}, {"labels"}),
    ({"name": "n", "slug": "s", "nmae": "typo"}, {"nmae"}),
    *slow(
        ({"name": "n"}, {"slug"}),
        ({"name": 5, "slug": None}, {"name", "slug"}),
        ({"name": "n", "slug": "Upper"}, {"slug"}),
        ({"name": "n", "slug": "a--b"}, {"slug"}),
        ({"name": "n", "slug": "s", "labels": []}, {"labels"}),
        ({"name": "n", "slug": "s", "labels": {"a": 1}}, {"labels"}),
        ({"name": "n", "slug": "s", "labels": {"a:b": "c"}}, {"labels"}),
    ),
]


@pytest.mark.parametrize(("fields", "bad"), BAD_FIELDS)
async def test_a_bad_document_is_refused_with_every_bad_field(
    api, fields: dict[str, object], bad: set[str]
) -> None:
    """422 `validation_failed`; `details` names each of them, and nothing is created."""
    answer = await api.post("/projects", json=fields)
    assert problem(answer) == (422, "validation_failed")
    assert {detail["field"] for detail in answer.json()["error"]["details"]} == bad
    assert (await api.get("/projects")).json()["data"] == []


@pytest.mark.parametrize("change", [{"status": "deleted"}, {"status": []}, {"slug": "-"}, {"id": "prj_1"}])
async def test_a_bad_change_is_refused(api: httpx.AsyncClient, change: dict[str, object]) -> None:
    """422, with the same rules as on create."""
    path = f"/projects/{(await api.post('/projects', json={'name': 'n', 'slug': 's'})).json()['id']}"
    assert problem(await api.patch(path, json=change)) == (422, "validation_failed")


BAD_BODIES = [
    (b"", "application/json", 400, "invalid_json"),
    (b"{", "application/json", 400, "invalid_json"),
    (b'{"name": "\xff"}', "application/json; charset=utf-8", 400, "invalid_json"),
    (b'{"name": "\\ud800"}', "application/json", 400, "invalid_json"),
    (b"[" * 100_000, "application/json", 400, "invalid_json"),
    (b"[]", "application/json", 422, "validation_failed"),
    (b'{"name": "n", "slug": "s"}', "text/plain", 415, "unsupported_media_type"),
]


@pytest.mark.parametrize(("body", "media_type", "status", "code"), BAD_BODIES)
async def test_a_body_that_is_no_json_object_is_refused(
    api, body: bytes, media_type: str, status: int, code: str
):
    """400 for broken JSON, 415 for another content type, 422 for JSON of another type."""
    answer = await api.post("/projects", content=body, headers={"content-type": media_type})
    assert problem(answer) == (status, code)


FILTERS = [
    ({"name": "payments-worker"}, [1]),
    ({"slug": "search-web-2"}, [2]),
    ({"status": "archived"}, [10, 20]),
    ({"status": "unheard-of"}, []),
    ({"created_after": MINUTE_3, "created_before": "2024-01-01T00:06:00Z"}, [4, 5]),
    ({"created_before": "2024-01-01T01:03:00+01:00"}, [1, 2]),
    ({"created_before": "2024-01-01T00:03:00.5Z", "created_after": "2024-01-01T00:02:59.5Z"}, [3]),
    ({"label": "team:red", "status": "archived"}, [20]),
    ({"label": ["team:red", "team:blue"]}, []),
    ({"label": "team:re"}, []),
    ({"label": "no-such:label"}, []),
    ({"future_filter": "x", "slug": "media-jobs-6"}, []),
]


@pytest.mark.parametrize("paging", ["page", *slow("cursor")])
@pytest.mark.parametrize(("filters", "expected"), FILTERS)
async def test_a_filter_keeps_what_matches(
    reach, paging: str, filters: dict[str, object], expected: list[int]
) -> None:
    """In both pagings; several filters must all hold; unknown ones change nothing."""
    async with reach(Sandbox(projects=20, paging=paging)) as api:
        answer = (await api.get("/projects", params=filters)).json()
    assert [project["id"] for project in answer["data"]] == [f"prj_{number:06d}" for number in expected]
    assert answer.get("pagination", {"total": len(expected)})["total"] == len(expected)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("created_after", "yesterday"),
        ("created_after", "2024-01-01T00:00:00"),
        ("created_before", ""),
        ("label", "team"),
        ("label", ":red"),
    ],
)
async def test_a_filter_that_cannot_be_read_is_refused(api: httpx.AsyncClient, name: str, text: str) -> None:
    """400 `invalid_filter` that names it; a naive time could be any of 24."""
    answer = await api.get("/projects", params={name: text})
    assert problem(answer) == (400, "invalid_filter")
    assert name in answer.json()["error"]["message"]


def test_the_seeds_are_the_same_each_time(tmp_path) -> None:
    """Two platforms of one size begin with the same projects, and a database that has some is not seeded."""
    database = str(tmp_path / "sandbox.db")
    answers = []
    for sandbox in (
        Sandbox(projects=9),
        Sandbox(projects=9, database=database),
        Sandbox(projects=99, database=database),
    ):
        rows = sandbox._platform.database.read("SELECT document FROM projects")
        answers.append([row[0] for row in rows])
    assert len(answers[0]) == 9
    assert answers == [answers[0]] * 3
