"""Two failures that httpx has no name for: a connection gone stale, and a request held back."""

import httpx


class StaleConnectionError(httpx.ReadError):
    """A reused connection was closed by the server before any byte of this answer came.

    Transports raise it in place of httpx's own error, so that the retry loop can send a safe call
    again at once on a fresh connection (RFC 9110 §9.2.2, RFC 9112 §9.3.1).
    """


class HeldBackError(httpx.TransportError):
    """The request's turn for a connection came while its endpoint group was closed; nothing was sent."""
