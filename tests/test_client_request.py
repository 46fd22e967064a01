"""`client.request` reaches any endpoint under the same rules, and every request carries the same marks."""

import json
import re
import sys
from typing import Any
from uuid import UUID

import httpx
import pytest

import cloudplatform_async
from cloudplatform_async import (
    AsyncClient,
    InvalidRequestError,
    Project,
    ResponseDecodeError,
    RetryPolicy,
    ServerError,
    Timeouts,
)
from tests.blocking.awaited import over_both_clients
from tests.resources.listing import client_of
from tests.resources.wire import Wire, always

pytestmark = pytest.mark.anyio

ROW = {"id": "prj_01", "name": "core-api"}


@over_both_clients
async def test_any_endpoint_is_called_and_its_answer_told_whole(client_class: type[AsyncClient]) -> None:
    """Payload, ``meta``, status, headers, ids and attempts, all in one value."""
    wire = always({"data": ROW, "meta": {"region": "eu"}}, 201, x_request_id="req_1", x_extra="e")
    async with client_of(wire, client_class) as client:
        answer = await client.request("post", "/reports", json={"days": 3}, params={"deep": True, "no": None})
    assert (answer.data, answer.meta, answer.status_code) == (ROW, {"region": "eu"}, 201)
    assert (answer.request_id, answer.headers["x-extra"], answer.attempts) == ("req_1", "e", 1)
    assert (answer.replayed, answer.elapsed >= 0) == (False, True)
    assert wire.sent == [("POST", "/v1/reports?deep=true", b'{"days":3}')]
    assert answer.idempotency_key == wire.requests[0].headers["idempotency-key"]


@over_both_clients
@pytest.mark.parametrize(
    ("model", "body", "data"),
    [
        (dict, {"data": {"a": 1}}, {"a": 1}),
        (dict, {"a": 1, "data": 2}, {"a": 1, "data": 2}),
        (dict[str, int], {"a": 1}, {"a": 1}),
        (Project, ROW, Project(id="prj_01", name="core-api")),
        (list[Project], {"data": [ROW]}, [Project(id="prj_01", name="core-api")]),
        (list[Project], [ROW], [Project(id="prj_01", name="core-api")]),
        (list, {"data": [1, "a"]}, [1, "a"]),
        (list[dict[str, Any]], [ROW], [ROW]),
        (str, {"data": "ok"}, "ok"),
        (int, 5, 5),
    ],
)
async def test_an_answer_is_read_into_the_model_that_was_asked_for(
    model: Any, body: Any, data: Any, client_class: type[AsyncClient]
) -> None:
    """Enveloped or bare, an object or a list of rows."""
    async with client_of(always(body), client_class) as client:
        answer = await client.request("GET", "/x", model=model)
    assert answer.data == data


async def test_what_stands_beside_the_data_is_kept() -> None:
    """Paging and links of a list, wherever the envelope has them (API contract §3)."""
    pagination, links = {"page": 1, "total": 9}, {"next": "/v1/projects?page=2"}
    for body in (
        {"data": [ROW], "pagination": pagination, "links": links},
        {"data": [ROW], "meta": {"pagination": pagination, "links": links}},
    ):
        async with client_of(always(body)) as client:
            answer = await client.request("GET", "/projects", model=list[dict[str, Any]])
        assert (answer.data, answer.pagination, answer.links) == ([ROW], pagination, links)
        assert answer.meta == {"pagination": pagination, "links": links}
    async with client_of(always(ROW)) as client:
        answer = await client.request("GET", "/projects/prj_01")
    assert (answer.meta, answer.pagination, answer.links) == ({}, None, None)


@over_both_clients
@pytest.mark.parametrize(("body", "status"), [(None, 204), (None, 200), ({"a": 1}, 200), (b"<html>", 200)])
async def test_no_model_expects_no_body(body: Any, status: int, client_class: type[AsyncClient]) -> None:
    """Whatever comes is let be, but an error."""
    async with client_of(always(body, status), client_class) as client:
        answer = await client.request("DELETE", "/x", model=None)
    assert (answer.data, answer.status_code, answer.meta) == (None, status, {})


@over_both_clients
async def test_an_error_under_a_success_is_an_error_without_a_model_too(
    client_class: type[AsyncClient],
) -> None:
    """A delete that was refused does not pass for done (API contract §3)."""
    async with client_of(always({"error": {"code": "x", "message": "m"}}), client_class) as client:
        with pytest.raises(ResponseDecodeError) as caught:
            await client.request("DELETE", "/x", model=None)
    assert (caught.value.path, caught.value.outcome) == ("$.error", "unknown")


