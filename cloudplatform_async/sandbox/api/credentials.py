"""Who is calling: API keys and access tokens, and what each may do (API contract §2)."""

import secrets
from collections.abc import Iterable

from attrs import define, field, frozen
from starlette.datastructures import Headers

from cloudplatform_async.sandbox.api.answers import RefusedError
from cloudplatform_async.sandbox.storage.credentials import (
    drop_credential,
    keep_credential,
    read_credentials,
)
from cloudplatform_async.sandbox.storage.database import Database

SCOPES = (
    "projects:read",
    "projects:write",
    "usage:read",
    "workflows:read",
    "workflows:write",
    "events:read",
)


@frozen(kw_only=True)
class Identity:
    """A caller: the owner of its limits and idempotency keys, and its scopes."""

    owner: str
    scopes: frozenset[str]

    def require(self, scope: str) -> None:
        """Let pass a caller that has the scope.

        Raises:
            RefusedError: 403 `insufficient_scope` (RFC 6750 §3.1).
        """
        if scope not in self.scopes:
            challenge = {"www-authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}
            message = f"This operation needs the scope {scope}."
            raise RefusedError(
                403, "insufficient_scope", message, details={"scope": scope}, headers=challenge
            )


@frozen(kw_only=True)
class _Grant:
    identity: Identity
    expires_at: float | None


@define
class Credentials:
    """The keys and tokens the platform knows, by their value; each is kept in the database too."""

    _database: Database
    _keys: dict[str, _Grant] = field(factory=dict[str, _Grant], init=False, repr=False)
    _tokens: dict[str, _Grant] = field(factory=dict[str, _Grant], init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        for kept in read_credentials(self._database, "key"):
            self._keys[kept.value] = _grant(kept.owner, kept.scopes, kept.expires_at)
        for kept in read_credentials(self._database, "token"):
            self._tokens[kept.value] = _grant(kept.owner, kept.scopes, kept.expires_at)

    def issue_api_key(self, key: str | None = None) -> str:
        """A new API key with every scope and with limits of its own; one that is known stays as it is."""
        key = key or f"cp_test_{secrets.token_hex(16)}"
        if key not in self._keys:
            owner = f"key {secrets.token_hex(4)}"
            self._keys[key] = _grant(owner, SCOPES, None)
            keep_credential(self._database, "key", key, owner, SCOPES, None)
        return key

    def issue_token(self, owner: str, scopes: Iterable[str], expires_at: float | None) -> str:
        """A new opaque access token. Tokens of one owner share its limits and idempotency keys."""
        token, scopes = f"cp_at_{secrets.token_urlsafe(24)}", tuple(scopes)
        self._tokens[token] = _grant(owner, scopes, expires_at)
        keep_credential(self._database, "token", token, owner, scopes, expires_at)
        return token

    def revoke(self, credential: str) -> None:
        """Forget a key or token; an unknown one changes nothing."""
        self._keys.pop(credential, None)
        self._tokens.pop(credential, None)
        drop_credential(self._database, credential)

    def identify(self, headers: Headers, now: float) -> Identity:
        """The caller behind `x-api-key`, `Authorization`, or both; with both, each must be valid.

        The key then owns the limits, and the token says the scopes.

        Raises:
            RefusedError: 401, for what is missing, wrong or expired.
        """
        key, authorization = headers.get("x-api-key"), headers.get("authorization")
        if key is None and authorization is None:
            raise _unauthorized(
                "missing_credentials", "Send an x-api-key header or Authorization: Bearer <token>."
            )
        if authorization is None:
            return self._key_holder(key or "")
        bearer = self._bearer(authorization, now)
        owner = bearer.owner if key is None else self._key_holder(key).owner
        return Identity(owner=owner, scopes=bearer.scopes)

    def _key_holder(self, key: str) -> Identity:
        grant = self._keys.get(key)
        if grant is None:
            raise _unauthorized("invalid_api_key", "This API key is not known.")
        return grant.identity

    def _bearer(self, authorization: str, now: float) -> Identity:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise _unauthorized("invalid_token", "The Authorization header must be: Bearer <token>.")
        # The landing page sends the API key as a bearer token; both readings are accepted.
        grant = self._tokens.get(token.strip()) or self._keys.get(token.strip())
        if grant is None:
            raise _unauthorized("invalid_token", "This access token is not known.")
        if grant.expires_at is not None and grant.expires_at <= now:
            raise _unauthorized("token_expired", "This access token has expired.")
        return grant.identity


def _grant(owner: str, scopes: Iterable[str], expires_at: float | None) -> _Grant:
    return _Grant(identity=Identity(owner=owner, scopes=frozenset(scopes)), expires_at=expires_at)


def _unauthorized(code: str, message: str) -> RefusedError:
    challenge = 'Bearer realm="cloudplatform"'
    if code != "missing_credentials":
        challenge += ', error="invalid_token"'
    return RefusedError(401, code, message, headers={"www-authenticate": challenge})
