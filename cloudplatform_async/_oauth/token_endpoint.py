"""One request to an OAuth token endpoint and its whole answer."""

from functools import partial

import anyio
import httpx
from msgspec import Struct

from cloudplatform_async._calls.failures import without_secrets
from cloudplatform_async._calls.messages import by_name
from cloudplatform_async._connections.connection import Connections
from cloudplatform_async._connections.messages import Origin, Request
from cloudplatform_async._protocol.decoding.content_coding import inflated, packed_limit
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
        connections: Carry the requests.
        user_agent: Header of every request.
        timeouts: Of the steps of a request, and of the whole request where that is shorter than ``total``.
        total: Seconds for a request and its answer, however long the calls that wait for it may take.
    """

    connections: Connections
    user_agent: str
    timeouts: Timeouts
    total: float = 30.0

    async def ask(self, oauth: OAuth) -> Grant:
        """Ask for a new token.

        Raises:
            TokenRefreshError: When none comes, with what was caught as its cause.
        """
        clock = CLOCK.process
        asked = Instant(clock.monotonic(), clock.wall())
        answer = await self._exchange(self._request(oauth))
        return parse_grant(answer, asked, clock.wall(), partial(secrets_of, oauth))

    def _request(self, oauth: OAuth) -> Request:
        """Write a request with none of the API's headers."""
        url, form = httpx.URL(oauth.token_url), token_form(oauth)
        return Request(
            method=b"POST",
            origin=Origin.of(url),
            target=url.raw_path,
            headers=[
                (b"host", url.netloc),
                (b"authorization", client_authorization(oauth)),
                (b"content-type", b"application/x-www-form-urlencoded"),
                (b"accept", b"application/json"),
                (b"accept-encoding", b"identity"),
                (b"user-agent", self.user_agent.encode("ascii")),
                (b"content-length", b"%d" % len(form)),
            ],
            body=form,
            timeouts=self.timeouts,
        )

    async def _exchange(self, request: Request) -> Answer:
        """Ask over a fresh connection.

        Tokens are asked for so seldom that a kept one is often stale, and a refresh token may be good for
        one request only.
        """
        try:
            with anyio.move_on_after(self.total):
                lease = await self.connections.acquire(self.timeouts.pool, fresh=True)
                try:
                    response = await lease.exchange(request, packed_limit(_LIMIT))
                finally:
                    await lease.release()
                headers = by_name(response.headers)
                body = inflated(response.body, headers.get("content-encoding"), _LIMIT)
                return Answer(response.status, headers, SecretBytes(body))
        except httpx.TransportError as error:
            message = f"The token endpoint could not be asked ({type(error).__name__})."
            raise TokenRefreshError(message) from without_secrets(error)
        except (ResponseDecodeError, ResponseTooLargeError) as error:
            raise TokenRefreshError("The token endpoint's answer could not be read.") from error
        raise TokenRefreshError(f"The token endpoint did not answer within {self.total:g} s.")
