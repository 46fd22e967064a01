"""What each failure of the network means: the class, the outcome, and whether to try again."""

import ssl

import httpx
import pytest

from cloudplatform_async import APIConnectionError, APITimeoutError
from cloudplatform_async._calls.failures import failure_of
from cloudplatform_async._connections.exceptions import (
    ClosedBeforeSendingError,
    StaleConnectionError,
    TransportClosedError,
)

ORIGIN = "https://api.example.com"


@pytest.mark.parametrize(
    ("error", "kind", "outcome", "transient"),
    [
        (httpx.ConnectError(""), APIConnectionError, "not_sent", True),
        (httpx.ConnectTimeout(""), APITimeoutError, "not_sent", True),
        (httpx.ProxyError(""), APIConnectionError, "not_sent", True),
        (httpx.PoolTimeout(""), APITimeoutError, "not_sent", False),
        (httpx.UnsupportedProtocol(""), APIConnectionError, "not_sent", False),
        (ClosedBeforeSendingError(""), APIConnectionError, "not_sent", False),
        (TransportClosedError(""), APIConnectionError, "unknown", False),
        (httpx.LocalProtocolError(""), APIConnectionError, "unknown", False),
        (httpx.ReadError(""), APIConnectionError, "unknown", True),
        (httpx.WriteError(""), APIConnectionError, "unknown", True),
        (httpx.CloseError(""), APIConnectionError, "unknown", True),
        (httpx.ReadTimeout(""), APITimeoutError, "unknown", True),
        (httpx.WriteTimeout(""), APITimeoutError, "unknown", True),
        (httpx.RemoteProtocolError(""), APIConnectionError, "unknown", True),
        (StaleConnectionError(""), APIConnectionError, "unknown", True),
    ],
)
def test_each_transport_error_is_judged(
    error: httpx.TransportError, kind: type[Exception], outcome: str, transient: bool
) -> None:
    """Not sent is claimed only where it is certain."""
    failure = failure_of(error, ORIGIN)
    assert type(failure.error) is kind
    assert (failure.error.outcome, failure.transient) == (outcome, transient)
    assert failure.immediate is isinstance(error, StaleConnectionError)


def test_a_certificate_failure_is_final_and_named() -> None:
    """However deep it lies below httpx's own error."""
    error = httpx.ConnectError("ssl")
    error.__cause__ = OSError()
    error.__cause__.__cause__ = ssl.SSLCertVerificationError("self-signed")
    failure = failure_of(error, ORIGIN)
    assert (failure.transient, failure.error.outcome) == (False, "not_sent")
    assert "certificate" in failure.error.message


def test_the_message_names_the_origin_or_the_option_to_change() -> None:
    """A reader knows where to look."""
    errors = [
        httpx.ConnectError("x"),
        httpx.ConnectTimeout("x"),
        httpx.ReadTimeout("x"),
        httpx.ReadError("x"),
    ]
    assert all(ORIGIN in failure_of(error, ORIGIN).error.message for error in errors)
    assert "PoolLimits" in failure_of(httpx.PoolTimeout("x"), ORIGIN).error.message


def test_the_cause_holds_no_request_and_no_frames() -> None:
    """Both hold credentials."""
    request = httpx.Request("GET", ORIGIN, headers={"x-api-key": "secret"})
    try:
        raise httpx.ReadError("reset", request=request)
    except httpx.ReadError as error:
        cause = failure_of(error, ORIGIN).error.__cause__
    assert isinstance(cause, httpx.ReadError)
    assert "x-api-key" not in cause.request.headers
    assert cause.__traceback__ is None


def test_a_cycle_of_causes_ends() -> None:
    """Exceptions may refer to each other."""
    error = httpx.ReadError("a")
    other = OSError("b")
    error.__cause__, other.__cause__ = other, error
    assert failure_of(error, ORIGIN).transient
