"""What came twice is found as a plain search of the pages shortly before would find it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudplatform_async import PaginationLoopError
from cloudplatform_async._paging.overlap import Overlap

PAGES = 2


def searched(pages: list[list[Any]]) -> list[list[Any] | None]:
    """Of each page the ids that no page shortly before it had; ``None`` for one that came whole before."""
    found: list[list[Any] | None] = []
    for number, page in enumerate(pages):
        before = pages[max(0, number - PAGES) : number]
        ids = {each for each in page if each is not None}
        if ids and any(ids == {each for each in other if each is not None} for other in before):
            return [*found, None]
        found.append([each for each in page if not any(each in other for other in before) or each is None])
    return found


@given(st.lists(st.lists(st.one_of(st.none(), st.integers(0, 12)), max_size=6), max_size=10))
def test_any_pages_give_what_a_search_of_the_last_few_gives(pages: list[list[Any]]) -> None:
    """Whether ids repeat within a page, across pages, beyond the window, or are missing."""
    overlap, found = Overlap(PAGES), list[list[Any] | None]()
    for page in pages:
        try:
            places = overlap.places_of_new([{"id": each} for each in page], 100)
        except PaginationLoopError:
            found.append(None)
            break
        found.append(page if places is None else [page[place] for place in places])
    assert found == searched(pages)


@pytest.mark.parametrize("odd", [["a"], {"key": 1}])
def test_ids_that_cannot_be_compared_are_taken_as_new(odd: Any) -> None:
    """They are no ids of the platform's; the pages around them are compared as ever."""
    overlap = Overlap(PAGES)
    assert overlap.places_of_new([{"id": "x"}, {"id": odd}], None) is None
    assert overlap.places_of_new([{"id": "y"}], None) is None
    assert overlap.places_of_new([{"id": "y"}, {"id": "z"}], None) == [1]
    assert overlap.drift.repeated == 1
