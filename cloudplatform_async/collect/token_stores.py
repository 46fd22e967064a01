"""Token stores: one refresh for all clients of a process, of a machine, or of many machines."""

import os
import sqlite3
import time
import weakref
from collections.abc import Callable
from contextlib import closing, suppress
from threading import Lock
from typing import Any, TypeVar

from anyio import to_thread

from cloudplatform_async.collect.redis_limit import Absence, open_redis

T = TypeVar("T")

_PREFIX = "cloudplatform:token:"
_FILE_PATIENCE = 5.0  # seconds for which others may hold the file
_TABLES = (
    "CREATE TABLE IF NOT EXISTS tokens (key TEXT PRIMARY KEY, value BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS claims (key TEXT PRIMARY KEY, owner TEXT NOT NULL, until REAL NOT NULL)",
)
_CREATING = Lock()  # to close a file gives up the locks that other threads have on it
_CLAIM = """
INSERT INTO claims VALUES (:key, :owner, :now + :seconds)
ON CONFLICT (key) DO UPDATE SET owner = excluded.owner, until = excluded.until
WHERE claims.until <= :now OR claims.until > :now + 2 * :seconds
"""  # what ends so late was claimed before the clock was set back; who waited is a little late too
_RELEASE = "DELETE FROM claims WHERE key = ? AND owner = ?"
_RELEASE_IN_REDIS = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end"


class MemoryTokenStore:
    """Shares tokens between clients of one process, also on several event loops and threads.

    Example:
        ``OAuthClientCredentials(url, "id", "secret", store=store)``, once for each event loop
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._values: dict[str, bytes] = {}
        self._claims: dict[str, tuple[str, float]] = {}

    async def read(self, key: str) -> bytes | None:
        """See `TokenStore`."""
        with self._lock:
            return self._values.get(key)

    async def claim(self, key: str, owner: str, seconds: float) -> bool:
        """See `TokenStore`."""
        with self._lock:
            now = time.monotonic()
            if key in self._claims and self._claims[key][1] > now:
                return False
            self._claims[key] = (owner, now + seconds)
            return True

    async def save(self, key: str, owner: str, value: bytes) -> None:
        """See `TokenStore`."""
        with self._lock:
            self._values[key] = value
        await self.release(key, owner)

    async def release(self, key: str, owner: str) -> None:
        """See `TokenStore`."""
        with self._lock:
            if key in self._claims and self._claims[key][0] == owner:
                del self._claims[key]


class _Guarded:
    """Does blocking work in a thread; where the store is gone, each process is left to itself."""

    def __init__(self, name: str, failures: tuple[type[Exception], ...]) -> None:
        self._failures = failures
        self._absence = Absence(
            name + " cannot keep tokens ({}): until it can, each process refreshes its own."
        )

    async def _do(self, otherwise: T, work: Callable[[], T]) -> T:
        return await to_thread.run_sync(lambda: self._tried(otherwise, work))

    def _tried(self, otherwise: T, work: Callable[[], T]) -> T:
        try:
            return work()
        except self._failures as error:
            self._absence.warn(error)
            return otherwise


class FileTokenStore(_Guarded):
    """Shares tokens between processes of one machine, in a file that its owner alone can read.

    The file is an SQLite database on a local disk. Where it cannot be used, one warning says so, and each
    process refreshes its own token.

    Args:
        path: Of the file; its folder is there already.

    Example:
        ``OAuthRefreshToken(url, "id", "secret", first, store=FileTokenStore("/var/lib/app/tokens"))``
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__("The token file", (sqlite3.Error, OSError))
        self._path = os.fspath(path)

    def __repr__(self) -> str:
        return f"FileTokenStore({self._path!r})"

    async def read(self, key: str) -> bytes | None:
        """See `TokenStore`."""
        rows = await self._run(["SELECT value FROM tokens WHERE key = ?"], [(key,)])
        return rows[0][0] if rows else None

    async def claim(self, key: str, owner: str, seconds: float) -> bool:
        """See `TokenStore`."""
        given = {"key": key, "owner": owner, "now": time.time(), "seconds": seconds}
        rows = await self._run([_CLAIM, "SELECT owner FROM claims WHERE key = ?"], [given, (key,)])
        return not rows or rows[0][0] == owner

    async def save(self, key: str, owner: str, value: bytes) -> None:
        """See `TokenStore`."""
        statements = ["INSERT OR REPLACE INTO tokens VALUES (?, ?)", _RELEASE]
        await self._run(statements, [(key, bytes(value)), (key, owner)])

    async def release(self, key: str, owner: str) -> None:
        """See `TokenStore`."""
        await self._run([_RELEASE], [(key, owner)])

    async def _run(self, statements: list[str], values: list[Any]) -> list[Any]:
        return await self._do([], lambda: self._transaction(statements, values))

    def _transaction(self, statements: list[str], values: list[Any]) -> list[Any]:
        """Give the rows of the last statement."""
        with _CREATING, suppress(FileExistsError):  # SQLite would let others read it
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        rows: list[Any] = []
        with closing(sqlite3.connect(self._path, timeout=_FILE_PATIENCE, isolation_level=None)) as file:
            file.execute("BEGIN IMMEDIATE")
            for table in _TABLES:
                file.execute(table)
            for statement, given in zip(statements, values, strict=True):
                rows = file.execute(statement, given).fetchall()
            file.execute("COMMIT")
        return rows


class RedisTokenStore(_Guarded):
    """Shares tokens between machines (extra ``redis``).

    Where Redis is gone, one warning says so, and each process refreshes its own token; no call fails for it.

    Args:
        url: As of `RedisLimit`; shown nowhere. Whoever can read this Redis can read the tokens.

    Raises:
        ConfigurationError: The extra is not installed, or the URL leads nowhere.

    Example:
        ``OAuthClientCredentials(url, "id", "secret", store=RedisTokenStore("$REDIS_URL"))``
    """

    def __init__(self, url: str) -> None:
        self._redis, failures = open_redis("RedisTokenStore", url)
        super().__init__("Redis", failures)
        weakref.finalize(self, self._redis.close)

    async def read(self, key: str) -> bytes | None:
        """See `TokenStore`."""
        return await self._do(None, lambda: self._redis.get(_PREFIX + key))

    async def claim(self, key: str, owner: str, seconds: float) -> bool:
        """See `TokenStore`."""
        name, life = f"{_PREFIX}{key}:claim", round(seconds * 1000)
        return await self._do(True, lambda: bool(self._redis.set(name, owner, nx=True, px=life)))

    async def save(self, key: str, owner: str, value: bytes) -> None:
        """See `TokenStore`."""
        await self._do(None, lambda: self._redis.set(_PREFIX + key, bytes(value)))
        await self.release(key, owner)

    async def release(self, key: str, owner: str) -> None:
        """See `TokenStore`."""
        name = f"{_PREFIX}{key}:claim"
        await self._do(None, lambda: self._redis.eval(_RELEASE_IN_REDIS, 1, name, owner))
