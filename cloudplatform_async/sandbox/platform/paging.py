"""Lists in pages: what a query asks for, and the envelopes of both pagings (API contract §5)."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec
from attrs import field, frozen
from starlette.datastructures import QueryParams

from cloudplatform_async.sandbox.api.answers import Answer, RefusedError
from cloudplatform_async.sandbox.api.parameters import Parameter, Schema
from cloudplatform_async.sandbox.storage.database import Database, Value

Paging: TypeAlias = Literal["page", "cursor"]

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
ORDERS = ("asc", "desc")
_MAX_DIGITS = 9
_CURSOR_MARK = "v1:"


@frozen(kw_only=True)
class Selection:
    """What a list shows: the rows of a table (with `seq` and `document`) that meet all conditions.

    Attributes:
        descending: Newest first.
    """

    table: str
    conditions: tuple[str, ...] = ()
    values: tuple[Value, ...] = ()
    descending: bool = False

    @property
    def order(self) -> str:
        """The ORDER BY clause."""
        return " ORDER BY seq DESC" if self.descending else " ORDER BY seq"

    def where(self, *more: str) -> str:
        """The WHERE clause of these conditions and `more`."""
        conditions = (*self.conditions, *more)
        return f" WHERE {' AND '.join(conditions)}" if conditions else ""


@frozen(kw_only=True)
class Window:
    """The part of a list that a query asks for: a page number, or the place after a row."""

    limit: int
    page: int | None = field(default=None)
    after: int | None = field(default=None)


def list_answer(database: Database, selection: Selection, query: QueryParams, default: Paging) -> Answer:
    """One page of a selection, in the paging that the query asks for, else in the default one.

    Raises:
        RefusedError: 400 for a limit, page or cursor that is none.
    """
    window = read_window(query, default)
    if window.page is None:
        return _cursor_page(database, selection, window)
    return _numbered_page(database, selection, window.page, window.limit)


def read_window(query: QueryParams, default: Paging) -> Window:
    """The window of a query; the limit is 20 unless given, and never above 100."""
    limit = min(_positive(query.get("limit", str(DEFAULT_LIMIT)), "limit"), MAX_LIMIT)
    page, cursor = query.get("page"), query.get("cursor")
    if page is not None and cursor is not None:
        raise RefusedError(400, "invalid_paging", "Give either page or cursor, not both.")
    if cursor is not None or (page is None and default == "cursor"):
        return Window(limit=limit, after=decode_cursor(cursor) if cursor else None)
    return Window(limit=limit, page=_positive("1" if page is None else page, "page"))


def descending(query: QueryParams) -> bool:
    """Whether a list is asked for newest first.

    Raises:
        RefusedError: 400 `invalid_filter` for an order that is none.
    """
    order = query.get("order", ORDERS[0])
    if order not in ORDERS:
        raise RefusedError(400, "invalid_filter", "order must be asc or desc.")
    return order == "desc"


def encode_cursor(seq: int) -> str:
    """An opaque cursor for the place after row `seq`, which later inserts and deletes do not move."""
    return urlsafe_b64encode(f"{_CURSOR_MARK}{seq}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> int:
    """The row a cursor stands after.

    Raises:
        RefusedError: 400 `invalid_cursor`.
    """
    refused = RefusedError(400, "invalid_cursor", "This cursor was not made by this API.")
    try:
        text = urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)).decode()
    except (Base64Error, UnicodeError) as error:
        raise refused from error
    digits = text.removeprefix(_CURSOR_MARK)
    if digits == text or not _is_count(digits) or encode_cursor(int(digits)) != cursor:
        raise refused
    return int(digits)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 2 * _MAX_DIGITS


def _positive(text: str, name: str) -> int:
    # A number of ten digits and more is as good as the largest of nine: no list here is longer.
    number = int(text[:_MAX_DIGITS]) if text.isascii() and text.isdecimal() else 0
    if number < 1:
        raise RefusedError(400, f"invalid_{name}", f"{name} must be a whole number of at least 1.")
    return number


def _numbered_page(database: Database, selection: Selection, page: int, limit: int) -> Answer:
    rows = database.read(
        f"SELECT document FROM {selection.table}{selection.where()}{selection.order} LIMIT ? OFFSET ?",  # noqa: S608 - constant fragments
        (*selection.values, limit, (page - 1) * limit),
    )
    count = f"SELECT count(*) FROM {selection.table}{selection.where()}"  # noqa: S608 - constant fragments
    total = database.total(count, selection.values)
    return _envelope([row[0] for row in rows], "pagination", {"page": page, "limit": limit, "total": total})


def _cursor_page(database: Database, selection: Selection, window: Window) -> Answer:
    further = "seq < ?" if selection.descending else "seq > ?"
    where, after = (
        (selection.where(), ()) if window.after is None else (selection.where(further), (window.after,))
    )
    # One row more than asked for tells whether there is a next page.
    found = database.read(
        f"SELECT document, seq FROM {selection.table}{where}{selection.order} LIMIT ?",  # noqa: S608 - constant fragments
        (*selection.values, *after, window.limit + 1),
    )
    rows, has_more = found[: window.limit], len(found) > window.limit
    next_cursor = encode_cursor(rows[-1][1]) if has_more else None
    meta = {"next_cursor": next_cursor, "has_more": has_more, "limit": window.limit}
    return _envelope([row[0] for row in rows], "meta", meta)


def _envelope(documents: list[str], paging_name: str, paging: Mapping[str, object]) -> Answer:
    # The rows are JSON already: joining them spares decoding and encoding a hundred objects.
    data = ",".join(documents).encode()
    body = b'{"data":[%b],"%b":%b}' % (data, paging_name.encode(), msgspec.json.encode(paging))
    return Answer(status=200, body=body)


PARAMETERS = (
    Parameter(
        name="limit",
        description=f"Rows a page; more than {MAX_LIMIT} is answered with {MAX_LIMIT}.",
        schema={"type": "integer", "minimum": 1, "default": DEFAULT_LIMIT},
    ),
    Parameter(
        name="page",
        description="Number of the page, for page paging; not together with `cursor`.",
        schema={"type": "integer", "minimum": 1},
    ),
    Parameter(
        name="cursor",
        description="`meta.next_cursor` of the page before, for cursor paging; empty for the first page.",
        schema={"type": "string"},
    ),
)


ORDER = Parameter(
    name="order",
    description="`asc`: oldest first; `desc`: newest first.",
    schema={"type": "string", "enum": list(ORDERS), "default": "asc"},
)


def list_schema(item: str) -> Schema:
    """The schema of a list of the named schema, in either paging."""
    data: Schema = {"type": "array", "maxItems": MAX_LIMIT, "items": {"$ref": f"#/components/schemas/{item}"}}
    return {
        "oneOf": [_envelope_schema(data, "pagination", _NUMBERED), _envelope_schema(data, "meta", _CURSORED)]
    }


_LIMIT: Schema = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "examples": [DEFAULT_LIMIT]}
_NUMBERED: Schema = {
    "page": {"type": "integer", "minimum": 1},
    "limit": _LIMIT,
    "total": {"type": "integer", "minimum": 0, "examples": [1]},
}
_CURSORED: Schema = {
    "next_cursor": {"type": ["string", "null"], "examples": [None]},
    "has_more": {"type": "boolean"},
    "limit": _LIMIT,
}


def _envelope_schema(data: Schema, paging_name: str, fields: Schema) -> Schema:
    paging: Schema = {"type": "object", "required": list(fields), "properties": fields}
    return {
        "type": "object",
        "required": ["data", paging_name],
        "properties": {"data": data, paging_name: paging},
    }
