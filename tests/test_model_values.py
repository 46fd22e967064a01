"""Models on their way out of a program: plain JSON values, sets, pydantic, FastAPI, OpenAPI."""

import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any

import anyio
import attrs
import httpx
import pytest
from fastapi import Body, FastAPI
from pydantic import BaseModel, TypeAdapter, ValidationError

from cloudplatform_async import Page, Project, Usage
from cloudplatform_async._protocol.decoding.conversion import payload_decoder
from cloudplatform_async._protocol.responses import Answer
from cloudplatform_async.models.base import Model

MOMENT = datetime(2026, 3, 17, 10, 22, 14, tzinfo=UTC)
PROJECT = Project(id="prj_1", name="n", status="active", labels={"team": "a"}, created_at=MOMENT)
USAGE = Usage(start=date(2026, 3, 1), end=date(2026, 3, 17), requests=5, error_rate=0.5)
PLAIN = {
    "id": "prj_1",
    "name": "n",
    "slug": None,
    "status": "active",
    "labels": {"team": "a"},
    "created_at": "2026-03-17T10:22:14Z",
    "updated_at": None,
}
NO_PAGE = {
    "total": None,
    "next_cursor": None,
    "page": None,
    "limit": None,
    "has_more": False,
    "request_id": None,
}
PLAIN_USAGE = {"from": "2026-03-01", "to": "2026-03-17", "requests": 5, "error_rate": 0.5}


class Colour(Enum):
    """An enum of a user."""

    RED = "red"


@attrs.frozen(kw_only=True)
class Part(Model):
    """A model within a model."""

    kind: str = attrs.field(metadata={"wire": "type"})


@attrs.frozen(kw_only=True)
class Billed(Project):
    """A subclass with what a user may add."""

    cost: Decimal
    colour: Colour = Colour.RED
    at: datetime | None = None
    days: tuple[date, ...] = ()
    tags: frozenset[str] = frozenset()
    part: Part | None = None
    parts: list[Part] = attrs.field(factory=list)
    extra: dict[str, Any] = attrs.field(factory=dict)


BILLED = Billed(
    id="a",
    name="n",
    cost=Decimal("1.10"),
    at=datetime(2026, 3, 17, 10, tzinfo=timezone(timedelta(hours=2))),
    days=(date(2026, 3, 1),),
    tags=frozenset({"x"}),
    part=Part(kind="p"),
    parts=[Part(kind="q")],
    extra={"deep": [{"n": 1.5}]},
)


def test_a_model_gives_its_plain_json_values() -> None:
    """Every field, under the platform's name, as ``json`` can write it."""
    assert PROJECT.to_dict() == PLAIN == json.loads(json.dumps(PROJECT.to_dict()))
    assert USAGE.to_dict() == PLAIN_USAGE
    assert dict(PROJECT) == PLAIN


def test_a_subclass_gives_its_own_fields_too() -> None:
    """Numbers keep their digits, moments their offset, and models within it are dicts."""
    billed = attrs.evolve(BILLED, extra={"deep": [{"at": MOMENT}], "n": 1.5})
    plain = json.loads(json.dumps(billed.to_dict()))
    assert {name: plain[name] for name in ("cost", "colour", "at", "days", "tags")} == {
        "cost": "1.10",
        "colour": "red",
        "at": "2026-03-17T10:00:00+02:00",
        "days": ["2026-03-01"],
        "tags": ["x"],
    }
    assert (plain["part"], plain["parts"]) == ({"type": "p"}, [{"type": "q"}])
    assert plain["extra"] == {"deep": [{"at": "2026-03-17T10:22:14Z"}], "n": 1.5}


@pytest.mark.parametrize("model", [PROJECT, USAGE, BILLED], ids=lambda model: type(model).__name__)
def test_plain_values_are_read_back_as_the_same_model(model: Any) -> None:
    """What was written to a file or a queue is an answer of the platform again."""
    body = json.dumps(model.to_dict()).encode()
    assert payload_decoder(type(model))(Answer(200, {}, body)) == (model, {})


def test_the_values_are_the_users_to_change() -> None:
    """A change of the dict is none of the model."""
    PROJECT.to_dict()["labels"]["team"] = "other"
    assert PROJECT.labels == {"team": "a"}


def test_projects_stand_in_sets_and_as_keys() -> None:
    """Equal ones are one, also where only labels differ that a hash cannot see."""
    same = attrs.evolve(PROJECT)
    other = attrs.evolve(PROJECT, labels={})
    assert {PROJECT, same} == {PROJECT}
    assert len({PROJECT, other, Project(id="prj_2", name="n")}) == 3
    assert {PROJECT: 1}[pickle.loads(pickle.dumps(PROJECT))] == 1


def ask(app: FastAPI, method: str, path: str, **more: Any) -> httpx.Response:
    """One request to an application in this process."""

    async def main() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            return await client.request(method, path, **more)

    return anyio.run(main)


async def one() -> Project:
    """An endpoint of one."""
    return PROJECT


async def many() -> list[Project]:
    """An endpoint of many."""
    return [PROJECT, PROJECT]


async def maybe() -> Usage | None:
    """An endpoint of another model, or none."""
    return USAGE


async def page() -> Page[Project]:
    """An endpoint of a page."""
    return Page(items=[PROJECT], total=3, page=1, limit=1, has_more=True)


async def pages() -> dict[str, Page[Usage]]:
    """An endpoint of pages of something else."""
    return {"a": Page(items=[USAGE])}


