"""Inflates the body of an answer within a bound (RFC 9110 §8.4)."""

import zlib

from cloudplatform_async.errors import ResponseDecodeError, ResponseTooLargeError

_GZIP = 16 + zlib.MAX_WBITS
_PACKED_MORE = 64 * 1024  # bytes by which gzip may make a small body larger


def packed_limit(limit: int) -> int:
    """Give the most bytes of a body as it comes, for one of at most ``limit`` bytes."""
    return limit + limit // 1024 + _PACKED_MORE


def inflated(body: bytes, coding: str | None, limit: int) -> bytes:
    """Undo the coding of a body; it stops at the bound, however small the packed bytes are.

    Args:
        body: As it came.
        coding: The answer's ``Content-Encoding``.
        limit: Most bytes when it is inflated; `packed_limit` of it before.

    Raises:
        ResponseTooLargeError: When the body is larger.
        ResponseDecodeError: For a coding other than gzip, and for broken gzip.
    """
    if body and coding is not None and _is_gzip(coding) and len(body) <= packed_limit(limit):
        body = _unzipped(body, limit)
    if len(body) > limit:
        raise ResponseTooLargeError(f"The body is larger than max_response_bytes ({limit} bytes).")
    return body


def _is_gzip(coding: str) -> bool:
    name = coding.strip().lower()
    if name in {"", "identity"}:
        return False
    if name in {"gzip", "x-gzip"}:  # RFC 9110 §8.4.1.3
        return True
    raise ResponseDecodeError(f"The body has the coding {coding[:40]!r}; one layer of gzip was asked for.")


def _unzipped(body: bytes, limit: int) -> bytes:
    """Inflate one gzip stream, of one member or several (RFC 1952 §2.2), up to one byte beyond the bound."""
    parts: list[bytes] = []
    room = limit + 1
    while body and room > 0:
        member = zlib.decompressobj(_GZIP)
        try:
            parts.append(member.decompress(body, room))
        except zlib.error as error:
            raise ResponseDecodeError(f"The body is not valid gzip: {error}.") from error
        room -= len(parts[-1])
        if room > 0 and not member.eof:
            raise ResponseDecodeError("The gzip body ends in the middle.")
        body = member.unused_data
    return b"".join(parts)
