"""The public names: these, no others, each with a docstring, and light to import."""

import ast
import inspect
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any, get_args, get_origin, get_overloads, get_type_hints

import pytest

import cloudplatform_async

PUBLIC = [
    "APIConnectionError",
    "APIResponse",
    "APIStatusError",
    "APITimeoutError",
    "AUTO",
    "ArrowTable",
    "AsyncClient",
    "AuthenticationError",
    "Auto",
    "AwareDatetime",
    "BadRequestError",
    "CallOptions",
    "ClientStateError",
    "ClientStatistics",
    "CloudPlatformError",
    "ConfigurationError",
    "ConflictError",
    "CreateResult",
    "CreateResults",
    "Drift",
    "Event",
    "EventFilters",
    "EventTail",
    "Events",
    "IdempotencyKey",
    "InsufficientScopeError",
    "InvalidRequestError",
    "KeySource",
    "NotFoundError",
    "OAuthClientCredentials",
    "OAuthRefreshToken",
    "OMIT",
    "Omit",
    "Outcome",
    "Page",
    "Pages",
    "PaginationError",
    "PaginationLoopError",
    "Paginator",
    "PermissionDeniedError",
    "PoolLimits",
    "PooledTransport",
    "Project",
    "ProjectCreated",
    "ProjectDeleted",
    "ProjectEvent",
    "ProjectFilters",
    "ProjectStatus",
    "ProjectUpdated",
    "Projects",
    "Query",
    "QueryValue",
    "RateLimit",
    "RateLimitError",
    "RecordBatches",
    "ResponseDecodeError",
    "ResponseTooLargeError",
    "RetryPolicy",
    "RunFailure",
    "RunStatus",
    "ServerError",
    "SharedLimit",
    "Timeouts",
    "TokenExpiredError",
    "TokenRefreshError",
    "TokenSource",
    "TokenStore",
    "UnprocessableEntityError",
    "Usage",
    "UsageMetrics",
    "WebhookVerificationError",
    "WebhookVerifier",
    "Workflow",
    "WorkflowFailedError",
    "WorkflowRun",
    "WorkflowRunCancelled",
    "WorkflowRunEvent",
    "WorkflowRunFailed",
    "WorkflowRunStarted",
    "WorkflowRunSucceeded",
    "Workflows",
    "__version__",
]
EXTRAS = ["aiohttp", "cyclopts", "dotenv", "opentelemetry", "pydantic", "rich", "starlette", "uvicorn"]
HEAVY = [*EXTRAS, "httpcore", "trio"]
FIRST_CALLS = """
import asyncio, datetime, sys
from cloudplatform_async import AsyncClient, RetryPolicy

PROJECT = b'{"id": "prj_1", "name": "n"}'
USAGE = b'{"from": "2026-03-01", "to": "2026-03-02", "requests": 1, "error_rate": 0}'
ANSWERS = [b"", PROJECT, USAGE, b'{"data": [' + PROJECT + b"]}"]
STATUSES = [b"503 Overloaded", b"200 OK", b"200 OK", b"200 OK"]

async def answer(reader, writer):
    for status, body in zip(STATUSES, ANSWERS):
        await reader.readuntil(b"\\r\\n\\r\\n")
        writer.write(b"HTTP/1.1 %s\\r\\nContent-Length: %d\\r\\n\\r\\n%s" % (status, len(body), body))
    writer.close()

async def main():
    server = await asyncio.start_server(answer, "127.0.0.1")
    base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    async with AsyncClient(api_key="k", base_url=base_url, retries=RetryPolicy(base=0)) as client:
        before = set(sys.modules)
        await client.projects.get("prj_1")
        await client.usage.get(datetime.date(2026, 3, 1), datetime.date(2026, 3, 2))
        assert [project.id async for project in client.projects.iter_all()] == ["prj_1"]
        print(f"answered {client.statistics().attempts}, loaded {sorted(set(sys.modules) - before)}")

asyncio.run(main())
"""
ON_TRIO = """
import sys, httpx, trio
sys.modules["tornado"] = None  # tenacity loads it, and it asyncio, where Dask has brought it
before = set(sys.modules)
from cloudplatform_async import AsyncClient

class Answering(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request):
        return httpx.Response(200, json={"id": "prj_1", "name": "n"})

async def main():
    async with AsyncClient(api_key="k", base_url="http://127.0.0.1/v1", transport=Answering()) as client:
        print((await client.projects.get("prj_1")).id, {"asyncio"} & (set(sys.modules) - before))

trio.run(main)
"""
VALUES = {
    "AUTO",
    "AwareDatetime",
    "IdempotencyKey",
    "KeySource",
    "OMIT",
    "Outcome",
    "ProjectStatus",
    "Query",
    "QueryValue",
    "RunStatus",
    "TokenSource",
    "__version__",
}
CALLABLE = sorted(set(PUBLIC) - VALUES)
"""What has a signature, or methods that have one."""
MADE_BY_THE_CLIENT = {
    "CreateResults",
    "EventTail",
    "Events",
    "Pages",
    "Paginator",
    "Projects",
    "RecordBatches",
    "UsageMetrics",
    "Workflows",
}
"""Nobody calls these themselves: the types of their constructors are no part of the surface."""


