"""Guards: a delivery that comes more than once is handled once."""

from collections import OrderedDict
from contextlib import ExitStack
from datetime import timedelta
from os import PathLike, fspath, getpid
from threading import Lock
from time import monotonic, sleep
from typing import TYPE_CHECKING, Literal, Protocol
from uuid import uuid4
from weakref import finalize

from anyio import to_thread
from attrs import Attribute, define, field, frozen

from cloudplatform_async._runtime.clock import CLOCK
from cloudplatform_async.errors import ConfigurationError

if TYPE_CHECKING:
    import sqlite3

State = Literal["granted", "held", "done"]

_LEASE = timedelta(minutes=5)
_KEPT = timedelta(days=7)  # longer than senders try to deliver
_PATIENCE = 30.0  # seconds for another process's transaction, which takes milliseconds
_PAUSE = 0.005

_OPEN = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # what was handled stays handled when the power fails
    "CREATE TABLE IF NOT EXISTS deliveries (id TEXT PRIMARY KEY, token TEXT, until REAL NOT NULL)",
    "CREATE INDEX IF NOT EXISTS deliveries_until ON deliveries (until)",
)
_CLAIM = (
    "DELETE FROM deliveries WHERE until <= :now",
    "INSERT OR IGNORE INTO deliveries VALUES (:id, :token, :until)",
)
_DONE = ("INSERT OR REPLACE INTO deliveries VALUES (:id, NULL, :until)",)  # no token: nobody's any more
_RELEASE = ("DELETE FROM deliveries WHERE id = :id AND token = :token",)
_HOLDER = "SELECT token FROM deliveries WHERE id = :id"


@frozen
class Claim:
    """What a guard says to a delivery that wants to be handled.

    Attributes:
        id: The delivery's ``webhook-id``.
        state: ``"granted"``: handle it; ``"held"``: another copy is being handled; ``"done"``: one was.
        token: Of this claim alone, where it is granted.
    """

    id: str
    state: State
    token: str = ""


class WebhookGuard(Protocol):
    """Where a receiver looks up what was handled; write one over the store that your processes share.

    A delivery is claimed, handled, and marked as done; a handler that fails frees its claim. A claim
    is a lease: where its process dies, it ends by itself, and the next copy is handled.

    Example:
        A guard over Redis needs no more than ``SET``: ``claim`` sets a token if there is nothing
        (``NX``) for as long as the lease, ``done`` sets ``"done"`` for as long as it is to be
        remembered, ``release`` deletes the token if it is still this claim's.
    """

    async def claim(self, id: str) -> Claim:  # noqa: A002 - the standard's own word
        """Claim a delivery, in one step that only one of several callers can win."""
        ...

    async def done(self, claim: Claim) -> None:
        """Remember that it was handled, whoever holds the claim by now."""
        ...

    async def release(self, claim: Claim) -> None:
        """Free the claim, unless it has passed to another copy meanwhile."""
        ...


def _above_zero(_: object, attribute: "Attribute[timedelta]", value: object) -> None:
    if not isinstance(value, timedelta) or value <= timedelta(0):
        raise ConfigurationError(f"{attribute.alias} must be a timedelta above 0, not {value!r}.")


def _at_least_one(_: object, attribute: "Attribute[int]", value: int) -> None:
    if value < 1:
        raise ConfigurationError(f"{attribute.alias} must be at least 1, not {value}.")


def _path(path: str | PathLike[str]) -> str:
    return fspath(path)


@define(eq=False)
class MemoryGuard:
    """A guard for one process: it forgets when the process ends.

    Args:
        lease: How long a handler may take.
        kept: How long a handled delivery is remembered.
        most: How many are remembered, at least 1; the oldest are forgotten first.

    Raises:
        ConfigurationError: For a lease, memory or number that is not above 0.

    Example:
        >>> receiver(verifier, handler, guard=MemoryGuard(kept=timedelta(days=1)))  # doctest: +SKIP
    """

    _lease: timedelta = field(default=_LEASE, validator=_above_zero, alias="lease", kw_only=True)
    _kept: timedelta = field(default=_KEPT, validator=_above_zero, alias="kept", kw_only=True)
    _most: int = field(default=100_000, validator=_at_least_one, alias="most", kw_only=True)
    _held: dict[str, tuple[str, float]] = field(factory=dict[str, tuple[str, float]], init=False, repr=False)
    _done: OrderedDict[str, float] = field(factory=OrderedDict[str, float], init=False, repr=False)
    _lock: Lock = field(factory=Lock, init=False, repr=False)

    async def claim(self, id: str) -> Claim:  # noqa: A002 - the standard's own word
        """See ``WebhookGuard``."""
        now, claim = CLOCK.process.monotonic(), Claim(id, "granted", uuid4().hex)
        with self._lock:
            self._forget(now)
            if id in self._done:
                return Claim(id, "done")
            if id in self._held and self._held[id][1] > now:
                return Claim(id, "held")
            self._held[id] = claim.token, now + self._lease.total_seconds()
            return claim

    async def done(self, claim: Claim) -> None:
        """See ``WebhookGuard``."""
        with self._lock:
            self._held.pop(claim.id, None)
            now = CLOCK.process.monotonic()
            self._done[claim.id] = now + self._kept.total_seconds()
            self._forget(now)

    async def release(self, claim: Claim) -> None:
        """See ``WebhookGuard``."""
        with self._lock:
            if self._held.get(claim.id, ("", 0.0))[0] == claim.token:
                del self._held[claim.id]

    def _forget(self, now: float) -> None:
        while self._done and (len(self._done) > self._most or next(iter(self._done.values())) <= now):
            self._done.popitem(last=False)


