"""An endpoint on this machine for the deliveries of one subscription."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio
import httpx
import uvicorn
from attrs import define, field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cloudplatform_async import (
    APIStatusError,
    AsyncClient,
    ConfigurationError,
    NotFoundError,
    WebhookVerificationError,
    WebhookVerifier,
)
from cloudplatform_async.cli.output.streams import OutputError, printable, say
from cloudplatform_async.cli.session.profiles import replace_file

if TYPE_CHECKING:
    from cloudplatform_async.cli.output.formats import Writer

_MOST = 2**20
_SECONDS = 10.0
_LAST_SECONDS = 5.0
_NO_SUCH_THING = frozenset({404, 405, 501})
_FORWARDED = ("webhook-id", "webhook-timestamp", "webhook-signature", "content-type")


@define(eq=False, kw_only=True)
class Listening:
    """Receives, verifies, prints and forwards.

    Attributes:
        client: Makes and removes the subscription.
        writer: Of the events.
        forward_to: Where genuine deliveries go.
        types: Of the events.
    """

    client: AsyncClient
    writer: "Writer"
    forward_to: str | None
    types: tuple[str, ...]
    _failed: "asyncio.Future[None]" = field(init=False)
    _verifier: WebhookVerifier = field(init=False)

    async def run(self, *, port: int, secret_file: Path | None, fallback: Callable[[], str]) -> None:
        """Serve until it is cancelled, or until nobody reads its output.

        Args:
            port: On 127.0.0.1; 0 takes a free one.
            secret_file: Gets the secret.
            fallback: Gives the secret where the platform has no subscriptions.

        Raises:
            ConfigurationError: The port cannot be had.
        """
        self._failed = asyncio.get_running_loop().create_future()
        with _bound(port) as bound:
            url = f"http://127.0.0.1:{bound.getsockname()[1]}/"
            async with self._subscribed(url, fallback) as secret:
                if secret_file is not None:
                    replace_file(secret_file, secret.encode())
                self._verifier = WebhookVerifier(secret)
                async with _serving(Starlette(routes=[Route("/", self.receive, methods=["POST"])]), bound):
                    say(f"Listening on {url} until Ctrl-C.")
                    await self._failed

    @asynccontextmanager
    async def _subscribed(self, url: str, fallback: Callable[[], str]) -> AsyncGenerator[str]:
        """Subscribe, and remove the subscription whatever happens."""
        body = {"url": url, "description": "cloudplatform webhooks listen"}
        wanted = {"types": list(self.types)} if self.types else {}
        try:
            subscription = (await self.client.request("POST", "/webhooks", json={**body, **wanted})).data
        except APIStatusError as error:
            if not isinstance(error, NotFoundError) and error.status_code not in _NO_SUCH_THING:
                raise
            say("The platform has no subscriptions: deliver to the address below.")
            yield fallback()
            return
        try:
            say(f"Subscribed as {printable(str(subscription['id']))}.")
            yield str(subscription["secret"])
        finally:
            with anyio.move_on_after(_LAST_SECONDS, shield=True):
                await self.client.request("DELETE", f"/webhooks/{subscription['id']}", model=None)

    async def receive(self, request: Request) -> Response:
        """Take one delivery: what is not genuine is told and refused."""
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MOST:
                return Response(status_code=413)
        try:
            event = self._verifier.verify(bytes(body), request.headers)
        except WebhookVerificationError as error:
            say(printable(f"refused: {error}"))
            return Response(status_code=400)
        try:
            self.writer.rows([event.to_dict()])
        except (OSError, OutputError) as error:  # nobody reads, or the disk is full
            if not self._failed.done():
                self._failed.set_exception(error)
            return Response(status_code=503)
        return await self._forwarded(bytes(body), request)

    async def _forwarded(self, body: bytes, request: Request) -> Response:
        if self.forward_to is None:
            return Response(status_code=204)
        headers = {name: request.headers[name] for name in _FORWARDED if name in request.headers}
        try:
            async with httpx.AsyncClient(timeout=_SECONDS, trust_env=False) as http:
                answer = await http.post(self.forward_to, content=body, headers=headers)
        except httpx.HTTPError as error:
            say(printable(f"not forwarded: {type(error).__name__}: {error}"))
            return Response(status_code=502)
        if not answer.is_success:
            say(f"not taken: {answer.status_code} from {printable(self.forward_to)}")
        return Response(status_code=answer.status_code)


def check_target(url: str | None) -> None:
    """Check, before anything is sent, that a URL can be forwarded to.

    Raises:
        ConfigurationError: It cannot.
    """
    if url is None:
        return
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigurationError("--forward-to takes a URL such as http://127.0.0.1:8000/webhooks.")


class _Server(uvicorn.Server):
    """A server that leaves signals to the program round it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


@asynccontextmanager
async def _serving(app: Starlette, bound: socket.socket) -> AsyncGenerator[None]:
    """Serve on a socket, and end with the deliveries under way."""
    config = uvicorn.Config(
        app, log_level="critical", access_log=False, lifespan="off", timeout_graceful_shutdown=2
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        yield
    finally:
        server.should_exit = True
        with anyio.CancelScope(shield=True):
            await task


@contextlib.contextmanager
def _bound(port: int) -> Generator[socket.socket]:
    try:
        bound = socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise ConfigurationError(f"Port {port} cannot be had ({error.strerror}): choose another.") from None
    with bound:
        yield bound
