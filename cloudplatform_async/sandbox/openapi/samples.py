"""Code samples of the operations, as `x-codeSamples` (Redoc, Scalar and others show them)."""

from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec

from cloudplatform_async.sandbox.api.operations import Operation
from cloudplatform_async.sandbox.api.parameters import Schema

_PYTHON = {
    "listProjects": """\
async for project in client.projects.iter_all():
    print(project.name)""",
    "createProject": """\
project = await client.projects.create(name="Core API", slug="core-api")
print(project.id)""",
    "getProject": """\
project = await client.projects.get("prj_000001")
print(project.name)""",
    "updateProject": """\
project = await client.projects.update("prj_000001", status="archived")
print(project.status)""",
    "deleteProject": """\
await client.projects.delete("prj_000001")""",
    "listWorkflows": """\
async for workflow in client.workflows.iter_all():
    print(workflow.name)""",
    "getWorkflow": """\
workflow = await client.workflows.get("wfl_build")
print(workflow.name)""",
    "triggerWorkflow": """\
run = await client.workflows.trigger("wfl_build", inputs={"project": "prj_000001"})
print(run.id)""",
    "listWorkflowRuns": """\
async for run in client.workflows.iter_runs("wfl_build"):
    print(run.id, run.status)""",
    "getWorkflowRun": """\
run = await client.workflows.get_run("wfl_build", "run_0123456789abcdef")
print(run.status)""",
    "cancelWorkflowRun": """\
run = await client.workflows.cancel_run("wfl_build", "run_0123456789abcdef")
print(run.status)""",
    "listEvents": """\
async for event in client.events.iter_all(type="project.*"):
    print(event.type, event.data)""",
    "getUsage": """\
usage = await client.usage.get(date(2026, 3, 1), date(2026, 3, 17))
print(usage.requests, usage.error_rate)""",
}
_PROGRAM = """\
{imports}import anyio

from cloudplatform_async import AsyncClient


async def main() -> None:
    async with AsyncClient() as client:
        {body}


anyio.run(main)
"""


def samples(operation: Operation, path: str, query: Mapping[str, object], body: object) -> list[Schema]:
    """The samples of one operation; address and credentials come from the environment.

    Args:
        operation: The operation.
        path: Its path, with examples in place of parameters.
        query: The query parameters that it needs, with examples.
        body: An example of its body; None: it has none.
    """
    found: list[Schema] = [{"lang": "Shell", "label": "curl", "source": _curl(operation, path, query, body)}]
    if operation.scope is not None:
        source = _python(operation, path, query, body)
        found.append({"lang": "Python", "label": "cloudplatform_async", "source": source})
    return found


def _curl(operation: Operation, path: str, query: Mapping[str, object], body: object) -> str:
    target = path.removeprefix("/v1") if path.startswith("/v1/") else path
    base = "$CLOUD_API_BASE_URL" if path.startswith("/v1/") else "${CLOUD_API_BASE_URL%/v1}"
    suffix = f"?{urlencode(query)}" if query else ""
    # With data curl sends a POST by itself.
    implied = "GET" if body is None else "POST"
    method = "" if operation.method == implied else f"-X {operation.method} "
    words = [f'curl {method}"{base}{target}{suffix}"']
    if operation.scope is not None:
        words.append('-H "x-api-key: $CLOUD_API_KEY"')
    if operation.body_type != "application/json":
        words.append('-u "$CLOUD_CLIENT_ID:$CLOUD_CLIENT_SECRET" -d grant_type=client_credentials')
    elif body is not None:
        words += ["-H 'content-type: application/json'", f"-d '{msgspec.json.encode(body).decode()}'"]
    return " \\\n  ".join(words)


def _python(operation: Operation, path: str, query: Mapping[str, object], body: object) -> str:
    known = _PYTHON.get(operation.name)
    source = known or _any_request(operation, path, query, body)
    imports = "from datetime import date\n\n" if "date(" in source else ""
    return _PROGRAM.format(imports=imports, body=source.replace("\n", "\n        "))


def _any_request(operation: Operation, path: str, query: Mapping[str, object], body: object) -> str:
    arguments = [f'"{operation.method}"', f'"{path.removeprefix("/v1")}"']
    arguments += [f"params={dict(query)!r}"] if query else []
    arguments += [f"json={body!r}"] if body is not None else []
    if None in operation.answers.values():
        return f"await client.request({', '.join([*arguments, 'model=None'])})"
    listed = any((schema or "").endswith("List") for schema in operation.answers.values())
    arguments += ["model=list[dict]"] if listed else []
    return f"answer = await client.request({', '.join(arguments)})\nprint(answer.data)"
