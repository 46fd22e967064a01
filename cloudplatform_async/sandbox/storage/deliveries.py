"""The table of deliveries: a log, and per subscription and subject a queue of which only the head is due."""

import secrets

import msgspec
from attrs import field, frozen

from cloudplatform_async.sandbox.api.answers import RefusedError
from cloudplatform_async.sandbox.storage.database import Database, Row
from cloudplatform_async.sandbox.storage.event_types import TYPE_MATCHES
from cloudplatform_async.sandbox.storage.timestamps import timestamp
from cloudplatform_async.sandbox.storage.webhooks import Secret, valid_secrets

LONGEST_WAIT = 3600.0  # seconds between two attempts
_TABLE = """
CREATE TABLE IF NOT EXISTS deliveries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    webhook_id TEXT NOT NULL,
    event_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    place INTEGER NOT NULL,
    status TEXT NOT NULL,
    next_at REAL,
    tries INTEGER NOT NULL,
    document TEXT NOT NULL
)
"""
_INDEXES = (
    "CREATE INDEX IF NOT EXISTS deliveries_by_webhook ON deliveries (webhook_id, seq)",
    "CREATE INDEX IF NOT EXISTS deliveries_by_event ON deliveries (event_id)",
    "CREATE INDEX IF NOT EXISTS deliveries_by_place ON deliveries (place)",
    "CREATE INDEX IF NOT EXISTS deliveries_by_time ON deliveries (next_at, place) WHERE next_at IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS deliveries_by_subject ON deliveries (webhook_id, subject, place)"
    " WHERE status = 'pending'",
)
_FRONT = (
    "SELECT id FROM deliveries WHERE webhook_id = ? AND subject = ?"
    " AND status = 'pending' ORDER BY place LIMIT 1"
)


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try to deliver.

    Attributes:
        attempted_at: When, as an RFC 3339 time of the sandbox's clock.
        status_code: What was answered; None: nothing was.
        error: Why nothing was answered.
        elapsed: Real seconds that it took.
    """

    attempted_at: str
    status_code: int | None
    error: str | None
    elapsed: float


@frozen(kw_only=True)
class Delivery:
    """What is to be sent: an event's document, to a subscription's URL."""

    id: str
    event_id: str
    url: str
    body: bytes
    due: float
    tries: int
    secrets: list[Secret] = field(repr=False)


def create_deliveries(database: Database) -> None:
    """Make the table where it is missing."""
    database.create(_TABLE, *_INDEXES)


def queue_deliveries(database: Database, event_id: str, kind: str, subject: str, at: float) -> None:
    """Queue a new event for each subscription that chose its type, within the event's transaction."""
    subscribed = f"EXISTS (SELECT 1 FROM json_each(types) WHERE {TYPE_MATCHES})"  # noqa: S608 - constant
    query = f"SELECT id FROM webhooks, (SELECT ? AS kind) WHERE {subscribed} ORDER BY seq"  # noqa: S608
    for (webhook_id,) in database.read(query, (kind,)):
        ahead = database.read(_FRONT, (webhook_id, subject))
        next_at = None if ahead else at
        delivery: dict[str, object] = {
            "id": f"dlv_{secrets.token_hex(8)}",
            "webhook": webhook_id,
            "event_id": event_id,
            "event_type": kind,
            "status": "pending",
            "created_at": timestamp(at),
            "next_attempt_at": None if next_at is None else timestamp(next_at),
            "attempts": [],
        }
        columns = "(id, webhook_id, event_id, subject, place, status, next_at, tries, document)"
        values = (str(delivery["id"]), str(webhook_id), event_id, subject, next_at, _json(delivery))
        database.write(
            f"INSERT INTO deliveries {columns} VALUES (?, ?, ?, ?, {_PLACE}, 'pending', ?, 0, ?)",  # noqa: S608
            values,
        )


_PLACE = "(SELECT coalesce(max(place), 0) + 1 FROM deliveries)"


def next_deliveries(database: Database, limit: int) -> list[tuple[str, float]]:
    """The ids of the next attempts that are to be made, and their times, soonest first."""
    query = "SELECT id, next_at FROM deliveries WHERE next_at IS NOT NULL ORDER BY next_at, place LIMIT ?"
    return [(str(id_), float(at)) for id_, at in database.read(query, (limit,))]


