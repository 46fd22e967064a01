"""Headers as they stand on the wire; httpx's own form of them is made only if anyone asks for it."""

from collections.abc import Sequence
from typing import Any

import httpx

RawHeaders = tuple[tuple[bytes, bytes], ...]


class WireHeaders(httpx.Headers):
    """What a transport needs of headers, without normalising them a second time.

    Args:
        raw: Names and values that may go on the wire, or came from it.
    """

    def __init__(self, raw: Sequence[tuple[bytes, bytes]]) -> None:
        self._raw = raw
        self._encoding = None

    def __getattr__(self, name: str) -> Any:
        # httpx keeps headers in one private list; whoever reaches for it gets it here, and may change it.
        if name != "_list":
            raise AttributeError(name)
        self._list: Any = [(name, name.lower(), value) for name, value in self._raw]
        return self._list

    @property
    def raw(self) -> list[tuple[bytes, bytes]]:
        return super().raw if "_list" in self.__dict__ else list(self._raw)

    def __repr__(self) -> str:
        """Show the names alone, of an answer too: httpx masks but one of the values that are secrets."""
        return f"WireHeaders({', '.join(name.decode('latin-1') for name, _ in self.raw)})"
