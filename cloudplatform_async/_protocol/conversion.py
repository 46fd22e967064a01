"""Bytes of an answer to models: strict, never coerced."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Annotated, Any, Generic, NoReturn, TypeVar

import cattrs
import msgspec
from attrs import frozen
from msgspec import Meta, Raw, Struct

from cloudplatform_async._protocol.responses import Answer
from cloudplatform_async._protocol.structuring import CONVERTER, first_fault, is_native
from cloudplatform_async.errors import ResponseDecodeError

T = TypeVar("T")

_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, cattrs.BaseValidationError)
_ENVELOPE_NAMES = frozenset({"data", "meta", "pagination", "links", "request_id"})


class Envelope(Struct, Generic[T], forbid_unknown_fields=True):
    """A payload under ``data``, with nothing beside it but names we know (API contract §3)."""

    data: T
    meta: dict[str, Any] | None = None
    pagination: Any = None
    links: Any = None
    request_id: Any = None


class PageFields(Struct):
    """What a list answer says of its place, under ``meta`` or ``pagination`` (API contract §5)."""

    next_cursor: str | None = None
    has_more: bool | None = None
    page: Annotated[int, Meta(ge=1)] | None = None
    limit: Annotated[int, Meta(ge=1)] | None = None
    total: Annotated[int, Meta(ge=0)] | None = None
    pagination: "PageFields | None" = None


class Links(Struct):
    """Links that a list answer carries."""

    next: str | None = None


class PageEnvelope(Struct, Generic[T]):
    """A list answer; names that are newer than this package may stand beside these."""

    data: T
    meta: PageFields | None = None
    pagination: PageFields | None = None
    links: Links | None = None


@frozen
class Payload(Generic[T]):
    """A decoded single answer: the model, and the ``meta`` of its envelope."""

    data: T
    meta: Mapping[str, Any]


Decode = Callable[[Answer], T]
_Read = Callable[[bytes], T]


def payload_decoder(model: type[T]) -> Decode[Payload[T]]:
    """Prepare the decoder of single answers, enveloped or bare, into an attrs class or ``dict``."""
    kind: Any = model  # mypy takes no type variable for hashable
    return _payload_decoder(kind)


def page_decoder(model: type[T]) -> Decode[PageEnvelope[list[T]]]:
    """Prepare the decoder of list answers whose rows are ``model``."""
    kind: Any = model
    return _page_decoder(kind)


def nothing(_: Answer) -> None:
    """Decode an answer of which no body is expected."""


@lru_cache(maxsize=256)
def _page_decoder(model: Any) -> Decode[Any]:
    return _honest(_enveloped(PageEnvelope, list[model]))


@lru_cache(maxsize=256)
def _payload_decoder(model: Any) -> Decode[Payload[Any]]:
    enveloped = _enveloped(Envelope, model)
    bare: _Read[Any] = msgspec.json.Decoder(model).decode if is_native(model) else _converted(model)

    def read(body: bytes) -> Payload[Any]:
        if b'"data"' in body or b"\\" in body:  # else it is bare for certain: no name can be escaped
            try:
                answer = enveloped(body)
                return Payload(answer.data, answer.meta or {})
            except _UNREADABLE as error:
                if "data" in (names := _names(body)) and names <= _ENVELOPE_NAMES:
                    _refuse(error)
        return Payload(bare(body), {})

    return _honest(read)


def _enveloped(envelope: Any, kind: Any) -> _Read[Any]:
    """Read an envelope round ``kind``: natively, or by the converter where a class needs it."""
    if is_native(kind):
        native: _Read[Any] = msgspec.json.Decoder(envelope[kind]).decode
        return native
    outer = msgspec.json.Decoder(envelope[Any])

    def read(body: bytes) -> Any:
        answer = outer.decode(body)
        answer.data = _structure(answer.data, kind, "$.data")
        return answer

    return read


def _converted(kind: Any) -> _Read[Any]:
    return lambda body: _structure(msgspec.json.decode(body), kind, "$")


def _structure(value: Any, kind: Any, path: str) -> Any:
    try:
        return CONVERTER.structure(value, kind)
    except _UNREADABLE as error:
        _refuse(error, path)


def _honest(read: _Read[T]) -> Decode[T]:
    """Refuse whatever is unreadable, missing, or an error dressed as a success."""

    def decode(answer: Answer) -> T:
        body = answer.body
        if not body or answer.status == 204:  # whose body, if any, is not one (RFC 9110 §15.3.5)
            raise ResponseDecodeError(f"The answer has status {answer.status} and no body, where one was asked for.")
        try:
            decoded = read(body)
        except _UNREADABLE as error:
            _refuse(error)
        if b'"error"' in body and _names(body) == {"error"}:
            raise ResponseDecodeError("The answer has a success status and an error for its body.", path="$.error")
        return decoded

    return decode


def _names(body: bytes) -> frozenset[str]:
    """List the top-level names of a JSON object; of anything else, none."""
    try:
        return frozenset(msgspec.json.decode(body, type=dict[str, Raw]))
    except _UNREADABLE:
        return frozenset()


def _refuse(error: BaseException, path: str = "$") -> NoReturn:
    place, fault = first_fault(error, path)
    raise ResponseDecodeError(f"{fault} - at `{place}`", path=place) from error
