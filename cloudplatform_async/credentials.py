"""Who a client speaks as: API keys and access tokens, held so that they cannot leak by accident."""

from collections.abc import Awaitable, Callable
from typing import NoReturn

import re

from attrs import field, frozen

from cloudplatform_async.errors import ConfigurationError

_SENDABLE = re.compile(r"[\x21-\x7e]+")

SecretSource = Callable[[], str | Awaitable[str]]


class Secret:
    """A text that shows itself only when asked to."""

    __slots__ = ("__weakref__", "_reveal")

    def __init__(self, text: str) -> None:
        self._reveal = lambda: text

    def reveal(self) -> str:
        """Give the text, to be put on a request and nowhere else."""
        return self._reveal()

    def __repr__(self) -> str:
        return "Secret(***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A secret cannot be pickled or copied; make the client anew where it is needed.")


def checked_secret(text: object, name: str) -> str:
    """Check that a text can be sent as a credential; the message never shows it.

    Raises:
        ConfigurationError: For anything but visible ASCII.
    """
    if not isinstance(text, str) or not _SENDABLE.fullmatch(text):
        raise ConfigurationError(f"{name} must be visible ASCII text without spaces or line breaks.")
    return text
