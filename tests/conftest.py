"""Fixtures that every test may ask for, and how long properties are searched."""

import signal
from collections.abc import Iterator
from typing import cast

import pytest
from hypothesis import settings

from cloudplatform_async import AsyncClient
from cloudplatform_async._runtime.clock import CLOCK
from tests.blocking.awaited import awaited_client

settings.register_profile("quick", max_examples=60, deadline=None)
settings.register_profile("thorough", max_examples=20_000, deadline=None)
settings.load_profile("quick")


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


@pytest.fixture(autouse=True)
def _own_clock() -> Iterator[None]:
    """A clock that one test sets is not the next one's."""
    before = CLOCK.get()
    yield
    CLOCK.reset(before)
