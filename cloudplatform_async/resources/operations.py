"""What the operations of every resource share: from arguments to a call, and from an answer to a model."""

from collections.abc import Mapping
from typing import Any, TypeVar, Unpack, cast

from msgspec.structs import replace

from cloudplatform_async._calls.sender import Sender
from cloudplatform_async._paging.source import Page, PageSource
from cloudplatform_async._protocol.calls import Call, Decode, group_of, target_of
from cloudplatform_async._protocol.decoding.conversion import nothing, payload_decoder
from cloudplatform_async._protocol.encoding import (
    Query,
    checked_headers,
    checked_method,
    checked_path,
    json_body,
    query_string,
    whole_number,
)
from cloudplatform_async._protocol.idempotency import AUTO, IdempotencyKey
from cloudplatform_async._protocol.lists.page_walk import Position
from cloudplatform_async.errors import InvalidRequestError
from cloudplatform_async.settings import CallOptions, Timeouts

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
    **options: Unpack[CallOptions],
) -> Call[T]:
    """Describe one call to a path that is encoded already.

    Raises:
        InvalidRequestError: For headers that are the client's own, or cannot be sent.
        ConfigurationError: For a timeout that is none.
    """
    headers, timeouts = _checked_options(options) if options else ((), None)
    return Call(
        method=method,
        target=target,
        group=group_of(target),
        decode=decode,
        scope=scope,
        body=body,
        headers=headers,
        idempotency_key=idempotency_key,
        timeouts=timeouts,
    )


def _checked_options(options: CallOptions) -> tuple[tuple[tuple[str, str], ...], Timeouts | None]:
    refuse_unknown(options, CallOptions)
    timeout = options.get("timeout")
    return checked_headers(options.get("headers")), None if timeout is None else Timeouts.of(timeout)


def refuse_unknown(given: Mapping[str, object], known: type[object]) -> None:
    """Refuse what a method has no argument for, as Python itself does.

    Raises:
        TypeError: Naming them.
    """
    if unknown := given.keys() - known.__annotations__.keys():
        raise TypeError(f"Unknown arguments {sorted(unknown)}.")


def with_call_options(sender: Sender, options: CallOptions) -> Sender:
    """Give a sender all of whose calls have these options, for what makes several calls.

    Raises:
        InvalidRequestError: For headers that are the client's own, or cannot be sent.
        ConfigurationError: For a timeout that is none.
    """
    headers, timeouts = _checked_options(options)
    if headers:
        sender = replace(sender, messages=sender.messages.with_headers(headers))
    return sender if timeouts is None else replace(sender, timeouts=timeouts)


def taken_call_options(arguments: dict[str, Any]) -> CallOptions:
    """Take the call options out of the arguments of a list, which leaves its filters."""
    return CallOptions(timeout=arguments.pop("timeout", None), headers=arguments.pop("headers", None))


def any_operation(
    method: str,
    path: str,
    *,
    params: Query | None,
    json: object,
    # What the user asks for; the overloads of `AsyncClient.request` say what they get.
    model: Any,
    headers: Mapping[str, str] | None,
    idempotency_key: IdempotencyKey,
    timeouts: Timeouts | None,
) -> Call[Any]:
    """Describe one call to whatever the user names; the arguments are those of ``AsyncClient.request``.

    Raises:
        InvalidRequestError: For arguments that must not or cannot be sent.
    """
    target = target_of(checked_path(path), query_string(_query("params", params)))
    return Call(
        method=checked_method(method),
        target=target,
        group=group_of(target),
        decode=nothing if model is None else payload_decoder(model),
        body=None if json is None else json_body(json),
        headers=checked_headers(headers),
        idempotency_key=idempotency_key,
        timeouts=timeouts,
    )


def page_source(
    sender: Sender,
    path: str,
    scope: str | None,
    model: type[T],
    *,
    filters: Query,
    extra: Query | None = None,
    limit: int | None = None,
) -> PageSource[T]:
    """Describe a list and its filters.

    Args:
        sender: Of the client or view.
        path: Encoded, below the version prefix.
        scope: That an access token must have, if any.
        model: Of an item.
        filters: Of this list.
        extra: The user's own, passed through.
        limit: Page size, from 1.

    Raises:
        InvalidRequestError: For a page size below 1, and for filters that cannot be sent.
        TypeError: For a model that nothing here can decode.
    """
    given = {name for name, value in filters.items() if value is not None}
    own = _query("filters", extra)
    if clash := own.keys() & (_PLACES | given):
        raise InvalidRequestError(f"`filters` must not contain {sorted(clash)}: these have arguments.")
    return PageSource(
        sender=sender,
        path=path,
        query=query_string({**filters, **own}),
        scope=scope,
        model=model,
        limit=None if limit is None else whole_number("limit", limit, least=1),
    )


def _query(name: str, params: object) -> Query:
    """Check an argument that holds names and values, also where a type checker did not."""
    if params is not None and not isinstance(params, Mapping):
        raise InvalidRequestError(f"`{name}` must be a mapping, not a {type(params).__name__}.")
    return {} if params is None else cast("Query", params)


# What the user asks for; the overloads of `AsyncClient.iter_all` say what they get.
def any_source(
    sender: Sender, path: str, model: Any, params: Query | None, options: CallOptions
) -> PageSource[Any]:
    """Describe whatever list the user names; the arguments are those of ``AsyncClient.iter_all``.

    Raises:
        InvalidRequestError: For arguments that must not or cannot be sent.
    """
    if clash := _PLACES & _query("params", params).keys():
        raise InvalidRequestError(f"`params` must not contain {sorted(clash)}: a walk finds its own pages.")
    return page_source(
        with_call_options(sender, options), checked_path(path), None, model, filters={}, extra=params
    )


async def one_page(source: PageSource[T], *, page: int | None, cursor: str | None) -> Page[T]:
    """Fetch a single page.

    Raises:
        InvalidRequestError: For a page below 1, an empty cursor, or both at once.
    """
    if page is not None and cursor is not None:
        raise InvalidRequestError("Pass `page` or `cursor`, not both: a list is walked by one of them.")
    number = None if page is None else whole_number("page", page, least=1)
    fetched = await source.fetch(Position(page=number, cursor=_checked_cursor(cursor)))
    if fetched.fault is not None:
        raise fetched.fault
    return fetched.page


def _checked_cursor(cursor: object) -> str | None:
    if cursor is not None and not (isinstance(cursor, str) and cursor):
        raise InvalidRequestError("`cursor` must be the `next_cursor` of a page.")
    return cursor
