"""The platform's description of itself: the OpenAPI document of every operation, this one included."""

from functools import cache

from cloudplatform_async.sandbox.api import oauth
from cloudplatform_async.sandbox.api.answers import Answer, json_answer
from cloudplatform_async.sandbox.api.calls import Call
from cloudplatform_async.sandbox.api.operations import Operation
from cloudplatform_async.sandbox.api.parameters import Schema
from cloudplatform_async.sandbox.api.webhooks import event_webhooks
from cloudplatform_async.sandbox.openapi.openapi import openapi_document
from cloudplatform_async.sandbox.platform import events, projects, usage, webhooks, workflows
from cloudplatform_async.sandbox.platform.state import Platform

_RESOURCES = (projects, usage, workflows, events, webhooks, oauth)


def get_description(_platform: Platform, _call: Call) -> Answer:
    """The OpenAPI document; it is the same for every platform."""
    return _answer()


@cache
def _answer() -> Answer:
    schemas: dict[str, Schema] = dict(_SCHEMAS)
    for resource in _RESOURCES:
        schemas |= resource.SCHEMAS
    return json_answer(openapi_document(OPERATIONS, schemas, event_webhooks(schemas)))


def get_health(_platform: Platform, _call: Call) -> Answer:
    """That the sandbox is there; no fault meets this answer."""
    return json_answer({"status": "ok"})


_SCHEMAS: dict[str, Schema] = {
    "OpenAPI": {"type": "object"},
    "Health": {"type": "object", "required": ["status"], "properties": {"status": {"const": "ok"}}},
}
_OWN = (
    Operation(
        name="getDescription",
        method="GET",
        path="/openapi.json",
        summary="This document",
        handle=get_description,
        scope=None,
        answers={200: "OpenAPI"},
    ),
    Operation(
        name="getHealth",
        method="GET",
        path="/health",
        summary="Whether the sandbox serves",
        handle=get_health,
        scope=None,
        answers={200: "Health"},
    ),
)
OPERATIONS: tuple[Operation, ...] = (
    *(operation for resource in _RESOURCES for operation in resource.OPERATIONS),
    *_OWN,
)
