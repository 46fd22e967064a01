"""For tests of code that uses the package: instant waits, and a pytest plugin over the sandbox.

Ask for the fixtures with one line in ``conftest.py``::

    pytest_plugins = ["cloudplatform_async.testing"]

``no_waiting``
    The waits of this test are skipped and recorded: a list of seconds. The sandbox's clock goes along.
``cloud_sandbox``
    A platform in memory, empty and without rate limit; other options of ``Sandbox`` by
    ``@pytest.mark.parametrize("cloud_sandbox", [{"projects": 100}], indirect=True)``.
``cloud_client``
    A client of that platform, with no socket between them; it is closed when the test ends.
``cloud_faults``
    The script of that platform's misbehaviour: ``cloud_faults.add(status=503, times=2)``.
``cloud_webhooks``
    An endpoint on the loopback that is subscribed to all events of that platform, and keeps those of
    genuine deliveries: see ``WebhookEndpoint``.
``cloud_vcr_config``
    What vcrpy and pytest-recording need to know so that no cassette holds a credential.

PYTEST_DONT_REWRITE: it has no assertions, and may so be imported before pytest loads it as a plugin.
"""

import re
import sys
import time
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import anyio.lowlevel
import pytest
from attrs import define, field
from msgspec.structs import replace

from cloudplatform_async import AsyncClient, Event, WebhookVerifier
from cloudplatform_async._runtime.clock import CLOCK

if TYPE_CHECKING:
    from cloudplatform_async.sandbox import Sandbox
    from cloudplatform_async.sandbox.serving.faults import Faults

T = TypeVar("T")

_SECRET_FIELDS = re.compile(rb'("(?:access_token|refresh_token|id_token|secret)"\s*:\s*)"(?:[^"\\]|\\.)*"')
_LOOK = 0.005  # real seconds between two looks for a delivery
_SKIPPED = 0.1  # seconds that are skipped with each of them, where waits are skipped


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
        self.skip(end - self.monotonic())  # waits side by side take the longest of them

    def skip(self, seconds: float) -> None:
        self._skipped += max(0.0, seconds)


_skipping: list[_SkippedTime] = []  # nested blocks, the innermost last


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
    _skipping.append(skipping)
    try:
        with _sandboxes_follow(skipping.wall):
            yield skipping.waits
    finally:
        _skipping.pop()
        CLOCK.process = before


@contextmanager
def _sandboxes_follow(wall: Callable[[], float]) -> Generator[None, None, None]:
    """Let the sandboxes of this process have the same time, where there can be any."""
    if "cloudplatform_async.sandbox" not in sys.modules:
        yield
        return
    from cloudplatform_async.sandbox.platform.clock import REAL_TIME

    before, REAL_TIME.now = REAL_TIME.now, wall
    try:
        yield
    finally:
        REAL_TIME.now = before


@pytest.fixture(name="no_waiting")
def _no_waiting() -> Generator[list[float], None, None]:
    """The waits of this test, skipped and recorded: a list of seconds."""
    with no_waiting() as waits:
        yield waits


def _wall() -> float:
    return CLOCK.process.wall()


@pytest.fixture
def cloud_sandbox(request: pytest.FixtureRequest) -> Generator["Sandbox", None, None]:
    """A platform in memory; ``with cloud_sandbox:`` also serves it over HTTP on the loopback."""
    from cloudplatform_async.sandbox import Sandbox

    options: dict[str, Any] = {"rate_limit": None, "clock": _wall, **getattr(request, "param", {})}
    sandbox = Sandbox(**options)
    yield sandbox
    sandbox.stop()


@pytest.fixture
def cloud_client(cloud_sandbox: "Sandbox") -> Generator[AsyncClient, None, None]:
    """A client of ``cloud_sandbox``, for one test on any event loop."""
    client = _client_of(cloud_sandbox)
    yield client
    _run_apart(client.aclose)


@pytest.fixture
def cloud_faults(cloud_sandbox: "Sandbox") -> "Faults":
    """The script of ``cloud_sandbox``'s misbehaviour."""
    return cloud_sandbox.faults


@pytest.fixture
def cloud_webhooks(cloud_sandbox: "Sandbox") -> Generator["WebhookEndpoint", None, None]:
    """An endpoint that is subscribed to all events of ``cloud_sandbox``, and keeps them."""
    from cloudplatform_async.sandbox.serving.server import Server
    from cloudplatform_async.webhooks import receiver

    verifier = WebhookVerifier(cloud_sandbox.webhook_secret, clock=cloud_sandbox.clock)
    events: list[Event] = []

    async def keep(event: Event) -> None:
        events.append(event)

    server = Server(receiver(verifier, keep), 0)
    endpoint = WebhookEndpoint(url=f"http://127.0.0.1:{server.port}/", events=events)

    async def subscribe() -> None:
        async with _client_of(cloud_sandbox) as client:
            await client.request("POST", "/webhooks", json={"url": endpoint.url})

    try:
        _run_apart(subscribe)
        yield endpoint
    finally:
        cloud_sandbox.stop()  # its sender first, so that nothing is sent to an endpoint that is gone
        server.stop()


@define(eq=False)
class WebhookEndpoint:
    """An endpoint for webhooks that runs beside a test, on a thread of its own.

    Attributes:
        events: Of the deliveries that were genuine by the sandbox's clock, in the order in which they came.
        url: Where deliveries are sent.
    """

    events: list[Event]
    url: str

    async def wait_for(self, type: str, *, timeout: float = 5.0) -> Event:  # noqa: A002 - the platform's own word
        """Wait until an event of a type was delivered; where waits are skipped, time goes faster meanwhile.

        Args:
            type: Such as ``"workflow.run.succeeded"``.
            timeout: Real seconds to wait at most.

        Returns:
            The first one, also where it came before.

        Raises:
            TimeoutError: None came; the message tells what did.
        """
        with anyio.move_on_after(timeout):
            while True:
                for event in self.events:
                    if event.type == type:
                        return event
                await anyio.sleep(_LOOK)
                for skipping in _skipping[-1:]:
                    skipping.skip(_SKIPPED)
        came = ", ".join(event.type for event in self.events) or "nothing"
        raise TimeoutError(f"No {type} was delivered within {timeout:g} s; what came: {came}.")


@pytest.fixture(scope="session")
def cloud_vcr_config() -> dict[str, Any]:
    """Options of vcrpy under which a cassette holds no credential; return it from your ``vcr_config``."""
    return {
        "filter_headers": [("authorization", "***"), ("x-api-key", "***"), ("cookie", None)],
        "filter_post_data_parameters": [
            (name, "***") for name in ("client_id", "client_secret", "refresh_token")
        ],
        "before_record_response": _without_secrets,
        "decode_compressed_response": True,
    }


def _without_secrets(response: dict[str, Any]) -> dict[str, Any]:
    """Leave out of a recorded answer what its reader could use: tokens, webhook secrets, cookies."""
    response = {**response, "headers": {**response["headers"]}}
    for name in [name for name in response["headers"] if name.lower() == "set-cookie"]:
        del response["headers"][name]
    body = response.get("body", {}).get("string", b"")
    masked = _SECRET_FIELDS.sub(rb'\1"***"', body.encode() if isinstance(body, str) else body)
    return {**response, "body": {"string": masked}}


def _client_of(sandbox: "Sandbox") -> AsyncClient:
    return AsyncClient(base_url=sandbox.base_url, api_key=sandbox.api_key, transport=sandbox.transport())


def _run_apart(function: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run something to its end in another thread: in this one the test's own loop may be at rest."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(anyio.run, function).result()
