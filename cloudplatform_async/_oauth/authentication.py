"""Puts credentials on an attempt, and replaces them after a 401 where that can help."""

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext

from cloudplatform_async._connections.connection import Connections
from cloudplatform_async._oauth.token_refresh import TokenKeeper
from cloudplatform_async._protocol.token_answers import secrets_of
from cloudplatform_async._protocol.tokens import read_token, require_scope, require_unexpired
from cloudplatform_async._runtime.background import Background
from cloudplatform_async._runtime.clock import CLOCK
from cloudplatform_async._runtime.raised import of_user
from cloudplatform_async.credentials import (
    Credentials,
    OAuth,
    Secret,
    SecretBytes,
    SecretFunction,
    checked_secret,
)
from cloudplatform_async.credentials.secrets import digest_of
from cloudplatform_async.credentials.token_slot import AccessToken, TokenSlot
from cloudplatform_async.errors import TokenRefreshError

RawHeaders = tuple[tuple[bytes, bytes], ...]

_CARRIERS = frozenset({b"x-api-key", b"authorization"})
_REMEMBERED = 8  # secrets that functions gave last, to be masked in what the server says


class Authentication:
    """The credentials of one client or view, at work.

    Args:
        credentials: What to speak as.
        connections: Carry token requests too; not owned.
        background: Owns token refreshes.
        around: Gives what each token request is made within.

    Attributes:
        identity: What rate limits are counted by, as `identity_of` tells it; ``None`` where a function must
            be asked first.
        slot: What is known of its token, where that is fetched, and fetched again before it ends.
    """

    def __init__(
        self,
        credentials: Credentials,
        connections: Connections,
        background: Background,
        around: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self.credentials = credentials
        self._keeper = TokenKeeper(background, connections, around)
        self._given: deque[Secret] = deque(maxlen=_REMEMBERED)
        key, token = credentials.api_key, credentials.access_token
        self._key = (_key_header(key),) if isinstance(key, Secret) else ()
        self._token = read_token(token) if isinstance(token, Secret) else None
        self.slot: TokenSlot | None = token.slot if isinstance(token, OAuth) else None
        self.identity: object = None
        if self._key:
            self.identity = digest_of(self._key[0][1])
        elif key is None and self._token is not None:
            self.identity = digest_of(self._token.header[1])
        elif key is None:
            self.identity = self.slot
        self._asks = isinstance(key, SecretFunction) or isinstance(token, SecretFunction)

    def identity_of(self, sent: RawHeaders) -> object:
        """Tell what rate limits are counted by: the API key, else the token or the grant that it comes from.

        Whoever sends the same credential has the same identity, in whatever object it is held.

        Args:
            sent: Headers of an attempt; of use where functions give the credentials.
        """
        if self.identity is not None:
            return self.identity
        carried = dict(sent)
        return digest_of(carried.get(b"x-api-key") or carried.get(b"authorization", b""))

    async def headers(self, scope: str | None) -> RawHeaders:
        """Give the headers of one attempt, asking the user's functions afresh.

        What those raise passes through unchanged.

        Args:
            scope: That the operation needs.

        Raises:
            ConfigurationError: A function gave what cannot be sent.
            TokenExpiredError: The token has ended and nobody can refresh it.
            InsufficientScopeError: The token says its scopes, and this one is missing.
            TokenRefreshError: The token endpoint failed.
        """
        ready = self.headers_now(scope)
        if ready is not None:
            return ready
        key, holder = self.credentials.api_key, self.credentials.access_token
        headers, token = self._key, self._token
        if isinstance(key, SecretFunction):
            headers = (_key_header(await self._asked(key)),)
        if isinstance(holder, OAuth):
            token = self._keeper.serving(holder) or await self._keeper.fetched(holder)
        elif isinstance(holder, SecretFunction):
            token = read_token(await self._asked(holder))
        return headers if token is None else self._with_token(headers, token, scope)

    def headers_now(self, scope: str | None) -> RawHeaders | None:
        """Give the headers where nothing must be waited for; ``None`` where `headers` must be awaited.

        Raises:
            TokenExpiredError: As `headers` does.
            InsufficientScopeError: As `headers` does.
        """
        if self._asks:
            return None
        holder, token = self.credentials.access_token, self._token
        if isinstance(holder, OAuth):
            token = self._keeper.serving(holder)
            return None if token is None else self._with_token(self._key, token, scope)
        return self._key if token is None else self._with_token(self._key, token, scope)

    async def renew(self, sent: Iterable[tuple[bytes, bytes]]) -> bool:
        """After a 401, see whether other credentials are to be had, so that the call is worth sending again.

        An OAuth token is replaced, once however many calls ask; functions are asked whether they
        have something new.

        Args:
            sent: The headers of the rejected attempt.

        Raises:
            TokenRefreshError: The token endpoint failed; ``outcome`` is ``"rejected"``.
        """
        before = dict(sent)
        holder = self.credentials.access_token
        if isinstance(holder, OAuth):
            try:
                await self._keeper.replace(holder, before.get(b"authorization", b""))
            except TokenRefreshError as error:
                error.outcome = "rejected"  # the attempt before it was
                raise
            return True
        return self._asks and any(before.get(name) != value for name, value in await self.headers(None))

    def secrets(self, sent: Iterable[tuple[bytes, bytes]] = ()) -> tuple[str, ...]:
        """Give every secret text in use, to be masked in what the server says.

        Args:
            sent: Headers of an attempt, whose secrets may no longer be the current ones.
        """
        held = [self.credentials.api_key, self.credentials.access_token, *self._given]
        texts = [holder.reveal() for holder in held if isinstance(holder, Secret)]
        texts += [
            value.decode("latin-1").removeprefix("Bearer ") for name, value in sent if name in _CARRIERS
        ]
        for holder in held:
            if isinstance(holder, OAuth):
                texts += secrets_of(holder)
        return tuple(texts)

    def _with_token(self, headers: RawHeaders, token: AccessToken, scope: str | None) -> RawHeaders:
        if token.expiry is not None and self.slot is None:
            require_unexpired(token, CLOCK.process.now())
        require_scope(token, scope)
        return (*headers, token.header)

    async def _asked(self, source: SecretFunction) -> Secret:
        given = Secret(await of_user(source.function))
        secret = Secret(checked_secret(given.reveal(), source.name))
        self._given.append(secret)
        return secret


def _key_header(secret: Secret) -> tuple[bytes, bytes]:
    return (b"x-api-key", SecretBytes(secret.reveal().encode("ascii")))
