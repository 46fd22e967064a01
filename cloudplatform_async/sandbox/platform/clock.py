"""The sandbox's own time, which runs as the real one does until somebody moves or stops it."""

import time
from collections.abc import Callable
from threading import Lock

import msgspec

from cloudplatform_async.sandbox.storage.settings import Settings


class RealTime:
    """The time of every sandbox that was given no other; tests that skip time put theirs in its place.

    Attributes:
        now: Gives seconds since the epoch.
    """

    now: Callable[[], float] = staticmethod(time.time)

    def __call__(self) -> float:
        """The same."""
        return self.now()


REAL_TIME = RealTime()
LONGEST_GUESS = 0.25  # seconds after which to look again at the time of somebody else's clock


class _Kept(msgspec.Struct, frozen=True):
    offset: float = 0.0
    frozen_at: float | None = None


class Clock:
    """The time of a sandbox: it drives limits, keys, tokens, runs and the retries of deliveries.

    Called, it gives seconds since the epoch, as `time.time` does.

    Args:
        source: Gives the real time; by default this machine's.
        settings: Where what was advanced and frozen is kept.

    Example:
        >>> from cloudplatform_async.sandbox import Sandbox
        >>> clock = Sandbox(clock=lambda: 1_000.0).clock
        >>> clock.advance(90)
        >>> clock()
        1090.0
    """

    def __init__(self, source: Callable[[], float] | None, settings: Settings) -> None:
        self._source = source or REAL_TIME
        self._settings = settings
        self._lock = Lock()  # of those who change it; a reader takes none, for it may hold the database
        self._kept = msgspec.json.decode(settings.get("clock") or "{}", type=_Kept)
        self._changed: Callable[[], object] | None = None

    def __call__(self) -> float:
        """Seconds since the epoch."""
        kept = self._kept
        return self._source() + kept.offset if kept.frozen_at is None else kept.frozen_at

    @property
    def frozen(self) -> bool:
        """Whether it stands still."""
        return self._kept.frozen_at is not None

    def advance(self, seconds: float) -> None:
        """Let this much time pass at once: what falls into it happens, each thing at its own time.

        Deliveries that fall due are sent from now on, in the background.

        Args:
            seconds: At least 0.

        Raises:
            ValueError: For a number that is negative, infinite or none.
        """
        if not 0 <= seconds < float("inf"):
            raise ValueError(f"A clock is advanced by seconds from 0 on, not by {seconds}.")
        with self._lock:
            kept = self._kept
            if kept.frozen_at is None:
                self._keep(_Kept(kept.offset + seconds))
            else:
                self._keep(_Kept(kept.offset, kept.frozen_at + seconds))
        self._tell()

    def freeze(self) -> None:
        """Stand still from now on; `advance` still moves it."""
        with self._lock:
            self._keep(_Kept(self._kept.offset, self()))
        self._tell()

    def resume(self) -> None:
        """Run again after `freeze`, from where it stands."""
        with self._lock:
            if self._kept.frozen_at is not None:
                self._keep(_Kept(self._kept.frozen_at - self._source()))
        self._tell()

    def when_changed(self, call: Callable[[], object]) -> None:
        """Have `call` called after each change, in place of what was called before."""
        self._changed = call

    def until(self, moment: float) -> float | None:
        """Real seconds after which to look whether it is `moment`; None: not before a change is told."""
        if self.frozen:
            return None
        seconds = max(0.0, moment - self())
        if self._source is REAL_TIME and REAL_TIME.now is time.time:
            return seconds
        return min(seconds, LONGEST_GUESS)

    def _keep(self, kept: _Kept) -> None:
        self._settings.set("clock", msgspec.json.encode(kept).decode())
        self._kept = kept

    def _tell(self) -> None:
        if self._changed is not None:
            self._changed()
