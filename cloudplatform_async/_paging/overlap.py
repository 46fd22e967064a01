"""Notices what a numbered list shows twice, or may have hidden, because it changed during the walk."""

from collections.abc import Hashable, Sequence
from typing import Any, TypeVar

from attrs import evolve, frozen

T = TypeVar("T")


@frozen(kw_only=True)
class Drift:
    """How a numbered list moved while it was walked; a list with cursors does not drift.

    Attributes:
        repeated: Items that came twice, because others were inserted, and were handed out once.
        missed: Most items that may have slipped by unseen, because others were deleted.
    """

    repeated: int = 0
    missed: int = 0


class Overlap:
    """Compares each page with the pages shortly before it, by the ids of their items."""

    def __init__(self, pages: int) -> None:
        self.drift = Drift()
        self._pages = pages
        self._recent: list[frozenset[Hashable]] = []
        self._total: int | None = None

    def places_of_new(self, items: Sequence[Any], total: int | None) -> list[int] | None:
        """Tell which items of the next page are new; ``None`` where all are."""
        missed = max(0, (self._total or 0) - total) if total is not None else 0
        self._total = total
        ids = [_id_of(item) for item in items]
        seen = frozenset[Hashable]().union(*self._recent)
        self._recent = [*self._recent, frozenset(ids) - {None}][-self._pages :]
        places = [place for place, each in enumerate(ids) if each not in seen]
        repeated = len(items) - len(places)
        if missed or repeated:
            self.drift = evolve(
                self.drift, repeated=self.drift.repeated + repeated, missed=self.drift.missed + missed
            )
        return places if repeated else None


def _id_of(item: Any) -> Hashable | None:
    found = item.get("id") if isinstance(item, dict) else getattr(item, "id", None)
    return found if isinstance(found, (str, int)) else None
