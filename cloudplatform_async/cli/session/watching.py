"""Transports for people who want to see: one tells each attempt, one shows the request and sends nothing."""

import shlex
import time
from collections.abc import AsyncIterator, Iterable
from typing import NoReturn

import httpx

from cloudplatform_async import PooledTransport
from cloudplatform_async.cli.errors import NothingSentError
from cloudplatform_async.cli.output.streams import printable, say, write

_CARRIERS = {"x-api-key": "$CLOUD_API_KEY", "authorization": "Bearer $CLOUD_ACCESS_TOKEN"}
_OF_THE_WIRE = frozenset(
    {"host", "content-length", "accept-encoding", "connection", "x-attempt", "user-agent"}
)
_SHOWN = ("x-request-id", "retry-after", "ratelimit-remaining", "ratelimit-reset", "idempotency-replayed")


class Nowhere(httpx.AsyncBaseTransport):
    """Prints the request that would be sent as a curl command, without secrets."""

    async def handle_async_request(self, request: httpx.Request) -> NoReturn:
        """Print it, and end the command.

        Raises:
            NothingSentError: Always.
        """
        write(f"{await as_curl(request)}\n".encode())
        raise NothingSentError


async def as_curl(request: httpx.Request) -> str:
    """Write a request as a command; a secret stands as the variable that holds it.

    Args:
        request: About to be sent.
    """
    parts = ["curl", "-X", request.method, shlex.quote(str(request.url))]
    for name, value in request.headers.items():
        if name.lower() in _CARRIERS:
            parts += ["-H", f'"{name.lower()}: {_CARRIERS[name.lower()]}"']
        elif name.lower() not in _OF_THE_WIRE:
            parts += ["-H", shlex.quote(f"{name}: {value}")]
    if body := await request.aread():
        parts += ["--data-raw", shlex.quote(body.decode("utf-8", "replace"))]
    return printable(" ".join(parts))


class Watched(httpx.AsyncBaseTransport):
    """The pool, telling on stderr what each attempt was, and where its time went."""

    def __init__(self) -> None:
        self._pool = PooledTransport()
        self._idle_since: float | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and tell how it went."""
        begun = time.perf_counter()
        name = f"{request.method} {request.url.raw_path.decode('ascii', 'replace').partition('?')[0]}"
        attempt = f"attempt {request.headers.get('x-attempt', '1')}"
        waited = "" if self._idle_since is None else f", {_ms(begun - self._idle_since)} after the one before"
        say(printable(f"debug: {name} {attempt}{waited}"))
        try:
            response = await self._pool.handle_async_request(request)
        except httpx.HTTPError as error:
            self._idle_since = time.perf_counter()
            spent = _ms(self._idle_since - begun)
            say(printable(f"debug: {name} {attempt}: {type(error).__name__} after {spent}"))
            raise
        headers = " ".join(f"{key}={response.headers[key]}" for key in _SHOWN if key in response.headers)
        answered = time.perf_counter()
        label = f"debug: {name} {attempt}: {response.status_code}, {_ms(answered - begun)} until the answer"
        return httpx.Response(
            response.status_code,
            headers=response.headers.raw,
            stream=_WatchedBody(self, response, printable(label), printable(headers), answered),
            extensions=response.extensions,
        )

    def ended(self) -> None:
        """Remember when the last answer was read, to tell the wait before the next attempt."""
        self._idle_since = time.perf_counter()

    async def aclose(self) -> None:
        """Close the pool."""
        await self._pool.aclose()


class _WatchedBody(httpx.AsyncByteStream):
    def __init__(
        self, owner: Watched, response: httpx.Response, label: str, headers: str, answered: float
    ) -> None:
        self._owner = owner
        self._response = response
        self._told = (label, headers)
        self._answered = answered
        self._size = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        stream = self._response.stream
        chunks = stream if isinstance(stream, httpx.AsyncByteStream) else _empty()
        async for chunk in chunks:
            self._size += len(chunk)
            yield chunk

    async def aclose(self) -> None:
        await self._response.aclose()
        self._owner.ended()
        label, headers = self._told
        seconds = time.perf_counter() - self._answered
        say(f"{label}, {_ms(seconds)} for its {self._size} bytes {headers}".rstrip())


async def _empty() -> AsyncIterator[bytes]:
    for chunk in _NOTHING:
        yield chunk


_NOTHING: Iterable[bytes] = ()


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
