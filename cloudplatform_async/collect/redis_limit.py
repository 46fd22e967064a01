"""One budget of requests for all processes and machines that speak with one key, kept in Redis."""

import os
import time
import warnings
import weakref
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from math import ceil, inf
from threading import Lock
from typing import Any, NoReturn, TypeVar

from anyio import to_thread
from attrs import field, frozen

from cloudplatform_async import ConfigurationError

T = TypeVar("T")

_PREFIX = "cloudplatform:limit:"
_MARGIN = 0.03  # of the window, for requests that travel for longer than those before them
_SHARE = 0.02  # of the limit that one process takes at a time, at most
_PATIENCE = 1.0  # seconds that Redis may take
_ABSENCE = 5.0  # seconds for which Redis is left alone after it was gone
_TRIES = 16
_PARTS = 10  # of the window, each with its part of the limit: what comes in bursts also comes late in bursts


def url_of(text: str) -> str:
    """Look up a URL that is named by a variable of the environment."""
    if not text.startswith("$"):
        return text
    value = os.environ.get(text[1:])
    if not value:
        raise ConfigurationError(f"The environment has no {text[1:]}, which was to name a Redis server.")
    return value


def open_redis(user: str, url: str, *also: str) -> tuple[Any, tuple[type[Exception], ...]]:
    """Open a client of Redis, and give what it raises where Redis is gone.

    Args:
        user: The class that needs it.
        url: As of `RedisLimit`.
        also: Other modules of the extra that are needed.
    """
    try:
        for name in also:
            import_module(name)
        redis: Any = import_module("redis")
    except ImportError:
        message = f'{user} needs the extra `redis`: pip install "cloudplatform-async[redis]"'
        raise ConfigurationError(message) from None
    options = {"socket_timeout": _PATIENCE, "socket_connect_timeout": _PATIENCE}
    try:
        client = redis.Redis.from_url(url_of(url), **options)
    except ValueError:
        message = f"{user}'s url must begin with redis://, rediss:// or unix://."
        raise ConfigurationError(message) from None
    return client, (redis.RedisError, OSError)


class Absence:
    """Warns once that what processes share is gone.

    Args:
        message: What is gone, and what comes of it; ``{}`` stands for the error.
    """

    def __init__(self, message: str) -> None:
        self._message, self._has_warned = message, False

    def warn(self, error: BaseException) -> None:
        """Warn, unless that was done; no call fails for it, also where warnings are errors."""
        if not self._has_warned:
            self._has_warned = True
            with suppress(RuntimeWarning):
                warnings.warn(self._message.format(type(error).__name__), RuntimeWarning, stacklevel=2)


@frozen
class RedisLimit:
    """A rate limit that processes and machines share, for ``AsyncClient(shared_limit=…)`` (extra ``redis``).

    Each credential and endpoint group has a budget of its own, under a key that is a hash. Where one
    process is told by a 429 to wait, all wait. Where Redis is gone, each process goes on with what it
    learns from the server alone, warns once, and looks for Redis every few seconds; no call fails for it.

    Attributes:
        url: Of the server, such as ``redis://127.0.0.1:6379/0``; or ``"$NAME"``, a variable of the
            environment that holds it, wherever the limit is used. A URL with a password is shown
            nowhere, and cannot be pickled: name a variable then.
        requests: Of one credential to one endpoint group, in any span of ``per`` seconds.
        per: Seconds, from 0.001 up.

    Example:
        >>> RedisLimit("redis://127.0.0.1:6379", requests=600, per=60.0).requests
        600
    """

    url: str = field(repr=False)
    requests: int = field(kw_only=True)
    per: float = field(default=60.0, kw_only=True)
    _server: "_Server" = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if not (_is_from(1, self.requests, int) and _is_from(0.001, self.per, int, float)):
            raise ConfigurationError(
                "RedisLimit needs requests= as a whole number from 1 up, and per= as seconds from 0.001 up."
            )
        object.__setattr__(self, "_server", _Server(self.url, self.requests, self.per))

    async def acquire(self, name: str, most: int) -> tuple[int, float]:
        """Reserve up to ``most`` turns.

        Args:
            name: Of a credential and endpoint group: a hash.
            most: Calls that wait for a turn in this process.

        Returns:
            The turns, and the seconds until they come; with no turn, until it is worth asking again.
        """
        wanted = max(1, min(most, _at_a_time(self.requests)))
        turns, due = await _in_thread(
            lambda: self._server.guarded((most, 0.0), self._server.take, name, wanted)
        )
        return turns, max(0.0, due - time.monotonic())

    async def pause(self, name: str, seconds: float) -> None:
        """Have everybody wait, as a 429 says."""
        await _in_thread(lambda: self._server.guarded(None, self._server.pause, name, seconds))

    def __getstate__(self) -> dict[str, Any]:
        if "@" in self.url:
            raise TypeError(
                "A Redis URL with a password is not pickled: set a variable of the environment wherever "
                'work is done, and pass its name as RedisLimit("$NAME", …).'
            )
        return {"url": self.url, "requests": self.requests, "per": self.per}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)
        self.__attrs_post_init__()


