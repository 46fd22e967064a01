"""Tells a kept connection that the server had closed from every other failure."""

import httpx

from cloudplatform_async._connections.exceptions import StaleConnectionError

DISCONNECTED = "Server disconnected without sending a response."
"""How httpcore words the end of the stream where an answer should begin."""


def as_stale(error: httpx.TransportError, *, reused: bool) -> httpx.TransportError:
    """Rename the failure of an exchange whose answer had not begun, if its connection was a reused one.

    A timeout or a malformed answer keeps its name: those are not for sending again at once.
    """
    if not reused or not _is_disconnect(error):
        return error
    stale = StaleConnectionError(str(error))
    stale.__cause__ = error
    return stale


def _is_disconnect(error: httpx.TransportError) -> bool:
    if isinstance(error, httpx.RemoteProtocolError):
        return str(error) == DISCONNECTED
    return isinstance(error, httpx.ReadError | httpx.WriteError)
