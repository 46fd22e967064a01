"""The client: opens and closes the house, one attribute a resource."""

import warnings
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from os import PathLike
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar

from anyio import CancelScope
from httpx import URL, AsyncBaseTransport

from cloudplatform_async._calls.messages import Messages
from cloudplatform_async._calls.sender import Sender
from cloudplatform_async._calls.state import SharedState
from cloudplatform_async._connections.transport import PooledTransport
from cloudplatform_async._oauth.authentication import Authentication
from cloudplatform_async._protocol.encoding import checked_headers
from cloudplatform_async._protocol.rate_limits import SharedLimit
from cloudplatform_async.credentials import KeySource, TokenSource
from cloudplatform_async.environment import choose_base_url, choose_credentials, read_environment
from cloudplatform_async.errors import ConfigurationError
from cloudplatform_async.resources.any_endpoint import AnyEndpoint
from cloudplatform_async.resources.attribute import ResourceAttribute, copied
from cloudplatform_async.resources.events import Events
from cloudplatform_async.resources.projects import Projects
from cloudplatform_async.resources.usage import UsageMetrics
from cloudplatform_async.resources.workflows import Workflows
from cloudplatform_async.settings import (
    Omit,
    PoolLimits,
    RetryPolicy,
    Timeouts,
    checked_bytes,
)
from cloudplatform_async.statistics import ClientStatistics

T = TypeVar("T")