def _is_from(least: float, value: object, *kinds: type[int | float]) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool) and least <= value < inf


def _part_of(requests: int) -> int:
    """Tell how many requests may come in a part of the window: all parts together make up the whole."""
    return ceil(requests / _PARTS)


def _at_a_time(requests: int) -> int:
    """Tell how many turns a process takes at once, such that they fill a part and leave hardly one over."""
    part = _part_of(requests)
    fitting = (size for size in range(round(requests * _SHARE), 1, -1) if part % size <= part * _SHARE)
    return next(fitting, 1)


async def _in_thread(work: Callable[[], T]) -> T:
    return await to_thread.run_sync(work, abandon_on_cancel=True)


class _Server:
    """A Redis server as one process sees it; used by one thread at a time.

    A turn is reserved at the time at which it comes: nobody asks again and again for one that others
    may take first, and a process that is late by some milliseconds loses none.
    """

    def __init__(self, url: str, requests: int, per: float) -> None:
        self._redis, self._failures = open_redis("RedisLimit", url, "pyrate_limiter")
        pyrate_limiter = import_module("pyrate_limiter")
        window = round(per * 1000 * (1 + _MARGIN))
        self._rates = [pyrate_limiter.Rate(requests, window)]
        if requests >= 2 * _PARTS and window >= _PARTS:  # rounded down: a part must not be the sparser rate
            self._rates.insert(0, pyrate_limiter.Rate(_part_of(requests), window // _PARTS))
        weakref.finalize(self, self._redis.close)
        self._keep = round(per * 2000)  # milliseconds for which Redis remembers an idle key
        self._buckets: dict[str, Any] = {}
        self._lock = Lock()
        self._skew: int | None = None  # milliseconds from this machine's clock to the server's
        self._gone_until = 0.0
        self._absence = Absence(
            "Redis is gone ({}): until it is back, each process keeps to what the platform tells it, and the "
            "limit is not shared."
        )

    def guarded(self, otherwise: T, work: Callable[..., T], *arguments: Any) -> T:
        """Do some work with Redis, or give something else while it is gone."""
        with self._lock:
            if time.monotonic() < self._gone_until:
                return otherwise
            try:
                return work(*arguments)
            except self._failures as error:
                self._gone_until = time.monotonic() + _ABSENCE
                self._buckets.clear()  # another server may take its place, without our script
                self._skew = None
                self._absence.warn(error)
                return otherwise

    def take(self, name: str, wanted: int) -> tuple[int, float]:
        """Reserve the next turns, and tell when they come, by this machine's monotonic clock.

        A moment, not a wait: whoever reads of it later than others would come later than others too.
        """
        from pyrate_limiter import RateItem

        paused = self._redis.pttl(f"{_PREFIX}{name}:pause")
        if paused > 0:
            return 0, time.monotonic() + paused / 1000
        bucket = self._bucket(name)
        now, here = self._now(), time.monotonic()
        bucket.leak(now)
        at = now
        for _ in range(_TRIES):  # each looks at the time that the one before was told: others reserve too
            item = RateItem("", at, wanted)
            if bucket.put(item):
                self._redis.pexpire(bucket.bucket_key, self._keep)
                return wanted, here + (at - now) / 1000
            at += max(1, bucket.waiting(item))
        return 0, here + (at - now) / 1000

    def pause(self, name: str, seconds: float) -> None:
        """Put up a sign for everybody, unless one stands there for longer."""
        key, wanted = f"{_PREFIX}{name}:pause", round(seconds * 1000)
        if wanted > 0 and self._redis.pttl(key) < wanted:
            self._redis.set(key, 1, px=wanted)

    def _bucket(self, name: str) -> Any:
        from pyrate_limiter import RedisBucket

        if name not in self._buckets:
            self._buckets[name] = RedisBucket.init(self._rates, self._redis, _PREFIX + name)
        return self._buckets[name]

    def _now(self) -> int:
        """Read the server's clock, by its distance from this machine's: machines do not agree."""
        here, skew = time.time_ns() // 1_000_000, self._skew
        if skew is None:
            seconds, microseconds = self._redis.time()
            skew = self._skew = seconds * 1000 + microseconds // 1000 - here
        return int(here + skew)

    def __reduce__(self) -> NoReturn:
        raise TypeError("A connection is not pickled.")
