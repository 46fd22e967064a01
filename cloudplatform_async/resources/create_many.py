"""Many creates side by side, in order, one failure stopping nothing."""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from functools import partial
from types import TracebackType
from typing import Any, Final, Literal, Self, cast
from uuid import uuid4

import anyio
from msgspec import Struct

from cloudplatform_async._protocol.encoding import whole_number
from cloudplatform_async._protocol.idempotency import AUTO, IdempotencyKey
from cloudplatform_async._runtime.background import Background, Job
from cloudplatform_async._runtime.raised import is_of_user
from cloudplatform_async.errors import (
    ClientStateError,
    CloudPlatformError,
    InvalidRequestError,
    Outcome,
)
from cloudplatform_async.models.projects import Project

Items = Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]]
"""Mappings of the arguments of ``create``."""


class CreateResult(Struct, frozen=True, kw_only=True):
    """What became of one item of ``create_many``.

    Attributes:
        project: That was created; ``None`` where it failed.
        error: Why it failed; ``None`` where it was created.
        outcome: ``"created"``, or the error's: ``"not_sent"``, ``"rejected"``, or ``"unknown"``: it may
            have been created.
        idempotency_key: To create the same item again, in this process or another, and yet only once.
    """

    project: Project | None = None
    error: CloudPlatformError | None = None
    outcome: Literal["created"] | Outcome
    idempotency_key: str | None


_NEEDED: Final = frozenset({"name", "slug"})
_OPTIONAL: Final = frozenset({"labels", "idempotency_key"})

Create = Callable[[object], Awaitable[CreateResult]]


class CreateResults:
    """The results of many creates, in the order of their items, as an async iterator.

    Nothing is sent before the first result is asked for. From then on as many items as the concurrency
    allows are read, created, and held until their results are taken.

    Example:
        >>> async for result in client.projects.create_many(items):  # doctest: +SKIP
        ...     print(result.project or result.error)
    """

    def __init__(self, create: Create, items: Items, concurrency: int, background: Background) -> None:
        self._creation = _Creation(create, items, concurrency, background)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> CreateResult:
        result = await self._creation.next()
        if result is None:
            raise StopAsyncIteration
        return result

    async def aclose(self) -> None:
        """End it: no further item is read, and creates under way are cancelled and waited for."""
        await self._creation.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        self._creation.cancel()


class _Creation:
    """What a feeding job and a consumer share; the job holds this, so that who leaves is missed."""

    def __init__(self, create: Create, items: Items, concurrency: int, background: Background) -> None:
        self._create = create
        self._items = items
        self._concurrency = concurrency
        self._background = background
        self._feeder: Job[None] | None = None
        self._jobs: deque[Job[CreateResult]] = deque()
        self._changed: anyio.Event | None = None
        self._is_taken = self._is_fed = self._is_closed = False

    async def next(self) -> CreateResult | None:
        """Wait for the next result; ``None`` after the last."""
        if self._is_taken:
            raise ClientStateError("Results serve one task at a time.")
        self._is_taken = True
        try:
            return await self._next()
        finally:
            self._is_taken = False

    async def _next(self) -> CreateResult | None:
        if self._feeder is None and not self._is_closed:
            self._feeder = self._background.start(self._feed)
        while not self._jobs:
            if self._is_closed:
                return None
            if self._is_fed and self._feeder is not None:
                await self._feeder.wait()  # raises what the items have raised
                return None
            await self._change()
        job = self._jobs[0]
        await job.ended()
        if not self._jobs:  # closed meanwhile
            return None
        self._jobs.popleft()
        self._tell()
        return await job.wait()

    async def _feed(self) -> None:
        """Read items while there is room, and begin to create each."""
        items = self._items
        try:
            if isinstance(items, AsyncIterable):
                # A generator that is left early ends here and now, not when it is collected.
                async with _closing(items):
                    async for item in items:
                        if not await self._begin(item):
                            break
            else:
                for item in items:
                    if not await self._begin(item):
                        break
        finally:
            self._is_fed = True
            self._tell()

    async def _begin(self, item: object) -> bool:
        """Begin to create an item, and wait for room for the next; ``False`` where none is wanted."""
        if not self._is_closed:
            self._jobs.append(self._background.start(partial(self._create, item)))
            self._tell()
        while len(self._jobs) >= self._concurrency:
            await self._change()
        return not self._is_closed

    async def _change(self) -> None:
        """Wait until a job comes or goes."""
        self._changed = self._changed or anyio.Event()
        await self._changed.wait()

    def _tell(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    def cancel(self) -> list[Job[Any]]:
        """End the feeder and every create; may be called from anywhere, a finalizer included."""
        self._is_closed = self._is_fed = True
        jobs: list[Job[Any]] = [*self._jobs] if self._feeder is None else [self._feeder, *self._jobs]
        self._jobs.clear()
        for job in jobs:
            job.cancel()
        return jobs

    async def aclose(self) -> None:
        """The same, and wait for their ends."""
        for job in self.cancel():
            await job.ended()
        self._tell()


def create_many(
    create: Callable[..., Awaitable[Project]], items: Items, *, concurrency: int, background: Background
) -> CreateResults:
    """Prepare to create each item.

    Args:
        create: Creates one, by the arguments of an item.
        items: Mappings of such arguments.
        concurrency: Most items under way, or waiting for their results to be taken, from 1.
        background: Of the client.

    Raises:
        InvalidRequestError: For items that cannot be read one by one, and a concurrency below 1.
    """
    _check_items(items)
    most = whole_number("concurrency", concurrency, least=1)
    return CreateResults(partial(_create_one, create), items, most, background)


def _check_items(items: object) -> None:
    if isinstance(items, (Mapping, str)) or not isinstance(items, (Iterable, AsyncIterable)):
        kind = "a single mapping" if isinstance(items, Mapping) else repr(items)
        raise InvalidRequestError(f"`items` must be an iterable of mappings, not {kind}.")


def _closing(items: object) -> AbstractAsyncContextManager[object]:
    return aclosing(cast("Any", items)) if isinstance(items, AsyncGenerator) else nullcontext()


async def _create_one(create: Callable[..., Awaitable[Project]], item: object) -> CreateResult:
    key: str | None = str(uuid4())
    try:
        arguments = _arguments(item)
        given: IdempotencyKey = arguments.pop("idempotency_key", AUTO)
        key = key if given is AUTO else given
        project = await create(**arguments, idempotency_key=key)
    except ClientStateError:  # of the client, and of no item
        raise
    except CloudPlatformError as error:
        # One of the user's function tells of another call: a request of this one may have been before it.
        outcome = "unknown" if is_of_user(error) else error.outcome
        return CreateResult(error=error, outcome=outcome, idempotency_key=key)
    return CreateResult(project=project, outcome="created", idempotency_key=key)


def _arguments(item: object) -> dict[str, Any]:
    if not isinstance(item, Mapping):
        raise InvalidRequestError(f"An item must be a mapping of create's arguments, not {item!r}.")
    arguments: dict[str, Any] = {
        str(name): value for name, value in cast("Mapping[object, Any]", item).items()
    }
    if missing := _NEEDED - arguments.keys():
        raise InvalidRequestError(f"An item lacks {sorted(missing)}; it has {sorted(arguments)}.")
    if unknown := arguments.keys() - _NEEDED - _OPTIONAL:
        raise InvalidRequestError(f"An item has {sorted(unknown)}, which are no arguments of create.")
    return arguments
