"""Access tokens of an OAuth profile, shared by all processes of a user: fetched once, rotated once."""

import time
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import quote_plus

import anyio.to_thread
import httpx
import msgspec
from attrs import field, frozen

from cloudplatform_async import (
    ConfigurationError,
    OAuthClientCredentials,
    OAuthRefreshToken,
    TokenRefreshError,
)
from cloudplatform_async.cli.session.profiles import Profile, locked
from cloudplatform_async.cli.session.secrets import Secrets, load, save_in

SKEW = 30.0
_SECONDS = 30.0
_UNKNOWN_LIFE = 300.0


@frozen
class SharedTokens:
    """Gives the access token of a profile, for ``access_token=``.

    The token is kept beside the profile's secret. Whoever finds it ended takes the user's lock and looks
    again, so that of several processes one refreshes and the others read what it got. It is a plain value
    without a secret: a worker process of this machine finds the same ones by the same name.
    """

    name: str
    profile: Profile
    wall: Callable[[], float] = field(default=time.time, repr=False, eq=False)

    async def __call__(self) -> str:
        """Give a token that still serves.

        Raises:
            TokenRefreshError: The token endpoint did not give one.
        """
        secrets = load(self.profile.store, self.name)
        if token := self._serving(secrets):
            return token
        return await anyio.to_thread.run_sync(self._refreshed)

    def drop(self) -> None:
        """Forget a token that the platform refused, so that the next command fetches another."""
        with locked(f"{self.name}.token"):
            secrets = dict(load(self.profile.store, self.name))
            if secrets.pop("access_token", None):
                save_in(self.profile.store, self.name, secrets)

    def _refreshed(self) -> str:
        with locked(f"{self.name}.token"):
            secrets = load(self.profile.store, self.name)
            if token := self._serving(secrets):
                return token
            answer = _ask(self.profile, secrets)
            kept = {**secrets, "access_token": answer["access_token"]}
            kept["renew_at"] = str(self.wall() + _life(answer) - min(SKEW, _life(answer) / 2))
            if rotated := answer.get("refresh_token"):
                kept["refresh_token"] = rotated
            save_in(self.profile.store, self.name, kept)
            return str(answer["access_token"])

    def _serving(self, secrets: Secrets) -> str | None:
        renew_at = float(secrets.get("renew_at", "0"))
        return secrets.get("access_token") if renew_at > self.wall() else None


def check_grant(profile: Profile, secrets: Secrets) -> None:
    """Check what a grant is made of, by the rules of the client.

    Raises:
        ConfigurationError: Something is missing, or cannot be sent; the message shows no secret.
    """
    if not profile.token_url or not profile.client_id:
        raise ConfigurationError("An OAuth profile needs --token-url and --client-id.")
    place = (profile.token_url, profile.client_id, secrets.get("client_secret", ""))
    if profile.kind == "client-credentials":
        OAuthClientCredentials(*place, scopes=profile.scopes)
    else:
        OAuthRefreshToken(*place, secrets.get("refresh_token", ""), scopes=profile.scopes)


def _life(answer: dict[str, Any]) -> float:
    """Tell how long a token lives, in seconds; one that does not say is asked for again soon."""
    said = answer.get("expires_in")
    if isinstance(said, int | float) and not isinstance(said, bool) and said > 0:
        return float(said)
    return _UNKNOWN_LIFE


def _ask(profile: Profile, secrets: Secrets) -> dict[str, Any]:
    """Ask the token endpoint (RFC 6749 §4.4, §6), with the client's secret as HTTP Basic (§2.3.1)."""
    check_grant(profile, secrets)
    form = {"grant_type": profile.kind.replace("-", "_")}
    if profile.kind == "refresh-token":
        form["refresh_token"] = secrets["refresh_token"]
    if profile.scopes:
        form["scope"] = " ".join(profile.scopes)
    pair = f"{quote_plus(profile.client_id or '')}:{quote_plus(secrets['client_secret'])}"
    headers = {"authorization": f"Basic {b64encode(pair.encode()).decode()}", "accept": "application/json"}
    post = partial(httpx.post, data=form, headers=headers, timeout=_SECONDS)
    try:
        response = post(profile.token_url or "")
    except httpx.TransportError as error:
        raise TokenRefreshError(f"The token endpoint cannot be reached: {error}") from None
    answer: dict[str, Any] = {}
    with suppress(msgspec.DecodeError):
        answer = msgspec.json.decode(response.content, type=dict[str, Any])
    if not response.is_success or not isinstance(answer.get("access_token"), str):
        code: object = answer.get("error")
        raise TokenRefreshError(
            f"The token endpoint answered {response.status_code} ({code or 'no code'}): log in again.",
            status_code=response.status_code,
            code=code if isinstance(code, str) else None,
        )
    return answer
