"""Bytes of an answer to models: strict, never coerced."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Annotated, Any, Generic, NoReturn, TypeVar

import cattrs
import msgspec
from attrs import frozen
from msgspec import Meta, Raw, Struct

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


Decode = Callable[[bytes], T]


@lru_cache(maxsize=256)
def payload_decoder(model: type[T]) -> Decode[Payload[T]]:
    """Prepare the decoder of single answers, enveloped or bare, into an attrs class or ``dict``."""
    enveloped = _enveloped(Envelope, model)
    bare = msgspec.json.Decoder(model).decode if is_native(model) else _converted(model)

    def decode(body: bytes) -> Payload[T]:
        try:
            answer = enveloped(body)
            return Payload(answer.data, answer.meta or {})
        except _UNREADABLE as error:
            if _names(body).issuperset({"data"}) and _names(body) <= _ENVELOPE_NAMES:
                _refuse(error)
        return Payload(bare(body), {})

    return _honest(decode)


@lru_cache(maxsize=256)
def page_decoder(model: type[T]) -> Decode[PageEnvelope[list[T]]]:
    """Prepare the decoder of list answers whose rows are ``model``."""
    return _honest(_enveloped(PageEnvelope, list[model]))  # type: ignore[valid-type]  # made at run time


def _enveloped(envelope: Any, kind: Any) -> Decode[Any]:
    """Decode an envelope round ``kind``: natively, or by the converter where a class needs it."""
    if is_native(kind):
        decode_native: Decode[Any] = msgspec.json.Decoder(envelope[kind]).decode
        return decode_native
    outer = msgspec.json.Decoder(envelope[Any])

    def decode(body: bytes) -> Any:
        answer = outer.decode(body)
        answer.data = _structure(answer.data, kind, "$.data")
        return answer

    return decode


def _converted(kind: Any) -> Decode[Any]:
    return lambda body: _structure(msgspec.json.decode(body), kind, "$")


def _structure(value: Any, kind: Any, path: str) -> Any:
    try:
        return CONVERTER.structure(value, kind)
    except _UNREADABLE as error:
        _refuse(error, path)


def _honest(decode: Decode[T]) -> Decode[T]:
    """Turn whatever makes a body unreadable into our error, and refuse an error dressed as a success."""

    def honest(body: bytes) -> T:
        try:
            decoded = decode(body)
        except _UNREADABLE as error:
            _refuse(error)
        if b'"error"' in body and _names(body) == {"error"}:
            raise ResponseDecodeError("The answer has a success status and an error for its body.", path="$.error")
        return decoded

    return honest


def _names(body: bytes) -> frozenset[str]:
    """List the top-level names of a JSON object; of anything else, none."""
    try:
        return frozenset(msgspec.json.decode(body, type=dict[str, Raw]))
    except _UNREADABLE:
        return frozenset()


def _refuse(error: BaseException, path: str = "$") -> NoReturn:
    place, fault = first_fault(error, path)
    raise ResponseDecodeError(f"{fault} - at `{place}`", path=place) from error
