"""Notices what a numbered list shows twice, or may have hidden, because it changed during the walk."""

from collections import deque
from collections.abc import Hashable, Sequence
from typing import Any

from msgspec import Struct

from cloudplatform_async.errors import PaginationLoopError

_REPEATED = "The server repeats itself: it gave a whole page a second time."


class Drift(Struct, frozen=True, kw_only=True):
    """How a numbered list moved while it was walked; a list with cursors does not drift.

    Attributes:
        repeated: Items that came twice, because others were inserted, and were handed out once.
        missed: Most items that may have slipped by unseen, because others were deleted.
    """

    repeated: int = 0
    missed: int = 0


class Overlap:
    """Compares each page with the pages shortly before it, by the ids of their items.

    Args:
        pages: How many pages back an item may turn up again.
    """

    def __init__(self, pages: int) -> None:
        self.drift = Drift()
        self._pages = pages
        self._recent: deque[list[Any]] = deque()
        self._seen: set[Hashable] = set()  # on the recent pages
        self._is_mixed = False  # some id stands on more than one of them, or has none
        self._total: int | None = None
        self._marks: set[int] = set()  # of all pages, where the server does not say which they are

    def places_of_new(
        self, items: Sequence[Any], total: int | None, *, is_whole: bool = True, is_certain: bool = True
    ) -> list[int] | None:
        """Tell which items of the next page are new; ``None`` where all are.

        Args:
            items: Of the page.
            total: Of the list, at that moment.
            is_whole: ``False`` for a page that will be fetched again.
            is_certain: The server says which page this is, and how many there are: the walk will end.

        Raises:
            PaginationLoopError: For a whole page that came before, in a list that has not grown by as much.
        """
        ids = _ids_of(items)
        if not is_whole:
            return self._places(ids)
        if not is_certain and items:
            mark = hash(_set_of(ids) or repr(items))
            if mark in self._marks:  # however long ago
                raise PaginationLoopError(_REPEATED)
            self._marks.add(mark)
        grown = 0 if total is None or self._total is None else total - self._total
        places = None if self._add(ids) else self._compared(ids, grown)
        self._remember(ids)
        self._total = total
        if places is not None or grown < 0:
            repeated = 0 if places is None else len(ids) - len(places)
            self.drift = Drift(
                repeated=self.drift.repeated + repeated, missed=self.drift.missed + max(0, -grown)
            )
        return places

    def _add(self, ids: list[Any]) -> bool:
        """Take in ids, and tell whether each was new."""
        known = len(self._seen)
        try:
            self._seen.update(ids)
        except TypeError:  # no ids of ours: some are lists or objects
            return False
        return len(self._seen) == known + len(ids)

    def _compared(self, ids: list[Any], grown: int) -> list[int] | None:
        """Look closely at a page that has something in common with those before, or with itself."""
        self._is_mixed = True
        page = _set_of(ids)
        if page and grown < len(page) and any(page == _set_of(each) for each in self._recent):
            raise PaginationLoopError(_REPEATED)
        return self._places(ids)

    def _places(self, ids: list[Any]) -> list[int] | None:
        """Tell where ids stand that are on no recent page; ``None`` where none is."""
        before = frozenset[Hashable]().union(*map(_set_of, self._recent))
        if _set_of(ids).isdisjoint(before):
            return None
        return [place for place, each in enumerate(ids) if each not in before]

    def _remember(self, ids: list[Any]) -> None:
        self._recent.append(ids)
        forgotten = self._recent.popleft() if len(self._recent) > self._pages else []
        if self._is_mixed:
            self._seen = set[Hashable]().union(*map(_set_of, self._recent))
        else:
            self._seen.difference_update(forgotten)


def _ids_of(items: Sequence[Any]) -> list[Any]:
    """List the ids of a page, ``None`` for what has none; all rows of a page are of one kind."""
    if items and isinstance(items[0], dict):
        return [row.get("id") for row in items]
    return [getattr(item, "id", None) for item in items]


def _set_of(ids: list[Any]) -> frozenset[Hashable]:
    try:
        page = frozenset(ids)
        return page - {None} if None in page else page
    except TypeError:  # no ids of ours: some are lists or objects
        return frozenset()
