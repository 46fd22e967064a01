"""The key that makes a write safe to send again (API contract §6)."""

import re
from collections.abc import Callable
from enum import Enum
from typing import Final

from cloudplatform_async.errors import InvalidRequestError

_KEY = r"[\x21-\x7e]{1,255}"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Auto(Enum):
    """The type of ``AUTO``."""

    AUTO = "AUTO"


AUTO: Final = Auto.AUTO
"""Make an idempotency key for this write; the default of every ``idempotency_key=``."""

IdempotencyKey = str | Auto | None


def is_write(method: str) -> bool:
    """Tell whether a method changes something (RFC 9110 §9.2.1)."""
    return method not in _SAFE_METHODS


def choose_key(method: str, given: object, make: Callable[[], str]) -> str | None:
    """Choose the key of one call: the caller's, a new one for a write, or none.

    Raises:
        InvalidRequestError: For a key that is not 1 to 255 visible ASCII characters.
    """
    if given is AUTO:
        return make() if is_write(method) else None
    if given is None:
        return None
    if not isinstance(given, str) or not re.fullmatch(_KEY, given):
        raise InvalidRequestError("`idempotency_key` must be 1 to 255 visible ASCII characters.")
    return str.__str__(given)  # a subclass may encode as something else
