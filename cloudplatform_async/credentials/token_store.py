"""Where clients of several processes keep a token that they share."""

from typing import Protocol


class TokenStore(Protocol):
    """Keeps the tokens of OAuth grants for several clients, so that one of them refreshes for all.

    Give it as ``store=`` to `OAuthClientCredentials` or `OAuthRefreshToken`. Ready ones are
    `MemoryTokenStore`, `FileTokenStore` and `RedisTokenStore` of ``cloudplatform_async.collect``. What a
    method raises reaches the calls that wait for a token: a store that others can do without catches it.
    Keys are hashes; values are opaque, and secret.

    Example:
        ``OAuthClientCredentials(url, "id", "secret", store=FileTokenStore("/run/app/tokens"))``
    """

    async def read(self, key: str) -> bytes | None:
        """Give what was saved last."""
        ...

    async def claim(self, key: str, owner: str, seconds: float) -> bool:
        """Give one owner the right to refresh, unless another has it.

        Args:
            key: Of a grant.
            owner: Who asks; of use for one claim.
            seconds: After which the claim ends by itself, for its owner may have died.
        """
        ...

    async def save(self, key: str, owner: str, value: bytes) -> None:
        """Keep a value in the place of the last one, and end the owner's claim, in this order."""
        ...

    async def release(self, key: str, owner: str) -> None:
        """End a claim; that of another owner stands."""
        ...
