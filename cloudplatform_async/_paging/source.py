"""Where the pages of a walk come from: a list of the platform, or items that are there already."""

from collections.abc import Iterator, Sequence
from typing import Any, Generic, Protocol, Self, TypeVar, get_args, get_type_hints, overload

from attrs import Factory, evolve, field, frozen
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict, replace

from cloudplatform_async._calls.failures import tell_of_answer
from cloudplatform_async._calls.sender import Sender
from cloudplatform_async._protocol.calls import Call, Decode, group_of, target_of
from cloudplatform_async._protocol.decoding.conversion import Rows, page_decoder
from cloudplatform_async._protocol.encoding import quoted
from cloudplatform_async._protocol.lists.checkpoints import list_identity
from cloudplatform_async._protocol.lists.links import follow
from cloudplatform_async._protocol.lists.page_walk import PageFacts, Position, next_position
from cloudplatform_async._runtime.background import Background
from cloudplatform_async.errors import CloudPlatformError, PaginationError
from cloudplatform_async.models.base import SchemaHandler, record_schema

T = TypeVar("T")


class Page(Struct, Generic[T], frozen=True, kw_only=True):
    """One page of a list: iterable and indexed, and as long as it has items.

    Attributes:
        items: In the server's order.
        total: Items in the whole list at that moment, where the server counts them.
        next_cursor: Pass it as ``cursor=`` to get the next page, where the list has cursors.
        page: Number of this page, where the list counts pages.
        limit: Most items that the server puts on a page.
        has_more: Another page follows.
        request_id: ``x-request-id`` of the answer.

    Example:
        >>> page = await client.projects.list(limit=20)  # doctest: +SKIP
        >>> [project.name for project in page], page.has_more  # doctest: +SKIP
    """

    items: list[T]
    total: int | None = None
    next_cursor: str | None = None
    page: int | None = None
    limit: int | None = None
    has_more: bool = False
    request_id: str | None = None

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, place: int) -> T: ...

    @overload
    def __getitem__(self, place: slice) -> list[T]: ...

    def __getitem__(self, place: int | slice) -> T | list[T]:
        return self.items[place]

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: SchemaHandler) -> dict[str, Any]:
        """Describe the page to pydantic, and so to FastAPI; neither is imported for it."""
        item: Any = next(iter(get_args(source)), Any)
        hints = {**get_type_hints(cls), "items": list[item]}
        fields = {
            name: {
                "type": "typed-dict-field",
                "schema": handler.generate_schema(hint),
                "required": name == "items",
            }
            for name, hint in hints.items()
        }
        return record_schema(cls, fields, make=lambda given: cls(**given), values=asdict)


class Fetched(Struct, Generic[T], eq=False, kw_only=True):
    """A page on its way through a walk.

    Attributes:
        page: For the consumer.
        asked: Where it was asked for.
        facts: What its answer said about the rest of the list.
        fault: Of the row behind its items, which cannot be read.
        following: Where the next page is, once that is known; an error where it must not be followed.
        places: Of the items that are new, where some came on an earlier page too.
    """

    page: Page[T]
    asked: Position
    facts: PageFacts
    fault: CloudPlatformError | None = None
    following: Position | PaginationError | UnsetType | None = UNSET
    places: list[int] | None = None


class Source(Protocol[T]):
    """What a walk asks for its pages."""

    @property
    def identity(self) -> str:
        """Names the list in a checkpoint."""
        ...

    @property
    def model(self) -> type[T]:
        """Of an item."""
        ...

    @property
    def limit(self) -> int | None:
        """Page size to ask for."""
        ...

    @property
    def background(self) -> Background | None:
        """Runs what is fetched ahead; ``None`` where that would gain nothing."""
        ...

    def sized(self, limit: int | None) -> Self:
        """Give the same list in pages of another size."""
        ...

    async def fetch(self, position: Position) -> Fetched[T]:
        """Fetch the page at a position."""
        ...


