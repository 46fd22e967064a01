"""Keys and signatures of Standard Webhooks 1.0, as pure functions.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#signature-scheme
"""

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator

from cloudplatform_async.credentials.secrets import SecretBytes, SecretStruct
from cloudplatform_async.errors import ConfigurationError

_ED25519_KEY = 32  # bytes
_ED25519_SIGNATURE = 64


class HmacKey(SecretStruct, frozen=True):
    """A shared secret, ``whsec_…``: whoever has it can sign as well as verify."""

    secret: bytes
    version = "v1"

    def sign(self, content: bytes) -> str:
        """Give the signature of some content, as one token of the header."""
        digest = hmac.digest(self.secret, content, hashlib.sha256)
        return f"v1,{b64encode(digest).decode()}"

    def verifies(self, signature: str, content: bytes) -> bool:
        """Tell, in constant time, whether a token of the header is this key's for the content."""
        return hmac.compare_digest(signature.encode(), self.sign(content).encode())


class Ed25519Key(SecretStruct, frozen=True):
    """A public key, ``whpk_…``: it verifies what only the platform can sign."""

    check: Callable[[bytes, bytes], bool]
    version = "v1a"

    def verifies(self, signature: str, content: bytes) -> bool:
        """Tell whether a token of the header is this key's for the content."""
        raw = _decoded(signature.partition(",")[2])
        return raw is not None and len(raw) == _ED25519_SIGNATURE and self.check(raw, content)


Key = HmacKey | Ed25519Key


def key_of(secret: object) -> Key:
    """Read a secret as the platform shows it; messages never repeat it.

    Raises:
        ConfigurationError: For anything but ``whsec_`` or ``whpk_`` and base64, and for a ``whpk_`` key
            where the extra ``webhooks`` is not installed.
    """
    if not isinstance(secret, str) or not secret.strip():
        raise ConfigurationError("There is no webhook secret: pass the endpoint's own, as a text.")
    kind, raw = _parts(secret)
    del secret  # a traceback with locals must not show it
    if kind not in {"whsec", "whpk"}:
        raise ConfigurationError("A webhook secret begins with 'whsec_' or 'whpk_'; copy the whole of it.")
    if not raw:
        raise ConfigurationError(f"A webhook secret is base64 behind {kind}_; copy the whole of it.")
    if kind == "whsec":
        return HmacKey(raw)
    if len(raw) != _ED25519_KEY:
        raise ConfigurationError(
            "A webhook secret with whpk_ is an ed25519 public key of 32 bytes in base64."
        )
    return Ed25519Key(_ed25519(raw))


def _parts(secret: str) -> tuple[str, SecretBytes | None]:
    kind, _, text = secret.strip().partition("_")
    raw = _decoded(text + "=" * (-len(text) % 4))
    return kind, None if raw is None else SecretBytes(raw)


def _decoded(text: str) -> bytes | None:
    try:
        raw = b64decode(text, validate=True)
    except ValueError:  # binascii's, and that of text which is not ASCII
        return None
    # What else decodes to the same bytes is another text: a signature has one form.
    return raw if b64encode(raw).decode() == text else None


def _ed25519(raw: bytes) -> Callable[[bytes, bytes], bool]:
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError as error:
        raise ConfigurationError(
            "A secret with the prefix 'whpk_' needs the extra: pip install 'cloudplatform-async[webhooks]'"
        ) from error
    public = Ed25519PublicKey.from_public_bytes(raw)

    def check(signature: bytes, content: bytes) -> bool:
        try:
            public.verify(signature, content)
        except InvalidSignature:
            return False
        return True

    return check


def signed_content(id: str, timestamp: str, body: bytes) -> bytes:  # noqa: A002 - the standard's own word
    """Join what is signed, byte for byte as it came."""
    return b"%b.%b.%b" % (id.encode(), timestamp.encode(), body)


def tokens(header: str) -> Iterator[tuple[str, str]]:
    """Give version and whole text of each signature in a header; unknown versions are for others.

    They stand one blank apart; a header of another form has none.
    """
    parts = header.split(" ")
    for token in parts if "" not in parts else ():
        version, comma, _ = token.partition(",")
        if comma:
            yield version, token
