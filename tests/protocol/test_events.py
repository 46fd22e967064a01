"""Events: a union of types by their name, and a plain event for whatever is newer than this package."""

import copy
import json
import pickle
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from pydantic import TypeAdapter

from cloudplatform_async import (
    Event,
    Project,
    ProjectCreated,
    ProjectDeleted,
    ProjectEvent,
    ProjectUpdated,
    ResponseDecodeError,
    WorkflowRun,
    WorkflowRunCancelled,
    WorkflowRunEvent,
    WorkflowRunFailed,
    WorkflowRunStarted,
    WorkflowRunSucceeded,
)
from cloudplatform_async._protocol.decoding.conversion import page_decoder, payload_decoder
from cloudplatform_async._protocol.responses import Answer

MOMENT = datetime(2026, 3, 17, 10, 22, 14, tzinfo=UTC)
PROJECT = {"id": "prj_1", "name": "n", "labels": {"team": "a"}, "newer": 1}
RUN = {"id": "run_1", "workflow_id": "wfl_build", "status": "failed", "error": {"code": "c", "message": "m"}}
TYPES = {
    "project.created": ProjectCreated,
    "project.updated": ProjectUpdated,
    "project.deleted": ProjectDeleted,
    "workflow.run.started": WorkflowRunStarted,
    "workflow.run.succeeded": WorkflowRunSucceeded,
    "workflow.run.failed": WorkflowRunFailed,
    "workflow.run.cancelled": WorkflowRunCancelled,
}


def wire(kind: Any, data: Any, **more: Any) -> dict[str, Any]:
    """An event as the platform sends it."""
    return {"id": "evt_1", "type": kind, "created_at": "2026-03-17T10:22:14Z", "data": data, **more}


def decoded(event: Any, model: type[Any] = Event) -> Any:
    """What becomes of it, alone and in a list, which is the same."""
    one = payload_decoder(model)(Answer(200, {}, json.dumps({"data": event}).encode()))[0]
    assert (
        page_decoder(model)(Answer(200, {}, json.dumps({"data": [event, event]}).encode()))[0].items
        == [one] * 2
    )
    return one


@pytest.mark.parametrize(("name", "kind"), TYPES.items())
def test_an_event_of_a_known_type_is_of_its_class(name: str, kind: type[Event]) -> None:
    """And its data is the model of what it happened to; fields that are newer are let through."""
    is_of_project = name.startswith("project.")
    event = decoded(wire(name, PROJECT if is_of_project else RUN, api_version="v1", newer=1))
    assert type(event) is kind
    assert isinstance(event, ProjectEvent if is_of_project else WorkflowRunEvent)
    assert type(event.data) is (Project if is_of_project else WorkflowRun)
    assert (event.id, event.type, event.created_at, event.api_version) == ("evt_1", name, MOMENT, "v1")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("quota.raised", {"limit": 5}),
        ("project.archived", PROJECT),
        ("project.created", {"id": "prj_1"}),
        ("project.created", {"id": "prj_1", "name": 5}),
        ("project.created", {"id": "prj_1", "name": "n", "labels": ["a"]}),
        ("workflow.run.failed", {**RUN, "created_at": "2026-03-17T10:22:14"}),
        ("workflow.run.failed", {}),
        ("", {}),
    ],
)
def test_any_other_event_is_plain_and_keeps_its_data(name: str, data: Any) -> None:
    """Of an unknown type, or with data that is not as we know it: an event is never lost."""
    event = decoded(wire(name, data))
    assert type(event) is Event
    assert (event.type, event.data) == (name, data)


def test_an_event_without_data_has_an_empty_one() -> None:
    """Left out, or null."""
    bare = wire("quota.raised", None)
    assert decoded(bare).data == {}
    del bare["data"]
    assert decoded(bare).data == {}


@pytest.mark.parametrize(
    ("event", "path"),
    [
        (wire("x.y", []), "$.data.data"),
        (wire("project.created", "prj_1"), "$.data.data"),
        (wire(5, {}), "$.data.type"),
        (wire(["project.created"], {}), "$.data.type"),
        (wire("project.created", PROJECT, id=None), "$.data.id"),
        (wire("project.created", PROJECT, created_at="2026-03-17T10:22:14"), "$.data.created_at"),
        ([], "$.data"),
    ],
)
def test_what_is_no_event_says_where(event: Any, path: str) -> None:
    """The path of the first bad value, as of any other answer."""
    with pytest.raises(ResponseDecodeError) as caught:
        payload_decoder(Event)(Answer(200, {}, json.dumps({"data": event}).encode()))
    assert caught.value.path == path


@attrs.frozen(kw_only=True)
class Attributed(Event):
    """An event with a field that is newer than this package."""

    actor: str


@attrs.frozen(kw_only=True)
class Costly(ProjectCreated):
    """The same of a single type."""

    cost: float


def test_a_users_subclass_is_read_too() -> None:
    """With its own field, and the data as its base has it."""
    plain = decoded(wire("project.created", PROJECT, actor="usr_1"), Attributed)
    assert (type(plain), plain.actor, plain.data) == (Attributed, "usr_1", PROJECT)
    typed = decoded(wire("project.created", PROJECT, cost=1.5), Costly)
    assert (type(typed), typed.cost, typed.data.name) == (Costly, 1.5, "n")


EVENTS = [decoded(wire(name, PROJECT if name[0] == "p" else RUN)) for name in TYPES] + [
    decoded(wire("a.b", {}))
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_an_event_is_a_value(event: Event) -> None:
    """It is frozen and equal by what it says, and survives a copy, a pickle, JSON and pydantic."""
    assert pickle.loads(pickle.dumps(event)) == copy.deepcopy(event) == event
    assert decoded(event.to_dict()) == event
    assert TypeAdapter(type(event)).validate_python(event.to_dict()) == event
    assert json.loads(TypeAdapter(Event).dump_json(event)) == event.to_dict()
    assert not hasattr(event, "__dict__")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        event.id = "evt_2"  # type: ignore[misc]  # refused at run time too


def test_a_cloudevent_has_what_brokers_route_by() -> None:
    """CloudEvents 1.0.2 in JSON: all values plain, nothing empty but data."""
    event = decoded(wire("project.created", PROJECT, api_version="v1"))
    assert event.to_cloudevent() == {
        "specversion": "1.0",
        "id": "evt_1",
        "source": "https://api.cloudplatform.dev",
        "type": "project.created",
        "subject": "prj_1",
        "time": "2026-03-17T10:22:14Z",
        "datacontenttype": "application/json",
        "apiversion": "v1",
        "data": event.data.to_dict(),
    }
    plain = decoded(wire("quota.raised", {})).to_cloudevent(source="/billing")
    assert plain == {
        "specversion": "1.0",
        "id": "evt_1",
        "source": "/billing",
        "type": "quota.raised",
        "time": "2026-03-17T10:22:14Z",
        "datacontenttype": "application/json",
        "data": {},
    }
    assert json.loads(json.dumps(plain)) == plain


def test_a_run_says_whether_it_has_ended() -> None:
    """A status that this package does not know is not an end."""
    run = WorkflowRun(id="run_1", workflow_id="wfl_build", status="queued")
    ends = {"succeeded", "failed", "cancelled"}
    for status in (*ends, "queued", "running", "paused", "SUCCEEDED"):
        assert attrs.evolve(run, status=status).is_finished == (status in ends)
