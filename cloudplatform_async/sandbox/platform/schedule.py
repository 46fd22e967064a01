"""What happens by itself as time goes: runs start and end, in the order of their times."""

from collections.abc import Callable

from attrs import define, field

from cloudplatform_async.sandbox.storage.database import Database
from cloudplatform_async.sandbox.storage.workflows import advance_runs, next_run_at


@define
class Schedule:
    """Brings the database to the present."""

    database: Database
    clock: Callable[[], float]
    _seen: tuple[int, float | None] = field(default=(-1, None), init=False)

    def catch_up(self) -> float:
        """Let happen what should have happened by now, and return the time that it is now."""
        now = self.clock()
        due = self.next_at()
        if due is not None and due <= now:
            with self.database.transaction():
                advance_runs(self.database, now)
        return now

    def next_at(self) -> float | None:
        """When the next thing happens by itself; None: nothing does."""
        revision, at = self._seen
        if revision != self.database.revision:
            # Read first: what is written meanwhile leads to another look.
            revision = self.database.revision
            at = next_run_at(self.database)
            self._seen = (revision, at)
        return at
