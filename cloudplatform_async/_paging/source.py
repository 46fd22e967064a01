"""Fetches the pages of one list: from a position to a page, and from a page to the next position."""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from attrs import Factory, field, frozen
from msgspec import Struct
from msgspec.structs import replace

from cloudplatform_async._calls.sender import Sender
from cloudplatform_async._paging.window import Errand
from cloudplatform_async._protocol.calls import Call, Decode, group_of, target_of
from cloudplatform_async._protocol.conversion import page_decoder
from cloudplatform_async._protocol.encoding import quoted
from cloudplatform_async._protocol.links import follow
from cloudplatform_async._protocol.page_walk import PageFacts, Position, Walk, facts_of, next_position
from cloudplatform_async._protocol.responses import Answer
from cloudplatform_async.errors import PaginationLoopError

T = TypeVar("T")


class Page(Struct, Generic[T], frozen=True, kw_only=True):
    """One page of a list.

    Attributes:
        items: In the server's order.
        total: Items in the whole list at that moment, where the server counts them.
        next_cursor: Pass it as ``cursor=`` to get the next page, where the list has cursors.
        page: Number of this page, where the list counts pages.
        limit: Most items that the server puts on a page.
        has_more: Another page follows.
        request_id: ``x-request-id`` of the answer.
    """

    items: list[T]
    total: int | None = None
    next_cursor: str | None = None
    page: int | None = None
    limit: int | None = None
    has_more: bool = False
    request_id: str | None = None


class Fetched(Struct, Generic[T], eq=False, kw_only=True):
    """A page on its way through a walk.

    Attributes:
        page: For the consumer.
        asked: Where it was asked for.
        facts: What its answer said about the rest of the list.
        target: Path and query of its request.
        following: Where the next page is, once that is known.
        is_followed: That is known.
        places: Of the items that are new, where some came on an earlier page too.
    """

    page: Page[T]
    asked: Position
    facts: PageFacts
    target: str
    following: Position | None = None
    is_followed: bool = False
    places: list[int] | None = None


def _reader(model: type[T]) -> Decode[tuple[list[T], PageFacts]]:
    decode = page_decoder(model)

    def read(answer: Answer) -> tuple[tuple[list[T], PageFacts], Mapping[str, Any]]:
        envelope = decode(answer)
        return (envelope.data, facts_of(envelope, answer.headers)), {}

    return read


@frozen(eq=False, repr=False, kw_only=True)
class PageSource(Generic[T]):
    """One list with its filters.

    Attributes:
        sender: Of the client or view.
        path: Encoded, below the version prefix.
        query: Encoded filters.
        scope: That an access token must have.
        model: Of an item.
        limit: Page size to ask for.
    """

    sender: Sender
    path: str
    query: str
    scope: str | None
    model: type[T]
    limit: int | None
    _walk: Walk = field(init=False, default=Factory(lambda self: Walk(limit=self.limit), takes_self=True))
    _group: str = field(init=False, default=Factory(lambda self: group_of(self.path), takes_self=True))
    _read: Decode[tuple[list[T], PageFacts]] = field(
        init=False, default=Factory(lambda self: _reader(self.model), takes_self=True)
    )

    async def fetch(self, position: Position) -> Fetched[T]:
        """Fetch the page at a position."""
        target = self._target(position)
        group = self._group if position.link is None else group_of(target)
        response = await self.sender.send(
            Call(method="GET", target=target, group=group, scope=self.scope, decode=self._read)
        )
        rows, facts = response.data
        page = self._page(rows, facts, position, response.request_id)
        return Fetched(page=page, asked=position, facts=facts, target=target)

    async def fetch_after(self, errand: Errand["Fetched[T] | None"]) -> Fetched[T] | None:
        """Fetch the page after one that is still on its way; ``None`` where that one fails."""
        await errand.ended()
        before = errand.results[0] if errand.results else None
        position = next_position(before.asked, self._facts(before), self.limit) if before else None
        return await self.fetch(position) if position else None

    def follow(self, fetched: Fetched[T]) -> Position | None:
        """Tell where the next page is, advancing the walk once for each page; ``None`` after the last.

        Raises:
            PaginationError: When it must not be followed.
        """
        if not fetched.is_followed:
            following = self._walk.advance(fetched.asked, self._facts(fetched))
            if following == fetched.asked:  # of a walk that was resumed there, whose memory begins with it
                raise PaginationLoopError(f"The server repeats itself: {following} follows itself.")
            fetched.following, fetched.is_followed = following, True
        return fetched.following

    def _facts(self, fetched: Fetched[T]) -> PageFacts:
        """Give what an answer said, with a link that is known to lead to a place that may be asked."""
        facts = fetched.facts
        if not facts.link or facts.cursor:
            return facts
        return replace(facts, link=follow(facts.link, self.sender.state.base, fetched.target))

    def _target(self, position: Position) -> str:
        if position.link is not None:
            return follow(str(self.sender.state.base) + position.link, self.sender.state.base, self.path)
        parts = [self.query] if self.query else []
        if position.cursor is not None:
            parts.append(f"cursor={quoted(position.cursor)}")
        if position.page is not None:
            parts.append(f"page={position.page}")
        if self.limit is not None:
            parts.append(f"limit={self.limit}")
        return target_of(self.path, "&".join(parts))

    def _page(self, items: list[T], facts: PageFacts, asked: Position, request_id: str | None) -> Page[T]:
        return Page(
            items=items,
            total=facts.total,
            next_cursor=facts.cursor,
            page=facts.page,
            limit=facts.limit,
            has_more=next_position(asked, facts, self.limit) is not None,
            request_id=request_id,
        )
