"""What each operation on projects puts on the wire, what it makes of the answer, and what it refuses."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import httpx
import pytest
from attrs import frozen

from cloudplatform_async import (
    AsyncClient,
    AuthenticationError,
    ConflictError,
    InsufficientScopeError,
    InvalidRequestError,
    NotFoundError,
    Project,
    ResponseDecodeError,
)
from cloudplatform_async.sandbox import Sandbox
from tests.resources.listing import client_of
from tests.resources.wire import Wire, always
from tests.tiers import slow

pytestmark = pytest.mark.anyio

ROW = {"id": "prj_01", "name": "core-api"}
PAGE = {"data": [ROW], "pagination": {"page": 1, "limit": 20, "total": 1}}

LIST_SAMPLE = b"""{
      "data": [{ "id": "prj_01", "name": "core-api" }],
      "pagination": { "page": 1, "limit": 20, "total": 1 }
    }"""
CREATE_SAMPLE = b"""{
      "id": "prj_92ab",
      "name": "payments-api",
      "slug": "payments-api",
      "created_at": "2026-03-17T10:22:14Z"
    }"""


async def test_the_documented_list_is_read() -> None:
    """The vendor's own sample, byte for byte."""
    async with client_of(always(LIST_SAMPLE, x_request_id="req_1")) as client:
        page = await client.projects.list()
    assert page.items == [Project(id="prj_01", name="core-api")]
    assert (page.page, page.limit, page.total, page.has_more, page.next_cursor) == (1, 20, 1, False, None)
    assert page.request_id == "req_1"


async def test_the_documented_created_project_is_read() -> None:
    """The vendor's own sample, byte for byte."""
    async with client_of(always(CREATE_SAMPLE, 201)) as client:
        project = await client.projects.create(name="payments-api", slug="payments-api")
    assert (project.id, project.name, project.slug) == ("prj_92ab", "payments-api", "payments-api")
    assert project.created_at == datetime(2026, 3, 17, 10, 22, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    "body", [ROW, {"data": ROW}, {"data": ROW, "meta": {"region": "eu"}, "request_id": "r"}]
)
async def test_a_project_is_read_bare_or_in_an_envelope(body: Any) -> None:
    """The documentation shows both forms."""
    async with client_of(always(body)) as client:
        assert await client.projects.get("prj_01") == Project(id="prj_01", name="core-api")


async def test_new_fields_and_values_are_let_through() -> None:
    """The platform may add both at any time."""
    row = {**ROW, "status": "hibernating", "tier": "gold", "labels": {"a": "b"}}
    async with client_of(always({"data": row})) as client:
        project = await client.projects.get("prj_01")
    assert (project.status, project.labels) == ("hibernating", {"a": "b"})


CALLS: dict[str, tuple[Any, Any, tuple[str, str, Any]]] = {
    "list": (lambda projects: projects.list(), PAGE, ("GET", "/v1/projects", None)),
    "list a page": (
        lambda projects: projects.list(page=3, limit=7),
        PAGE,
        ("GET", "/v1/projects?page=3&limit=7", None),
    ),
    "list a cursor": (
        lambda projects: projects.list(cursor="c/1=", limit=7),
        PAGE,
        ("GET", "/v1/projects?cursor=c%2F1%3D&limit=7", None),
    ),
    "list with every filter": (
        lambda projects: projects.list(
            name="a b&c",
            slug="s",
            status="active",
            created_after=datetime(2026, 3, 17, 10, tzinfo=UTC),
            created_before=datetime(2026, 3, 18, tzinfo=timezone(timedelta(hours=2))),
            label=["team:blue", "env:x:y"],
            filters={"tier": "gold", "beta": True, "size": 5, "tag": ["a", "b"]},
        ),
        PAGE,
        (
            "GET",
            "/v1/projects?name=a%20b%26c&slug=s&status=active&created_after=2026-03-17T10%3A00%3A00%2B00%3A00"
            "&created_before=2026-03-18T00%3A00%3A00%2B02%3A00&label=team%3Ablue&label=env%3Ax%3Ay"
            "&tier=gold&beta=true&size=5&tag=a&tag=b",
            None,
        ),
    ),
    "list without what is None": (
        lambda projects: projects.list(name=None, label=None, filters=None),
        PAGE,
        ("GET", "/v1/projects", None),
    ),
    "create": (
        lambda projects: projects.create(name="Ä", slug="s"),
        ROW,
        ("POST", "/v1/projects", {"name": "Ä", "slug": "s"}),
    ),
    "create with labels": (
        lambda projects: projects.create(name="n", slug="s", labels={"a": "b"}),
        ROW,
        ("POST", "/v1/projects", {"name": "n", "slug": "s", "labels": {"a": "b"}}),
    ),
    "get": (lambda projects: projects.get("a b?#%"), ROW, ("GET", "/v1/projects/a%20b%3F%23%25", None)),
    "update": (
        lambda projects: projects.update("prj_01", name="m", labels={}),
        ROW,
        ("PATCH", "/v1/projects/prj_01", {"name": "m", "labels": {}}),
    ),
    "delete": (lambda projects: projects.delete("prj_01"), None, ("DELETE", "/v1/projects/prj_01", None)),
}


