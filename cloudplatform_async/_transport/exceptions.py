"""The failure that httpx has no name for: a connection gone stale."""

import httpx


class StaleConnectionError(httpx.ReadError):
    """A reused connection was closed by the server before any byte of this answer came.

    Transports raise it in place of httpx's own error, so that the retry loop can send a safe call
    again at once on a fresh connection (RFC 9110 §9.2.2, RFC 9112 §9.3.1).
    """
