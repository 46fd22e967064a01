"""The public names: these, no others, each with a docstring, and light to import."""

import inspect
import subprocess
import sys
from importlib.metadata import version

import pytest

import cloudplatform_async

PUBLIC = [
    "AUTO",
    "APIConnectionError",
    "APIResponse",
    "APIStatusError",
    "APITimeoutError",
    "AiohttpTransport",
    "AsyncClient",
    "AuthenticationError",
    "AwareDatetime",
    "BadRequestError",
    "ClientStateError",
    "ClientStatistics",
    "CloudPlatformError",
    "ConfigurationError",
    "ConflictError",
    "Drift",
    "InsufficientScopeError",
    "InvalidRequestError",
    "NotFoundError",
    "OAuthClientCredentials",
    "OAuthRefreshToken",
    "Page",
    "PaginationError",
    "PaginationLoopError",
    "Paginator",
    "PermissionDeniedError",
    "PoolLimits",
    "PooledTransport",
    "Project",
    "RateLimitError",
    "ResponseDecodeError",
    "ResponseTooLargeError",
    "RetryPolicy",
    "ServerError",
    "Timeouts",
    "TokenExpiredError",
    "TokenRefreshError",
    "UnprocessableEntityError",
    "Usage",
    "WebhookVerificationError",
    "WorkflowFailedError",
    "__version__",
]
EXTRAS = ["aiohttp", "cyclopts", "dotenv", "opentelemetry", "pydantic", "rich", "starlette", "uvicorn"]
HEAVY = [*EXTRAS, "httpcore", "trio"]
VALUES = {"AUTO", "AwareDatetime", "__version__"}


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


@pytest.mark.parametrize("name", sorted(set(PUBLIC) - VALUES))
def test_a_public_name_has_a_docstring(name: str) -> None:
    """Help is where the name is, on each class and on each of its public methods."""
    paths = [path.split(".") for path in documented(name)]
    things = {".".join(path): _follow(path) for path in paths}
    assert [path for path, thing in things.items() if not thing.__doc__] == []


def test_the_version_is_that_of_the_package() -> None:
    """The user agent and ``pip`` speak of the same version."""
    assert cloudplatform_async.__version__ == version("cloudplatform-async")


def test_errors_name_themselves_so() -> None:
    """Every exported exception ends in ``Error`` and has the one base class."""
    kinds = [thing for thing in vars(cloudplatform_async).values() if inspect.isclass(thing)]
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
        import cloudplatform_async; print({{*{HEAVY + garden}}} & (set(sys.modules) - before))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_an_import_leaves_for_later_what_many_programs_never_need() -> None:
    """Cattrs comes with the first model that msgspec cannot decode alone, tenacity with the first failure."""
    code = "import sys, cloudplatform_async; print({'cattrs', 'tenacity'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def _follow(path: list[str]) -> object:
    thing: object = cloudplatform_async
    for name in path:
        thing = getattr(thing, name)
    return thing
