"""Signs deliveries as Standard Webhooks 1.0 says (API contract §10).

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterable

PREFIX = "whsec_"


def new_secret() -> str:
    """A new secret of 32 random bytes."""
    return PREFIX + b64encode(secrets.token_bytes(32)).decode()


def signed_headers(keys: Iterable[str], id_: str, at: float, body: bytes) -> dict[str, str]:
    """The headers of a delivery, with a signature by each secret.

    Args:
        keys: The secrets, each a `whsec_`.
        id_: What the `webhook-id` is: the same however often it is sent.
        at: When it is sent, in seconds since the epoch.
        body: What is sent.
    """
    seconds = str(int(at))
    content = b"%b.%b.%b" % (id_.encode(), seconds.encode(), body)
    signatures = [hmac.digest(b64decode(key.removeprefix(PREFIX)), content, "sha256") for key in keys]
    signature = " ".join(f"v1,{b64encode(each).decode()}" for each in signatures)
    return {"webhook-id": id_, "webhook-timestamp": seconds, "webhook-signature": signature}
