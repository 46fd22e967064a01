"""The OpenAPI 3.1 document, written from the operations themselves, so that it cannot tell of others."""

import re
from collections.abc import Iterable, Mapping

from cloudplatform_async.sandbox.api.operations import Operation
from cloudplatform_async.sandbox.api.parameters import Parameter, Schema

# What any operation with credentials may answer.
_COMMON_ERRORS = (401, 403, 429, 500)
_REASONS = {
    200: "Done",
    201: "Created",
    204: "Done; there is no body",
    400: "The request cannot be understood",
    401: "Credentials are missing, wrong or expired",
    403: "The token lacks a scope",
    404: "There is no such resource",
    409: "It is in conflict with what is there, or with a request under way",
    415: "The body is not JSON",
    422: "The document is not valid, or the idempotency key is that of another request",
    429: "Too many requests a minute for this key and endpoint group",
    500: "The platform failed",
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
}
_IDEMPOTENCY_KEY: Schema = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Makes a repeat safe: for 24 hours the same request gets the first answer again.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}


def openapi_document(operations: Iterable[Operation], schemas: Mapping[str, Schema]) -> Schema:
    """The document for these operations and the schemas that they name."""
    paths: dict[str, Schema] = {}
    for operation in operations:
        item = paths.setdefault(operation.path, _path_item(operation.path))
        item[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Cloud API (embedded platform)", "version": "1"},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": {**schemas, "Error": _ERROR}, "securitySchemes": _SECURITY_SCHEMES},
    }


def _path_item(path: str) -> Schema:
    names = re.findall(r"{(\w+)}", path)
    if not names:
        return {}
    return {"parameters": [{"name": name, "in": "path", "required": True, "schema": _TEXT} for name in names]}


def _operation(operation: Operation) -> Schema:
    parameters = [_parameter(parameter) for parameter in operation.parameters]
    if operation.writes:
        parameters.append(_IDEMPOTENCY_KEY)
    described: Schema = {
        "operationId": operation.name,
        "summary": operation.summary,
        "security": _security(operation),
        "parameters": parameters,
        "responses": _responses(operation),
    }
    if operation.body is not None:
        described["requestBody"] = {
            "required": True,
            "content": _content(operation.body, operation.body_type),
        }
    return described


def _security(operation: Operation) -> list[Schema]:
    # RFC 6750 tokens say scopes; OpenAPI 3.1 lets any scheme name the roles it needs.
    if operation.scope is None:
        return []
    return [{"apiKey": []}, {"bearer": [operation.scope]}, {"apiKey": [], "bearer": [operation.scope]}]


def _parameter(parameter: Parameter) -> Schema:
    schema: Schema = (
        {"type": "array", "items": parameter.schema} if parameter.repeatable else parameter.schema
    )
    return {
        "name": parameter.name,
        "in": "query",
        "description": parameter.description,
        "required": parameter.required,
        "schema": schema,
    }


def _responses(operation: Operation) -> Schema:
    errors = () if operation.scope is None else (*operation.errors, *_COMMON_ERRORS)
    schemas: dict[int, str | None] = {**dict.fromkeys(errors, "Error"), **operation.answers}
    return {str(status): _response(operation, status, schemas[status]) for status in sorted(schemas)}


def _response(operation: Operation, status: int, schema: str | None) -> Schema:
    response: Schema = {"description": _REASONS[status], "headers": _headers(operation, status)}
    if schema is not None:
        response["content"] = _content(schema, "application/json")
    return response


def _headers(operation: Operation, status: int) -> Schema:
    headers: Schema = {"x-request-id": {"required": True, "schema": _TEXT}}
    if operation.scope is not None and status not in {401, 500}:
        headers |= {f"RateLimit-{name}": {"schema": _COUNT} for name in ("Limit", "Remaining", "Reset")}
    if status in {409, 429}:
        headers["Retry-After"] = {"description": "Seconds.", "schema": _COUNT}
    if operation.writes and status < 500 and status not in {401, 403, 429}:
        headers["Idempotency-Replayed"] = {"schema": {"const": "true"}}
    return headers


def _content(schema: str, media_type: str) -> Schema:
    return {media_type: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