@frozen(eq=False, repr=False, kw_only=True)
class PageSource(Generic[T]):
    """One list of the platform with its filters.

    Attributes:
        sender: Of the client or view.
        path: Encoded, below the version prefix.
        query: Encoded filters.
        scope: That an access token must have, if any.
        model: Of an item.
        limit: Page size to ask for.
    """

    sender: Sender
    path: str
    query: str
    scope: str | None
    model: type[T]
    limit: int | None = None
    _group: str = field(init=False, default=Factory(lambda self: group_of(self.path), takes_self=True))
    _decode: Decode[Rows[T]] = field(
        init=False, default=Factory(lambda self: page_decoder(self.model), takes_self=True)
    )

    @property
    def identity(self) -> str:
        """Names path and filters without showing them."""
        return list_identity(self.path, self.query)

    @property
    def background(self) -> Background:
        """The client's."""
        return self.sender.state.background

    def sized(self, limit: int | None) -> Self:
        """Give the same list in pages of another size."""
        return evolve(self, limit=limit)

    async def fetch(self, position: Position) -> Fetched[T]:
        """Fetch the page at a position.

        Raises:
            PaginationError: For a link that leads elsewhere; nothing is sent there.
        """
        target = self._target(position)
        call = Call(
            method="GET",
            target=target,
            group=self._group if position.link is None else group_of(target),
            scope=self.scope,
            decode=self._decode,
        )
        response = await self.sender.send(call)
        rows, facts = response.data, response.data.facts
        if rows.fault is not None:
            tell_of_answer(rows.fault, call, response.status_code, response.request_id)
            rows.fault.attempts = response.attempts
        page = page_of(rows.items, facts, position, self.limit, response.request_id)
        fetched = Fetched(page=page, asked=position, facts=facts, fault=rows.fault)
        if facts.link and not facts.cursor:
            try:
                fetched.facts = replace(facts, link=follow(facts.link, self.sender.messages.base, target))
            except PaginationError as error:  # raised in place of following it
                fetched.following = error
        return fetched

    def _target(self, position: Position) -> str:
        if position.link is not None:
            base = self.sender.messages.base
            return follow(f"{base}{position.link}", base, self.path)
        parts = [self.query] if self.query else []
        if position.cursor is not None:
            parts.append(f"cursor={quoted(position.cursor)}")
        if position.page is not None:
            parts.append(f"page={position.page}")
        if self.limit is not None:
            parts.append(f"limit={self.limit}")
        return target_of(self.path, "&".join(parts))


@frozen(eq=False, kw_only=True)
class ItemSource(Generic[T]):
    """Items that are there already, as a list with cursors.

    Attributes:
        items: All of them.
        limit: Most items of a page.
    """

    items: Sequence[T] = field(repr=False)
    limit: int | None = None
    identity: str = "items"
    background: Background | None = None

    @property
    def model(self) -> type[T]:
        """Of the first item: all are of one kind; ``NoneType`` where there is none."""
        kind: type[Any] = type(next(iter(self.items), None))
        return kind

    def sized(self, limit: int | None) -> Self:
        """Give the same items in pages of another size."""
        return evolve(self, limit=limit)

    async def fetch(self, position: Position) -> Fetched[T]:
        """Cut the page at a position."""
        start = int(position.cursor or 0)
        end = start + (self.limit or len(self.items))
        rows = list(self.items[start:end])
        cursor = str(end) if end < len(self.items) else None
        facts = PageFacts(count=len(rows), cursor=cursor, limit=self.limit, total=len(self.items))
        return Fetched(page=page_of(rows, facts, position, self.limit), asked=position, facts=facts)


def page_of(
    items: list[T], facts: PageFacts, asked: Position, limit: int | None, request_id: str | None = None
) -> Page[T]:
    """Make a page of its items, and of what its answer says of the list."""
    return Page(
        items=items,
        total=facts.total,
        next_cursor=facts.cursor,
        page=facts.page,
        limit=facts.limit,
        has_more=_has_more(facts, asked, limit),
        request_id=request_id,
    )


def _has_more(facts: PageFacts, asked: Position, limit: int | None) -> bool:
    """Tell whether another page follows; of one page alone, its own limit and total are believed."""
    number = facts.page or asked.page
    if not facts.has_more and number and facts.total is not None and facts.limit and not facts.cursor:
        return number * facts.limit < facts.total
    return bool(facts.has_more) or next_position(asked, facts, limit=limit) is not None
