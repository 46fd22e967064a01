"""The table of webhook subscriptions and their secrets."""

import secrets

import msgspec

from cloudplatform_async.sandbox.api.answers import RefusedError
from cloudplatform_async.sandbox.storage.database import Database
from cloudplatform_async.sandbox.storage.timestamps import timestamp

ROTATION = 24 * 3600.0  # seconds for which an old secret signs beside the new one (API contract §10)
_TABLE = """
CREATE TABLE IF NOT EXISTS webhooks (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    url TEXT NOT NULL,
    types TEXT NOT NULL,
    secrets TEXT NOT NULL,
    document TEXT NOT NULL
)
"""


class Secret(msgspec.Struct, frozen=True):
    """A secret that signs, until its end if it has one."""

    value: str
    expires_at: float | None = None

    def __repr__(self) -> str:
        return f"Secret(***, expires_at={self.expires_at})"


def create_webhooks(database: Database) -> None:
    """Make the table where it is missing."""
    database.create(_TABLE)


def insert_webhook(
    database: Database, url: str, types: list[str], description: str | None, secret: str, now: float
) -> str:
    """Store a new subscription and return its document, which does not tell the secret."""
    webhook = {
        "id": f"whk_{secrets.token_hex(8)}",
        "url": url,
        "types": types,
        "description": description,
        "created_at": timestamp(now),
    }
    document = msgspec.json.encode(webhook).decode()
    values = (webhook["id"], url, _json(types), _json([Secret(secret)]), document)
    columns = "(id, url, types, secrets, document)"
    database.write(
        f"INSERT INTO webhooks {columns} VALUES (?, ?, ?, ?, ?)",  # noqa: S608 - constant
        tuple(str(value) for value in values),
    )
    return document


def select_webhook(database: Database, id_: str) -> str:
    """The document of a subscription.

    Raises:
        RefusedError: 404 `webhook_not_found`.
    """
    rows = database.read("SELECT document FROM webhooks WHERE id = ?", (id_,))
    if not rows:
        raise RefusedError(404, "webhook_not_found", "There is no webhook with this id.")
    return str(rows[0][0])


def rotate_secret(database: Database, id_: str, secret: str, now: float) -> str:
    """Let a new secret sign, and the old ones beside it for a day; return the document.

    Raises:
        RefusedError: 404 `webhook_not_found`.
    """
    document = select_webhook(database, id_)
    rows = database.read("SELECT secrets FROM webhooks WHERE id = ?", (id_,))
    kept = [
        Secret(old.value, old.expires_at or now + ROTATION) for old in valid_secrets(str(rows[0][0]), now)
    ]
    database.write("UPDATE webhooks SET secrets = ? WHERE id = ?", (_json([Secret(secret), *kept]), id_))
    return document


def valid_secrets(text: str, now: float) -> list[Secret]:
    """Those of a subscription's secrets that sign now, newest first."""
    found = msgspec.json.decode(text, type=list[Secret])
    return [secret for secret in found if secret.expires_at is None or secret.expires_at > now]


def delete_webhook(database: Database, id_: str) -> None:
    """Delete a subscription, its log, and what was still to be delivered.

    Raises:
        RefusedError: 404 `webhook_not_found`.
    """
    select_webhook(database, id_)
    database.write("DELETE FROM deliveries WHERE webhook_id = ?", (id_,))
    database.write("DELETE FROM webhooks WHERE id = ?", (id_,))


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
