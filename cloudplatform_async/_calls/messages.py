"""From a call to the request of one attempt, and from a response to an answer."""

from collections.abc import Iterable
from typing import Any

import httpx

from cloudplatform_async._calls.progress import Progress
from cloudplatform_async._connections.messages import Origin, RawHeaders, Request, Response
from cloudplatform_async._protocol.calls import Call
from cloudplatform_async._protocol.decoding.content_coding import inflated, packed_limit
from cloudplatform_async._protocol.encoding import merged
from cloudplatform_async._protocol.responses import Answer
from cloudplatform_async.errors import ConfigurationError, ResponseDecodeError, ResponseTooLargeError
from cloudplatform_async.settings import BaseURL
from cloudplatform_async.version import USER_AGENT

_WITH_LENGTH = frozenset({"POST", "PUT", "PATCH"})  # also without a body (RFC 9110 §8.6)
_CONSTANT = (
    ("accept", "application/json"),
    ("accept-encoding", "gzip"),
    ("user-agent", USER_AGENT),
)
_JSON = (b"content-type", b"application/json")


class Messages:
    """Writes requests to one base URL and reads their responses; what does not change is prepared once.

    Args:
        base: Where every request goes.
        limit: Most bytes of an answer's body.
        headers: Of the client's user, checked.

    Attributes:
        packed_limit: Most bytes of an answer's body as it comes.
        origin: Of the base URL.

    Raises:
        ConfigurationError: The base URL is none.
    """

    def __init__(self, *, base: BaseURL, limit: int, headers: tuple[tuple[str, str], ...] = ()) -> None:
        self.base = base
        self.limit = limit
        self.headers = headers
        self.packed_limit: int = packed_limit(limit)
        try:
            self.origin: Origin = Origin.of(httpx.URL(str(base)))
        except httpx.InvalidURL as error:
            raise ConfigurationError(f"base_url is not a valid URL: {error}.") from None
        self._constant = self._headers_with(())

    def with_headers(self, headers: tuple[tuple[str, str], ...]) -> "Messages":
        """Give the same with more headers of the user."""
        return Messages(base=self.base, limit=self.limit, headers=merged(self.headers, headers))

    def request_id_of(self, call: Call[Any]) -> str | None:
        """Find the request id that the user gave as a header, for one call or for all."""
        if not self.headers and not call.headers:
            return None
        return dict(merged(self.headers, call.headers)).get("x-request-id")

    def request(self, progress: Progress, credentials: RawHeaders, carried: RawHeaders = ()) -> Request:
        """Write the request of one attempt.

        Args:
            progress: Of the call.
            credentials: That go with it.
            carried: Headers of observers; of one name the first is sent, the user's before all.
        """
        call, key, body = progress.call, progress.key, progress.call.body
        headers = [*(self._headers_with(call.headers) if call.headers else self._constant), *credentials]
        headers.append((b"x-attempt", b"%d" % progress.attempts))
        headers.append((b"x-request-id", progress.request_id.encode()))
        if key is not None:
            headers.append((b"idempotency-key", key.encode()))
        if body is not None and not any(name == b"content-type" for name, _ in headers):
            headers.append(_JSON)
        if body is not None or call.method in _WITH_LENGTH:
            headers.append((b"content-length", b"%d" % len(body or b"")))
        for header in carried:
            if not any(header[0] == name for name, _ in headers):
                headers.append(header)
        return Request(
            method=call.method.encode(),
            origin=self.origin,
            target=(self.base.prefix + call.target).encode(),
            headers=headers,
            timeouts=progress.timeouts,
            body=body or b"",
        )

    def _headers_with(self, given: tuple[tuple[str, str], ...]) -> tuple[tuple[bytes, bytes], ...]:
        """Encode what is the same for all attempts, without what each attempt has of its own."""
        own = [header for header in merged(_CONSTANT, self.headers, given) if header[0] != "x-request-id"]
        pairs = [("host", self.base.authority), *own]  # their text was checked to be ASCII
        return tuple((name.encode("ascii"), value.encode("ascii")) for name, value in pairs)

    def answer(self, response: Response) -> Answer:
        """Read a response.

        Raises:
            ResponseTooLargeError: Under any status.
            ResponseDecodeError: For a success whose coding cannot be read.
        """
        status, headers = response.status, by_name(response.headers)
        try:
            body, coding = response.body, headers.get("content-encoding")
            if coding is not None or len(body) > self.limit:
                body = inflated(body, coding, self.limit)
        except (ResponseDecodeError, ResponseTooLargeError) as error:
            if not 200 <= status < 300 and isinstance(error, ResponseDecodeError):
                # The status says enough: its typed error must come even where the body cannot be read.
                return Answer(status, headers, error.message.encode())
            error.outcome = "rejected" if 400 <= status < 500 else "unknown"
            error.status_code = status
            error.request_id = headers.get("x-request-id")
            raise
        return Answer(status, headers, body)


def by_name(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Give headers by lower-case name; repeated ones are joined (RFC 9110 §5.2)."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.lower().decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
