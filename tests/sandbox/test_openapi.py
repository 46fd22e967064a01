"""The description: valid OpenAPI 3.1, complete, and true to what is served."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator, ValidationError
from openapi_spec_validator import OpenAPIV31SpecValidator

from cloudplatform_async.sandbox import Sandbox
from cloudplatform_async.sandbox.serving.front import is_own

pytestmark = pytest.mark.anyio

RUN, WEBHOOK, DELIVERY = (f"{prefix}_0123456789abcdef" for prefix in ("run", "whk", "dlv"))


@pytest.mark.slow
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
        path = template
        for name in re.findall(r"{(\w+)}", template):
            path = path.replace(f"{{{name}}}", options.pop(name))
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
    await call("GET", "/v1/workflows", 200)
    await call("GET", "/v1/workflows/{id}", 200, id="wfl_build")
    runs = "/v1/workflows/{id}/runs"
    run = await call("POST", runs, 202, id="wfl_build", json={"inputs": {"sandbox": {"seconds": 60}}})
    await call("GET", runs, 200, id="wfl_build")
    ids = {"id": "wfl_build", "run_id": run.json()["id"]}
    await call("GET", f"{runs}/{{run_id}}", 200, **ids)
    await call("POST", f"{runs}/{{run_id}}/cancel", 200, **ids)
    await call("GET", "/v1/events", 200)
    hook = {"url": "http://127.0.0.1:9/", "types": ["project.*"]}
    webhook = {"id": (await call("POST", "/v1/webhooks", 201, json=hook)).json()["id"]}
    await call("GET", "/v1/webhooks", 200)
    await call("GET", "/v1/webhooks/{id}", 200, **webhook)
    await call("POST", "/v1/webhooks/{id}/rotate", 200, **webhook)
    await api.post("/projects", json={"name": "n", "slug": "t"})
    log = await call("GET", "/v1/webhooks/{id}/deliveries", 200, **webhook)
    ids = {**webhook, "delivery_id": log.json()["data"][0]["id"]}
    await call("POST", "/v1/webhooks/{id}/deliveries/{delivery_id}/redeliver", 202, **ids)
    await call("DELETE", "/v1/webhooks/{id}", 204, **webhook)
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
            if path == "/oauth/token":
                assert security == [{"client": []}, {}]
                continue
            assert (security != []) == path.startswith("/v1/")
            assert all("apiKey" in way or way["bearer"] for way in security)


def test_every_example_satisfies_its_schema(document: dict[str, Any]) -> None:
    """So that a mock server which answers with them keeps to the description."""
    examples = list(examples_of(document))
    assert len(examples) > 40
    for schema, example in examples:
        Draft202012Validator(
            {**schema, "components": document["components"]},
            format_checker=Draft202012Validator.FORMAT_CHECKER,
        ).validate(example)


def test_every_body_and_answer_has_an_example(document: dict[str, Any]) -> None:
    """And so has every parameter that a request needs."""
    for operation in operations_of(document):
        contents = [operation.get("requestBody", {}), *operation["responses"].values()]
        described = [each for holder in contents for each in holder.get("content", {}).values()]
        assert all("example" in content for content in described)
        assert all("example" in each for each in operation["parameters"] if each.get("required"))


def test_every_operation_has_samples(document: dict[str, Any]) -> None:
    """For curl, and in Python where the SDK has it."""
    for operation in operations_of(document):
        languages = [sample["lang"] for sample in operation["x-codeSamples"]]
        assert languages == (["Shell", "Python"] if {"apiKey": []} in operation["security"] else ["Shell"])


@pytest.mark.slow
def test_the_python_samples_run(document: dict[str, Any], served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each as it stands, with address and key from the environment."""
    for operation in operations_of(document):
        sandbox = served(projects=1)
        monkeypatch.setenv("CLOUD_API_BASE_URL", sandbox.base_url)
        monkeypatch.setenv("CLOUD_API_KEY", sandbox.api_key)
        for sample in operation["x-codeSamples"]:
            if sample["lang"] == "Python":
                source = with_ids(sandbox, sample["source"])
                before = sandbox.served
                exec(compile(source, operation["operationId"], "exec"), {})
                assert [request.status < 300 for request in list(sandbox.requests)[before:]] == [True]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_curl_samples_run(document: dict[str, Any], served) -> None:
    """Each as it stands, in a plain shell."""
    for operation in operations_of(document):
        sandbox = served(projects=1)
        environment = {
            "PATH": os.environ["PATH"],
            "CLOUD_API_BASE_URL": sandbox.base_url,
            "CLOUD_API_KEY": sandbox.api_key,
            "CLOUD_CLIENT_ID": sandbox.client_id,
            "CLOUD_CLIENT_SECRET": sandbox.client_secret,
        }
        source = with_ids(sandbox, operation["x-codeSamples"][0]["source"])
        command = ["sh", "-c", f"{source} --silent --show-error --fail --noproxy '*'"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


def with_ids(sandbox: Sandbox, source: str) -> str:
    """The sample with ids of what is there: only projects and workflows are seeded under those it has."""
    with httpx.Client(base_url=sandbox.base_url, headers={"x-api-key": sandbox.api_key}) as api:
        if RUN in source:
            source = source.replace(RUN, api.post("/workflows/wfl_build/runs", json={}).json()["id"])
        if WEBHOOK in source:
            webhook = api.post("/webhooks", json={"url": "http://127.0.0.1:9/"}).json()["id"]
            source = source.replace(WEBHOOK, webhook)
        if DELIVERY in source:
            api.post("/projects", json={"name": "n", "slug": "s"})
            log = api.get(f"/webhooks/{webhook}/deliveries").json()["data"]
            source = source.replace(DELIVERY, log[0]["id"])
    return source


def operations_of(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every operation of the document, with the parameters of its path among its own."""
    for item in document["paths"].values():
        for method in item.keys() - {"parameters"}:
            operation = item[method]
            yield {**operation, "parameters": [*item.get("parameters", ()), *operation["parameters"]]}


def examples_of(value: object) -> Iterator[tuple[dict[str, Any], object]]:
    """Each schema of the document with each of its examples."""
    if isinstance(value, list):
        for part in value:
            yield from examples_of(part)
    elif isinstance(value, dict):
        if value.keys() >= {"schema", "example"}:
            yield value["schema"], value["example"]
        yield from ((value, example) for example in value.get("examples", ()))
        for name, part in value.items():
            if name not in {"example", "examples"}:
                yield from examples_of(part)


def test_every_event_is_a_webhook(document: dict[str, Any]) -> None:
    """With the headers of its signature, and the resource that it is about as its data."""
    assert document["webhooks"].keys() == {
        "project.created",
        "project.updated",
        "project.deleted",
        "workflow.run.started",
        "workflow.run.succeeded",
        "workflow.run.failed",
        "workflow.run.cancelled",
    }
    for kind, item in document["webhooks"].items():
        sent = item["post"]["requestBody"]["content"]["application/json"]["example"]
        assert (sent["type"], sent["data"]["id"][:4]) == (kind, "prj_" if kind[0] == "p" else "run_")
        headers = {parameter["name"] for parameter in item["post"]["parameters"]}
        assert headers == {"webhook-id", "webhook-timestamp", "webhook-signature"}
