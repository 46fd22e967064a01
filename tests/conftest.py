"""Fixtures that every test may ask for, and how much of the whole suite the quick tier runs."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
import trustme
from hypothesis import settings

from cloudplatform_async import AsyncClient
from cloudplatform_async._runtime.clock import CLOCK
from tests.blocking.awaited import awaited_client
from tests.connections.servers import HttpxTransport

TESTS = Path(__file__).parent

settings.register_profile("quick", max_examples=20, deadline=None)
settings.register_profile("whole", max_examples=60, deadline=None)
settings.register_profile("thorough", max_examples=20_000, deadline=None)

EVERY_ROW_ON_BOTH_LOOPS = {"runtime"}
"""Rooms whose subject is what the event loops do differently."""
ON_ONE_LOOP = {"cli", "collect", "examples", "mcp", "observability", "sandbox", "security", "webhooks"}
"""Rooms whose tests hardly depend on the event loop."""

OTHER_WAYS = ("trio", "blocking", HttpxTransport)
"""What differs from the usual way, which is the awaited client on asyncio over connections of its own."""


def pytest_configure(config: pytest.Config) -> None:
    """Search properties for longer where slow tests run too; ``--hypothesis-profile`` has the last word."""
    settings.load_profile("quick" if "not slow" in config.option.markexpr else "whole")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run each row of a table the usual way; in the quick tier one of each test in each of the others."""
    seen: set[tuple[str, object]] = set()
    for item in sorted(items, key=lambda item: item.nodeid):  # not as shuffled: the same rows in each run
        if not isinstance(item, pytest.Function) or item.get_closest_marker("slow"):
            continue
        if (way := _other_way(item)) is None:
            continue
        room = item.path.relative_to(TESTS).parts[0]
        test = item.nodeid.partition("[")[0]
        if (room in ON_ONE_LOOP and way is not HttpxTransport) or (
            (test, way) in seen and room not in EVERY_ROW_ON_BOTH_LOOPS
        ):
            item.add_marker(pytest.mark.slow)
        seen.add((test, way))


def _other_way(item: pytest.Function) -> object:
    """Give what a test runs on, if it is not the awaited client with connections of its own on asyncio."""
    if TESTS not in item.path.parents or not hasattr(item, "callspec"):
        return None
    params = item.callspec.params
    found = [params.get(name) for name in ("anyio_backend", "client_class", "transport_class")]
    return next((way for way in OTHER_WAYS if way in found), None)


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Every async test runs on both event loops."""
    return str(request.param)


@pytest.fixture
def client_class(request: pytest.FixtureRequest) -> type[AsyncClient]:
    """Tests of what both clients promise run with each, see ``over_both_clients``."""
    return AsyncClient if request.param == "awaited" else cast("type[AsyncClient]", awaited_client)


@pytest.fixture(autouse=True, scope="session")
def _heeded_interrupts() -> Iterator[None]:
    """A run in a shell's background ignores Ctrl-C, and so would all that tests interrupt."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True, scope="session")
def _few_authorities(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A client of httpx loads who is trusted, also for plain HTTP: one authority instead of 20 ms of them."""
    path = tmp_path_factory.mktemp("tls") / "authority.pem"
    trustme.CA().cert_pem.write_to_path(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(path))
        yield


@pytest.fixture(autouse=True)
def _own_clock() -> Iterator[None]:
    """A clock that one test sets is not the next one's."""
    before = CLOCK.process
    yield
    CLOCK.process = before
