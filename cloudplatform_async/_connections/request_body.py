"""A request's body in pieces small enough that `write` bounds the silence, not the whole upload."""

from collections.abc import Iterator

import httpx

PIECE = 64 * 1024
"""Bytes up to which a body is written at once: the socket's buffer takes about as much."""


class BodyPieces(httpx.AsyncByteStream):
    """A body of bytes that can be read again and again.

    Its iterator is no generator, so that one which is dropped half-way, with the upload, leaves nothing
    to be finalized: httpx's own leaves a task on asyncio and a warning on trio.
    """

    __slots__ = ("_content",)

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __aiter__(self) -> "_Pieces":
        return _Pieces(self._content)


class _Pieces:
    __slots__ = ("_pieces",)

    def __init__(self, content: bytes) -> None:
        self._pieces = pieces(content)

    def __aiter__(self) -> "_Pieces":
        return self

    async def __anext__(self) -> bytes:
        for piece in self._pieces:
            return piece
        raise StopAsyncIteration


def pieces(content: bytes) -> Iterator[bytes]:
    """Cut bytes; a short body is handed over as it is, without a copy, and an empty one not at all."""
    if not content:
        return iter(())
    if len(content) <= PIECE:
        return iter((content,))
    return (content[start : start + PIECE] for start in range(0, len(content), PIECE))


def steady(request: httpx.Request) -> None:
    """Put `BodyPieces` in the place of httpx's stream, where the body is known bytes."""
    if isinstance(request.stream, httpx.ByteStream):
        request.stream = BodyPieces(request.read())
