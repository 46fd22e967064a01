"""The rows of the tables: each client with its own defaults, a get, and a walk through a list."""

import asyncio
import json
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import machine
from attrs import frozen

OURS = "cloudplatform-async"
UVLOOP = "cloudplatform-async, uvloop"
BARE = "aiohttp, bare"
SKETCH = "httpx, connections alone"
PEERS = ("openai", "openai, aiohttp", "cloudflare", "stripe")

Rows = Callable[[int], Awaitable[AsyncIterable[Any]]]
Ahead = Callable[[int, int], AsyncIterable[Any]]


@frozen
class Session:
    """An open client.

    Attributes:
        get: Fetches one object.
        rows: Begins a walk through a list, with this many rows a page; ``None`` where there is none.
        ahead: Begins one with this many rows a page, and this many pages fetched ahead; ours alone can.
    """

    get: Callable[[], Awaitable[Any]]
    rows: Rows | None = None
    ahead: Ahead | None = None


@frozen
class Client:
    """A row of the tables.

    Attributes:
        needs: Distributions that must be installed.
        session: Opens it on a server's URL.
        imports: Statement that a program begins with, which is timed, if any.
        walks: Whether it gives typed rows.
        loop: Module whose ``new_event_loop`` makes its event loop.
    """

    needs: tuple[str, ...]
    session: Callable[[str], AbstractAsyncContextManager[Session]]
    imports: str | None = None
    walks: bool = True
    loop: str = "asyncio"

    @property
    def missing(self) -> list[str]:
        """Distributions that are not installed."""
        found = machine.versions(self.needs)
        return [name for name in self.needs if name not in found]


@asynccontextmanager
async def _ours(url: str) -> AsyncIterator[Session]:
    from cloudplatform_async import AsyncClient

    async with AsyncClient(base_url=f"{url}/v1", api_key="key") as client:
        yield _session_of(client)


def _session_of(client: Any) -> Session:
    async def rows(size: int) -> AsyncIterable[Any]:
        walk: AsyncIterable[Any] = client.projects.iter_all(page_size=size)
        return walk

    def ahead(size: int, pages: int) -> AsyncIterable[Any]:
        walk: AsyncIterable[Any] = client.projects.iter_all(page_size=size, ahead=pages)
        return walk

    return Session(lambda: client.projects.get("prj_0000001"), rows, ahead)


@asynccontextmanager
async def _openai(url: str, **options: Any) -> AsyncIterator[Session]:
    from openai import AsyncOpenAI

    async def rows(size: int) -> AsyncIterable[Any]:
        return client.files.list(limit=size)

    async with AsyncOpenAI(base_url=f"{url}/openai", api_key="key", **options) as client:
        yield Session(lambda: client.models.retrieve("model-0000001"), rows)


@asynccontextmanager
async def _openai_aiohttp(url: str) -> AsyncIterator[Session]:
    from openai import DefaultAioHttpClient

    async with _openai(url, http_client=DefaultAioHttpClient()) as session:
        yield session


@asynccontextmanager
async def _cloudflare(url: str) -> AsyncIterator[Session]:
    from cloudflare import AsyncCloudflare

    async def rows(size: int) -> AsyncIterable[Any]:
        return client.accounts.list(per_page=size)

    async with AsyncCloudflare(base_url=f"{url}/cloudflare", api_token="key") as client:
        yield Session(lambda: client.accounts.get(account_id="acc0000001"), rows)


@asynccontextmanager
async def _stripe(url: str) -> AsyncIterator[Session]:
    from stripe import StripeClient

    client = StripeClient("sk_test_key", base_addresses={"api": url})

    async def rows(size: int) -> AsyncIterable[Any]:
        return (await client.v1.customers.list_async({"limit": size})).auto_paging_iter()

    yield Session(lambda: client.v1.customers.retrieve_async("cus_0000001"), rows)


@asynccontextmanager
async def _httpx(url: str) -> AsyncIterator[Session]:
    import httpx

    async def get() -> Any:
        return (await client.get(f"{url}/v1/projects/prj_0000001")).json()

    async with httpx.AsyncClient() as client:
        yield Session(get)


@asynccontextmanager
async def _connections(url: str) -> AsyncIterator[Session]:
    """Sketch a pool like ours with nothing around it: no retries, no deadline, no model."""
    import httpx

    idle: list[httpx.AsyncHTTPTransport] = []
    permits, one = asyncio.Semaphore(100), httpx.Limits(max_connections=1, max_keepalive_connections=1)
    target, tls = httpx.URL(f"{url}/v1/projects/prj_0000001"), httpx.create_ssl_context()
    headers = httpx.Headers({"host": target.netloc.decode(), "x-api-key": "key"})
    extensions = {"timeout": {"connect": 5.0, "read": 30.0, "write": 30.0, "pool": 30.0}}

    async def get() -> Any:
        async with permits:
            connection = idle.pop() if idle else httpx.AsyncHTTPTransport(verify=tls, limits=one)
            request = httpx.Request("GET", target, headers=headers, extensions=extensions)
            body = await (await connection.handle_async_request(request)).aread()
            idle.append(connection)
        return json.loads(body)

    yield Session(get)
    for connection in idle:
        await connection.aclose()


@asynccontextmanager
async def _aiohttp(url: str) -> AsyncIterator[Session]:
    import aiohttp

    async def get() -> Any:
        async with client.get(f"{url}/v1/projects/prj_0000001") as response:
            return await response.json()

    async with aiohttp.ClientSession() as client:
        yield Session(get)


@asynccontextmanager
async def _floor(url: str) -> AsyncIterator[Session]:
    from floor import FloorClient

    async with FloorClient(f"{url}/v1/projects/prj_0000001") as client:
        yield Session(client.get)


CLIENTS = {
    OURS: Client(("cloudplatform-async",), _ours, "from cloudplatform_async import AsyncClient"),
    UVLOOP: Client(("cloudplatform-async", "uvloop"), _ours, loop="uvloop"),
    "openai": Client(("openai",), _openai, "from openai import AsyncOpenAI"),
    "openai, aiohttp": Client(("openai", "aiohttp"), _openai_aiohttp),
    "cloudflare": Client(("cloudflare",), _cloudflare, "from cloudflare import AsyncCloudflare"),
    "stripe": Client(("stripe", "httpx"), _stripe, "from stripe import StripeClient"),
    "httpx, bare": Client(("httpx",), _httpx, "from httpx import AsyncClient", walks=False),
    SKETCH: Client(("httpx",), _connections, walks=False),
    BARE: Client(("aiohttp",), _aiohttp, "from aiohttp import ClientSession", walks=False),
    "floor (httptools)": Client(("httptools",), _floor, walks=False),
}
"""In the order of the tables; names are what ``--clients`` takes."""