@define(eq=False)
class SQLiteGuard:
    """A guard for all processes of one machine: a file that remembers across restarts.

    It needs no closing: its connection ends with it.

    Args:
        path: Of a database of its own, made where there is none. One file serves one handler.
        lease: How long a handler may take.
        kept: How long a handled delivery is remembered.

    Raises:
        ConfigurationError: For a lease or memory that is not above 0.
        sqlite3.Error: By its methods, where the file cannot be used.

    Example:
        >>> receiver(verifier, handler, guard=SQLiteGuard("deliveries.sqlite"))  # doctest: +SKIP
    """

    _path: str = field(converter=_path, alias="path")
    _lease: timedelta = field(default=_LEASE, validator=_above_zero, alias="lease", kw_only=True)
    _kept: timedelta = field(default=_KEPT, validator=_above_zero, alias="kept", kw_only=True)
    # By process: a connection must not be used on the other side of a fork.
    _connections: "dict[int, sqlite3.Connection]" = field(
        factory=lambda: dict[int, "sqlite3.Connection"](), init=False, repr=False
    )
    _lock: Lock = field(factory=Lock, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        finalize(self, _close, self._connections)

    async def claim(self, id: str) -> Claim:  # noqa: A002 - the standard's own word
        """See ``WebhookGuard``."""
        claim = Claim(id, "granted", uuid4().hex)
        found = await to_thread.run_sync(self._run, _CLAIM, self._values(claim, self._lease))
        return claim if found == (claim.token,) else Claim(id, "held" if found[0] else "done")

    async def done(self, claim: Claim) -> None:
        """See ``WebhookGuard``."""
        await to_thread.run_sync(self._run, _DONE, self._values(claim, self._kept))

    async def release(self, claim: Claim) -> None:
        """See ``WebhookGuard``."""
        await to_thread.run_sync(self._run, _RELEASE, self._values(claim, timedelta(0)))

    def _values(self, claim: Claim, term: timedelta) -> dict[str, object]:
        now = CLOCK.process.wall()  # which all processes share
        return {"id": claim.id, "token": claim.token, "now": now, "until": now + term.total_seconds()}

    def _run(self, statements: tuple[str, ...], values: dict[str, object]) -> tuple[str | None]:
        """Run statements as one transaction, and give the token that stands there afterwards."""
        with self._lock:
            connection = self._connections.get(getpid()) or self._connect()
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                for statement in statements:
                    connection.execute(statement, values)
                found: tuple[str | None] | None = connection.execute(_HOLDER, values).fetchone()
        return found or (None,)

    def _connect(self) -> "sqlite3.Connection":
        import sqlite3

        with ExitStack() as failing:
            connection = sqlite3.connect(
                self._path, isolation_level=None, check_same_thread=False, timeout=_PATIENCE
            )
            failing.callback(connection.close)
            _open(connection, monotonic() + _PATIENCE)
            self._connections[getpid()] = connection
            failing.pop_all()
        return connection


def _open(connection: "sqlite3.Connection", deadline: float) -> None:
    """Bring the file into its form, which another process may be doing at the same moment."""
    import sqlite3

    while True:
        try:
            for statement in _OPEN:
                connection.execute(statement)
        except sqlite3.OperationalError as error:
            # SQLite does not wait by itself for a change of the journal's mode.
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or monotonic() > deadline:
                raise
            sleep(_PAUSE)
        else:
            return


def _close(connections: "dict[int, sqlite3.Connection]") -> None:
    connection = connections.pop(getpid(), None)
    if connection is not None:
        connection.close()
