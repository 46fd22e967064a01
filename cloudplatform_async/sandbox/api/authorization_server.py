"""The OAuth 2.0 grants behind the token endpoint, without HTTP (RFC 6749 §4.4 and §6)."""

import secrets
from collections.abc import Iterable

from attrs import define, field

from cloudplatform_async.sandbox.api.credentials import SCOPES, Credentials
from cloudplatform_async.sandbox.storage.credentials import (
    drop_credential,
    keep_credential,
    read_credentials,
)
from cloudplatform_async.sandbox.storage.database import Database

OWNER = "oauth client"


class GrantError(Exception):
    """A grant that is refused, with its code from RFC 6749 §5.2."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code = code


@define(kw_only=True)
class AuthorizationServer:
    """One OAuth client, the refresh tokens it holds, and the access tokens it is given.

    Attributes:
        token_lifetime: Seconds for which a granted access token is valid.
    """

    credentials: Credentials
    database: Database
    client_id: str
    client_secret: str = field(repr=False)
    token_lifetime: float = 3600.0
    _refresh_tokens: dict[str, frozenset[str]] = field(
        factory=dict[str, frozenset[str]], init=False, repr=False
    )

    def __attrs_post_init__(self) -> None:
        for kept in read_credentials(self.database, "refresh"):
            self._refresh_tokens[kept.value] = kept.scopes

    def issue_refresh_token(self, scopes: Iterable[str]) -> str:
        """A new refresh token, good for one use."""
        token = f"cp_rt_{secrets.token_urlsafe(24)}"
        self._refresh_tokens[token] = frozenset(scopes)
        keep_credential(self.database, "refresh", token, OWNER, self._refresh_tokens[token], None)
        return token

    def revoke(self, refresh_token: str) -> None:
        """Forget a refresh token; an unknown one changes nothing."""
        self._refresh_tokens.pop(refresh_token, None)
        drop_credential(self.database, refresh_token)

    def grant(self, parameters: dict[str, str], now: float) -> dict[str, object]:
        """Answer one token request of a client that is who it says.

        Raises:
            GrantError: For what RFC 6749 §5.2 refuses.
        """
        grant_type = parameters.get("grant_type")
        if grant_type == "client_credentials":
            return self._token(_narrowed(frozenset(SCOPES), parameters.get("scope")), now)
        if grant_type == "refresh_token":
            return self._refresh(parameters, now)
        raise GrantError("unsupported_grant_type", "grant_type must be client_credentials or refresh_token.")

    def _refresh(self, parameters: dict[str, str], now: float) -> dict[str, object]:
        token = parameters.get("refresh_token", "")
        # Rotation (RFC 9700 §4.14.2): each use ends a refresh token and gives the next one.
        held = self._refresh_tokens.pop(token, None)
        if held is None:
            raise GrantError("invalid_grant", "This refresh token is not known, or was used before.")
        with self.database.transaction():
            drop_credential(self.database, token)
            answer = self._token(_narrowed(held, parameters.get("scope")), now)
            return {**answer, "refresh_token": self.issue_refresh_token(held)}

    def _token(self, scopes: frozenset[str], now: float) -> dict[str, object]:
        token = self.credentials.issue_token(OWNER, scopes, now + self.token_lifetime)
        lifetime = int(self.token_lifetime)
        scope = " ".join(sorted(scopes))
        return {"access_token": token, "token_type": "Bearer", "expires_in": lifetime, "scope": scope}


def _narrowed(held: frozenset[str], asked: str | None) -> frozenset[str]:
    scopes = held if asked is None else frozenset(asked.split())
    if not scopes <= held:
        raise GrantError("invalid_scope", "The scope asked for is more than what was granted.")
    return scopes
