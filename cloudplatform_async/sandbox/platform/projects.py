"""The projects resource: its operations, filters and rules of its fields (API contract §4)."""

from typing import cast

from starlette.datastructures import QueryParams

from cloudplatform_async.sandbox.api.answers import Answer, RefusedError, raw_json_answer
from cloudplatform_async.sandbox.api.calls import Call
from cloudplatform_async.sandbox.api.operations import Operation
from cloudplatform_async.sandbox.api.parameters import Parameter, Schema
from cloudplatform_async.sandbox.api.validation import Check, matching, moment, one_of, validate
from cloudplatform_async.sandbox.platform.paging import PARAMETERS, Selection, list_answer, list_schema
from cloudplatform_async.sandbox.platform.state import Platform
from cloudplatform_async.sandbox.storage.database import Value
from cloudplatform_async.sandbox.storage.projects import (
    delete_project,
    insert_project,
    select_project,
    update_project,
)

NAME = r"[^\x00-\x1f\x7f]{1,200}"
SLUG = r"[a-z0-9]+(-[a-z0-9]+)*"
LABEL_KEY = r"[^\x00-\x1f\x7f:]{1,64}"
STATUSES = ("active", "archived")
MAX_SLUG = 100


def _check_slug(value: object) -> str | None:
    message = (
        f"must be lower-case words of letters and digits joined by hyphens, at most {MAX_SLUG} characters"
    )
    short = isinstance(value, str) and len(value) <= MAX_SLUG
    return matching(SLUG, message)(value) if short else message


def _check_labels(value: object) -> str | None:
    check_key, check_text = matching(LABEL_KEY, "bad"), matching(NAME, "bad")
    message = "must map keys (1 to 64 characters, no colon) to strings (1 to 200 characters)"
    if not isinstance(value, dict):
        return message
    labels = cast("dict[object, object]", value)
    return message if any(check_key(key) or check_text(labels[key]) for key in labels) else None


_ON_CREATE: dict[str, Check] = {
    "name": matching(NAME, "must be a string of 1 to 200 characters, none of them a control character"),
    "slug": _check_slug,
    "labels": _check_labels,
}
_ON_UPDATE: dict[str, Check] = {**_ON_CREATE, "status": one_of(*STATUSES)}


def list_projects(platform: Platform, call: Call) -> Answer:
    """One page of the projects that match the filters, oldest first."""
    return list_answer(platform.database, _selection(call.query), call.query, platform.paging)


def create_project(platform: Platform, call: Call) -> Answer:
    """Create a project; its slug must be free."""
    fields = call.document()
    validate(fields, _ON_CREATE, required=("name", "slug"))
    return raw_json_answer(insert_project(platform.database, fields, call.now), status=201)


def get_project(platform: Platform, call: Call) -> Answer:
    """One project."""
    return raw_json_answer(select_project(platform.database, call.ids["id"]))


def change_project(platform: Platform, call: Call) -> Answer:
    """Change only the fields given."""
    fields = call.document()
    validate(fields, _ON_UPDATE, required=())
    return raw_json_answer(update_project(platform.database, call.ids["id"], fields, call.now))


def remove_project(platform: Platform, call: Call) -> Answer:
    """Delete a project."""
    delete_project(platform.database, call.ids["id"], call.now)
    return Answer(status=204)


def _selection(query: QueryParams) -> Selection:
    conditions: list[str] = []
    values: list[Value] = []
    for column in ("name", "slug", "status"):
        if column in query:
            conditions.append(f"{column} = ?")
            values.append(query[column])
    for name, comparison in (("created_after", "created > ?"), ("created_before", "created < ?")):
        if name in query:
            conditions.append(comparison)
            values.append(moment(name, query[name]))
    for label in query.getlist("label"):
        conditions.append("EXISTS (SELECT 1 FROM json_each(labels) WHERE key = ? AND value = ?)")
        values += _label(label)
    return Selection(table="projects", conditions=tuple(conditions), values=tuple(values))


