"""The table of events: what happened, in the order in which it happened, never changed."""

import secrets

import msgspec

from cloudplatform_async.sandbox.storage.database import Database
from cloudplatform_async.sandbox.storage.deliveries import queue_deliveries
from cloudplatform_async.sandbox.storage.timestamps import timestamp

API_VERSION = "v1"
_TABLE = """
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    created REAL NOT NULL,
    document TEXT NOT NULL
)
"""
_INDEX = "CREATE INDEX IF NOT EXISTS events_by_time ON events (created)"


def create_events(database: Database) -> None:
    """Make the table where it is missing."""
    database.create(_TABLE, _INDEX)


def append_event(
    database: Database, kind: str, data: str, at: float, *, subject: str, id_: str | None = None
) -> str:
    """Add an event and queue its deliveries, within the transaction of the change that it tells.

    Args:
        database: Where.
        kind: Its type.
        data: JSON of what it is about.
        at: When it happened, in seconds since the epoch.
        subject: The id of what it is about: deliveries of one subject keep their order.
        id_: Its id; by default a new one.

    Returns:
        Its document.
    """
    id_ = id_ or f"evt_{secrets.token_hex(8)}"
    document = msgspec.json.encode(
        {
            "id": id_,
            "type": kind,
            "created_at": timestamp(at),
            "data": msgspec.Raw(data.encode()),
            "api_version": API_VERSION,
        }
    ).decode()
    statement = "INSERT INTO events (id, kind, subject, created, document) VALUES (?, ?, ?, ?, ?)"
    # To the microsecond, as it is shown: a filter by the time that was shown finds it.
    database.write(statement, (id_, kind, subject, round(at, 6), document))
    queue_deliveries(database, id_, kind, subject, at)
    return document
