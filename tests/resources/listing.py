"""A list on the wire: it counts what is asked for, holds answers back, and misbehaves on demand."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal

import anyio
import anyio.lowlevel
import httpx
from anyio import to_thread
from attrs import define, field

from cloudplatform_async import AsyncClient, Paginator, Project, RetryPolicy
from cloudplatform_async._runtime.event_loop import running_asyncio_loop

Paging = Literal["page", "cursor", "link"]
PAGINGS: tuple[Paging, ...] = ("page", "cursor", "link")
ORIGIN = "https://api.cloudplatform.dev"


@define(eq=False)
class Gate:
    """An event for whoever waits in the event loop of this thread, or of another."""

    is_set: bool = False
    _wake: list[Callable[[], object]] = field(factory=list)

    async def wait(self) -> None:
        """Wait until it is set."""
        event, loop = anyio.Event(), running_asyncio_loop()
        self._wake.append(event.set if loop is None else partial(loop.call_soon_threadsafe, event.set))
        if not self.is_set:
            await event.wait()

    def set(self) -> None:
        """Let everybody through, from now on."""
        self.is_set = True
        for wake in self._wake:
            wake()


@define(eq=False)
class Listing(httpx.AsyncBaseTransport):
    """A transport that serves one list, and refuses to serve any other origin.

    Attributes:
        ids: Of the items, in order; a test may change them on the way.
        paging: How the list goes on.
        limit: Most items of a page.
        scripted: Answers for single pages, by number.
        gates: Pages that wait until their gate is set.
        asked: Numbers of the pages that were asked for, in order of arrival.
        under_way: Requests being served now.
        most: Most requests that were served at the same time.
        is_closed: The client has closed its transport.
        loop: Of asyncio, in which it was asked last; a blocking client has one of its own.
    """

    ids: list[str]
    paging: Paging = "page"
    limit: int = 10
    scripted: dict[int, Callable[[], httpx.Response]] = field(factory=dict)
    gates: dict[int, Gate] = field(factory=dict)
    asked: list[int] = field(factory=list)
    under_way: int = 0
    most: int = 0
    is_closed: bool = False
    loop: asyncio.AbstractEventLoop | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Serve one page."""
        assert str(request.url).startswith(ORIGIN)
        params = request.url.params
        number = int(params.get("page") or params.get("cursor", "c1").removeprefix("c"))
        self.asked.append(number)
        self.loop = running_asyncio_loop()
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            return await self._answer(number, int(params.get("limit", self.limit)))
        finally:
            self.under_way -= 1

    async def aclose(self) -> None:
        """Take note."""
        self.is_closed = True

    async def _answer(self, number: int, limit: int) -> httpx.Response:
        for _ in range(3):
            await anyio.lowlevel.checkpoint()
        if number in self.gates:
            await self.gates[number].wait()
        if number in self.scripted:
            return self.scripted[number]()
        return self.page(number, min(limit, self.limit))

    def page(self, number: int, limit: int) -> httpx.Response:
        """The honest answer."""
        rows = self.ids[(number - 1) * limit : number * limit]
        is_last = number * limit >= len(self.ids)
        more: dict[Paging, dict[str, Any]] = {
            "page": {"pagination": {"page": number, "limit": limit, "total": len(self.ids)}},
            "cursor": {"meta": {"next_cursor": None if is_last else f"c{number + 1}"}},
            "link": {}
            if is_last
            else {"links": {"next": f"{ORIGIN}/v1/projects?page={number + 1}&limit={limit}"}},
        }
        return answer(rows, **more[self.paging])


def answer(ids: list[str], **more: Any) -> httpx.Response:
    """A page with these items."""
    return httpx.Response(200, json={"data": [{"id": each, "name": each} for each in ids], **more})


def names(count: int) -> list[str]:
    """Ids of so many items."""
    return [f"prj_{number:04}" for number in range(count)]


def client_of(
    transport: httpx.AsyncBaseTransport, client_class: type[AsyncClient] = AsyncClient, **options: Any
) -> AsyncClient:
    """A client that speaks over this transport, and does not wait between attempts."""
    settings: Mapping[str, Any] = {"api_key": "key", "retries": RetryPolicy(base=0, max_retries=0), **options}
    return client_class(transport=transport, **settings)


async def read(walk: Paginator[Project], ids: list[str]) -> None:
    """Consume a walk item by item, and keep what was handed out even where it ends with an error."""
    async for item in walk:
        ids.append(item.id)  # noqa: PERF401 - a comprehension would keep nothing of a walk that fails


async def settle(listing: Listing | None = None) -> None:
    """Let every task run until it waits for something that only the test can give.

    Those of a blocking client too, where its list is named.
    """
    await turns()
    if listing is not None and listing.loop not in (None, running_asyncio_loop()):
        await to_thread.run_sync(asyncio.run_coroutine_threadsafe(turns(), listing.loop).result)


async def turns() -> None:
    """Give the other tasks of this event loop a hundred turns."""
    for _ in range(100):
        await anyio.lowlevel.checkpoint()
