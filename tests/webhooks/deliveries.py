"""Deliveries as a platform makes them, spelled a second time."""

import base64
import hashlib
import hmac
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

NOW = 1_789_000_000
SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes ....").decode()
OTHER = "whsec_" + base64.b64encode(b"another one, that was rotated ...").decode()
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = "whpk_" + base64.b64encode(PRIVATE.public_key().public_bytes_raw()).decode()
PROJECT = {"id": "prj_1", "name": "Payments", "slug": "payments", "labels": {"team": "blue"}}


def event_body(kind: str = "project.created", data: Any = PROJECT, **more: Any) -> bytes:
    """The body of a delivery."""
    event = {"id": "evt_1", "type": kind, "created_at": "2026-09-10T00:26:40Z", "data": data, **more}
    return json.dumps(event).encode()


def signed(body: bytes, *, secret: str = SECRET, name: str = "msg_1", at: int = NOW) -> dict[str, str]:
    """The headers of a delivery, signed as the standard says."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{name}.{at}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": name,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def signed_v1a(body: bytes, name: str = "msg_1", at: int = NOW) -> dict[str, str]:
    """A delivery signed with the platform's private key."""
    signature = base64.b64encode(PRIVATE.sign(f"{name}.{at}.".encode() + body)).decode()
    return {"webhook-id": name, "webhook-timestamp": str(at), "webhook-signature": f"v1a,{signature}"}
