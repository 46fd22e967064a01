"""Lists: both pagings, their envelopes, and what may be asked for."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudplatform_async.sandbox import Sandbox
from cloudplatform_async.sandbox.api.answers import RefusedError
from cloudplatform_async.sandbox.platform.paging import decode_cursor, encode_cursor
from tests.tiers import slow

pytestmark = pytest.mark.anyio


def numbers(response: httpx.Response) -> list[int]:
    """The numbers of the seeded projects in a page."""
    return [int(project["id"].removeprefix("prj_")) for project in response.json()["data"]]


async def walk(api: httpx.AsyncClient, limit: int) -> list[str]:
    """All ids, by cursor."""
    ids: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = (await api.get("/projects", params={"cursor": cursor, "limit": limit})).json()
        ids += [project["id"] for project in answer["data"]]
        cursor = answer["meta"]["next_cursor"]
    return ids


@pytest.fixture
def sandbox() -> Sandbox:
    """A platform with a list of several pages."""
    return Sandbox(projects=250, rate_limit=None)


async def test_page_paging_has_the_documented_envelope(api: httpx.AsyncClient) -> None:
    """`data` and `pagination` with page, limit and total, as the vendor's sample."""
    answer = await api.get("/projects", params={"page": 3, "limit": 2})
    assert numbers(answer) == [5, 6]
    assert answer.json().keys() == {"data", "pagination"}
    assert answer.json()["pagination"] == {"page": 3, "limit": 2, "total": 250}


async def test_cursor_paging_has_the_documented_envelope(api: httpx.AsyncClient) -> None:
    """`data` and `meta` with the next cursor, which the last page has not."""
    first = await api.get("/projects", params={"cursor": "", "limit": 2})
    cursor = first.json()["meta"]["next_cursor"]
    second = await api.get("/projects", params={"cursor": cursor, "limit": 2})
    assert numbers(first) + numbers(second) == [1, 2, 3, 4]
    assert first.json().keys() == {"data", "meta"}
    assert first.json()["meta"] == {"next_cursor": cursor, "has_more": True, "limit": 2}


async def test_the_last_page_of_a_cursor_walk_says_that_it_is_the_last(api: httpx.AsyncClient) -> None:
    """Also where it is exactly full."""
    for limit in (100, 50):
        last = await api.get("/projects", params={"cursor": encode_cursor(200), "limit": limit})
        assert last.json()["meta"] == {"next_cursor": None, "has_more": False, "limit": limit}
        assert numbers(last) == list(range(201, 251))


@pytest.mark.parametrize(("paging", "envelope"), [("page", "pagination"), ("cursor", "meta")])
async def test_a_first_request_gets_the_paging_of_the_sandbox(reach, paging: str, envelope: str) -> None:
    """A first request carries only `limit`; the constructor decides how the list goes on."""
    async with reach(Sandbox(projects=3, paging=paging)) as api:
        answer = await api.get("/projects", params={"limit": 2})
    assert answer.json().keys() == {"data", envelope}


@pytest.mark.parametrize(
    ("asked", "given"), [(None, 20), ("1", 1), ("100", 100), ("101", 100), ("9" * 30, 100)]
)
async def test_the_limit_is_20_by_default_and_100_at_most(api, asked: str | None, given: int) -> None:
    """A larger limit is capped, and the answer says so."""
    answer = await api.get("/projects", params={} if asked is None else {"limit": asked})
    assert (answer.json()["pagination"]["limit"], len(answer.json()["data"])) == (given, given)


@pytest.mark.parametrize("name", ["limit", "page"])
@pytest.mark.parametrize("text", ["0", "-1", "ten", "1.5", *slow("", "1e2", "٣", " 1")])
async def test_a_limit_or_page_that_is_no_positive_number_is_refused(api, name: str, text: str) -> None:
    """400 `invalid_limit` or `invalid_page`."""
    answer = await api.get("/projects", params={name: text})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, f"invalid_{name}")


