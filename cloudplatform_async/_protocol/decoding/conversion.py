"""Bytes of an answer to models: strict, never coerced."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import GenericAlias
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Raw, Struct

from cloudplatform_async._protocol.calls import Decode
from cloudplatform_async._protocol.decoding.native import UNDECODABLE, decode_error, mended, refused
from cloudplatform_async._protocol.lists.page_walk import PageEnvelope, PageFacts, facts_of
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


class Rows(Struct, Generic[T], frozen=True):
    """The rows of one page.

    Attributes:
        items: Up to the first that cannot be read.
        facts: What the answer says of the list.
        fault: Of the row behind the items.
    """

    items: list[T]
    facts: PageFacts
    fault: ResponseDecodeError | None = None


_Read = Callable[[bytes], T]


def payload_decoder(model: type[T]) -> Decode[T]:
    """Prepare the decoder of single answers, enveloped or bare, into a model or ``dict``.

    What stands beside ``data`` is its ``meta``, with the envelope's own ``pagination`` and ``links`` in it.

    Raises:
        TypeError: For a class that nothing here can decode, or with a field of such a type.
    """
    kind: Any = model  # mypy takes no type variable for hashable
    return _payload_decoder(kind)


def page_decoder(model: type[T]) -> Decode[Rows[T]]:
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
    read = _reader(model)

    def decode(answer: Answer) -> T:
        body = _body_of(answer)
        try:
            value: T = read(mended(body))
        except UNDECODABLE as error:
            raise decode_error(error) from error
        return value

    return decode


def nothing(answer: Answer) -> tuple[None, Mapping[str, Any]]:
    """Accept an answer of which no body is expected, unless its body is an error."""
    _refuse_error(mended(answer.body))
    return None, {}


@lru_cache(maxsize=256)
def _page_decoder(model: Any) -> Decode[Rows[Any]]:
    read = _reader(model)
    natively = _native_decoder(PageEnvelope, GenericAlias(list, (model,))) if _is_native(model) else None
    envelope = msgspec.json.Decoder(PageEnvelope[list[Raw]]).decode

    def decode(answer: Answer) -> tuple[Rows[Any], Mapping[str, Any]]:
        body = _body_of(answer)
        if natively is not None:
            try:
                page = natively(body)
                return Rows(page.data, facts_of(page, answer.headers)), {}
            except UNDECODABLE:  # some row, or for some reason that is none
                pass
        try:
            rows = envelope(mended(body))
        except UNDECODABLE as error:
            raise decode_error(error) from error
        return _readable(rows.data, read, facts_of(rows, answer.headers)), {}

    return decode


def _readable(rows: list[Raw], read: Callable[[Raw], T], facts: PageFacts) -> Rows[T]:
    """Read rows one by one, up to the first that cannot be read."""
    items: list[T] = []
    for row in rows:
        try:
            items.append(read(row))
        except UNDECODABLE as error:
            return Rows(items, facts, decode_error(error, f"$.data[{len(items)}]"))
    return Rows(items, facts)


@lru_cache(maxsize=256)
def _payload_decoder(model: Any) -> Decode[Any]:
    bare = _reader(model)
    slow = _either(_enveloped(bare), bare)
    fast = slow
    if _is_native(model):
        fast = _either(_native_decoder(Envelope, model), msgspec.json.Decoder(model).decode)

    def decode(answer: Answer) -> tuple[Any, Mapping[str, Any]]:
        body = _body_of(answer)
        try:
            return fast(body)
        except UNDECODABLE:
            try:
                return slow(mended(body))
            except UNDECODABLE as error:
                raise _with_hint(decode_error(error), model) from error

    return decode


def _either(enveloped: _Read[Envelope[Any]], bare: _Read[Any]) -> _Read[tuple[Any, Mapping[str, Any]]]:
    """Read an answer that may stand in an envelope."""

    def read(body: bytes) -> tuple[Any, Mapping[str, Any]]:
        if b'"data"' in body or b"\\" in body:  # else it is bare for certain: no name can be escaped
            try:
                answer = enveloped(body)
                return answer.data, _beside(answer)
            except UNDECODABLE:
                if "data" in (names := _names(body)) and names <= _ENVELOPE_NAMES:
                    raise
        if b'"error"' in body or b"\\" in body:
            _refuse_error(body)
        return bare(body), {}

    return read


def _enveloped(read: Callable[[Raw], Any]) -> _Read[Envelope[Any]]:
    """Read an envelope round a value that is not native, or may have a ``null`` for a map."""
    envelope = msgspec.json.Decoder(Envelope[Raw]).decode

    def decode(body: bytes) -> Envelope[Any]:
        outer: Envelope[Any] = envelope(body)
        try:
            outer.data = read(outer.data)
        except UNDECODABLE as error:
            raise refused(error, "$.data") from error
        return outer

    return decode


def _beside(answer: Envelope[Any]) -> Mapping[str, Any]:
    """Collect what an envelope says beside its data; what its ``meta`` says comes first."""
    meta = answer.meta or {}
    if answer.pagination is not None:
        meta.setdefault("pagination", answer.pagination)
    if answer.links is not None:
        meta.setdefault("links", answer.links)
    return meta


def _reader(kind: Any) -> Callable[[bytes | Raw], Any]:
    # Loaded when the client was made: an import of the package is to stay light.
    from cloudplatform_async._protocol.decoding.structuring import reader

    return reader(kind)


def _native_decoder(envelope: Any, kind: Any) -> Callable[[bytes], Any]:
    decode: Callable[[bytes], Any] = msgspec.json.Decoder(envelope[kind]).decode
    return decode


def _is_native(kind: Any) -> bool:
    from cloudplatform_async._protocol.decoding.kinds import has_naive_moments, is_native

    return is_native(kind) and not has_naive_moments(kind)


def _body_of(answer: Answer) -> bytes:
    """Give the body where one was asked for."""
    if not answer.body or answer.status == 204:  # whose body, if any, is not one (RFC 9110 §15.3.5)
        raise ResponseDecodeError(
            f"The answer has status {answer.status} and no body, where one was asked for."
        )
    return answer.body


def _refuse_error(body: bytes) -> None:
    """Refuse an error dressed as a success (API contract §3)."""
    if _names(body) == _ERROR_NAMES:
        raise ResponseDecodeError("The status says success, and the body says error.", path="$.error")


def _names(body: bytes) -> frozenset[str]:
    """List the top-level names of a JSON object; of anything else, none."""
    try:
        return frozenset(msgspec.json.decode(body, type=dict[str, Raw]))
    except UNDECODABLE:
        return frozenset()


def _with_hint(error: ResponseDecodeError, model: Any) -> ResponseDecodeError:
    """Say how to ask for a list, where one came."""
    if error.path in {"$", "$.data"} and "Expected `object`, got `array`" in error.message:
        error.message += f"; for a list pass model=list[{getattr(model, '__name__', model)}]"
        error.args = (error.message,)
    return error