def documented(name: str) -> list[str]:
    """The name itself, and the public methods and properties that a class defines."""
    thing = getattr(cloudplatform_async, name)
    own = vars(thing) if inspect.isclass(thing) else {}
    members = (key for key, value in own.items() if inspect.isroutine(value) or isinstance(value, property))
    return [name, *(f"{name}.{key}" for key in members if not key.startswith("_"))]


def test_the_front_door_exports_exactly_the_public_names() -> None:
    """A name is added or taken away on purpose: in this list too."""
    assert sorted(cloudplatform_async.__all__) == sorted(PUBLIC)


def test_every_exported_name_is_there() -> None:
    """``from cloudplatform_async import *`` works, and each name leads somewhere."""
    assert [name for name in PUBLIC if not hasattr(cloudplatform_async, name)] == []


def test_a_public_name_has_a_docstring() -> None:
    """Help is where the name is, on each class and on each of its public methods."""
    paths = [path.split(".") for name in CALLABLE for path in documented(name)]
    things = {".".join(path): _follow(path) for path in paths}
    assert [path for path, thing in things.items() if not thing.__doc__] == []


def mentioned(hint: object) -> Iterator[type]:
    """Every class of this package that a type annotation mentions, however deep."""
    inner = get_args(hint)
    if inner:
        for each in inner:
            yield from mentioned(list(each) if isinstance(each, list) else each)
        hint = get_origin(hint)
    if isinstance(hint, list):
        for each in hint:
            yield from mentioned(each)
    if isinstance(hint, type) and hint.__module__.startswith("cloudplatform_async"):
        yield hint


def is_public(key: str) -> bool:
    """Whether users call it; ``admission`` is between a transport and its client."""
    return key == "__init__" or not (key.startswith("_") or key == "admission")


def functions_of(name: str) -> Iterator[Callable[..., object]]:
    """The public name itself, where it is called, and its public methods."""
    thing = getattr(cloudplatform_async, name)
    if not inspect.isclass(thing):
        return
    for base in thing.__mro__:
        if not base.__module__.startswith("cloudplatform_async"):
            continue
        for key, value in vars(base).items():
            if key == "__init__" and name in MADE_BY_THE_CLIENT:
                continue
            function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
            if inspect.isfunction(function) and is_public(key):
                yield from (function, *get_overloads(function))


def test_every_type_of_a_public_signature_is_at_the_front_door() -> None:
    """Whoever wraps a method can annotate the wrapper, without a name of the rooms behind."""
    names = {each: getattr(cloudplatform_async, each) for each in PUBLIC}  # loads those that are lazy
    missing = {
        f"{function.__qualname__}: {kind.__name__}"
        for name in CALLABLE
        for function in functions_of(name)
        for hint in get_type_hints(function, localns=names).values()
        for kind in mentioned(hint)
        if getattr(cloudplatform_async, kind.__name__, None) is not kind
    }
    assert missing == set()


