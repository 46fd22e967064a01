"""The webhooks resource: subscriptions, their secrets, and the log of deliveries (API contract §10)."""

import re
from typing import cast

import msgspec

from cloudplatform_async.sandbox.api.answers import Answer, json_answer, raw_json_answer
from cloudplatform_async.sandbox.api.calls import Call
from cloudplatform_async.sandbox.api.operations import Operation
from cloudplatform_async.sandbox.api.parameters import Parameter, Schema, whole
from cloudplatform_async.sandbox.api.validation import Check, matching, validate
from cloudplatform_async.sandbox.platform.paging import (
    ORDER,
    PARAMETERS,
    Selection,
    descending,
    list_answer,
    list_schema,
)
from cloudplatform_async.sandbox.platform.signatures import new_secret
from cloudplatform_async.sandbox.platform.state import Platform
from cloudplatform_async.sandbox.storage.database import Value
from cloudplatform_async.sandbox.storage.deliveries import redeliver
from cloudplatform_async.sandbox.storage.timestamps import timestamp
from cloudplatform_async.sandbox.storage.webhooks import (
    ROTATION,
    delete_webhook,
    insert_webhook,
    rotate_secret,
    select_webhook,
)

TYPE = r"[a-z0-9_]+(\.[a-z0-9_]+)*(\.\*)?|\*"
_OCTET = r"(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_PORT = r"([1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])"
URL = rf"https?://(127(\.{_OCTET}){{3}}|\[::1\]|localhost)(:{_PORT})?(/[!-\"$-~]{{0,2000}})?"
DESCRIPTION = r"[^\x00-\x1f\x7f]{0,200}"
MOST_TYPES = 50


def _check_types(value: object) -> str | None:
    message = f"must be a list of 1 to {MOST_TYPES} types, such as project.created, project.* or *"
    if not isinstance(value, list):
        return None if value is None else message
    types = cast("list[object]", value)
    good = all(isinstance(kind, str) and re.fullmatch(TYPE, kind) for kind in types)
    return None if good and 0 < len(types) <= MOST_TYPES else message


def _check_description(value: object) -> str | None:
    good = value is None or (isinstance(value, str) and re.fullmatch(DESCRIPTION, value))
    return None if good else "must be a string of at most 200 characters, none of them a control character"


_ON_CREATE: dict[str, Check] = {
    "url": matching(URL, "must be a URL of this machine: http://127.0.0.1:8001/hooks, [::1] or localhost"),
    "types": _check_types,
    "description": _check_description,
}


def list_webhooks(platform: Platform, call: Call) -> Answer:
    """One page of the subscriptions."""
    return list_answer(platform.database, Selection(table="webhooks"), call.query, platform.paging)


def create_webhook(platform: Platform, call: Call) -> Answer:
    """Subscribe a URL; the answer alone tells the secret."""
    fields = call.document()
    validate(fields, _ON_CREATE, required=("url",))
    types = cast("list[str]", fields.get("types") or ["*"])
    description = cast("str | None", fields.get("description"))
    secret = platform.webhook_secret
    document = insert_webhook(platform.database, str(fields["url"]), types, description, secret, call.now)
    return json_answer(_with(document, secret=secret), status=201)


def get_webhook(platform: Platform, call: Call) -> Answer:
    """One subscription."""
    return raw_json_answer(select_webhook(platform.database, call.ids["id"]))


def remove_webhook(platform: Platform, call: Call) -> Answer:
    """End a subscription."""
    delete_webhook(platform.database, call.ids["id"])
    return Answer(status=204)


def rotate_webhook(platform: Platform, call: Call) -> Answer:
    """Give a subscription a new secret, which the answer alone tells."""
    secret = new_secret()
    document = rotate_secret(platform.database, call.ids["id"], secret, call.now)
    until = timestamp(call.now + ROTATION)
    return json_answer(_with(document, secret=secret, old_secret_expires_at=until))


def list_deliveries(platform: Platform, call: Call) -> Answer:
    """One page of a subscription's deliveries."""
    select_webhook(platform.database, call.ids["id"])
    filters: dict[str, Value] = {"webhook_id = ?": call.ids["id"]}
    if "status" in call.query:
        filters["status = ?"] = call.query["status"]
    selection = Selection(
        table="deliveries",
        conditions=tuple(filters),
        values=tuple(filters.values()),
        descending=descending(call.query),
    )
    return list_answer(platform.database, selection, call.query, platform.paging)


def redeliver_event(platform: Platform, call: Call) -> Answer:
    """Send a delivery once more."""
    select_webhook(platform.database, call.ids["id"])
    document = redeliver(platform.database, call.ids["id"], call.ids["delivery_id"], call.now)
    return raw_json_answer(document, status=202)


def _with(document: str, **more: str) -> dict[str, object]:
    return {**msgspec.json.decode(document, type=dict[str, object]), **more}