@over_both_clients
@pytest.mark.parametrize(
    ("body", "status", "path"),
    [
        (None, 204, "$"),
        (b"{", 200, "$"),
        (b"\xff", 200, "$"),
        ([], 200, "$"),
        ({"error": {"code": "x", "message": "m"}}, 200, "$.error"),
    ],
)
async def test_a_success_without_what_was_asked_for_is_an_error(
    body: Any, status: int, path: str, client_class: type[AsyncClient]
) -> None:
    """An empty body, broken JSON, an error dressed as a success: each is named, and may have been done."""
    async with client_of(always(body, status), client_class) as client:
        with pytest.raises(ResponseDecodeError, match=r"^POST /x: ") as caught:
            await client.request("POST", "/x", params={"secret": "filter"})
    assert (caught.value.path, caught.value.outcome, caught.value.status_code) == (path, "unknown", status)
    assert str(caught.value) == caught.value.message
    assert "filter" not in str(caught.value)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a path that climbs": ({"path": "/projects/../usage"}, "dot segment"),
    "an encoded climb": ({"path": "/projects/%2e%2e/usage"}, "dot segment"),
    "an empty segment": ({"path": "/projects//x"}, "empty"),
    "an absolute URL": ({"path": "https://evil.example/v1/x"}, "path"),
    "another host": ({"path": "//evil.example/x"}, "empty"),
    "a query in the path": ({"path": "/x?y=1"}, "params="),
    "a fragment": ({"path": "/x#y"}, "params="),
    "a backslash": ({"path": "/x\\y"}, "percent-encode"),
    "a line break": ({"path": "/x\ny"}, "percent-encode"),
    "no path": ({"path": "/"}, "below the base URL"),
    "a path that is no text": ({"path": None}, "below the base URL"),
    "a method with a blank": ({"method": "GET /x"}, "method"),
    "TRACE": ({"method": "TRACE"}, "TRACE"),
    "NaN in the body": ({"json": {"a": [float("nan")]}}, r"\$\.a\[0\]"),
    "a query in a text": ({"params": "a=b"}, "`params` must be a mapping"),
    "a query in a list": ({"params": [("a", "b")]}, "`params` must be a mapping"),
    "infinity in the query": ({"params": {"a": float("inf")}}, "`a`"),
    "an object without a JSON form": ({"json": object()}, "JSON"),
    "a body in a circle": ({"json": (circle := [])}, "contains itself"),
    "a line break in a header": ({"headers": {"x-a": "b\r\nx-api-key: stolen"}}, "x-a"),
    "a header beyond ASCII": ({"headers": {"x-a": "é"}}, "x-a"),
    "no header name": ({"headers": {"x a": "b"}}, "x a"),
    "a key that is no text": ({"idempotency_key": 5}, "idempotency_key"),
}
circle.append(circle)


@over_both_clients
@pytest.mark.parametrize("case", REFUSED)
async def test_a_request_that_must_not_be_sent_is_refused(case: str, client_class: type[AsyncClient]) -> None:
    """The message names the argument; nothing was sent."""
    arguments, message = REFUSED[case]
    wire = always({})
    async with client_of(wire, client_class) as client:
        with pytest.raises(InvalidRequestError, match=message) as caught:
            await client.request(**{"method": "POST", "path": "/x", **arguments})
    assert (caught.value.outcome, wire.requests) == ("not_sent", [])


OWN = [
    "authorization",
    "X-API-Key",
    "Idempotency-Key",
    "HOST",
    "content-length",
    "transfer-encoding",
    "x-attempt",
]


@over_both_clients
@pytest.mark.parametrize("name", OWN)
async def test_the_clients_own_headers_are_refused(name: str, client_class: type[AsyncClient]) -> None:
    """Of a call and of a view alike, in any case; their value is not repeated."""
    wire = always({})
    async with client_of(wire, client_class) as client:
        with pytest.raises(InvalidRequestError, match=name) as caught:
            await client.request("GET", "/x", headers={name: "s3cret"})
        with pytest.raises(InvalidRequestError, match=name):
            client.with_options(headers={name: "s3cret"})
    assert "s3cret" not in str(caught.value)
    assert wire.requests == []


async def test_a_request_carries_the_constant_headers() -> None:
    """Who speaks, what is understood, and no content type without a body."""
    wire = always({})
    async with client_of(wire) as client:
        await client.request("GET", "/x", headers={"X-Tenant": "t", "Cookie": "a=b"})
        await client.request("PUT", "/x", json=[])
    get, put = (each.headers for each in wire.requests)
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert get["user-agent"] == f"cloudplatform-async/{cloudplatform_async.__version__} python/{version}"
    assert (get["accept"], get["accept-encoding"]) == ("application/json", "gzip")
    assert (get["x-tenant"], get["cookie"], get["host"]) == ("t", "a=b", "api.cloudplatform.dev")
    assert (get.get("content-type"), put["content-type"]) == (None, "application/json")
    assert (get.get("idempotency-key"), get["x-attempt"]) == (None, "1")


@over_both_clients
async def test_attempts_of_a_call_share_their_ids_and_count_up(client_class: type[AsyncClient]) -> None:
    """One request id and one idempotency key, however often it is sent."""
    answers = iter([httpx.Response(503), httpx.Response(502), httpx.Response(200, json={})])
    wire = Wire(lambda _: next(answers))
    async with client_of(wire, client_class, retries=RetryPolicy(base=0)) as client:
        answer = await client.request("POST", "/x", json={"a": 1})
    headers = [each.headers for each in wire.requests]
    assert [each["x-attempt"] for each in headers] == ["1", "2", "3"]
    assert len({each["x-request-id"] for each in headers}) == 1
    assert len({each["idempotency-key"] for each in headers}) == 1
    assert UUID(headers[0]["idempotency-key"]).version == 4
    assert (answer.attempts, answer.request_id) == (3, headers[0]["x-request-id"])
    assert len({content for _, _, content in wire.sent}) == 1


