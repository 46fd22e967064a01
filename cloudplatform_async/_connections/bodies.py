"""Reads the raw bytes of an answer and inflates them within a bound."""

import zlib
from types import AsyncGeneratorType
from typing import cast

import httpx

from cloudplatform_async.errors import ResponseDecodeError, ResponseTooLargeError

_GZIP = 16 + zlib.MAX_WBITS


async def read_body(
    stream: httpx.SyncByteStream | httpx.AsyncByteStream, limit: int, coding: str | None
) -> bytes:
    """Read a body whole and close it.

    httpx's own decoder inflates a chunk however large it becomes; this one stops at the bound.

    Args:
        stream: Of a response that is fresh from a transport, unread.
        limit: Most bytes, counted after decompression and during it.
        coding: The response's ``Content-Encoding``.

    Raises:
        ResponseTooLargeError: When the body is larger.
        ResponseDecodeError: For a coding other than gzip, and for broken gzip.
        httpx.TransportError: When the connection fails meanwhile.
    """
    body = cast("httpx.AsyncByteStream", stream)  # an async transport's
    raw = aiter(body)
    try:
        inflater = None if coding is None else _inflater(coding, limit)
        chunks: list[bytes] = []
        size = 0
        async for chunk in raw:
            part = inflater.inflate(chunk) if inflater else chunk
            size += len(part)
            if size > limit:
                raise ResponseTooLargeError(f"The body is larger than max_response_bytes ({limit} bytes).")
            chunks.append(part)
    finally:
        if isinstance(raw, AsyncGeneratorType):
            await raw.aclose()  # one that is left half-way is a warning on trio, and a late end on asyncio
        await body.aclose()
    if inflater and chunks:
        inflater.check_complete()
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _inflater(coding: str, limit: int) -> "_Inflater | None":
    if coding.strip().lower() in {"", "identity"}:
        return None
    if coding.strip().lower() in {"gzip", "x-gzip"}:  # RFC 9110 §8.4.1.3
        return _Inflater(limit)
    raise ResponseDecodeError(f"The body has the coding {coding[:40]!r}; one layer of gzip was asked for.")


class _Inflater:
    """Inflates one gzip stream, of one member or several (RFC 1952 §2.2)."""

    def __init__(self, limit: int) -> None:
        self._room = limit + 1
        self._member = zlib.decompressobj(_GZIP)

    def inflate(self, chunk: bytes) -> bytes:
        parts: list[bytes] = []
        while chunk and self._room > 0:
            if self._member.eof:
                self._member = zlib.decompressobj(_GZIP)
            parts.append(self._decompress(chunk))
            chunk = self._member.unused_data
        return b"".join(parts)

    def _decompress(self, chunk: bytes) -> bytes:
        try:
            part = self._member.decompress(chunk, self._room)
        except zlib.error as error:
            raise ResponseDecodeError(f"The body is not valid gzip: {error}.") from error
        self._room -= len(part)
        return part

    def check_complete(self) -> None:
        if not self._member.eof:
            raise ResponseDecodeError("The gzip body ends in the middle.")
