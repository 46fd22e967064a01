"""The blocking client: one `AsyncClient` behind a portal, with the same names and no `await`."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from inspect import getattr_static
from os import PathLike
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar, Unpack, cast, overload

import httpx

from cloudplatform_async import (
    AUTO,
    APIResponse,
    AsyncClient,
    CallOptions,
    ClientStatistics,
    IdempotencyKey,
    KeySource,
    Omit,
    PoolLimits,
    Query,
    RetryPolicy,
    SharedLimit,
    Timeouts,
    TokenSource,
)
from cloudplatform_async.blocking.portal import CLOSED_BY, Portal
from cloudplatform_async.blocking.resources import (
    BlockingEvents,
    BlockingProjects,
    BlockingUsage,
    BlockingWorkflows,
)
from cloudplatform_async.blocking.walks import Walk

T = TypeVar("T")
_State = dict[str, object]


class _Behind(AsyncClient):
    """The awaited client behind a blocking one, in whose name it speaks."""

    _closed_by = CLOSED_BY

    def __repr__(self) -> str:
        return super().__repr__().replace(type(self).__name__, "Client")


def _state_of(client: object) -> Iterator[tuple[str, object]]:
    """Give what a view keeps: attributes and slots, without cached properties, which speak for the client."""
    state = cast("_State | tuple[_State | None, _State]", object.__getstate__(client))
    for part in state if isinstance(state, tuple) else (state,):
        for name, value in (part or {}).items():
            if not isinstance(getattr_static(type(client), name, None), cached_property):
                yield name, value


class Client:
    """The Cloud API for code without an event loop: scripts, Django, notebooks, Celery.

    The arguments, resources, errors and promises are those of ``AsyncClient``. Its calls run on an
    event loop in one thread, which begins with the first call; any number of threads may use the
    client at once. Ctrl-C ends a call that waits, and cancels it. Close it with ``with`` or ``close()``.

    Raises:
        ConfigurationError: As ``AsyncClient`` does.
        ClientStateError: By any call where an event loop runs already, and after a fork.

    Example:
        >>> with Client(api_key="cp_live_…") as client:  # doctest: +SKIP
        ...     for project in client.projects.iter_all():
        ...         print(project.name)
    """

    # On the class their classes, so that mocks with a specification know their methods.
    projects: BlockingProjects = cast("BlockingProjects", BlockingProjects)
    usage: BlockingUsage = cast("BlockingUsage", BlockingUsage)
    workflows: BlockingWorkflows = cast("BlockingWorkflows", BlockingWorkflows)
    events: BlockingEvents = cast("BlockingEvents", BlockingEvents)

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
        proxy: str | httpx.URL | None = None,
        headers: Mapping[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        observers: Sequence[object] | None = (),
        max_response_bytes: int = 64 * 2**20,
        shared_limit: SharedLimit | None = None,
    ) -> None:
        client = _Behind(
            api_key=api_key,
            access_token=access_token,
            base_url=base_url,
            env_file=env_file,
            timeout=timeout,
            retries=retries,
            limits=limits,
            proxy=proxy,
            headers=headers,
            transport=transport,
            observers=observers,
            max_response_bytes=max_response_bytes,
            shared_limit=shared_limit,
        )
        self._is_view = False
        self._move_in(client, Portal(client))

    def _move_in(self, client: AsyncClient, portal: Portal) -> None:
        self._client = client
        self._portal = portal
        self.projects = BlockingProjects(portal, client.projects)
        self.usage = BlockingUsage(portal, client.usage)
        self.workflows = BlockingWorkflows(portal, client.workflows)
        self.events = BlockingEvents(portal, client.events)

    def with_options(
        self,
        *,
        timeout: Timeouts | float | None = None,
        retries: RetryPolicy | int | None = None,
        access_token: TokenSource | Omit | None = None,
        api_key: KeySource | Omit | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Self:
        """Make a view of this client with other options; the arguments are those of ``AsyncClient``."""
        view = object.__new__(type(self))
        for name, value in _state_of(self):
            object.__setattr__(view, name, value)
        view._is_view = True
        options = self._client.with_options(
            timeout=timeout, retries=retries, access_token=access_token, api_key=api_key, headers=headers
        )
        view._move_in(options, self._portal)
        return view

    @overload
    def request(
        self,
        method: str,
        path: str,
        *,
        params: Query | None = None,
        json: object = None,
        model: type[dict[str, Any]] = dict,
        headers: Mapping[str, str] | None = None,
        idempotency_key: IdempotencyKey = AUTO,
        timeout: Timeouts | float | None = None,
    ) -> APIResponse[dict[str, Any]]: ...

    @overload
    def request(
        self,
        method: str,
        path: str,
        *,
        params: Query | None = None,
        json: object = None,
        model: type[T],
        headers: Mapping[str, str] | None = None,
        idempotency_key: IdempotencyKey = AUTO,
        timeout: Timeouts | float | None = None,
    ) -> APIResponse[T]: ...

    @overload
    def request(
        self,
        method: str,
        path: str,
        *,
        params: Query | None = None,
        json: object = None,
        model: None,
        headers: Mapping[str, str] | None = None,
        idempotency_key: IdempotencyKey = AUTO,
        timeout: Timeouts | float | None = None,
    ) -> APIResponse[None]: ...

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Query | None = None,
        json: object = None,
        model: Any = dict,  # the overloads say what comes of it
        headers: Mapping[str, str] | None = None,
        idempotency_key: IdempotencyKey = AUTO,
        timeout: Timeouts | float | None = None,
    ) -> APIResponse[Any]:
        """Call any endpoint, with every promise kept; the arguments are those of ``AsyncClient.request``."""
        call: Callable[..., Awaitable[APIResponse[Any]]] = self._client.request
        return self._portal.call(
            partial(
                call,
                method,
                path,
                params=params,
                json=json,
                model=model,
                headers=headers,
                idempotency_key=idempotency_key,
                timeout=timeout,
            )
        )

    @overload
    def iter_all(
        self,
        path: str,
        *,
        model: type[dict[str, Any]] = dict,
        params: Query | None = None,
        page_size: int | None = 100,
        max_items: int | None = None,
        ahead: int = 1,
        resume_from: str | None = None,
        **options: Unpack[CallOptions],
    ) -> Walk[dict[str, Any]]: ...

    @overload
    def iter_all(
        self,
        path: str,
        *,
        model: type[T],
        params: Query | None = None,
        page_size: int | None = 100,
        max_items: int | None = None,
        ahead: int = 1,
        resume_from: str | None = None,
        **options: Unpack[CallOptions],
    ) -> Walk[T]: ...

    def iter_all(
        self,
        path: str,
        *,
        model: Any = dict,  # the overloads say what comes of it
        params: Query | None = None,
        page_size: int | None = 100,
        max_items: int | None = None,
        ahead: int = 1,
        resume_from: str | None = None,
        **options: Unpack[CallOptions],
    ) -> Walk[Any]:
        """Walk any list that the platform has; the arguments are those of ``AsyncClient.iter_all``."""
        walk = self._client.iter_all(
            path,
            model=model,
            params=params,
            page_size=page_size,
            max_items=max_items,
            ahead=ahead,
            resume_from=resume_from,
            **options,
        )
        return Walk(self._portal, walk)

    def statistics(self) -> ClientStatistics:
        """Take a snapshot of what the client and its views have done and are doing."""
        return self._client.statistics()

    def close(self) -> None:
        """End calls under way with an error, all connections, and the thread; of a view nothing."""
        if not self._is_view:
            self._portal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return repr(getattr(self, "_client", "<Client unfinished>"))

    def __reduce__(self) -> NoReturn:
        raise TypeError("A Client holds connections and secrets; make a new one where it is needed.")