class AsyncClient(AnyEndpoint):
    """The Cloud API for asyncio and trio.

    One client serves any number of tasks of one event loop. Close it with ``async with`` or
    ``await client.aclose()``.

    Args:
        api_key: Key, or a (sync or async) function that gives one for each attempt; else
            ``CLOUD_API_KEY``.
        access_token: Token, function, or OAuth object; else ``CLOUD_ACCESS_TOKEN``. Either credential
            given here switches off both that stand in the environment and the env file.
        base_url: Ends in a version; else ``CLOUD_API_BASE_URL``, else the platform's own.
        env_file: File with the three ``CLOUD_*`` names (extra ``dotenv``); the environment goes first.
        timeout: Bounds of each call; a number bounds the whole of it, in seconds.
        retries: When failed attempts are tried again; a number is the most retries of one call.
        limits: Of the default transport's connections.
        proxy: URL of the default transport's proxy for every request; else that of the environment.
        headers: Sent with every call.
        transport: Any httpx transport instead; the client owns and closes it.
        observers: Told of what happens in calls; objects with any of the methods of
            ``cloudplatform_async.observability.Observer``.
        max_response_bytes: Most bytes of one answer, counted after decompression.
        shared_limit: A rate limit kept with other processes, such as ``collect.RedisLimit``.

    Raises:
        ConfigurationError: With a message that names the setting to change.
        InvalidRequestError: For headers that are the client's own, or cannot be sent.

    Example:
        >>> async with AsyncClient(api_key="cp_live_…") as client:  # doctest: +SKIP
        ...     async for project in client.projects.iter_all():
        ...         print(project.name)
    """

    projects: ResourceAttribute[Projects] = ResourceAttribute(Projects)
    usage: ResourceAttribute[UsageMetrics] = ResourceAttribute(UsageMetrics)
    workflows: ResourceAttribute[Workflows] = ResourceAttribute(Workflows)
    events: ResourceAttribute[Events] = ResourceAttribute(Events)
    _closed_by = "`async with` or aclose()"  # as the warning names it, where nobody has

    def __init__(
        self,
        *,
        api_key: KeySource | None = None,
        access_token: TokenSource | None = None,
        base_url: str | None = None,
        env_file: str | PathLike[str] | None = None,
        timeout: Timeouts | float | None = None,
        retries: RetryPolicy | int | None = None,
        limits: PoolLimits | None = None,
        proxy: str | URL | None = None,
        headers: Mapping[str, str] | None = None,
        transport: AsyncBaseTransport | None = None,
        observers: Sequence[object] | None = (),
        max_response_bytes: int = 64 * 2**20,
        shared_limit: SharedLimit | None = None,
    ) -> None:
        found = read_environment(env_file)
        credentials = choose_credentials(api_key, access_token, found, base_url=base_url)
        base = choose_base_url(base_url, found)
        limit = checked_bytes("max_response_bytes", max_response_bytes)
        own = checked_headers(headers)
        bounds = _timeouts(timeout) or Timeouts()
        policy = RetryPolicy() if retries is None else RetryPolicy.of(retries)
        state = SharedState.over(
            _transport(transport, limits, proxy),
            observers=() if observers is None else observers,
            shared_limit=shared_limit,
        )
        self._owner: AsyncClient | None = None
        self._sender = Sender(
            state=state,
            authentication=Authentication(
                credentials, state.connections, state.background, state.dispatch.around_token_request
            ),
            messages=Messages(base=base, limit=limit, headers=own),
            timeouts=bounds,
            retries=policy,
        )

    def with_options(
        self,
        *,
        timeout: Timeouts | float | None = None,
        retries: RetryPolicy | int | None = None,
        access_token: TokenSource | Omit | None = None,
        api_key: KeySource | Omit | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Self:
        """Make a view of this client with other options; ``None`` keeps what there is.

        A view is cheap, shares connections, limits and budget with its client, and needs no closing:
        its ``aclose`` does nothing. The view of a subclass is of that subclass, with the same attributes.

        Args:
            timeout: As for the client.
            retries: As for the client.
            access_token: Speak with this token, for calls on behalf of one user; ``OMIT`` with none.
            api_key: Speak with this key; ``OMIT`` with none: a user's token alone, without the service's key.
            headers: Sent with every call, beside those of the client it is made from.

        Raises:
            ConfigurationError: For credentials that are blank or cannot be sent, and where none are left.
            InvalidRequestError: For headers that are the client's own, or cannot be sent.

        Example:
            >>> patient = client.with_options(timeout=300)  # doctest: +SKIP
        """
        sender = self._sender
        authentication = sender.authentication
        if api_key is not None or access_token is not None:
            credentials = authentication.credentials.replaced(api_key, access_token)
            state = sender.state
            authentication = Authentication(
                credentials, state.connections, state.background, state.dispatch.around_token_request
            )
        view = Sender(
            state=sender.state,
            authentication=authentication,
            messages=sender.messages.with_headers(checked_headers(headers)),
            timeouts=_timeouts(timeout) or sender.timeouts,
            retries=sender.retries if retries is None else RetryPolicy.of(retries),
        )
        return copied(self, _owner=self._owner or self, _sender=view)

    @asynccontextmanager
    async def lifespan(self, app: object) -> AsyncGenerator[None]:
        """Open the client with a Starlette or FastAPI application, and close it with it.

        An application may be started again, as tests do with each ``TestClient``: so is the client.

        Args:
            app: The application, which is not looked at.

        Example:
            >>> app = FastAPI(lifespan=client.lifespan)  # doctest: +SKIP
        """
        del app
        if self._owner is None:
            self._sender.state.reopen()
        async with self:
            yield

    def statistics(self) -> ClientStatistics:
        """Take a snapshot of what the client and its views have done and are doing."""
        return self._sender.state.statistics()

    async def aclose(self) -> None:
        """End calls under way with an error, and close all connections; may be called again, or cancelled."""
        if self._owner is None:
            with CancelScope(shield=True):
                await self._sender.state.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        sender = getattr(self, "_sender", None)  # absent where the constructor refused
        return f"<{type(self).__name__} {sender.messages.base if sender else 'unfinished'}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("An AsyncClient holds connections and secrets; make a new one where it is needed.")

    def __del__(self) -> None:
        sender = getattr(self, "_sender", None)
        if sender is not None and self._owner is None and not sender.state.closed:
            text = f"{self!r} was never closed; use {self._closed_by}."
            warnings.warn(text, ResourceWarning, stacklevel=1, source=self)


def _transport(
    transport: AsyncBaseTransport | None, limits: PoolLimits | None, proxy: str | URL | None
) -> AsyncBaseTransport:
    if transport is None:
        return PooledTransport(limits=_instance("limits", limits, PoolLimits), proxy=proxy)
    if limits is not None or proxy is not None:
        raise ConfigurationError(
            "limits= and proxy= are the default transport's; give them to your own transport=."
        )
    return transport


def _timeouts(value: Timeouts | float | None) -> Timeouts | None:
    return None if value is None else Timeouts.of(value)


def _instance(name: str, value: Any, kind: type[T]) -> T:
    if value is not None and not isinstance(value, kind):
        raise ConfigurationError(f"{name} must be a {kind.__name__}, not {type(value).__name__}.")
    return kind() if value is None else value