@pytest.mark.parametrize("name", CALLS)
async def test_an_operation_is_one_request_of_the_contracts_form(name: str) -> None:
    """Method, path, query and body; a content type and a key only where they belong."""
    call, body, (method, path, document) = CALLS[name]
    wire = always(body, 200 if body else 204)
    async with client_of(wire) as client:
        await call(client.projects)
    [(sent_method, sent_path, content)] = wire.sent
    assert (sent_method, sent_path, json.loads(content or b"null")) == (method, path, document)
    headers = wire.requests[0].headers
    assert ("content-type" in headers) == (document is not None)
    assert ("idempotency-key" in headers) == (method != "GET")


REFUSED: dict[str, tuple[Any, str]] = {
    "an empty id": (lambda projects: projects.get(""), "id"),
    "an id with a slash": (lambda projects: projects.get("a/b"), "slash"),
    "an id that climbs": (lambda projects: projects.delete(".."), "id"),
    "an id that stays": (lambda projects: projects.update(".", name="n"), "id"),
    "an id that climbs and falls": (lambda projects: projects.get("../usage"), "slash"),
    "an id with a control character": (lambda projects: projects.get("a\nb"), "control"),
    "half a surrogate pair": (lambda projects: projects.get("\ud800"), "Unicode"),
    "an id that is no text": (lambda projects: projects.get(5), "str"),
    "limit 0": (lambda projects: projects.list(limit=0), "from 1 up"),
    "a negative limit": (lambda projects: projects.list(limit=-1), "from 1 up"),
    "a limit that is a bool": (lambda projects: projects.list(limit=True), "whole number"),
    "a limit that is no number": (lambda projects: projects.list(limit="10"), "whole number"),
    "page 0": (lambda projects: projects.list(page=0), "from 1 up"),
    "page and cursor": (lambda projects: projects.list(page=1, cursor="c"), "not both"),
    "an empty cursor": (lambda projects: projects.list(cursor=""), "next_cursor"),
    "a naive time": (lambda projects: projects.list(created_after=datetime(2026, 3, 17)), "time zone"),
    "a date for a time": (
        lambda projects: projects.list(created_before=datetime(2026, 3, 17).date()),
        "time zone",
    ),
    "a time as text": (lambda projects: projects.list(created_after="2026-03-17"), "datetime"),
    "a label without a value": (lambda projects: projects.list(label="team"), "key:value"),
    "filters in a list": (
        lambda projects: projects.list(filters=[("a", "b")]),
        "`filters` must be a mapping",
    ),
    "filters in a text": (lambda projects: projects.iter_all(filters="a=b"), "`filters` must be a mapping"),
    "a project in the place of its id": (
        lambda projects: projects.get(Project(id="a", name="b")),
        "str, the `id` of what the platform gave, not Project",
    ),
    "a label that is a number": (lambda projects: projects.list(label=5), "key:value"),
    "labels in a set": (lambda projects: projects.list(label={"a:b"}), "list of such"),
    "a label among others": (lambda projects: projects.list(label=["a:b", ":c"]), "key:value"),
    "paging among the filters": (lambda projects: projects.list(filters={"limit": 5}), "limit"),
    "a filter given twice": (lambda projects: projects.list(name="a", filters={"name": "b"}), "name"),
    "NaN in a filter": (lambda projects: projects.list(filters={"x": float("nan")}), "`x`"),
    "an object in a filter": (lambda projects: projects.list(filters={"x": {"y": 1}}), "`x`"),
    "NaN in a body": (
        lambda projects: projects.create(name="n", slug="s", labels={"a": float("nan")}),
        "labels.a",
    ),
    "bytes in a body": (lambda projects: projects.create(name=b"n", slug="s"), "name"),
    "an update of nothing": (lambda projects: projects.update("prj_01"), "at least one"),
    "an empty key": (
        lambda projects: projects.create(name="n", slug="s", idempotency_key=""),
        "idempotency_key",
    ),
    "a key with a line break": (
        lambda projects: projects.delete("prj_01", idempotency_key="a\nb"),
        "idempotency_key",
    ),
    "a page size of 0": (lambda projects: projects.iter_all(page_size=0).first(), "`page_size`"),
    "a limit of 0": (lambda projects: projects.list(limit=0), "`limit`"),
    "a negative max_items": (lambda projects: projects.iter_all(max_items=-1).first(), "max_items"),
    "a negative ahead": (lambda projects: projects.iter_all(ahead=-1).first(), "ahead"),
    "an infinite ahead": (lambda projects: projects.iter_all(ahead=float("inf")).first(), "ahead"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_the_platform_could_never_accept_is_refused(name: str) -> None:
    """The message names the fix, it is a `ValueError` too, and nothing was sent."""
    call, message = REFUSED[name]
    wire = always(ROW)
    async with client_of(wire) as client:
        with pytest.raises(InvalidRequestError, match=message) as caught:
            await call(client.projects)
    assert isinstance(caught.value, ValueError)
    assert (caught.value.outcome, wire.requests) == ("not_sent", [])


async def test_a_filter_that_is_unknown_is_a_mistake_of_the_program() -> None:
    """A misspelt argument must not silently list everything."""
    async with client_of(always(PAGE)) as client:
        with pytest.raises(TypeError, match="stauts"):
            client.projects.iter_all(stauts="active")  # type: ignore[call-overload]


async def test_a_users_own_model_reads_newer_fields() -> None:
    """A subclass, an attrs class of one's own, or plain rows."""

    @frozen(kw_only=True)
    class Tiered(Project):
        tier: str

    @frozen
    class Slim:
        id: str

    async with client_of(always({"data": [{**ROW, "tier": "gold"}]})) as client:
        walk = client.projects.iter_all
        assert await walk(model=Tiered).first() == Tiered(id="prj_01", name="core-api", tier="gold")
        assert await walk(model=Slim).first() == Slim("prj_01")
        assert await walk(model=dict).first() == {**ROW, "tier": "gold"}


async def test_a_model_that_the_rows_do_not_fit_is_an_error_with_a_path() -> None:
    """A field that is not there is said to be missing, where it is missing."""

    @frozen(kw_only=True)
    class Tiered(Project):
        tier: str

    async with client_of(always(PAGE)) as client:
        with pytest.raises(ResponseDecodeError, match="tier") as caught:
            await client.projects.iter_all(model=Tiered).collect()
    assert caught.value.path == "$.data[0]"


@pytest.mark.parametrize("paging", ["page", "cursor"])
async def test_a_page_leads_to_the_next_one(paging: Any) -> None:
    """With ``page + 1`` or ``next_cursor``, whoever keeps pages apart walks on by hand."""
    sandbox = Sandbox(projects=25, paging=paging, rate_limit=None)
    ids: list[str] = []
    async with sandbox_client(sandbox) as client:
        page = await client.projects.list(limit=10)
        ids += [item.id for item in page.items]
        while page.has_more:
            number = None if page.page is None else page.page + 1
            page = await client.projects.list(limit=10, page=number, cursor=page.next_cursor)
            ids += [item.id for item in page.items]
    assert len(ids) == len(set(ids)) == 25


@pytest.mark.parametrize("paging", ["page", "cursor"])
@pytest.mark.parametrize("ahead", [0, 8, *slow(1)])
async def test_the_whole_platform_is_streamed(paging: Any, ahead: int) -> None:
    """Each project once, in order, in the fewest requests."""
    sandbox = Sandbox(projects=1500, paging=paging, rate_limit=None)
    async with sandbox_client(sandbox) as client:
        ids = [project.id async for project in client.projects.iter_all(page_size=100, ahead=ahead)]
    assert ids == sorted(set(ids))
    assert (len(ids), sandbox.served) == (1500, 15)


async def test_a_project_lives_from_its_create_to_its_delete() -> None:
    """Create, get, update, list by label, delete; each sees what the one before did."""
    async with sandbox_client(Sandbox()) as client:
        made = await client.projects.create(name="Payments", slug="payments", labels={"team": "blue"})
        assert await client.projects.get(made.id) == made
        changed = await client.projects.update(made.id, status="archived")
        assert (changed.name, changed.status) == ("Payments", "archived")
        page = await client.projects.list(label="team:blue", status="archived", created_after=made.created_at)
        assert page.items == []  # made at that very moment, and not after it
        assert [each.id for each in (await client.projects.list(label="team:blue")).items] == [made.id]
        assert await client.projects.delete(made.id) is None
        with pytest.raises(NotFoundError) as caught:
            await client.projects.get(made.id)
    assert (caught.value.status_code, caught.value.code) == (404, "project_not_found")


async def test_a_slug_that_is_taken_is_a_conflict() -> None:
    """It is told apart by its code, and was not tried again."""
    sandbox = Sandbox()
    async with sandbox_client(sandbox) as client:
        await client.projects.create(name="a", slug="taken")
        with pytest.raises(ConflictError) as caught:
            await client.projects.create(name="b", slug="taken")
    error = caught.value
    assert (error.code, error.outcome, error.attempts, sandbox.served) == ("slug_taken", "rejected", 1, 2)
    assert error.idempotency_key
    assert error.checkpoint is None


async def test_a_create_with_the_same_key_is_done_once() -> None:
    """The caller's own key makes two calls the same one."""
    async with sandbox_client(Sandbox()) as client:
        made = [await client.projects.create(name="a", slug="a", idempotency_key="job-7") for _ in range(2)]
        assert made[0] == made[1]
        assert client.statistics().replayed == 1


async def test_a_wrong_key_is_an_authentication_error_without_the_key() -> None:
    """The message helps, and tells nobody the secret."""
    sandbox = Sandbox()
    async with AsyncClient(
        base_url=sandbox.base_url, api_key="cp_live_wrong", transport=sandbox.transport()
    ) as client:
        with pytest.raises(AuthenticationError) as caught:
            await client.projects.list()
    assert "cp_live_wrong" not in f"{caught.value!r} {caught.value}"


@pytest.mark.parametrize(
    ("call", "scope"),
    [
        (lambda projects: projects.list(), "projects:read"),
        (lambda projects: projects.iter_all().first(), "projects:read"),
        (lambda projects: projects.get("prj_01"), "projects:read"),
        (lambda projects: projects.create(name="n", slug="s"), "projects:write"),
        (lambda projects: projects.update("prj_01", name="n"), "projects:write"),
        (lambda projects: projects.delete("prj_01"), "projects:write"),
    ],
)
async def test_an_operation_names_the_scope_it_needs(call: Any, scope: str) -> None:
    """A token that says its scopes, and not this one, sends nothing."""
    # {"alg":"none"} . {"scope":"usage:read","exp":4102444800}
    token = "eyJhbGciOiJub25lIn0.eyJzY29wZSI6InVzYWdlOnJlYWQiLCJleHAiOjQxMDI0NDQ4MDB9.x"
    wire = always(PAGE)
    async with client_of(wire, api_key=None, access_token=token) as client:
        with pytest.raises(InsufficientScopeError, match=scope):
            await call(client.projects)
    assert wire.requests == []


def sandbox_client(sandbox: Sandbox) -> AsyncClient:
    """A client of a sandbox, in process."""
    return AsyncClient(base_url=sandbox.base_url, api_key=sandbox.api_key, transport=sandbox.transport())


def test_the_wire_is_a_transport() -> None:
    """What the tests above listen with is what a user may pass."""
    assert isinstance(Wire(lambda _: httpx.Response(200)), httpx.AsyncBaseTransport)