def test_every_alias_of_a_public_signature_is_at_the_front_door() -> None:
    """A union of ours has no name of its own at run time: the source says how it is spelled."""
    missing = {
        f"{function.__qualname__}: {word}"
        for name in CALLABLE
        for function in functions_of(name)
        for word in spelled(function)
        if [*mentioned(inspect.unwrap(function).__globals__.get(word))]
        and not hasattr(cloudplatform_async, word)
    }
    assert missing == set()


def spelled(function: Any) -> set[str]:
    """The names that a function's annotations are written with."""
    node = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    hints = [argument.annotation for argument in arguments if argument.annotation] + [node.returns]
    return {each.id for hint in hints if hint for each in ast.walk(hint) if isinstance(each, ast.Name)}


def test_the_version_is_that_of_the_package() -> None:
    """The user agent and ``pip`` speak of the same version."""
    assert cloudplatform_async.__version__ == version("cloudplatform-async")


def test_errors_name_themselves_so() -> None:
    """Every exported exception ends in ``Error`` and has the one base class."""
    things = [getattr(cloudplatform_async, name) for name in PUBLIC]
    kinds = [thing for thing in things if inspect.isclass(thing)]
    errors = [kind for kind in kinds if issubclass(kind, Exception)]
    assert all(issubclass(kind, cloudplatform_async.CloudPlatformError) for kind in errors)
    assert all(kind.__name__.endswith("Error") for kind in errors)


def test_an_import_loads_nothing_that_an_extra_brings() -> None:
    """A backend that starts a thousand workers pays for the client alone."""
    garden = [f"cloudplatform_async.{room}" for room in ("sandbox", "cli", "testing", "collect")]
    # httpx loads its own command line, and with it rich, wherever click is installed.
    code = f"""if True:
        import sys; sys.modules["click"] = None
        import httpx; before = set(sys.modules)
        from cloudplatform_async import *; print({{*{HEAVY + garden}}} & (set(sys.modules) - before))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.slow
def test_an_import_leaves_for_the_first_client_what_only_calls_need() -> None:
    """A program that only names the package pays for names; an event loop comes with who runs it."""
    code = """if True:
        import sys, anyio.lowlevel, httpx; before = set(sys.modules)
        from cloudplatform_async import *
        print({"asyncio", "cattrs", "tenacity", "trio"} & (set(sys.modules) - before))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_package_alone_loads_none_of_its_rooms() -> None:
    """A name is loaded when it is asked for; the command line shows its help without the client."""
    code = """if True:
        import sys, cloudplatform_async as package
        print([name for name in sys.modules if name.startswith("cloudplatform_async.")])
        print(set(package.__all__) <= set(dir(package)), package.CloudPlatformError.__module__)
        print("httpx" in sys.modules)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "True cloudplatform_async.errors", "False"]


def test_a_name_that_the_front_door_lacks_is_an_attribute_error() -> None:
    """As of any other module, with the name in the message."""
    with pytest.raises(AttributeError, match="'Cloud'"):
        cloudplatform_async.Cloud  # noqa: B018 - looked up for its error


@pytest.mark.slow
def test_a_call_loads_no_module() -> None:
    """Not the first one either, nor its retry: other tasks do not stand still while files are read."""
    done = subprocess.run([sys.executable, "-c", FIRST_CALLS], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "answered 4, loaded []"


@pytest.mark.slow
def test_a_client_on_trio_does_not_load_asyncio() -> None:
    """Nor does it need asyncio to be there, to know that it is not what runs."""
    done = subprocess.run([sys.executable, "-c", ON_TRIO], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "prj_1 set()"


def _follow(path: list[str]) -> object:
    thing: object = cloudplatform_async
    for name in path:
        thing = getattr(thing, name)
    return thing
