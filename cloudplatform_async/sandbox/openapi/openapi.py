"""The OpenAPI 3.1 document, written from the operations themselves, so that it cannot tell of others."""

import re
from collections.abc import Iterable, Mapping

from attrs import frozen

from cloudplatform_async.sandbox.api.operations import Operation
from cloudplatform_async.sandbox.api.parameters import Parameter, Schema
from cloudplatform_async.sandbox.openapi.examples import example_of
from cloudplatform_async.sandbox.openapi.samples import samples

# What any operation with credentials may answer.
_COMMON_ERRORS = (401, 403, 429, 500)
_REASONS = {
    200: "Done",
    201: "Created",
    202: "Accepted; the work goes on",
    204: "Done; there is no body",
}
# What each status means, and a code that comes with it.
_ERRORS = {
    400: ("The request cannot be understood", "invalid_json"),
    401: ("Credentials are missing, wrong or expired", "missing_credentials"),
    403: ("The token lacks a scope", "insufficient_scope"),
    404: ("There is no such resource", "not_found"),
    409: ("It is in conflict with what is there, or with a request under way", "idempotency_in_progress"),
    415: ("The body is not JSON", "unsupported_media_type"),
    422: (
        "The document is not valid, or the idempotency key is that of another request",
        "validation_failed",
    ),
    429: ("Too many requests a minute for this key and endpoint group", "rate_limited"),
    500: ("The platform failed", "internal_error"),
}
_IDS = {
    "projects": "prj_000001",
    "workflows": "wfl_build",
    "runs": "run_0123456789abcdef",
    "webhooks": "whk_0123456789abcdef",
    "deliveries": "dlv_0123456789abcdef",
}
_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_ERROR: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {"code": _TEXT, "message": _TEXT, "details": {}},
        }
    },
}
_SECURITY_SCHEMES: Schema = {
    "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    "bearer": {"type": "http", "scheme": "bearer", "description": "An OAuth access token, or an API key."},
    "client": {"type": "http", "scheme": "basic", "description": "The OAuth client's id and secret."},
}
_IDEMPOTENCY_KEY: Schema = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Makes a repeat safe: for 24 hours the same request gets the first answer again.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}


def openapi_document(
    operations: Iterable[Operation],
    schemas: Mapping[str, Schema],
    webhooks: Mapping[str, Schema],
) -> Schema:
    """The document for these operations and webhooks, and the schemas that they name."""
    described = _Described({**schemas, "Error": _ERROR})
    paths: dict[str, Schema] = {}
    for operation in operations:
        item = paths.setdefault(operation.path, _path_item(operation.path))
        item[operation.method.lower()] = described.operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Cloud API (embedded platform)", "version": "1"},
        "servers": [{"url": "/"}],
        "paths": paths,
        "webhooks": webhooks,
        "components": {"schemas": described.schemas, "securitySchemes": _SECURITY_SCHEMES},
    }


def _path_item(path: str) -> Schema:
    found = re.findall(r"(\w+)/{(\w+)}", path)
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": _TEXT, "example": _IDS.get(collection, "id")}
        for collection, name in found
    ]
    return {"parameters": parameters} if parameters else {}


@frozen
class _Described:
    """Operations in the words of OpenAPI, with examples of the schemas that they name."""

    schemas: dict[str, Schema]

    def operation(self, operation: Operation) -> Schema:
        parameters = [self._parameter(parameter) for parameter in operation.parameters]
        if operation.writes:
            parameters.append(_IDEMPOTENCY_KEY)
        described: Schema = {
            "operationId": operation.name,
            "summary": operation.summary,
            "security": _security(operation),
            "parameters": parameters,
            "responses": self._responses(operation),
        }
        body = None
        if operation.body is not None:
            body = example_of(self.schemas[operation.body], self.schemas)
            content = self._content(operation.body, operation.body_type)
            described["requestBody"] = {"required": True, "content": content}
        described["x-codeSamples"] = samples(
            operation, _example_path(operation), self._query(operation), body
        )
        return described

    def _query(self, operation: Operation) -> dict[str, object]:
        needed = (parameter for parameter in operation.parameters if parameter.required)
        return {parameter.name: example_of(parameter.schema, self.schemas) for parameter in needed}

    def _parameter(self, parameter: Parameter) -> Schema:
        schema: Schema = (
            {"type": "array", "items": parameter.schema} if parameter.repeatable else parameter.schema
        )
        described: Schema = {
            "name": parameter.name,
            "in": "query",
            "description": parameter.description,
            "required": parameter.required,
            "schema": schema,
        }
        # An example of each optional one would be a request with all filters at once.
        if parameter.required:
            described["example"] = example_of(schema, self.schemas)
        return described

    def _responses(self, operation: Operation) -> Schema:
        errors = () if operation.scope is None else (*operation.errors, *_COMMON_ERRORS)
        schemas: dict[int, str | None] = {**dict.fromkeys(errors, "Error"), **operation.answers}
        return {str(status): self._response(operation, status, schemas[status]) for status in sorted(schemas)}

    def _response(self, operation: Operation, status: int, schema: str | None) -> Schema:
        reason, code = _ERRORS.get(status) or (_REASONS[status], "")
        response: Schema = {"description": reason, "headers": _headers(operation, status)}
        if schema == "Error":
            example = {"error": {"code": code, "message": f"{reason}."}}
            response["content"] = {"application/json": {"schema": _reference(schema), "example": example}}
        elif schema is not None:
            response["content"] = self._content(schema, "application/json")
        return response

    def _content(self, schema: str, media_type: str) -> Schema:
        example = example_of(self.schemas[schema], self.schemas)
        return {media_type: {"schema": _reference(schema), "example": example}}


def _example_path(operation: Operation) -> str:
    return re.sub(r"(\w+)/{\w+}", lambda found: f"{found[1]}/{_IDS.get(found[1], 'id')}", operation.path)


def _security(operation: Operation) -> list[Schema]:
    # RFC 6750 tokens say scopes; OpenAPI 3.1 lets any scheme name the roles it needs.
    if operation.body_type != "application/json":
        return [{"client": []}, {}]  # RFC 6749 §2.3.1: the client's id and secret may stand in the form, too
    if operation.scope is None:
        return []
    return [{"apiKey": []}, {"bearer": [operation.scope]}, {"apiKey": [], "bearer": [operation.scope]}]


def _headers(operation: Operation, status: int) -> Schema:
    headers: Schema = {"x-request-id": {"required": True, "schema": _TEXT}}
    if operation.scope is not None and status not in {401, 500}:
        headers |= {f"RateLimit-{name}": {"schema": _COUNT} for name in ("Limit", "Remaining", "Reset")}
    if status in {409, 429}:
        headers["Retry-After"] = {"description": "Seconds.", "schema": _COUNT}
    if operation.writes and status < 500 and status not in {401, 403, 429}:
        headers["Idempotency-Replayed"] = {"schema": {"const": "true"}}
    return headers


def _reference(schema: str) -> Schema:
    return {"$ref": f"#/components/schemas/{schema}"}
