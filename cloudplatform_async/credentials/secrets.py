"""Texts that must not be seen: held so that they cannot leak by accident."""

import re
from collections.abc import Awaitable, Callable
from hashlib import blake2b
from secrets import token_bytes
from typing import Any, NoReturn, TypeGuard

from msgspec import Struct

from cloudplatform_async.errors import ConfigurationError

SecretSource = Callable[[], str | Awaitable[str]]

REFUSED = "A secret cannot be pickled or copied; make the client anew where it is needed."
_OF_THIS_PROCESS = token_bytes(32)
_SENDABLE = r"[\x21-\x7e]+"


class Secret:
    """A text that shows itself only when asked to."""

    __slots__ = ("__weakref__", "_reveal")

    def __init__(self, text: str) -> None:
        def reveal() -> str:
            return text

        self._reveal = reveal

    def reveal(self) -> str:
        """Give the text, to be put on a request and nowhere else."""
        return self._reveal()

    def __repr__(self) -> str:
        return "Secret(***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError(REFUSED)


class SecretBytes(bytes):
    """Bytes that hold a secret, and do not show it in a log or in a traceback with locals."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "SecretBytes(***)"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError(REFUSED)


def digest_of(secret: bytes) -> bytes:
    """Name a secret without holding it: of use in this process alone."""
    return blake2b(secret, key=_OF_THIS_PROCESS, digest_size=16).digest()


def is_sendable(text: object) -> TypeGuard[str]:
    """Tell whether something is a text of visible ASCII, fit for a header."""
    return isinstance(text, str) and re.fullmatch(_SENDABLE, text) is not None


def is_blank(text: object) -> bool:
    """Tell whether a text has nothing in it, and so counts as absent (API contract §2)."""
    return isinstance(text, str) and not text.strip()


def checked_secret(text: object, name: str) -> str:
    """Check that a text can be sent as a credential; the message never shows it.

    Raises:
        ConfigurationError: For anything but visible ASCII.
    """
    if is_sendable(text):
        return str.__str__(text)  # a subclass may show something else
    del text  # a traceback with locals must not show it either
    raise ConfigurationError(f"{name} must be visible ASCII text without spaces or line breaks.")


class SecretStruct(Struct, frozen=True):
    """A record that shows nothing of itself, neither in a log nor in a traceback with locals."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []

    def __reduce__(self) -> NoReturn:
        raise TypeError(REFUSED)


class SecretFunction(SecretStruct, frozen=True, eq=False, weakref=True):
    """A user's function that gives the secret, asked afresh for every attempt.

    Attributes:
        function: Sync or async.
        name: The option it came from, for messages.
    """

    function: SecretSource
    name: str
