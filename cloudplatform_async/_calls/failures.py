"""What a failed attempt means: refusals and transport errors as errors of ours, and what is certain."""

import ssl
from collections.abc import Iterable
from typing import Any

import httpx

from cloudplatform_async._connections.exceptions import (
    NO_CONNECTION,
    NOT_SENT,
    ProxyRefusalError,
    StaleConnectionError,
    TransportClosedError,
    chain,
)
from cloudplatform_async._protocol.calls import Call
from cloudplatform_async._protocol.rate_limits import exhausted_for
from cloudplatform_async._protocol.responses import Answer, status_error
from cloudplatform_async._protocol.retries import Failure, is_transient
from cloudplatform_async._runtime.clock import Clock
from cloudplatform_async.errors import APIConnectionError, APITimeoutError, ResponseDecodeError

_FINAL = (
    httpx.PoolTimeout,
    ProxyRefusalError,
    TransportClosedError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)


def refusal(answer: Answer, clock: Clock, secrets: Iterable[str]) -> Failure:
    """Make the failure of an answer that is not a success."""
    now = clock.wall()
    error = status_error(answer, now=now, secrets=secrets)
    if error.status_code == 429 and error.retry_after is None:
        error.retry_after = exhausted_for(answer.headers, now)
    return Failure(error, transient=is_transient(error))


def tell_of_answer(error: ResponseDecodeError, call: Call[Any], status: int, request_id: str | None) -> None:
    """Write on the error of a success that cannot be read whose answer it was."""
    error.outcome = "unknown"  # the server did it, and what it said cannot be read
    error.status_code, error.request_id = status, request_id
    error.message = f"{call.method} {call.target.partition('?')[0]}: {error.message}"
    error.args = (error.message,)


def failure_of(error: httpx.TransportError, origin: str) -> Failure:
    """Judge a transport error (API contract §7).

    Args:
        error: Kept as the cause, without its traceback and its request, which hold credentials.
        origin: Scheme, host and port, for the message.
    """
    kind = APITimeoutError if isinstance(error, httpx.TimeoutException) else APIConnectionError
    ours = kind(_message(error, origin), outcome="not_sent" if isinstance(error, NOT_SENT) else "unknown")
    ours.__cause__ = without_secrets(error)
    return Failure(
        ours,
        transient=not isinstance(error, _FINAL) and not _is_certificate_failure(error),
        immediate=isinstance(error, StaleConnectionError),
    )


def _message(error: httpx.TransportError, origin: str) -> str:
    if isinstance(error, httpx.PoolTimeout):
        return "No connection became free in time; see PoolLimits(max_connections=…) and Timeouts(pool=…)."
    if isinstance(error, TransportClosedError):
        return str(error)
    if _is_certificate_failure(error):
        return f"The certificate of {origin} is not trusted ({error}); see PooledTransport(verify=…)."
    if isinstance(error, httpx.ConnectTimeout):
        return f"Connecting to {origin} took too long ({error}); check the network, or Timeouts(connect=…)."
    if isinstance(error, httpx.ProxyError):
        return f"Could not connect to {origin} through a proxy ({error}); check proxy= or the environment."
    if isinstance(error, NO_CONNECTION):
        return f"Could not connect to {origin} ({error}); check base_url and the network."
    if isinstance(error, httpx.TimeoutException):
        return f"{origin} was silent for too long ({type(error).__name__}); see Timeouts(read=…, write=…)."
    return f"The connection to {origin} broke before the whole answer came ({type(error).__name__}: {error})."


def _is_certificate_failure(error: BaseException) -> bool:
    return any(isinstance(link, ssl.SSLCertVerificationError) for link in chain(error))


def without_secrets(error: httpx.TransportError) -> httpx.TransportError:
    """Take away what holds credentials: the request, and the frames of the libraries below."""
    error.request = httpx.Request("GET", "")  # a transport of the user's may have set its own
    for link in list(chain(error)):
        link.__traceback__ = None
    return error
