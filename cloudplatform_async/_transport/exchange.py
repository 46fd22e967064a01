"""One request and its whole answer: build, send, read, judge."""

from collections.abc import Iterable

import httpx
from attrs import frozen

from cloudplatform_async._protocol.responses import Answer, status_error
from cloudplatform_async._protocol.retries import Failure, is_transient
from cloudplatform_async._transport.bodies import read_body
from cloudplatform_async._transport.clock import Clock
from cloudplatform_async._transport.failures import failure_of
from cloudplatform_async.errors import ResponseDecodeError

RawHeaders = Iterable[tuple[bytes, bytes]]


def raw_headers(headers: Iterable[tuple[str, str]]) -> tuple[tuple[bytes, bytes], ...]:
    """Encode headers for the wire; their text was checked to be ASCII."""
    return tuple((name.encode("ascii"), value.encode("ascii")) for name, value in headers)


@frozen(eq=False)
class Exchange:
    """Sends requests to one origin over one transport.

    Attributes:
        transport: Any httpx transport.
        origin: Scheme, host and port, for messages.
        limit: Most bytes of an answer's body.
    """

    transport: httpx.AsyncBaseTransport
    origin: str
    limit: int

    async def run(self, request: httpx.Request) -> Answer | Failure:
        """Send a request and read the answer whole; what the network does wrong is a ``Failure``.

        Raises:
            ResponseTooLargeError: Under any status.
            ResponseDecodeError: For a success whose coding cannot be read.
        """
        try:
            response = await self.transport.handle_async_request(request)
            return Answer(response.status_code, _by_name(response.headers.raw), await self._read(response))
        except httpx.TransportError as error:
            return failure_of(error, self.origin)

    async def _read(self, response: httpx.Response) -> bytes:
        try:
            return await read_body(response, self.limit)
        except ResponseDecodeError as error:
            if response.is_success:
                raise
            # The status says enough: its typed error must come even where the body cannot be read.
            return error.message.encode()


def judged(answer: Answer, clock: Clock, secrets: Iterable[str]) -> Answer | Failure:
    """Tell a success from the typed error of any other status."""
    if answer.is_success:
        return answer
    error = status_error(answer, now=clock.wall(), secrets=secrets)
    return Failure(error, transient=is_transient(error))


def _by_name(raw: RawHeaders) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.lower().decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
