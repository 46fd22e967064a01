"""Who a client speaks as: API keys, access tokens, and where they come from."""

from msgspec import Struct
from msgspec.structs import replace

from cloudplatform_async.credentials.oauth import OAuth, OAuthClientCredentials, OAuthRefreshToken
from cloudplatform_async.credentials.secrets import (
    Secret,
    SecretBytes,
    SecretFunction,
    SecretSource,
    checked_secret,
    is_blank,
)
from cloudplatform_async.credentials.token_store import TokenStore
from cloudplatform_async.errors import ConfigurationError
from cloudplatform_async.settings import Omit

__all__ = [
    "Credentials",
    "KeyHolder",
    "KeySource",
    "OAuth",
    "OAuthClientCredentials",
    "OAuthRefreshToken",
    "Secret",
    "SecretBytes",
    "SecretFunction",
    "SecretSource",
    "TokenHolder",
    "TokenSource",
    "TokenStore",
    "checked_secret",
]

KeySource = str | SecretSource
TokenSource = str | SecretSource | OAuth
KeyHolder = Secret | SecretFunction
TokenHolder = Secret | SecretFunction | OAuth


class Credentials(Struct, frozen=True, kw_only=True, eq=False):
    """What one client or view speaks as.

    Attributes:
        api_key: Sent as ``x-api-key``.
        access_token: Sent as ``Authorization: Bearer``.
    """

    api_key: KeyHolder | None
    access_token: TokenHolder | None

    @classmethod
    def of(cls, api_key: KeySource | None, access_token: TokenSource | None) -> "Credentials":
        """Take what a user passes; blank texts count as absent (API contract §2).

        Raises:
            ConfigurationError: For a value that cannot be sent, and where there is none at all.
        """
        key = None if api_key is None else _key_holder(api_key)
        token = None if access_token is None else _token_holder(access_token)
        if key is None and token is None:
            raise ConfigurationError(
                "There are no credentials: pass api_key= or access_token=, "
                "or set CLOUD_API_KEY or CLOUD_ACCESS_TOKEN in the environment.",
                code="no_credentials",
            )
        return cls(api_key=key, access_token=token)

    def replaced(
        self, api_key: KeySource | Omit | None, access_token: TokenSource | Omit | None
    ) -> "Credentials":
        """Take what a view replaces; ``None`` keeps what there is.

        Raises:
            ConfigurationError: For a value that is blank or cannot be sent, and where none would be left.
        """
        if is_blank(api_key) or is_blank(access_token):
            raise ConfigurationError(
                "A blank credential would leave a view speaking as its client; pass one, or OMIT."
            )
        key, token = self.api_key, self.access_token
        if api_key is not None:
            key = None if isinstance(api_key, Omit) else _key_holder(api_key)
        if access_token is not None:
            token = None if isinstance(access_token, Omit) else _token_holder(access_token)
        if key is None and token is None:
            raise ConfigurationError("This view would have no credentials; pass the other one beside OMIT.")
        return replace(self, api_key=key, access_token=token)


def _key_holder(source: KeySource | OAuth) -> KeyHolder | None:
    if isinstance(source, OAuth):
        raise ConfigurationError("api_key cannot be an OAuth object; pass it as access_token=.")
    return _holder(source, "api_key")


def _token_holder(source: TokenSource) -> TokenHolder | None:
    return source if isinstance(source, OAuth) else _holder(source, "access_token")


def _holder(source: KeySource, name: str) -> KeyHolder | None:
    if callable(source):
        return SecretFunction(source, name)
    if is_blank(source):
        return None
    return Secret(checked_secret(source, name))
