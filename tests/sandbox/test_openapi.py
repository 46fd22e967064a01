"""The description: valid OpenAPI 3.1, complete, and true to what is served."""

from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator, ValidationError
from openapi_spec_validator import OpenAPIV31SpecValidator

from cloudplatform_async.sandbox import Sandbox
from cloudplatform_async.sandbox.serving.front import is_own

pytestmark = pytest.mark.anyio


async def test_the_document_is_valid_openapi(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    """It is served without credentials, at the root."""
    url = httpx.URL(sandbox.base_url).join("/openapi.json")
    document = (await api.get(url, headers={"x-api-key": ""})).json()
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()


def test_every_route_is_described(document: dict[str, Any], sandbox: Sandbox) -> None:
    """No route of the application is missing, and none is described that is not there."""
    described = {
        (method.upper(), path)
        for path, item in document["paths"].items()
        for method in item.keys() - {"parameters"}
    }
    routes = {
        (method, route.path)
        for route in sandbox._app._app._app.router.routes
        for method in route.methods - {"HEAD"}
        if route.path == "/health" or not is_own(route.path)
    }
    assert described == routes


async def test_every_successful_answer_is_met_and_true_to_its_schema(
    document: dict[str, Any], sandbox: Sandbox, api: httpx.AsyncClient
) -> None:
    """A walk meets each successful status of each operation; the client checks each answer."""
    met: set[tuple[str, str]] = set()
    root = str(httpx.URL(sandbox.base_url).join("/"))

    async def call(method: str, template: str, status: int, **options: Any) -> httpx.Response:
        path = template.replace("{id}", options.pop("id", ""))
        answer = await api.request(method, root + path.removeprefix("/"), **options)
        assert answer.status_code == status
        met.add((f"{method} {template}", str(status)))
        return answer

    created = await call("POST", "/v1/projects", 201, json={"name": "n", "slug": "s", "labels": {"a": "b"}})
    id_ = created.json()["id"]
    await call("GET", "/v1/projects", 200)
    await call("GET", "/v1/projects", 200, params={"cursor": "", "label": "a:b"})
    await call("GET", "/v1/projects/{id}", 200, id=id_)
    await call("PATCH", "/v1/projects/{id}", 200, id=id_, json={"status": "archived"})
    await call("DELETE", "/v1/projects/{id}", 204, id=id_)
    await call("GET", "/v1/usage", 200, params={"from": "2026-01-01", "to": "2026-12-31"})
    client = {"client_id": sandbox.client_id, "client_secret": sandbox.client_secret}
    await call("POST", "/oauth/token", 200, data={"grant_type": "client_credentials", **client})
    await call("GET", "/openapi.json", 200)
    await call("GET", "/health", 200)
    described = {
        (f"{method.upper()} {path}", status)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
        for status in operation["responses"]
        if status.startswith("2")
    }
    assert met == described


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ("ProjectList", {"data": [{"id": "prj_01", "name": "core-api"}], "pagination": {}}),
        ("Project", {"id": "prj_1"}),
        ("Error", {"error": "text"}),
        ("Usage", {"from": "2026-01-01", "to": "2026-01-01", "requests": 1, "error_rate": 2}),
        ("ProjectCreate", {"name": "n", "slug": "Not A Slug"}),
    ],
)
def test_the_schemas_refuse_what_is_wrong(document: dict[str, Any], schema: str, value: object) -> None:
    """So that an answer which passes them has been looked at."""
    validator = Draft202012Validator(
        {"$ref": f"#/components/schemas/{schema}", "components": document["components"]}
    )
    with pytest.raises(ValidationError):
        validator.validate(value)


def test_operations_say_which_scope_they_need(document: dict[str, Any]) -> None:
    """Each under `/v1` can be called with a key, a token of that scope, or both."""
    for path, item in document["paths"].items():
        for method in item.keys() - {"parameters"}:
            security = item[method]["security"]
            assert (security != []) == path.startswith("/v1/")
            assert all("apiKey" in way or way["bearer"] for way in security)
