"""The `webhooks` of the OpenAPI document: what the platform sends to subscribers (API contract §10)."""

from collections.abc import Mapping

from cloudplatform_async.sandbox.api.parameters import Schema
from cloudplatform_async.sandbox.openapi.examples import example_of

# The types of events, and the schema of the data of each.
EVENT_DATA = {
    "project.created": "Project",
    "project.updated": "Project",
    "project.deleted": "Project",
    "workflow.run.started": "WorkflowRun",
    "workflow.run.succeeded": "WorkflowRun",
    "workflow.run.failed": "WorkflowRun",
    "workflow.run.cancelled": "WorkflowRun",
}
_HEADERS = {
    "webhook-id": ("The event's id, the same on every attempt.", "evt_0123456789abcdef"),
    "webhook-timestamp": ("When this attempt was signed, in seconds since the epoch.", "1773742934"),
    "webhook-signature": (
        "`v1,` and the base64 HMAC-SHA256 of `{id}.{timestamp}.{body}`; several, parted by blanks.",
        "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
    ),
}


def event_webhooks(schemas: Mapping[str, Schema]) -> dict[str, Schema]:
    """A path item for each type of event, signed as Standard Webhooks 1.0 (https://www.standardwebhooks.com).

    Args:
        schemas: The schemas of the document, with that of an event and of the data of each type.
    """
    parameters: list[Schema] = [
        {
            "name": name,
            "in": "header",
            "required": True,
            "description": description,
            "schema": {"type": "string"},
            "example": example,
        }
        for name, (description, example) in _HEADERS.items()
    ]
    return {kind: {"post": _delivery(kind, schemas, parameters)} for kind in EVENT_DATA}


def _delivery(kind: str, schemas: Mapping[str, Schema], parameters: list[Schema]) -> Schema:
    event: Schema = {
        "allOf": [{"$ref": "#/components/schemas/Event"}],
        "properties": {
            "type": {"const": kind},
            "data": {"$ref": f"#/components/schemas/{EVENT_DATA[kind]}"},
        },
    }
    content = {"application/json": {"schema": event, "example": example_of(event, schemas)}}
    words = "".join(word.capitalize() for word in kind.split("."))
    return {
        "operationId": f"receive{words}",
        "summary": f"An event {kind}",
        "parameters": parameters,
        "requestBody": {"required": True, "content": content},
        "responses": {
            "2XX": {"description": "Received; anything else is tried again, with growing waits"},
        },
    }
