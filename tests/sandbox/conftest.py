"""A platform in memory, and a client that checks each answer against the platform's description."""

import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from cloudplatform_async.sandbox import Sandbox
from cloudplatform_async.sandbox.openapi.description import OPERATIONS, get_description

Reach = Callable[..., httpx.AsyncClient]


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    """The OpenAPI document."""
    answer = httpx.Response(200, content=get_description(None, None).body)
    return answer.json()


@pytest.fixture
def check(document: dict[str, Any]) -> Callable[[httpx.Response], None]:
    """Checks that the document tells of this answer, and that the answer keeps to it."""

    def check_answer(response: httpx.Response) -> None:
        described = described_answer(document, response)
        assert response.headers.keys() >= {"x-request-id", "date"}
        contents = described.get("content", {})
        if not contents or response.request.method == "HEAD":
            assert response.content == b""
            return
        (media_type, content), *others = contents.items()
        assert (response.headers["content-type"], others) == (media_type, [])
        schema = {**content["schema"], "components": document["components"]}
        Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(
            response.json()
        )

    return check_answer


def described_answer(document: dict[str, Any], response: httpx.Response) -> dict[str, Any]:
    """What the document says of this answer; of paths and methods it does not know, that they are errors."""
    method, path = response.request.method, response.request.url.path
    method = "GET" if method == "HEAD" else method
    error = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
    item = next((item for template, item in document["paths"].items() if fits(template, path)), None)
    if item is None or method.lower() not in item:
        assert response.status_code == (404 if item is None else 405)
        return error
    return item[method.lower()]["responses"][str(response.status_code)]


def fits(template: str, path: str) -> bool:
    """Whether the path is of this form."""
    return re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), path) is not None


@pytest.fixture
def reach(check: Callable[[httpx.Response], None]) -> Reach:
    """Makes a client that reaches a sandbox in memory, as its API key or with other headers."""

    async def check_read(response: httpx.Response) -> None:
        await response.aread()
        check(response)

    def make(sandbox: Sandbox, headers: dict[str, str] | None = None) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=sandbox.base_url,
            transport=sandbox.transport(),
            headers={"x-api-key": sandbox.api_key} if headers is None else headers,
            event_hooks={"response": [check_read]},
        )

    return make


@pytest.fixture
def sandbox() -> Sandbox:
    """An empty platform in memory."""
    return Sandbox(rate_limit=None)


@pytest.fixture
async def api(sandbox: Sandbox, reach: Reach) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the platform in memory."""
    async with reach(sandbox) as client:
        yield client


@pytest.fixture
def served() -> Iterator[Callable[..., Sandbox]]:
    """Makes sandboxes that are served until the test ends."""
    with ExitStack() as sandboxes:
        yield lambda **options: sandboxes.enter_context(Sandbox(**{"rate_limit": None, **options}))


@pytest.fixture
def operations() -> list[tuple[str, str]]:
    """Method and path of every operation that is served."""
    return [(operation.method, operation.path) for operation in OPERATIONS]
