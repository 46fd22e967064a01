"""The failures that httpx has no name for."""

from collections.abc import Iterator
from typing import TypeVar

import httpx

E = TypeVar("E", bound=httpx.TransportError)


class StaleConnectionError(httpx.ReadError):
    """A reused connection was closed by the server before any byte of this answer came.

    It takes the place of httpx's own error, so that a safe call can be sent again at once on a fresh
    connection (RFC 9110 §9.2.2, RFC 9112 §9.3.1).
    """


class ProxyRefusalError(httpx.ProxyError):
    """A proxy said no, as with 403, 407 or a refusal of SOCKS; asking again changes nothing."""


class TransportClosedError(httpx.CloseError):
    """A request's transport was closed; no further attempt can do better."""


class ClosedBeforeSendingError(TransportClosedError):
    """A transport was closed before a request came to it, or while it waited for a connection."""


NO_CONNECTION = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)
NOT_SENT = (*NO_CONNECTION, httpx.PoolTimeout, ClosedBeforeSendingError)


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Go through an error, what caused it, what caused that, and so on."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def caused_by(cause: BaseException | None, error: E) -> E:
    """Give an error that is raised elsewhere its cause."""
    error.__cause__ = cause
    return error