async def test_a_page_beyond_the_end_is_empty(api: httpx.AsyncClient) -> None:
    """However far beyond."""
    answer = await api.get("/projects", params={"page": "9" * 30, "limit": 100})
    assert (answer.json()["data"], answer.json()["pagination"]["total"]) == ([], 250)


async def test_page_and_cursor_together_are_refused(api: httpx.AsyncClient) -> None:
    """400, since one of them would have to be ignored."""
    answer = await api.get("/projects", params={"page": 1, "cursor": encode_cursor(1)})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_paging")


@pytest.mark.parametrize(
    "cursor", ["x", "ü", "djE6", "MTI", encode_cursor(7) + "=", "djE6LTE", encode_cursor(10**20)]
)
async def test_a_cursor_that_was_not_made_here_is_refused(api: httpx.AsyncClient, cursor: str) -> None:
    """400 `invalid_cursor`, never a guess."""
    answer = await api.get("/projects", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_cursor")


@given(st.integers(0, 10**15))
def test_a_cursor_says_where_it_stands(seq: int) -> None:
    """Encoding and decoding are inverse."""
    assert decode_cursor(encode_cursor(seq)) == seq


@given(st.text())
def test_any_text_is_a_cursor_or_is_refused(text: str) -> None:
    """No text makes decoding fail otherwise, and what is accepted is what encoding makes."""
    try:
        seq = decode_cursor(text)
    except RefusedError as refused:
        status = refused.answer.status
    else:
        status = 400 if encode_cursor(seq) == text else 500
    assert status == 400


async def test_a_cursor_walk_is_not_moved_by_inserts_and_deletes(api: httpx.AsyncClient) -> None:
    """Each project that was there all the time is seen once; a new one comes at the end."""
    first = (await api.get("/projects", params={"cursor": "", "limit": 100})).json()
    await api.delete("/projects/prj_000001")
    await api.delete("/projects/prj_000100")
    created = (await api.post("/projects", json={"name": "n", "slug": "new"})).json()["id"]
    params = {"cursor": first["meta"]["next_cursor"], "limit": 100}
    second = await api.get("/projects", params=params)
    third = await api.get("/projects", params={**params, "cursor": second.json()["meta"]["next_cursor"]})
    assert numbers(second) == list(range(101, 201))
    assert [project["id"] for project in third.json()["data"]][-1] == created


async def test_a_cursor_walk_sees_each_project_once(api: httpx.AsyncClient) -> None:
    """In the order of their creation."""
    assert await walk(api, 40) == [f"prj_{number:06d}" for number in range(1, 251)]


async def test_the_total_follows_every_write(api: httpx.AsyncClient) -> None:
    """The count that is kept between requests is never an old one."""
    totals = []
    for write in (None, ("POST", {"name": "n", "slug": "s"}), ("DELETE", None)):
        if write:
            path = "/projects" if write[0] == "POST" else "/projects/prj_000001"
            await api.request(write[0], path, json=write[1]) if write[1] else await api.delete(path)
        totals.append((await api.get("/projects")).json()["pagination"]["total"])
    assert totals == [250, 251, 250]


@pytest.mark.slow
@pytest.mark.parametrize("paging", ["page", "cursor"])
def test_a_hundred_thousand_projects_are_all_there(served, paging: str) -> None:
    """Over a real socket, in either paging, each id once."""
    sandbox = served(projects=100_000, paging=paging)
    ids: list[str] = []
    with httpx.Client(base_url=sandbox.base_url, headers={"x-api-key": sandbox.api_key}) as client:
        place: dict[str, str | int] = {}
        for page in range(1, 1001):
            answer = client.get("/projects", params={"limit": 100, **place}).json()
            ids += [project["id"] for project in answer["data"]]
            place = (
                {"page": page + 1} if paging == "page" else {"cursor": answer["meta"]["next_cursor"] or "end"}
            )
    assert (len(ids), len(set(ids))) == (100_000, 100_000)
    assert (place["page"] if paging == "page" else place["cursor"]) == (1001 if paging == "page" else "end")
