"""One request to an OAuth token endpoint and its whole answer."""

from functools import partial

import anyio
import httpx

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
from cloudplatform_async._runtime.clock import CLOCK
from cloudplatform_async.credentials import OAuth, SecretBytes
from cloudplatform_async.errors import ResponseDecodeError, ResponseTooLargeError, TokenRefreshError
from cloudplatform_async.settings import Timeouts
from cloudplatform_async.version import USER_AGENT

_LIMIT = 64 * 1024  # bytes of an answer
_TIMEOUTS = Timeouts()  # of the steps
_TOTAL = 30.0  # seconds for a request and its answer, however long the calls that wait for it may take


async def ask_for_token(connections: Connections, oauth: OAuth) -> Grant:
    """Ask for a new token, over a fresh connection.

    Tokens are asked for so seldom that a kept one is often stale, and a refresh token may be good for
    one request only.

    Raises:
        TokenRefreshError: When none comes, with what was caught as its cause.
    """
    asked, request = CLOCK.process.now(), _request(oauth)
    answer: Answer | None = None
    try:
        with anyio.move_on_after(_TOTAL):
            lease = await connections.acquire(_TIMEOUTS.pool, fresh=True)
            try:
                response = await lease.exchange(request, packed_limit(_LIMIT))
            finally:
                await lease.release()
            headers = by_name(response.headers)
            body = inflated(response.body, headers.get("content-encoding"), _LIMIT)
            answer = Answer(response.status, headers, SecretBytes(body))
    except httpx.TransportError as error:
        message = f"The token endpoint could not be asked ({type(error).__name__})."
        raise TokenRefreshError(message) from without_secrets(error)
    except (ResponseDecodeError, ResponseTooLargeError) as error:
        raise TokenRefreshError("The token endpoint's answer could not be read.") from error
    if answer is None:
        raise TokenRefreshError(f"The token endpoint did not answer within {_TOTAL:g} s.")
    return parse_grant(answer, asked, CLOCK.process.wall(), partial(secrets_of, oauth))


def _request(oauth: OAuth) -> Request:
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
            (b"user-agent", USER_AGENT.encode("ascii")),
            (b"content-length", b"%d" % len(form)),
        ],
        body=form,
        timeouts=_TIMEOUTS,
    )
