"""What the operations of every resource share: from arguments to a call, and from an answer to a model."""

from typing import TypeVar

from cloudplatform_async._paging.source import Page, PageSource
from cloudplatform_async._protocol.calls import Call, group_of
from cloudplatform_async._protocol.conversion import Decode, Payload
from cloudplatform_async._protocol.encoding import Query, query_string, whole_number
from cloudplatform_async._protocol.idempotency import AUTO, IdempotencyKey
from cloudplatform_async._protocol.page_walk import Position
from cloudplatform_async._transport.sender import Sender
from cloudplatform_async.errors import InvalidRequestError

T = TypeVar("T")

_PLACES = frozenset({"page", "cursor", "limit"})


def operation(
    method: str,
    target: str,
    scope: str,
    decode: Decode[T],
    *,
    body: bytes | None = None,
    idempotency_key: IdempotencyKey = AUTO,
) -> Call[T]:
    """Describe one call to a path that is encoded already."""
    return Call(
        method=method,
        target=target,
        group=group_of(target),
        decode=decode,
        scope=scope,
        body=body,
        idempotency_key=idempotency_key,
    )


async def fetch(sender: Sender, call: Call[Payload[T]]) -> T:
    """Send a call and take the model out of its answer."""
    return (await sender.send(call)).data.data


def page_source(
    sender: Sender, path: str, scope: str, model: type[T], *, limit: int | None, filters: Query, extra: Query | None
) -> PageSource[T]:
    """Describe a list and its filters.

    Args:
        sender: Of the client or view.
        path: Encoded, below the version prefix.
        scope: That an access token must have.
        model: Of an item.
        limit: Page size, from 1.
        filters: Of this list.
        extra: The user's own, passed through.

    Raises:
        InvalidRequestError: For a page size below 1, and for filters that cannot be sent.
    """
    if extra and (clash := _PLACES.intersection(extra)):
        raise InvalidRequestError(f"`filters` must not contain {sorted(clash)}; use the arguments for paging.")
    return PageSource(
        sender=sender,
        path=path,
        query=query_string({**filters, **(extra or {})}),
        scope=scope,
        model=model,
        limit=None if limit is None else whole_number("the page size", limit, least=1),
    )


async def one_page(source: PageSource[T], *, page: int | None, cursor: str | None) -> Page[T]:
    """Fetch a single page.

    Raises:
        InvalidRequestError: For a page below 1, an empty cursor, or both at once.
    """
    if page is not None and cursor is not None:
        raise InvalidRequestError("Pass `page` or `cursor`, not both: a list is walked by one of them.")
    if cursor is not None and (not isinstance(cursor, str) or not cursor):
        raise InvalidRequestError("`cursor` must be the `next_cursor` of a page.")
    number = None if page is None else whole_number("page", page, least=1)
    return (await source.fetch(Position(page=number, cursor=cursor))).page
