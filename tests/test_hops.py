"""How far a reader has to walk: files and functions of ours that one warm call enters."""

import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.trace import NoOpTracerProvider

import cloudplatform_async
from cloudplatform_async import AsyncClient
from cloudplatform_async.observability import OpenTelemetryObserver, RetryScheduled
from tests.connections.servers import Server, send

ROOT = str(Path(cloudplatform_async.__file__).parent)
PAGE = b'{"data": [{"id": "a", "name": "a"}], "meta": {"page": 1, "limit": 1, "total": 1}}'
PROJECT = b'{"id": "prj", "name": "n"}'

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ["asyncio"])]


async def entered(call: Callable[[], Awaitable[Any]]) -> tuple[int, int]:
    """Count files and functions of ours, the ones that asyncio calls included."""
    codes: set[CodeType] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(ROOT):
            codes.add(frame.f_code)

    await call()
    sys.setprofile(note)
    try:
        await call()
    finally:
        sys.setprofile(None)
    return len({code.co_filename for code in codes}), len(codes)


@asynccontextmanager
async def client_of(body: bytes, observers: Sequence[object] = ()) -> AsyncGenerator[AsyncClient, None]:
    with Server(send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))) as server:
        async with AsyncClient(base_url=f"{server.url}/v1", api_key="k", observers=observers) as client:
            yield client


async def test_a_warm_get_enters_few_files_and_functions() -> None:
    """At most 20 files and 65 functions."""
    async with client_of(PROJECT) as client:
        files, functions = await entered(lambda: client.projects.get("prj"))
    assert files <= 20
    assert functions <= 65


async def test_observers_that_follow_no_call_add_next_to_nothing() -> None:
    """One of retries alone adds nothing; OpenTelemetry without an SDK is asked whether there is one."""

    class Retries:
        def retry_scheduled(self, event: RetryScheduled) -> None: ...

    idle = OpenTelemetryObserver(NoOpTracerProvider(), NoOpMeterProvider())
    entered_by = []
    for observers in ([], [Retries()], [idle]):
        async with client_of(PROJECT, observers=observers) as client:
            _, functions = await entered(lambda client=client: client.projects.get("prj"))
            entered_by.append(functions)
    plain, retries, opentelemetry = entered_by
    assert retries == plain
    assert opentelemetry <= plain + 4  # asked by whom, asked, and a look at each of the two providers


async def test_a_page_with_one_ahead_enters_few_files() -> None:
    """At most 28."""
    async with client_of(PAGE) as client:
        files, _ = await entered(lambda: client.projects.iter_all(ahead=1).collect())
    assert files <= 28