async def untold():  # type: ignore[no-untyped-def]
    """An endpoint that does not say what it returns."""
    return {"found": [PROJECT]}


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        (one, PLAIN),
        (many, [PLAIN, PLAIN]),
        (maybe, PLAIN_USAGE),
        (untold, {"found": [PLAIN]}),
        (page, {**NO_PAGE, "items": [PLAIN], "total": 3, "page": 1, "limit": 1, "has_more": True}),
        (pages, {"a": {**NO_PAGE, "items": [PLAIN_USAGE]}}),
    ],
)
def test_a_fastapi_endpoint_returns_models(endpoint: Callable[..., Any], expected: object) -> None:
    """With the platform's names, whether it is annotated or not."""
    app = FastAPI()
    app.get("/")(endpoint)
    answer = ask(app, "GET", "/")
    assert (answer.status_code, answer.json()) == (200, expected)


def test_openapi_describes_a_model() -> None:
    """By its own name, with types, required fields, bounds and its docstring."""
    app = FastAPI()
    app.get("/one")(one)
    app.get("/many")(many)
    app.get("/maybe")(maybe)
    openapi = ask(app, "GET", "/openapi.json").json()
    schemas = openapi["components"]["schemas"]
    reference = {"$ref": "#/components/schemas/Project"}
    answers = {path: openapi["paths"][path]["get"]["responses"]["200"] for path in ("/one", "/many")}
    assert answers["/one"]["content"]["application/json"]["schema"] == reference
    assert answers["/many"]["content"]["application/json"]["schema"]["items"] == reference
    project = schemas["Project"]
    assert project["required"] == ["id", "name"]
    assert project["properties"].keys() == PLAIN.keys()
    assert project["properties"]["created_at"]["anyOf"][0] == {"type": "string", "format": "date-time"}
    assert project["description"].startswith("A project")
    assert schemas["Usage"]["required"] == ["from", "to", "requests", "error_rate"]
    assert schemas["Usage"]["properties"]["error_rate"]["maximum"] == 1


def test_a_fastapi_endpoint_takes_a_model() -> None:
    """What does not fit is refused with its place; a naive moment too."""
    app = FastAPI()

    @app.post("/")
    async def take(project: Annotated[Project, Body()]) -> Project:
        assert type(project) is Project
        return project

    assert ask(app, "POST", "/", json=PLAIN).json() == PLAIN
    assert ask(app, "POST", "/", json={"id": "a", "name": "n"}).json()["labels"] == {}
    for name, wrong in {"name": None, "created_at": "2026-03-17T10:22:14", "labels": []}.items():
        refused = ask(app, "POST", "/", json={**PLAIN, name: wrong})
        assert (refused.status_code, refused.json()["detail"][0]["loc"][:2]) == (422, ["body", name])


class Report(BaseModel):
    """A pydantic model of a user."""

    project: Project
    usages: list[Usage]
    billed: Billed | None = None


def test_pydantic_holds_writes_and_reads_models() -> None:
    """The same objects in, the same values out and in again."""
    report = Report(project=PROJECT, usages=[USAGE], billed=BILLED)
    assert report.project is PROJECT
    written = json.loads(report.model_dump_json())
    assert (written["project"], written["usages"]) == (PLAIN, [PLAIN_USAGE])
    assert written["billed"]["parts"] == [{"type": "q"}]
    assert Report.model_validate_json(report.model_dump_json()) == report


def test_what_is_left_out_does_not_go_out() -> None:
    """Of a model, a list, a page, and a model within another."""
    labels = {"labels"}
    without = {name: value for name, value in PLAIN.items() if name != "labels"}
    one, many = TypeAdapter(Project), TypeAdapter(list[Project])
    assert json.loads(one.dump_json(PROJECT, exclude=labels)) == without
    assert one.dump_python(PROJECT, include={"id"}) == {"id": "prj_1"}
    assert many.dump_python([PROJECT], mode="json", exclude={"__all__": labels}) == [without]
    page = TypeAdapter(Page[Project]).dump_python(
        Page(items=[PROJECT]), mode="json", include={"items": {"__all__": {"name"}}}
    )
    assert page == {"items": [{"name": "n"}]}
    report = Report(project=PROJECT, usages=[])
    assert report.model_dump(include={"project": {"id"}}) == {"project": {"id": "prj_1"}}


def test_a_fastapi_endpoint_leaves_out_what_it_says() -> None:
    """With the options of its decorator."""
    app = FastAPI()
    app.get("/", response_model_exclude={"labels", "slug"}, response_model_exclude_none=True)(one)
    assert ask(app, "GET", "/").json() == {
        name: value for name, value in PLAIN.items() if value is not None and name != "labels"
    }


def test_pydantic_holds_writes_and_reads_pages() -> None:
    """With items of their own type."""
    adapter = TypeAdapter(Page[Project])
    page = Page(items=[PROJECT], total=1)
    assert adapter.validate_python(page) is page
    assert adapter.validate_json(adapter.dump_json(page)) == page
    assert adapter.json_schema()["required"] == ["items"]
    with pytest.raises(ValidationError):
        adapter.validate_python({"items": [{"id": "a"}]})


@pytest.mark.parametrize("wrong", [{}, {**PLAIN_USAGE, "requests": -1}, {**PLAIN_USAGE, "error_rate": 2}, 5])
def test_pydantic_refuses_what_is_no_model(wrong: object) -> None:
    """Within the bounds that the platform's answers are held to."""
    with pytest.raises(ValidationError):
        TypeAdapter(Usage).validate_python(wrong)


@pytest.mark.slow
def test_pydantic_is_never_imported_for_it() -> None:
    """Who does not use it does not need it."""
    code = """if True:
        import sys; sys.modules["pydantic"] = sys.modules["pydantic_core"] = None
        from cloudplatform_async import Project
        print(len(Project(id="a", name="n").to_dict()))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "7"