def read_delivery(database: Database, id_: str, now: float) -> Delivery | None:
    """What is to be sent; None: nothing is, any more."""
    query = (
        "SELECT d.event_id, w.url, e.document, d.next_at, d.tries, w.secrets FROM deliveries d"
        " JOIN webhooks w ON w.id = d.webhook_id JOIN events e ON e.id = d.event_id"
        " WHERE d.id = ? AND d.next_at IS NOT NULL"
    )
    rows = database.read(query, (id_,))
    if not rows:
        return None
    event_id, url, body, due, tries, kept = rows[0]
    return Delivery(
        id=id_,
        event_id=event_id,
        url=url,
        body=body.encode(),
        due=due,
        tries=tries,
        secrets=valid_secrets(kept, now),
    )


def record_attempt(database: Database, delivery: Delivery, attempt: Attempt, retries: int) -> None:
    """Note an attempt, and what comes of it: an end, which lets the next of its queue go, or another try.

    Waits double from a second on. They are counted from when the attempt was due: time that was advanced
    past several of them brings them all.
    """
    rows = database.read("SELECT document, webhook_id, subject FROM deliveries WHERE id = ?", (delivery.id,))
    if not rows:
        return  # its subscription was deleted meanwhile
    text, webhook_id, subject = rows[0]
    document = msgspec.json.decode(text, type=dict[str, object])
    document["attempts"] = [*_list(document["attempts"]), attempt]
    tries = delivery.tries + 1
    if attempt.status_code is not None and 200 <= attempt.status_code < 300:
        _save(database, document, "delivered", None, tries)
    elif tries > retries:
        _save(database, document, "failed", None, tries)
    else:
        wait = min(2.0 ** (tries - 1), LONGEST_WAIT)
        _save(database, document, "pending", delivery.due + wait, tries)
        return
    for (following,) in database.read(_FRONT, (webhook_id, subject)):
        _let_go(database, str(following), delivery.due)


def select_delivery(database: Database, webhook_id: str, id_: str) -> Row:
    """The document, status, place in time and subject of a delivery.

    Raises:
        RefusedError: 404 `delivery_not_found`.
    """
    query = "SELECT document, status, next_at, subject FROM deliveries WHERE id = ? AND webhook_id = ?"
    rows = database.read(query, (id_, webhook_id))
    if not rows:
        raise RefusedError(404, "delivery_not_found", "This webhook has no delivery with this id.")
    return rows[0]


def redeliver(database: Database, webhook_id: str, id_: str, now: float) -> str:
    """Send a delivery again, after what is still queued for its subject; return its document.

    One that is still to be sent is sent now, if it is the next of its subject.

    Raises:
        RefusedError: 404 `delivery_not_found`.
    """
    text, status, next_at, subject = select_delivery(database, webhook_id, id_)
    document = msgspec.json.decode(text, type=dict[str, object])
    if status != "pending":
        ahead = database.read(_FRONT, (webhook_id, subject))
        database.write(f"UPDATE deliveries SET place = {_PLACE} WHERE id = ?", (id_,))  # noqa: S608 - constant
        return _save(database, document, "pending", None if ahead else now, 0)
    return _save(database, document, "pending", None if next_at is None else now, 0)


def _let_go(database: Database, id_: str, at: float) -> None:
    rows = database.read("SELECT document, tries FROM deliveries WHERE id = ?", (id_,))
    _save(database, msgspec.json.decode(rows[0][0], type=dict[str, object]), "pending", at, rows[0][1])


def _save(
    database: Database, document: dict[str, object], status: str, next_at: float | None, tries: int
) -> str:
    document["status"] = status
    document["next_attempt_at"] = None if next_at is None else timestamp(next_at)
    text = _json(document)
    statement = "UPDATE deliveries SET status = ?, next_at = ?, tries = ?, document = ? WHERE id = ?"
    database.write(statement, (status, next_at, tries, text, str(document["id"])))
    return text


def _list(value: object) -> list[object]:
    return msgspec.convert(value, list[object])


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
