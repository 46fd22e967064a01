"""Which httpx error stands for what aiohttp raised; the phase decides what may have been sent."""

from collections.abc import Iterator

import aiohttp
import httpx

from cloudplatform_async._connections.stale import DISCONNECTED

ERRORS = (aiohttp.ClientError, OSError, ValueError)
"""Everything that aiohttp raises at run time; ``asyncio.TimeoutError`` is an ``OSError``."""


# A server that goes while it sends the header is told by the half-read header in place of a message.
_BAD_ANSWERS = (aiohttp.ClientResponseError, aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError)


def connect_failure(error: Exception) -> httpx.TransportError:
    """The error for a connection that could not be opened: nothing of the request has been sent."""
    if isinstance(error, TimeoutError):
        return _caused(httpx.ConnectTimeout("The connection was not open in time."), error)
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return httpx.ProxyError(f"The proxy answered {error.status}.")
    reason = _reason(error)
    return _caused(httpx.ConnectError(str(reason or type(error).__name__)), error)


def send_failure(error: Exception) -> httpx.TransportError:
    """The error for a request that could not be written."""
    if isinstance(error, aiohttp.NonHttpUrlClientError):
        return httpx.UnsupportedProtocol("The URL has neither http nor https as its scheme.")
    if isinstance(error, ValueError):
        return httpx.LocalProtocolError("The URL or a header holds what HTTP cannot carry.")
    return read_failure(error)


def read_failure(error: Exception) -> httpx.TransportError:
    """The error for an answer that could not be read."""
    if isinstance(error, TimeoutError):
        return httpx.ReadTimeout("The server was silent for too long.")
    if isinstance(error, aiohttp.ServerDisconnectedError) and isinstance(error.message, str):
        return httpx.RemoteProtocolError(DISCONNECTED)
    if isinstance(error, _BAD_ANSWERS):
        return httpx.RemoteProtocolError("The answer is not valid HTTP, or ends too early.")
    return _caused(httpx.ReadError(str(_reason(error) or type(error).__name__)), error)


def _caused(failure: httpx.TransportError, error: Exception) -> httpx.TransportError:
    """Keep the system's or the TLS layer's own error; aiohttp's hold request headers and proxy passwords."""
    failure.__cause__ = _reason(error)
    for link in _chain(failure.__cause__):
        link.__traceback__ = None
    return failure


def _reason(error: Exception) -> BaseException | None:
    return next((link for link in _chain(error) if not _is_of_aiohttp(link)), None)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _is_of_aiohttp(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] == "aiohttp"
