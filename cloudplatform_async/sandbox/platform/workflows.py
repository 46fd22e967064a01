"""The workflows resource: seeded ones, and runs that go on with the sandbox's clock (API contract §4)."""

from typing import cast

import msgspec

from cloudplatform_async.sandbox.api.answers import Answer, raw_json_answer
from cloudplatform_async.sandbox.api.calls import Call
from cloudplatform_async.sandbox.api.operations import Operation
from cloudplatform_async.sandbox.api.parameters import Parameter, Schema
from cloudplatform_async.sandbox.api.validation import validate
from cloudplatform_async.sandbox.platform.paging import PARAMETERS, Selection, list_answer, list_schema
from cloudplatform_async.sandbox.platform.state import Platform
from cloudplatform_async.sandbox.storage.database import Value
from cloudplatform_async.sandbox.storage.workflows import (
    LONGEST,
    Plan,
    cancel_run,
    insert_run,
    select_run,
    select_workflow,
)

STATUSES = ("queued", "running", "succeeded", "failed", "cancelled")


def list_workflows(platform: Platform, call: Call) -> Answer:
    """One page of the workflows."""
    return list_answer(platform.database, Selection(table="workflows"), call.query, platform.paging)


def get_workflow(platform: Platform, call: Call) -> Answer:
    """One workflow."""
    return raw_json_answer(select_workflow(platform.database, call.ids["id"]))


def trigger_run(platform: Platform, call: Call) -> Answer:
    """Queue a run of a workflow."""
    select_workflow(platform.database, call.ids["id"])
    document = call.document()
    validate(document, {"inputs": _check_inputs}, required=())
    inputs = cast("dict[str, object]", document.get("inputs", {}))
    plan = msgspec.convert(inputs.get("sandbox", {}), Plan)
    return raw_json_answer(insert_run(platform.database, call.ids["id"], inputs, plan, call.now), status=202)


def list_runs(platform: Platform, call: Call) -> Answer:
    """One page of a workflow's runs, oldest first."""
    select_workflow(platform.database, call.ids["id"])
    filters: dict[str, Value] = {"workflow_id = ?": call.ids["id"]}
    if "status" in call.query:
        filters["status = ?"] = call.query["status"]
    selection = Selection(table="runs", conditions=tuple(filters), values=tuple(filters.values()))
    return list_answer(platform.database, selection, call.query, platform.paging)


def get_run(platform: Platform, call: Call) -> Answer:
    """One run."""
    select_workflow(platform.database, call.ids["id"])
    return raw_json_answer(select_run(platform.database, call.ids["id"], call.ids["run_id"]))


def stop_run(platform: Platform, call: Call) -> Answer:
    """Cancel a run that has not ended."""
    select_workflow(platform.database, call.ids["id"])
    return raw_json_answer(cancel_run(platform.database, call.ids["id"], call.ids["run_id"], call.now))


def _check_inputs(value: object) -> str | None:
    if not isinstance(value, dict):
        return "must be an object"
    try:
        msgspec.convert(cast("dict[str, object]", value).get("sandbox", {}), Plan)
    except msgspec.ValidationError as error:
        return f"has a bad `sandbox`: {error}"
    return None


_TEXT: Schema = {"type": "string"}
_WORKFLOW_ID: Schema = {"type": "string", "examples": ["wfl_build"]}
_TIME: Schema = {"type": "string", "format": "date-time"}
_OPTIONAL_TIME: Schema = {"type": ["string", "null"], "format": "date-time", "examples": [None]}
_RUN_ERROR: Schema = {
    "type": ["object", "null"],
    "additionalProperties": False,
    "required": ["code", "message"],
    "properties": {"code": _TEXT, "message": _TEXT},
    "examples": [None],
}

SCHEMAS: dict[str, Schema] = {
    "WorkflowList": list_schema("Workflow"),
    "Workflow": {
        "type": "object",
        "required": ["id", "name", "description", "created_at"],
        "properties": {
            "id": _WORKFLOW_ID,
            "name": {**_TEXT, "examples": ["Build"]},
            "description": {**_TEXT, "examples": ["Builds a project from its sources."]},
            "created_at": _TIME,
        },
    },
    "WorkflowRunList": list_schema("WorkflowRun"),
    "WorkflowRun": {
        "type": "object",
        "required": [
            "id",
            "workflow_id",
            "status",
            "inputs",
            "outputs",
            "error",
            "created_at",
            "started_at",
            "finished_at",
        ],
        "properties": {
            "id": {"type": "string", "pattern": "^run_[0-9a-f]+$", "examples": ["run_0123456789abcdef"]},
            "workflow_id": _WORKFLOW_ID,
            "status": {"type": "string", "enum": list(STATUSES)},
            "inputs": {"type": "object"},
            "outputs": {"type": "object"},
            "error": _RUN_ERROR,
            "created_at": _TIME,
            "started_at": _OPTIONAL_TIME,
            "finished_at": _OPTIONAL_TIME,
        },
    },
    "WorkflowTrigger": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "inputs": {
                "type": "object",
                "properties": {
                    "sandbox": {
                        "type": "object",
                        "description": "How the run goes here, on the sandbox's clock.",
                        "additionalProperties": False,
                        "properties": {
                            "seconds": {"type": "number", "minimum": 0, "maximum": LONGEST, "default": 1},
                            "result": {"type": "string", "enum": ["succeeded", "failed"]},
                            "outputs": {"type": ["object", "null"]},
                            "error": {**_RUN_ERROR, "required": []},
                        },
                    }
                },
            }
        },
    },
}

OPERATIONS = (
    Operation(
        name="listWorkflows",
        method="GET",
        path="/v1/workflows",
        summary="List workflows",
        handle=list_workflows,
        scope="workflows:read",
        parameters=PARAMETERS,
        answers={200: "WorkflowList"},
        errors=(400,),
    ),
    Operation(
        name="getWorkflow",
        method="GET",
        path="/v1/workflows/{id}",
        summary="Get a workflow",
        handle=get_workflow,
        scope="workflows:read",
        answers={200: "Workflow"},
        errors=(404,),
    ),
    Operation(
        name="listWorkflowRuns",
        method="GET",
        path="/v1/workflows/{id}/runs",
        summary="List the runs of a workflow, oldest first",
        handle=list_runs,
        scope="workflows:read",
        parameters=(
            *PARAMETERS,
            Parameter(name="status", description="Status.", schema=_TEXT),
        ),
        answers={200: "WorkflowRunList"},
        errors=(400, 404),
    ),
    Operation(
        name="triggerWorkflow",
        method="POST",
        path="/v1/workflows/{id}/runs",
        summary="Trigger a run of a workflow",
        handle=trigger_run,
        scope="workflows:write",
        body="WorkflowTrigger",
        answers={202: "WorkflowRun"},
        errors=(400, 404, 409, 415, 422),
    ),
    Operation(
        name="getWorkflowRun",
        method="GET",
        path="/v1/workflows/{id}/runs/{run_id}",
        summary="Get a run",
        handle=get_run,
        scope="workflows:read",
        answers={200: "WorkflowRun"},
        errors=(404,),
    ),
    Operation(
        name="cancelWorkflowRun",
        method="POST",
        path="/v1/workflows/{id}/runs/{run_id}/cancel",
        summary="Cancel a run that has not ended",
        handle=stop_run,
        scope="workflows:write",
        answers={200: "WorkflowRun"},
        errors=(400, 404, 409, 422),
    ),
)
