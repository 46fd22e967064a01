"""For tests of code that uses the package: instant waits, and a pytest plugin over the sandbox.

Ask for the fixtures with one line in ``conftest.py``::

    pytest_plugins = ["cloudplatform_async.testing"]

``no_waiting``
    The waits of this test are skipped and recorded: a list of seconds.
``cloud_sandbox``
    A platform in memory, empty and without rate limit; other options of ``Sandbox`` by
    ``@pytest.mark.parametrize("cloud_sandbox", [{"projects": 100}], indirect=True)``.
``cloud_client``
    A client of that platform, with no socket between them; it is closed when the test ends.
"""

import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anyio.lowlevel
import pytest
from attrs import define, field
from msgspec.structs import replace

from cloudplatform_async import AsyncClient
from cloudplatform_async._runtime.clock import CLOCK

if TYPE_CHECKING:
    from cloudplatform_async.sandbox import Sandbox


@define
class _SkippedTime:
    """A clock that goes as the real one, and jumps over each wait."""

    waits: list[float] = field(factory=list[float])
    _skipped: float = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self._skipped

    def wall(self) -> float:
        return time.time() + self._skipped

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        end = self.monotonic() + seconds
        await anyio.lowlevel.checkpoint()
        self._skipped += max(0.0, end - self.monotonic())  # waits side by side take the longest of them


@contextmanager
def no_waiting() -> Generator[list[float], None, None]:
    """Make every wait of the package instant: backoff, ``Retry-After``, a closed rate limit, polling.

    Skipped time counts against the deadlines of calls, so that what would be given up is given up
    here too. It holds for the whole process, tasks and threads that run already included.

    Yields:
        The waits so far, in seconds, in the order in which they began.

    Example:
        >>> async def flaky(sandbox):
        ...     sandbox.faults.add(status=503, times=2)
        ...     async with AsyncClient(
        ...         base_url=sandbox.base_url, api_key=sandbox.api_key, transport=sandbox.transport()
        ...     ) as client:
        ...         with no_waiting() as waits:
        ...             await client.projects.list()
        ...     return len(waits)
        >>> from cloudplatform_async.sandbox import Sandbox
        >>> anyio.run(flaky, Sandbox())
        2
    """
    skipping = _SkippedTime()
    before = CLOCK.process
    CLOCK.process = replace(before, monotonic=skipping.monotonic, wall=skipping.wall, sleep=skipping.sleep)
    try:
        yield skipping.waits
    finally:
        CLOCK.process = before


@pytest.fixture(name="no_waiting")
def _no_waiting() -> Generator[list[float], None, None]:
    """The waits of this test, skipped and recorded: a list of seconds."""
    with no_waiting() as waits:
        yield waits


@pytest.fixture
def cloud_sandbox(request: pytest.FixtureRequest) -> "Sandbox":
    """A platform in memory; ``with cloud_sandbox:`` also serves it over HTTP on the loopback."""
    from cloudplatform_async.sandbox import Sandbox

    options: dict[str, Any] = {"rate_limit": None, **getattr(request, "param", {})}
    return Sandbox(**options)


@pytest.fixture
def cloud_client(cloud_sandbox: "Sandbox") -> Generator[AsyncClient, None, None]:
    """A client of ``cloud_sandbox``, for one test on any event loop."""
    client = AsyncClient(
        base_url=cloud_sandbox.base_url, api_key=cloud_sandbox.api_key, transport=cloud_sandbox.transport()
    )
    yield client
    with ThreadPoolExecutor(1) as thread:  # in this one the test's own loop may be at rest
        thread.submit(anyio.run, client.aclose).result()