def _label(text: str) -> tuple[str, str]:
    key, colon, value = text.partition(":")
    if not (key and colon):
        raise RefusedError(400, "invalid_filter", "label must be key:value.")
    return key, value


_TEXT: Schema = {"type": "string", "pattern": f"^{NAME}$", "examples": ["Core API"]}
_SLUG_SCHEMA: Schema = {
    "type": "string",
    "pattern": f"^{SLUG}$",
    "maxLength": MAX_SLUG,
    "examples": ["core-api"],
}
_LABELS: Schema = {
    "type": "object",
    "propertyNames": {"pattern": f"^{LABEL_KEY}$"},
    "additionalProperties": _TEXT,
    "examples": [{"team": "blue"}],
}
_TIME: Schema = {"type": "string", "format": "date-time"}
_STATUS: Schema = {"type": "string", "enum": list(STATUSES)}

SCHEMAS: dict[str, Schema] = {
    "ProjectList": list_schema("Project"),
    "Project": {
        "type": "object",
        "required": ["id", "name", "slug", "status", "labels", "created_at", "updated_at"],
        "properties": {
            "id": {"type": "string", "pattern": "^prj_[0-9a-f]+$", "examples": ["prj_000001"]},
            "name": _TEXT,
            "slug": _SLUG_SCHEMA,
            "status": _STATUS,
            "labels": _LABELS,
            "created_at": _TIME,
            "updated_at": _TIME,
        },
    },
    "ProjectCreate": {
        "type": "object",
        "required": ["name", "slug"],
        "additionalProperties": False,
        "properties": {"name": _TEXT, "slug": _SLUG_SCHEMA, "labels": _LABELS},
    },
    "ProjectUpdate": {
        "type": "object",
        "additionalProperties": False,
        "properties": {"name": _TEXT, "slug": _SLUG_SCHEMA, "status": _STATUS, "labels": _LABELS},
    },
}

_FILTERS = (
    Parameter(name="name", description="Exact name.", schema={"type": "string"}),
    Parameter(name="slug", description="Exact slug.", schema={"type": "string"}),
    Parameter(name="status", description="Status.", schema={"type": "string"}),
    Parameter(name="created_after", description="Created later than this.", schema=_TIME),
    Parameter(name="created_before", description="Created earlier than this.", schema=_TIME),
    Parameter(
        name="label",
        description="`key:value`; of several, all must hold.",
        schema={"type": "string", "pattern": "^[^:]+:", "examples": ["team:blue"]},
        repeatable=True,
    ),
)

OPERATIONS = (
    Operation(
        name="listProjects",
        method="GET",
        path="/v1/projects",
        summary="List projects, oldest first",
        handle=list_projects,
        scope="projects:read",
        parameters=(*PARAMETERS, *_FILTERS),
        answers={200: "ProjectList"},
        errors=(400,),
    ),
    Operation(
        name="createProject",
        method="POST",
        path="/v1/projects",
        summary="Create a project with a slug that is unique in the workspace",
        handle=create_project,
        scope="projects:write",
        body="ProjectCreate",
        answers={201: "Project"},
        errors=(400, 409, 415, 422),
    ),
    Operation(
        name="getProject",
        method="GET",
        path="/v1/projects/{id}",
        summary="Get a project",
        handle=get_project,
        scope="projects:read",
        answers={200: "Project"},
        errors=(404,),
    ),
    Operation(
        name="updateProject",
        method="PATCH",
        path="/v1/projects/{id}",
        summary="Change the given fields of a project",
        handle=change_project,
        scope="projects:write",
        body="ProjectUpdate",
        answers={200: "Project"},
        errors=(400, 404, 409, 415, 422),
    ),
    Operation(
        name="deleteProject",
        method="DELETE",
        path="/v1/projects/{id}",
        summary="Delete a project",
        handle=remove_project,
        scope="projects:write",
        answers={204: None},
        errors=(400, 404, 409, 422),
    ),
)