_TEXT: Schema = {"type": "string"}
_TIME: Schema = {"type": "string", "format": "date-time"}
_OPTIONAL_TIME: Schema = {"type": ["string", "null"], "format": "date-time", "examples": [None]}
_WEBHOOK_ID: Schema = {"type": "string", "pattern": "^whk_[0-9a-f]+$", "examples": ["whk_0123456789abcdef"]}
_DELIVERY_ID: Schema = {"type": "string", "pattern": "^dlv_[0-9a-f]+$", "examples": ["dlv_0123456789abcdef"]}
_SECRET: Schema = {
    "type": "string",
    "pattern": "^whsec_[A-Za-z0-9+/]+=*$",
    "examples": ["whsec_c2VjcmV0LW9mLWF0LWxlYXN0LTI0LWJ5dGVz"],
}
_URL: Schema = {
    "type": "string",
    "pattern": f"^{URL}$",
    "examples": ["http://127.0.0.1:8001/hooks"],
}
_TYPES: Schema = {
    "type": "array",
    "minItems": 1,
    "maxItems": MOST_TYPES,
    "items": {"type": "string", "pattern": f"^({TYPE})$", "examples": ["project.*"]},
}
_DESCRIPTION: Schema = {
    "type": ["string", "null"],
    "pattern": f"^{DESCRIPTION}$",
    "examples": ["The hook of my application"],
}
_WEBHOOK: dict[str, Schema] = {
    "id": _WEBHOOK_ID,
    "url": _URL,
    "types": _TYPES,
    "description": _DESCRIPTION,
    "created_at": _TIME,
}
_WITH_SECRET: dict[str, Schema] = {**_WEBHOOK, "secret": _SECRET}
_ROTATED: dict[str, Schema] = {**_WITH_SECRET, "old_secret_expires_at": _TIME}
_ATTEMPT: dict[str, Schema] = {
    "attempted_at": _TIME,
    "status_code": {"type": ["integer", "null"], "minimum": 100, "maximum": 999, "examples": [204]},
    "error": {"type": ["string", "null"], "examples": [None]},
    "elapsed": {"type": "number", "minimum": 0, "examples": [0.012]},
}
_DELIVERY: dict[str, Schema] = {
    "id": _DELIVERY_ID,
    "webhook": _WEBHOOK_ID,
    "event_id": {**_TEXT, "examples": ["evt_0123456789abcdef"]},
    "event_type": {**_TEXT, "examples": ["project.created"]},
    "status": {"type": "string", "enum": ["delivered", "pending", "failed"]},
    "created_at": _TIME,
    "next_attempt_at": _OPTIONAL_TIME,
    "attempts": {"type": "array", "items": whole(_ATTEMPT)},
}

SCHEMAS: dict[str, Schema] = {
    "Webhook": whole(_WEBHOOK),
    "WebhookList": list_schema("Webhook"),
    "WebhookWithSecret": whole(_WITH_SECRET),
    "WebhookRotated": whole(_ROTATED),
    "WebhookCreate": {
        "type": "object",
        "required": ["url"],
        "additionalProperties": False,
        "properties": {
            "url": _URL,
            "types": {**_TYPES, "type": ["array", "null"]},
            "description": _DESCRIPTION,
        },
    },
    "Delivery": whole(_DELIVERY),
    "DeliveryList": list_schema("Delivery"),
}

OPERATIONS = (
    Operation(
        name="listWebhooks",
        method="GET",
        path="/v1/webhooks",
        summary="List webhooks",
        handle=list_webhooks,
        scope="events:read",
        parameters=PARAMETERS,
        answers={200: "WebhookList"},
        errors=(400,),
    ),
    Operation(
        name="createWebhook",
        method="POST",
        path="/v1/webhooks",
        summary="Have events posted to a URL of this machine; the secret is told this once",
        handle=create_webhook,
        scope="events:read",
        body="WebhookCreate",
        answers={201: "WebhookWithSecret"},
        errors=(400, 409, 415, 422),
    ),
    Operation(
        name="getWebhook",
        method="GET",
        path="/v1/webhooks/{id}",
        summary="Get a webhook",
        handle=get_webhook,
        scope="events:read",
        answers={200: "Webhook"},
        errors=(404,),
    ),
    Operation(
        name="deleteWebhook",
        method="DELETE",
        path="/v1/webhooks/{id}",
        summary="Delete a webhook, with its log and what it was still to be sent",
        handle=remove_webhook,
        scope="events:read",
        answers={204: None},
        errors=(400, 404, 409, 422),
    ),
    Operation(
        name="rotateWebhookSecret",
        method="POST",
        path="/v1/webhooks/{id}/rotate",
        summary="Give a webhook a new secret; for 24 hours the old one signs beside it",
        handle=rotate_webhook,
        scope="events:read",
        answers={200: "WebhookRotated"},
        errors=(400, 404, 409, 422),
    ),
    Operation(
        name="listDeliveries",
        method="GET",
        path="/v1/webhooks/{id}/deliveries",
        summary="List a webhook's deliveries with their attempts, oldest first",
        handle=list_deliveries,
        scope="events:read",
        parameters=(*PARAMETERS, ORDER, Parameter(name="status", description="Status.", schema=_TEXT)),
        answers={200: "DeliveryList"},
        errors=(400, 404),
    ),
    Operation(
        name="redeliver",
        method="POST",
        path="/v1/webhooks/{id}/deliveries/{delivery_id}/redeliver",
        summary="Send a delivery again, under its webhook-id",
        handle=redeliver_event,
        scope="events:read",
        answers={202: "Delivery"},
        errors=(400, 404, 409, 422),
    ),
)
