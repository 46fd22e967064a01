"""Projects: list, walk, create, get, update, delete (API contract §4)."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final, TypeVar, Unpack, overload

from attrs import define

from cloudplatform_async._calls.sender import Sender
from cloudplatform_async._paging.source import Page, PageSource
from cloudplatform_async._protocol.decoding.conversion import nothing, payload_decoder
from cloudplatform_async._protocol.encoding import json_body, path_of
from cloudplatform_async._protocol.idempotency import AUTO, IdempotencyKey
from cloudplatform_async.errors import InvalidRequestError
from cloudplatform_async.models.projects import Project, ProjectStatus
from cloudplatform_async.pagination import PAGE_SIZE, Paginator
from cloudplatform_async.resources.create_many import CreateResults, Items, create_many
from cloudplatform_async.resources.operations import (
    one_page,
    operation,
    page_source,
    taken_call_options,
    with_call_options,
)
from cloudplatform_async.resources.project_filters import ProjectFilters, check_filters
from cloudplatform_async.settings import CallOptions

T = TypeVar("T")

_READ: Final = "projects:read"
_WRITE: Final = "projects:write"


@define(eq=False, repr=False, slots=False)
class Projects:
    """The projects of the workspace; reached as ``client.projects``.

    Example:
        >>> await client.projects.create(name="Payments", slug="payments")  # doctest: +SKIP
    """

    _sender: Sender

    async def list(
        self,
        *,
        limit: int | None = None,
        page: int | None = None,
        cursor: str | None = None,
        **filters: Unpack[ProjectFilters],
    ) -> Page[Project]:
        """Fetch one page of projects.

        Args:
            limit: Most items of the page, from 1; the platform takes 20 by default and caps it at 100.
            page: Number of the page, from 1.
            cursor: ``next_cursor`` of the page before.
            **filters: See ``ProjectFilters``.

        Raises:
            InvalidRequestError: For arguments that the platform could never accept; nothing is sent.

        Example:
            >>> page = await client.projects.list(limit=10, status="active")  # doctest: +SKIP
        """
        source = self._source(Project, limit, filters)
        return await one_page(source, page=page, cursor=cursor)

    @overload
    def iter_all(
        self,
        *,
        page_size: int | None = PAGE_SIZE,
        max_items: int | None = None,
        ahead: int = 1,
        resume_from: str | None = None,
        **filters: Unpack[ProjectFilters],
    ) -> Paginator[Project]: ...

    @overload
    def iter_all(
        self,
        *,
        page_size: int | None = PAGE_SIZE,
        max_items: int | None = None,
        ahead: int = 1,
        resume_from: str | None = None,
        model: type[dict[str, Any]],
        **filters: Unpack[ProjectFilters],
    ) -> Paginator[dict[str, Any]]: ...

    @overload
    def iter_all(
        self,
        *,
        page_size: int | None = PAGE_SIZE,
        max_items: int | None = None,
        ahead: int = 1,
        resume_from: str | None = None,
        model: type[T],
        **filters: Unpack[ProjectFilters],
    ) -> Paginator[T]: ...

    def iter_all(
        self,
        *,
        page_size: int | None = PAGE_SIZE,
        max_items: int | None = None,
        ahead: int = 1,
        resume_from: str | None = None,
        model: type[Any] = Project,
        **filters: Unpack[ProjectFilters],
    ) -> Paginator[Any]:
        """Walk all projects lazily; nothing is sent before the first is asked for.

        Args:
            page_size: Items to ask for at a time, from 1; the platform caps it at 100. A checkpoint fixes it.
            max_items: Stop after so many, from 0.
            ahead: Pages to fetch ahead, from 0 (strictly on demand).
            resume_from: A ``checkpoint`` of the same walk.
            model: Of an item: an attrs class such as a subclass of ``Project``, or ``dict``.
            **filters: See ``ProjectFilters``.

        Raises:
            InvalidRequestError: At once, for arguments that the platform could never accept.

        Example:
            >>> async for project in client.projects.iter_all():  # doctest: +SKIP
            ...     print(project.name)
        """
        source = self._source(model, None, filters)
        return Paginator(
            source, page_size=page_size, ahead=ahead, max_items=max_items, resume_from=resume_from
        )

    async def create(
        self,
        *,
        name: str,
        slug: str,
        labels: Mapping[str, str] | None = None,
        idempotency_key: IdempotencyKey = AUTO,
        **options: Unpack[CallOptions],
    ) -> Project:
        """Create a project, exactly once however the network fails.

        Args:
            name: What people call it.
            slug: Unique in the workspace.
            labels: Keys and values of your own.
            idempotency_key: 1 to 255 visible ASCII characters to make the same create the same one
                across processes; ``AUTO`` makes a key, ``None`` sends none and gives up safe retries.
            **options: ``timeout=`` and ``headers=`` of this call; see ``CallOptions``.

        Raises:
            ConflictError: ``slug_taken``.

        Example:
            >>> project = await client.projects.create(name="Payments", slug="payments")  # doctest: +SKIP
        """
        return await self._create(
            options, name=name, slug=slug, labels=labels, idempotency_key=idempotency_key
        )

    async def _create(
        self, options: CallOptions, *, idempotency_key: IdempotencyKey, **fields: object
    ) -> Project:
        call = operation(
            "POST",
            "/projects",
            _WRITE,
            payload_decoder(Project),
            body=json_body(_given(**fields)),
            idempotency_key=idempotency_key,
            **options,
        )
        return (await self._sender.send(call)).data

    def create_many(
        self, items: Items, *, concurrency: int = 16, **options: Unpack[CallOptions]
    ) -> CreateResults:
        """Create many projects side by side; a failure is a result, and stops nothing.

        Args:
            items: Mappings of ``create``'s arguments: an iterable, or an async iterable; they are read as
                there is room for them. One with an ``idempotency_key`` keeps it.
            concurrency: Most items under way or waiting for their results to be taken, from 1.
            **options: ``timeout=`` and ``headers=`` of each call; see ``CallOptions``.

        Returns:
            A ``CreateResult`` for each item, in their order. Nothing is sent before the first is asked for.

        Raises:
            InvalidRequestError: At once, for arguments that the platform could never accept.

        Example:
            >>> async for result in client.projects.create_many(rows):  # doctest: +SKIP
            ...     print(result.project or result.error, result.outcome)
        """
        with_call_options(self._sender, options)  # refused here and now
        create = partial(self._create, options)
        return create_many(create, items, concurrency=concurrency, background=self._sender.state.background)

    async def get(
        self,
        id: str,  # noqa: A002 - the platform's own word
        **options: Unpack[CallOptions],
    ) -> Project:
        """Fetch one project.

        Raises:
            NotFoundError: There is none with this id.
        """
        call = operation("GET", path_of("projects", id), _READ, payload_decoder(Project), **options)
        return (await self._sender.send(call)).data

    async def update(
        self,
        id: str,  # noqa: A002 - the platform's own word
        *,
        name: str | None = None,
        slug: str | None = None,
        status: ProjectStatus | str | None = None,
        labels: Mapping[str, str] | None = None,
        idempotency_key: IdempotencyKey = AUTO,
        **options: Unpack[CallOptions],
    ) -> Project:
        """Change the fields that are given and no others.

        Raises:
            InvalidRequestError: When no field is given; nothing is sent.
            NotFoundError: There is no project with this id.
            ConflictError: ``slug_taken``.
        """
        body = _given(name=name, slug=slug, status=status, labels=labels)
        if not body:
            raise InvalidRequestError("Nothing to update: pass at least one of name, slug, status, labels.")
        call = operation(
            "PATCH",
            path_of("projects", id),
            _WRITE,
            payload_decoder(Project),
            body=json_body(body),
            idempotency_key=idempotency_key,
            **options,
        )
        return (await self._sender.send(call)).data

    async def delete(
        self,
        id: str,  # noqa: A002 - the platform's own word
        *,
        idempotency_key: IdempotencyKey = AUTO,
        **options: Unpack[CallOptions],
    ) -> None:
        """Delete a project; a delete whose first answer was lost on the way succeeds too.

        Raises:
            NotFoundError: There is no project with this id, and this call did not delete it.
        """
        path = path_of("projects", id)
        call = operation("DELETE", path, _WRITE, nothing, idempotency_key=idempotency_key, **options)
        await self._sender.send(call)

    def _source(self, model: type[T], limit: int | None, filters: ProjectFilters) -> PageSource[T]:
        if unknown := filters.keys() - ProjectFilters.__annotations__.keys():
            raise TypeError(f"Unknown filters {sorted(unknown)}; pass newer ones as `filters={{...}}`.")
        check_filters(filters)
        own: dict[str, Any] = {**filters}
        sender, extra = with_call_options(self._sender, taken_call_options(own)), own.pop("filters", None)
        return page_source(sender, "/projects", _READ, model, limit=limit, filters=own, extra=extra)


def _given(**fields: object) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}
