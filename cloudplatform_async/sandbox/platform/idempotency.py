"""Writes are done once: the memory of first answers by `Idempotency-Key` (API contract §6)."""

from hashlib import sha256
from threading import Lock

import msgspec
from attrs import define, field, frozen

from cloudplatform_async.sandbox.api.answers import Answer, RefusedError
from cloudplatform_async.sandbox.api.calls import Call
from cloudplatform_async.sandbox.storage.database import Database

LIFETIME = 24 * 3600.0
LONGEST_KEY = 255


@frozen
class Slot:
    """Where an answer is remembered: one `Idempotency-Key` of one API key."""

    owner: str
    key: str


def slot_of(call: Call, owner: str) -> Slot | None:
    """The slot a request names; None without a key.

    Raises:
        RefusedError: 400 for an empty key, or one beyond 255 characters.
    """
    key = call.headers.get("idempotency-key")
    if key is None:
        return None
    if not 0 < len(key) <= LONGEST_KEY:
        raise RefusedError(
            400, "invalid_idempotency_key", f"An Idempotency-Key has 1 to {LONGEST_KEY} characters."
        )
    return Slot(owner, key)


def fingerprint(call: Call) -> bytes:
    """A digest of everything that makes two requests the same: method, path, query and body."""
    head = f"{call.method} {call.path}?{call.query}\n"
    return sha256(head.encode() + call.body).digest()


_TABLE = """
CREATE TABLE IF NOT EXISTS answers (
    owner TEXT NOT NULL,
    key TEXT NOT NULL,
    digest BLOB NOT NULL,
    status INTEGER NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    expires_at REAL NOT NULL,
    PRIMARY KEY (owner, key)
) WITHOUT ROWID
"""
_INDEX = "CREATE INDEX IF NOT EXISTS answers_by_time ON answers (expires_at)"


@define
class IdempotencyMemory:
    """First answers, each kept 24 hours; a request under way holds its slot until it is done."""

    _database: Database
    _under_way: dict[Slot, tuple[bytes, float]] = field(
        factory=dict[Slot, tuple[bytes, float]], init=False, repr=False
    )
    _lock: Lock = field(factory=Lock, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._database.create(_TABLE, _INDEX)

    def begin(self, slot: Slot, digest: bytes, now: float) -> Answer | None:
        """Claim the slot, or return the first answer if there is one.

        Raises:
            RefusedError: 422 for the key of another request, 409 while the first is still being worked on.
        """
        with self._lock:
            query = (
                "SELECT digest, status, headers, body FROM answers"
                " WHERE owner = ? AND key = ? AND expires_at > ?"
            )
            rows = self._database.read(query, (slot.owner, slot.key, now))
            held = self._under_way.get(slot)
            if not rows and held is None:
                self._under_way[slot] = (digest, now)
                return None
        known = rows[0][0] if rows else (held or (b"", 0.0))[0]
        if known != digest:
            message = "This Idempotency-Key was used for another request. Use a new key for a new request."
            raise RefusedError(422, "idempotency_key_reused", message)
        if not rows:
            message = "The first request with this Idempotency-Key is still being worked on."
            raise RefusedError(409, "idempotency_in_progress", message, headers={"retry-after": "1"})
        _, status, headers, body = rows[0]
        first = Answer(status=status, body=body, headers=msgspec.json.decode(headers, type=dict[str, str]))
        return first.with_headers({"idempotency-replayed": "true"})

    def settle(self, slot: Slot, answer: Answer) -> None:
        """Keep the answer of the request that holds the slot, within the transaction of its work."""
        digest, now = self._under_way[slot]
        headers = msgspec.json.encode(dict(answer.headers)).decode()
        values = (slot.owner, slot.key, digest, answer.status, headers, answer.body, now + LIFETIME)
        self._database.write("DELETE FROM answers WHERE expires_at <= ?", (now,))
        self._database.write("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def release(self, slot: Slot) -> None:
        """Give the slot back: its answer is kept, or the work failed or was broken off."""
        with self._lock:
            self._under_way.pop(slot, None)
