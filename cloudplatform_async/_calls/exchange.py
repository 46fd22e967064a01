"""One request and its whole answer: build, send, read, judge."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import httpx
from attrs import Factory, field, frozen

from cloudplatform_async._calls.failures import failure_of
from cloudplatform_async._calls.flight import Flight
from cloudplatform_async._connections.admission import Admission
from cloudplatform_async._connections.bodies import read_body
from cloudplatform_async._connections.departure import (
    EXTENSION,
    Departure,
    admission_of,
    announces_departures,
)
from cloudplatform_async._connections.target_url import ParsedBase, TargetURL
from cloudplatform_async._connections.wire_headers import RawHeaders, WireHeaders
from cloudplatform_async._connections.wire_request import WireRequest
from cloudplatform_async._protocol.calls import Call
from cloudplatform_async._protocol.encoding import merged
from cloudplatform_async._protocol.rate_limits import exhausted_for
from cloudplatform_async._protocol.responses import Answer, status_error
from cloudplatform_async._protocol.retries import Failure, is_transient
from cloudplatform_async._runtime.clock import Clock
from cloudplatform_async.errors import ConfigurationError, ResponseDecodeError, ResponseTooLargeError
from cloudplatform_async.settings import BaseURL, Timeouts
from cloudplatform_async.version import USER_AGENT

_WITH_LENGTH = frozenset({"POST", "PUT", "PATCH"})  # also without a body (RFC 9110 §8.6)
_CONSTANT = (
    ("accept", "application/json"),
    ("accept-encoding", "gzip"),
    ("user-agent", USER_AGENT),
)
_JSON = (b"content-type", b"application/json")


def _parsed_base(exchange: "Exchange") -> ParsedBase:
    try:
        return ParsedBase.of(str(exchange.base))
    except httpx.InvalidURL as error:
        raise ConfigurationError(f"base_url is not a valid URL: {error}.") from None


def _constant_headers(exchange: "Exchange") -> RawHeaders:
    own = merged(_CONSTANT, exchange.headers)
    return raw_headers([("host", exchange.base.authority), *_without_request_id(own)])


def _is_announced(exchange: "Exchange") -> bool:
    return announces_departures(exchange.transport)


def _admission(exchange: "Exchange") -> Admission | None:
    return admission_of(exchange.transport)


@frozen(eq=False, repr=False, kw_only=True)
class Exchange:
    """Sends requests to one origin over one transport; whatever does not change is prepared once.

    Attributes:
        transport: Any httpx transport.
        base: Where every request goes.
        limit: Most bytes of an answer's body.
        headers: Of the client's user, checked.
    """

    transport: httpx.AsyncBaseTransport
    base: BaseURL
    limit: int
    headers: tuple[tuple[str, str], ...] = ()
    _parsed: ParsedBase = field(init=False, default=Factory(_parsed_base, takes_self=True))
    _constant: RawHeaders = field(init=False, default=Factory(_constant_headers, takes_self=True))
    _announced: bool = field(init=False, default=Factory(_is_announced, takes_self=True))
    _admission: Admission | None = field(init=False, default=Factory(_admission, takes_self=True))

    def request_id_of(self, call: Call[Any]) -> str | None:
        """Find the request id that the user gave as a header, for one call or for all."""
        return (
            dict(merged(self.headers, call.headers)).get("x-request-id")
            if self.headers or call.headers
            else None
        )

    def _request(self, flight: Flight, credentials: RawHeaders, departure: Departure) -> httpx.Request:
        """Build the request of one attempt."""
        call = flight.call
        return WireRequest(
            call.method,
            TargetURL(self._parsed, (self.base.prefix + call.target).encode()),
            WireHeaders((*self._headers_of(call), *credentials, *_own_headers(flight))),
            call.body or b"",
            {
                "timeout": httpx_timeouts(flight.timeouts),
                "fresh": flight.wants_fresh,
                EXTENSION: departure,
            },
        )

    def _headers_of(self, call: Call[Any]) -> RawHeaders:
        """Give what is the same for all calls, and what the user gave this one."""
        headers = self._constant
        if call.headers:
            own = merged(_CONSTANT, self.headers, call.headers)
            headers = self._constant[:1] + raw_headers(_without_request_id(own))
        if call.body is not None and not any(name == b"content-type" for name, _ in headers):
            return (*headers, _JSON)
        return headers

    async def run(
        self, flight: Flight, credentials: RawHeaders, departure: Departure
    ) -> Answer | Failure | None:
        """Make a request when its turn for a connection has come, send it, and read the answer whole.

        A call that waits for its turn has no request yet: thousands of calls may be waiting.

        Returns:
            A ``Failure`` for what the network does wrong; ``None`` where its turn came, but it may not leave.

        Raises:
            ResponseTooLargeError: Under any status.
            ResponseDecodeError: For a success whose coding cannot be read.
        """
        admission = self._admission
        try:
            if admission is not None:
                if not admission.take():
                    await admission.acquire(flight.timeouts.pool)
                departure.permit = admission
            if not departure.may_leave():
                return None
            if not self._announced:
                departure.leaves()
            request = self._request(flight, credentials, departure)
            response = await self.transport.handle_async_request(request)
            headers = _by_name(response.headers.raw)
            body = await self._read(response, headers.get("content-encoding"))
        except httpx.TransportError as error:
            return failure_of(error, self.base.origin)
        finally:
            departure.give_back()
        return Answer(response.status_code, headers, body)

    async def _read(self, response: httpx.Response, coding: str | None) -> bytes:
        try:
            return await read_body(response.stream, self.limit, coding)
        except (ResponseDecodeError, ResponseTooLargeError) as error:
            if not response.is_success and isinstance(error, ResponseDecodeError):
                # The status says enough: its typed error must come even where the body cannot be read.
                return error.message.encode()
            error.outcome = "rejected" if response.is_client_error else "unknown"
            error.status_code = response.status_code
            error.request_id = response.headers.get("x-request-id")
            raise


def refusal(answer: Answer, clock: Clock, secrets: Iterable[str]) -> Failure:
    """Make the failure of an answer that is not a success."""
    now = clock.wall()
    error = status_error(answer, now=now, secrets=secrets)
    if error.status_code == 429 and error.retry_after is None:
        error.retry_after = exhausted_for(answer.headers, now)
    return Failure(error, transient=is_transient(error))


@lru_cache(maxsize=64)
def httpx_timeouts(timeouts: Timeouts) -> dict[str, float | None]:
    """Write timeouts as httpx's request extension."""
    return {
        "connect": timeouts.connect,
        "read": timeouts.read,
        "write": timeouts.write,
        "pool": timeouts.pool,
    }


def _own_headers(flight: Flight) -> RawHeaders:
    """Give the headers that tell one call and one attempt from another."""
    call, key = flight.call, flight.key
    headers: RawHeaders = (
        (b"x-attempt", b"%d" % flight.attempts),
        (b"x-request-id", flight.request_id.encode()),
    )
    if key is not None:
        headers += ((b"idempotency-key", key.encode()),)
    if call.body is not None or call.method in _WITH_LENGTH:
        headers += ((b"content-length", b"%d" % len(call.body or b"")),)
    return headers


def _without_request_id(headers: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    """Leave out what is sent with each attempt's own headers."""
    return (header for header in headers if header[0] != "x-request-id")


def raw_headers(headers: Iterable[tuple[str, str]]) -> RawHeaders:
    """Encode headers for the wire; their text was checked to be ASCII."""
    return tuple((name.encode("ascii"), value.encode("ascii")) for name, value in headers)


def _by_name(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.lower().decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
