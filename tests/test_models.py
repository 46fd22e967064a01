"""Models and the values of answers: frozen, slotted, and compared by what they hold."""

from datetime import UTC, date, datetime
from typing import Any

import attrs
import pytest
from msgspec import structs

from cloudplatform_async import models
from cloudplatform_async.models import Project, Usage
from cloudplatform_async.pagination import Drift, Page
from cloudplatform_async.responses import APIResponse
from cloudplatform_async.statistics import ClientStatistics

USAGE = Usage(start=date(2026, 3, 1), end=date(2026, 3, 17), requests=5, error_rate=0.5)
RESPONSE = APIResponse(
    data=USAGE,
    status_code=200,
    headers={},
    request_id=None,
    meta={},
    attempts=1,
    elapsed=0.1,
    idempotency_key=None,
    replayed=False,
)
STATISTICS = ClientStatistics(
    connections=1, in_flight=2, waiting=None, attempts=3, retries=0, throttled=0, replayed=0
)
PAGE = Page(items=[USAGE])
VALUES = [Project(id="a", name="n"), USAGE, RESPONSE, STATISTICS, PAGE, Drift()]


def names_of(kind: Any) -> list[str]:
    """The fields of a model, or of a value that comes with answers."""
    fields: Any = attrs.fields(kind) if attrs.has(kind) else structs.fields(kind)
    return [field.name for field in fields]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_cannot_be_changed(value: Any) -> None:
    """Nor can a misspelt attribute be added to it."""
    for name in (names_of(type(value))[0], "misspelt"):
        with pytest.raises(AttributeError):
            setattr(value, name, 1)
    assert not hasattr(value, "__dict__")


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_is_equal_to_another_of_the_same_content(value: Any) -> None:
    """A copy with one change is another value."""
    content = {name: getattr(value, name) for name in names_of(type(value))}
    other = {**content, next(iter(content)): "other"}
    assert value == type(value)(**content)
    assert value != type(value)(**other)


@pytest.mark.parametrize("kind", [Project, Usage, APIResponse, ClientStatistics, Page, Drift])
def test_a_value_is_made_by_names_alone_and_every_field_is_explained(kind: Any) -> None:
    """A field more never changes the meaning of an argument."""
    with pytest.raises(TypeError):
        kind("a", "b", "c", "d")
    for name in names_of(kind):
        assert f"    {name}: " in (kind.__doc__ or "")


def test_only_id_and_name_of_a_project_are_always_there() -> None:
    """The documented list sample has nothing else."""
    project = Project(id="prj_01", name="core-api")
    assert (project.slug, project.status, project.created_at, project.updated_at) == (None,) * 4
    assert project.labels == {}
    assert project.labels is not Project(id="prj_02", name="other").labels


def test_a_project_is_extended_by_a_subclass() -> None:
    """With a field that is newer than the package."""

    @attrs.frozen(kw_only=True)
    class Billed(Project):
        cost_centre: str | None = None

    moment = datetime(2026, 3, 17, tzinfo=UTC)
    billed = Billed(id="a", name="n", created_at=moment, cost_centre="c")
    assert (billed.created_at, billed.cost_centre) == (moment, "c")


def test_the_nouns_stand_in_one_place() -> None:
    """``cloudplatform_async.models`` gives them all."""
    assert set(models.__all__) <= vars(models).keys()
    assert all(attrs.has(vars(models)[name]) for name in models.__all__)
