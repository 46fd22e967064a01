"""Writes are done once: the memory of first answers by `Idempotency-Key` (API contract §6)."""

from hashlib import sha256
from threading import Lock

from attrs import define, field, frozen

from cloudplatform_async.sandbox.api.answers import Answer, RefusedError
from cloudplatform_async.sandbox.api.calls import Call

LIFETIME = 24 * 3600.0
LONGEST_KEY = 255


@frozen
class Slot:
    """Where an answer is remembered: one `Idempotency-Key` of one API key."""

    owner: str
    key: str


@frozen
class _Entry:
    digest: bytes
    answer: Answer | None
    expires_at: float


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


@define
class IdempotencyMemory:
    """First answers, each kept 24 hours; a request under way holds its slot until it is done."""

    _entries: dict[Slot, _Entry] = field(factory=dict[Slot, _Entry], init=False, repr=False)
    _lock: Lock = field(factory=Lock, init=False, repr=False)

    def begin(self, slot: Slot, digest: bytes, now: float) -> Answer | None:
        """Claim the slot, or return the first answer if there is one.

        Raises:
            RefusedError: 422 for the key of another request, 409 while the first is still being worked on.
        """
        with self._lock:
            self._forget_expired(now)
            entry = self._entries.get(slot)
            if entry is None:
                self._entries[slot] = _Entry(digest, None, now + LIFETIME)
                return None
        return _judge(entry, digest)

    def settle(self, slot: Slot, answer: Answer) -> None:
        """Remember the answer of the request that holds the slot."""
        with self._lock:
            entry = self._entries[slot]
            self._entries[slot] = _Entry(entry.digest, answer, entry.expires_at)

    def release(self, slot: Slot) -> None:
        """Give back a slot that was not settled: the work failed or was broken off."""
        with self._lock:
            entry = self._entries.get(slot)
            if entry is not None and entry.answer is None:
                del self._entries[slot]

    def _forget_expired(self, now: float) -> None:
        # The entries stand in the order of their expiry, so that this looks at one more than it forgets.
        while self._entries:
            oldest = next(iter(self._entries))
            if self._entries[oldest].expires_at > now:
                return
            del self._entries[oldest]


def _judge(entry: _Entry, digest: bytes) -> Answer:
    if entry.digest != digest:
        message = "This Idempotency-Key was used for another request. Use a new key for a new request."
        raise RefusedError(422, "idempotency_key_reused", message)
    if entry.answer is None:
        message = "The first request with this Idempotency-Key is still being worked on."
        raise RefusedError(409, "idempotency_in_progress", message, headers={"retry-after": "1"})
    return entry.answer.with_headers({"idempotency-replayed": "true"})
