"""The usage resource: how many requests the platform really served on a span of days, and how many failed."""

from datetime import date

from cloudplatform_async.sandbox.api.answers import Answer, RefusedError, json_answer
from cloudplatform_async.sandbox.api.calls import Call
from cloudplatform_async.sandbox.api.operations import Operation
from cloudplatform_async.sandbox.api.parameters import Parameter, Schema
from cloudplatform_async.sandbox.platform.state import Platform


def get_usage(platform: Platform, call: Call) -> Answer:
    """Requests and error rate from one day to another, both included."""
    start, end = _day(call, "from"), _day(call, "to")
    if start > end:
        raise RefusedError(422, "invalid_window", "from must not be after to.")
    count = platform.records.usage(start, end)
    rate = count.errors / count.requests if count.requests else 0.0
    window = {"from": start.isoformat(), "to": end.isoformat()}
    return json_answer({**window, "requests": count.requests, "error_rate": rate})


def _day(call: Call, name: str) -> date:
    text = call.query.get(name, "")
    refused = RefusedError(400, "invalid_date", f"{name} must be a day written as YYYY-MM-DD.")
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise refused from error
    # Python reads other ISO 8601 forms too, which the API does not know.
    if day.isoformat() != text:
        raise refused
    return day


_DAY: Schema = {"type": "string", "format": "date"}

SCHEMAS: dict[str, Schema] = {
    "Usage": {
        "type": "object",
        "required": ["from", "to", "requests", "error_rate"],
        "properties": {
            "from": _DAY,
            "to": _DAY,
            "requests": {"type": "integer", "minimum": 0, "examples": [12000]},
            "error_rate": {"type": "number", "minimum": 0, "maximum": 1, "examples": [0.004]},
        },
    }
}

OPERATIONS = (
    Operation(
        name="getUsage",
        method="GET",
        path="/v1/usage",
        summary="Request count and error rate of a span of days (UTC), both included",
        handle=get_usage,
        scope="usage:read",
        parameters=(
            Parameter(name="from", description="First day.", schema=_DAY, required=True),
            Parameter(name="to", description="Last day.", schema=_DAY, required=True),
        ),
        answers={200: "Usage"},
        errors=(400, 422),
    ),
)
