"""Bytes of an answer to models: strict, never coerced."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Annotated, Any, Generic, NoReturn, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct

from cloudplatform_async._protocol.calls import Decode
from cloudplatform_async._protocol.native import UNDECODABLE, decode_error, fault_of, is_native
from cloudplatform_async._protocol.responses import Answer
from cloudplatform_async.errors import ResponseDecodeError

T = TypeVar("T")

_ERROR_NAMES = frozenset({"error"})
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


_Read = Callable[[bytes], T]


def payload_decoder(model: type[T]) -> Decode[T]:
    """Prepare the decoder of single answers, enveloped or bare, into an attrs class or ``dict``.

    What stands beside ``data`` is its ``meta``, with the envelope's own ``pagination`` and ``links`` in it.

    Raises:
        TypeError: For a class with a field of a type that nothing here can decode.
    """
    kind: Any = model  # mypy takes no type variable for hashable
    return _payload_decoder(kind)


def page_decoder(model: type[T]) -> Callable[[Answer], PageEnvelope[list[T]]]:
    """Prepare the decoder of list answers whose rows are ``model``.

    Raises:
        TypeError: As above.
    """
    kind: Any = model
    return _page_decoder(kind)


def value_decoder(model: type[T]) -> Callable[[Answer], T]:
    """Prepare the decoder of a value that stands alone, never in an envelope.

    Raises:
        TypeError: As above.
    """
    return _honest(_bare(model))


def nothing(answer: Answer) -> tuple[None, Mapping[str, Any]]:
    """Accept an answer of which no body is expected, unless its body is an error."""
    _refuse_error(answer.body)
    return None, {}


@lru_cache(maxsize=256)
def _page_decoder(model: Any) -> Callable[[Answer], Any]:
    return _honest(_enveloped(PageEnvelope, list[model]))


@lru_cache(maxsize=256)
def _payload_decoder(model: Any) -> Decode[Any]:
    enveloped = _enveloped(Envelope, model)
    bare = _bare(model)

    def read(body: bytes) -> tuple[Any, Mapping[str, Any]]:
        if b'"data"' in body or b"\\" in body:  # else it is bare for certain: no name can be escaped
            try:
                answer = enveloped(body)
                return answer.data, _beside(answer)
            except UNDECODABLE as error:
                if "data" in (names := _names(body)) and names <= _ENVELOPE_NAMES:
                    _refuse(error)
        _refuse_error(body)
        return bare(body), {}

    return _honest(read)


def _beside(answer: Envelope[Any]) -> Mapping[str, Any]:
    """Collect what an envelope says beside its data; what its ``meta`` says comes first."""
    meta = answer.meta or {}
    if answer.pagination is not None:
        meta.setdefault("pagination", answer.pagination)
    if answer.links is not None:
        meta.setdefault("links", answer.links)
    return meta


def _enveloped(envelope: Any, kind: Any) -> _Read[Any]:
    """Read an envelope round ``kind``: natively, or by the converter where a class needs it."""
    if is_native(kind):
        native: _Read[Any] = msgspec.json.Decoder(envelope[kind]).decode
        return native
    outer, structure = msgspec.json.Decoder(envelope[Any]), _structuring(kind, "$.data")

    def read(body: bytes) -> Any:
        answer = outer.decode(body)
        answer.data = structure(answer.data)
        return answer

    return read


def _bare(model: Any) -> _Read[Any]:
    return msgspec.json.Decoder(model).decode if is_native(model) else _converted(model)


def _converted(kind: Any) -> _Read[Any]:
    structure = _structuring(kind, "$")
    return lambda body: structure(msgspec.json.decode(body))


def _structuring(kind: Any, path: str) -> Callable[[Any], Any]:
    # Loaded when the client was made: an import of the package is to stay light.
    from cloudplatform_async._protocol.structuring import structurer

    return structurer(kind, path)


def _honest(read: _Read[T]) -> Callable[[Answer], T]:
    """Refuse whatever is unreadable or missing."""

    def decode(answer: Answer) -> T:
        body = answer.body
        if not body or answer.status == 204:  # whose body, if any, is not one (RFC 9110 §15.3.5)
            raise ResponseDecodeError(
                f"The answer has status {answer.status} and no body, where one was asked for."
            )
        try:
            return read(body)
        except UNDECODABLE as error:
            _refuse(error)

    return decode


def _refuse_error(body: bytes) -> None:
    """Refuse an error dressed as a success (API contract §3)."""
    if (b'"error"' in body or b"\\" in body) and _names(body) == _ERROR_NAMES:
        raise ResponseDecodeError("The status says success, and the body says error.", path="$.error")


def _names(body: bytes) -> frozenset[str]:
    """List the top-level names of a JSON object; of anything else, none."""
    try:
        return frozenset(msgspec.json.decode(body, type=dict[str, Raw]))
    except UNDECODABLE:
        return frozenset()


def _refuse(error: BaseException) -> NoReturn:
    raise decode_error(*fault_of(error, "$")) from error
