"""One request to an OAuth token endpoint and its whole answer."""

from functools import partial

import anyio
import httpx
from msgspec import Struct

from cloudplatform_async._calls.exchange import httpx_timeouts
from cloudplatform_async._calls.failures import without_secrets
from cloudplatform_async._connections.bodies import read_body
from cloudplatform_async._protocol.responses import Answer
from cloudplatform_async._protocol.token_answers import (
    Grant,
    client_authorization,
    parse_grant,
    secrets_of,
    token_form,
)
from cloudplatform_async._protocol.tokens import Instant
from cloudplatform_async._runtime.clock import CLOCK
from cloudplatform_async.credentials import OAuth, SecretBytes
from cloudplatform_async.errors import ResponseDecodeError, ResponseTooLargeError, TokenRefreshError
from cloudplatform_async.settings import Timeouts

_LIMIT = 64 * 1024  # bytes of an answer


class TokenEndpoint(Struct, frozen=True, eq=False, kw_only=True):
    """Asks for tokens.

    Attributes:
        transport: Any httpx transport.
        user_agent: Header of every request.
        timeouts: Of the steps of a request, and of the whole request where that is shorter than ``total``.
        total: Seconds for a request and its answer, however long the calls that wait for it may take.
    """

    transport: httpx.AsyncBaseTransport
    user_agent: str
    timeouts: Timeouts
    total: float = 30.0

    async def ask(self, oauth: OAuth) -> Grant:
        """Ask for a new token.

        Raises:
            TokenRefreshError: When none comes, with what was caught as its cause.
        """
        clock = CLOCK.get()
        asked = Instant(clock.monotonic(), clock.wall())
        answer = await self._exchange(self._request(oauth))
        return parse_grant(answer, asked, clock.wall(), partial(secrets_of, oauth))

    def _request(self, oauth: OAuth) -> httpx.Request:
        """Build a request with none of the API's headers.

        It goes over a fresh connection: tokens are asked for so seldom that a kept one is often stale,
        and a refresh token may be good for one request only.
        """
        return httpx.Request(
            "POST",
            oauth.token_url,
            headers=[
                (b"authorization", client_authorization(oauth)),
                (b"content-type", b"application/x-www-form-urlencoded"),
                (b"accept", b"application/json"),
                (b"accept-encoding", b"identity"),
                (b"user-agent", self.user_agent.encode("ascii")),
            ],
            content=token_form(oauth),
            extensions={"timeout": httpx_timeouts(self.timeouts), "fresh": True},
        )

    async def _exchange(self, request: httpx.Request) -> Answer:
        try:
            with anyio.move_on_after(self.total):
                response = await self.transport.handle_async_request(request)
                headers = _by_name(response.headers)
                body = await read_body(response.stream, _LIMIT, headers.get("content-encoding"))
                return Answer(response.status_code, headers, SecretBytes(body))
        except httpx.TransportError as error:
            message = f"The token endpoint could not be asked ({type(error).__name__})."
            raise TokenRefreshError(message) from without_secrets(error)
        except (ResponseDecodeError, ResponseTooLargeError) as error:
            raise TokenRefreshError("The token endpoint's answer could not be read.") from error
        raise TokenRefreshError(f"The token endpoint did not answer within {self.total:g} s.")


def _by_name(headers: httpx.Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