@over_both_clients
async def test_each_call_has_ids_of_its_own(client_class: type[AsyncClient]) -> None:
    """Two calls are two."""
    wire = always({})
    async with client_of(wire, client_class) as client:
        for _ in range(2):
            await client.request("POST", "/x")
    for name in ("x-request-id", "idempotency-key"):
        assert len({each.headers[name] for each in wire.requests}) == 2


@over_both_clients
async def test_a_request_id_of_the_user_is_kept(client_class: type[AsyncClient]) -> None:
    """Of a call, or of a view that serves one incoming request; the server's answer wins."""
    wire = Wire(lambda request: httpx.Response(200 if request.method == "GET" else 500, json={}))
    async with client_of(wire, client_class) as client:
        view = client.with_options(headers={"X-Request-Id": "req-view"})
        assert (await view.request("GET", "/x")).request_id == "req-view"
        with pytest.raises(ServerError) as caught:
            await view.request("PUT", "/x", headers={"x-request-id": "req-call"})
    assert caught.value.request_id == "req-call"


async def test_a_request_id_of_the_user_is_sent_once() -> None:
    """Two of them, even the same ones, would be a malformed request."""
    wire = always({})
    async with client_of(wire) as client:
        await client.request("GET", "/x", headers={"x-request-id": "req-call"})
        await client.with_options(headers={"x-request-id": "req-view"}).request("GET", "/x")
    assert [each.headers.get_list("x-request-id") for each in wire.requests] == [["req-call"], ["req-view"]]


@over_both_clients
@pytest.mark.parametrize(("key", "sent"), [("job-7", "job-7"), (None, None)])
async def test_a_key_is_the_callers_or_none(
    key: str | None, sent: str | None, client_class: type[AsyncClient]
) -> None:
    """``None`` sends none, and gives up safe retries."""
    wire = Wire(lambda _: httpx.Response(503))
    async with client_of(wire, client_class, retries=RetryPolicy(base=0, max_retries=2)) as client:
        with pytest.raises(ServerError) as caught:
            await client.request("POST", "/x", idempotency_key=key)
    assert {each.headers.get("idempotency-key") for each in wire.requests} == {sent}
    assert (len(wire.requests), caught.value.idempotency_key) == (3 if key else 1, key)


@over_both_clients
async def test_a_timeout_of_a_call_replaces_the_clients(client_class: type[AsyncClient]) -> None:
    """A number bounds the whole call and leaves the steps as they are."""
    wire = always({})
    async with client_of(wire, client_class, timeout=Timeouts(read=1, connect=2)) as client:
        await client.request("GET", "/x")
        await client.request("GET", "/x", timeout=9)
        await client.request("GET", "/x", timeout=Timeouts(read=3))
    seen = [each.extensions["timeout"] for each in wire.requests]
    assert [(each["read"], each["connect"]) for each in seen] == [(1, 2), (30, 5), (3, 5)]


async def test_an_attrs_model_can_be_sent() -> None:
    """What was read can be sent back."""
    wire = always({})
    async with client_of(wire) as client:
        await client.request("PUT", "/x", json=Project(id="a", name="b"))
    assert json.loads(wire.sent[0][2])["id"] == "a"
    assert re.fullmatch(r"\{.*\}", wire.sent[0][2].decode())


@over_both_clients
async def test_any_list_is_walked_under_the_rules_of_every_walk(client_class: type[AsyncClient]) -> None:
    """Pages, filters and checkpoints, of a path that no resource has."""
    pages = {
        None: {"data": [{"n": 1}, {"n": 2}], "meta": {"next_cursor": "c2"}},
        "c2": {"data": [{"n": 3}], "meta": {"next_cursor": None}},
    }

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=pages[request.url.params.get("cursor")])

    async with client_of(Wire(answer), client_class) as client:
        walk = client.iter_all("/reports", params={"kind": ["a", "b"], "no": None}, page_size=2)
        assert await walk.first() == {"n": 1}
        rest = client.iter_all("/reports", params={"kind": ["a", "b"]}, resume_from=walk.checkpoint)
        assert await rest.collect() == [{"n": 2}, {"n": 3}]


@over_both_clients
@pytest.mark.parametrize(
    "options", [{"params": {"cursor": "c"}}, {"page_size": 0}, {"ahead": -1}, {"resume_from": "x"}]
)
async def test_a_walk_that_could_not_be_is_refused_at_once(
    options: Any, client_class: type[AsyncClient]
) -> None:
    """Nothing is sent."""
    wire = always({"data": []})
    async with client_of(wire, client_class) as client:
        with pytest.raises(InvalidRequestError):
            client.iter_all("/reports", **options)
    assert wire.sent == []
