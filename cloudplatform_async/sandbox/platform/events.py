"""The events resource: everything that happened on the platform, oldest first (API contract §4)."""

import msgspec
from starlette.datastructures import QueryParams

from cloudplatform_async.sandbox.api.answers import Answer, RefusedError
from cloudplatform_async.sandbox.api.calls import Call
from cloudplatform_async.sandbox.api.operations import Operation
from cloudplatform_async.sandbox.api.parameters import Parameter, Schema
from cloudplatform_async.sandbox.api.validation import moment
from cloudplatform_async.sandbox.platform.paging import (
    ORDER,
    PARAMETERS,
    Selection,
    descending,
    list_answer,
    list_schema,
)
from cloudplatform_async.sandbox.platform.state import Platform
from cloudplatform_async.sandbox.storage.database import Database, Value
from cloudplatform_async.sandbox.storage.event_types import TYPE_MATCHES
from cloudplatform_async.sandbox.storage.events import API_VERSION


def list_events(platform: Platform, call: Call) -> Answer:
    """One page of the events that match the filters; always by cursor unless a page is asked for."""
    return list_answer(platform.database, _selection(platform.database, call.query), call.query, "cursor")


def _selection(database: Database, query: QueryParams) -> Selection:
    conditions: list[str] = []
    values: list[Value] = []
    if "type" in query:
        conditions.append(f"EXISTS (SELECT 1 FROM json_each(?) WHERE {TYPE_MATCHES})")  # noqa: S608 - constant
        values.append(msgspec.json.encode(query.getlist("type")).decode())
    if "since" in query:
        conditions.append("created >= ?")
        values.append(moment("since", query["since"]))
    if "after" in query:
        conditions.append("seq > ?")
        values.append(_place(database, query["after"]))
    return Selection(
        table="events",
        conditions=tuple(conditions),
        values=tuple(values),
        descending=descending(query),
    )


def _place(database: Database, id_: str) -> int:
    rows = database.read("SELECT seq FROM events WHERE id = ?", (id_,))
    if not rows:
        raise RefusedError(400, "unknown_event", f"after must be the id of an event, and {id_!r} is none.")
    return int(rows[0][0])


_TEXT: Schema = {"type": "string"}
_TIME: Schema = {"type": "string", "format": "date-time"}

SCHEMAS: dict[str, Schema] = {
    "EventList": list_schema("Event"),
    "Event": {
        "type": "object",
        "required": ["id", "type", "created_at", "data", "api_version"],
        "properties": {
            "id": {"type": "string", "minLength": 1, "examples": ["evt_0123456789abcdef"]},
            "type": {"type": "string", "minLength": 1, "examples": ["project.deleted"]},
            "created_at": _TIME,
            "data": {"type": "object", "examples": [{"id": "prj_000001", "name": "Core API"}]},
            "api_version": {"const": API_VERSION},
        },
    },
}

_FILTERS = (
    Parameter(
        name="type",
        description="A type, or a family such as `project.*`; of several, any.",
        schema=_TEXT,
        repeatable=True,
    ),
    Parameter(name="since", description="At this time or later.", schema=_TIME),
    Parameter(name="after", description="Id of an event: only what follows it.", schema=_TEXT),
    ORDER,
)

OPERATIONS = (
    Operation(
        name="listEvents",
        method="GET",
        path="/v1/events",
        summary="List what happened, oldest first",
        handle=list_events,
        scope="events:read",
        parameters=(*PARAMETERS, *_FILTERS),
        answers={200: "EventList"},
        errors=(400,),
    ),
)
