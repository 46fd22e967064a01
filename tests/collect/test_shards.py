"""Shards are values with a name of their own, and cuts that lose and double nothing."""

import pickle
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from cloudplatform_async import InvalidRequestError
from cloudplatform_async.collect import Shard, by_created, by_credentials, by_days, by_filter, by_pages

YEAR = Shard(resource="usage", start=date(2026, 1, 1), end=date(2026, 12, 31))


def test_the_same_values_have_the_same_key() -> None:
    """In another process, with filters in another order, and with another page size."""
    one = Shard(filters={"status": "active", "label": ["a:b"]}, page_size=10)
    other = pickle.loads(pickle.dumps(Shard(filters={"label": ["a:b"], "status": "active"}, page_size=50)))
    assert one.key == other.key == "projects-" + one.key[9:]
    assert one == other


@pytest.mark.parametrize(
    "other",
    [
        Shard(filters={"status": "archived"}),
        Shard(credentials="a"),
        Shard(page_size=10, pages=(1, 2)),
        Shard(resource="events"),
        YEAR,
        Shard(resource="usage", start=date(2026, 1, 1), end=date(2026, 12, 31), step=timedelta(days=7)),
    ],
)
def test_other_values_have_another_key(other: Shard) -> None:
    """Whatever changes the rows changes the key."""
    assert other.key not in {Shard().key, Shard(resource="usage", start=date.min, end=date.max).key}


@pytest.mark.parametrize(
    "given",
    [
        {"resource": "secrets"},
        {"resource": "usage"},
        {"resource": "usage", "start": date(2026, 1, 2), "end": date(2026, 1, 1)},
        {"resource": "usage", "start": datetime(2026, 1, 2, tzinfo=UTC), "end": date(2027, 1, 1)},
        {"start": date(2026, 1, 2)},
        {"step": timedelta(hours=1)},
        {"resource": "workflows", "filters": {"name": "a"}},
        {"page_size": 0},
        {"page_size": "10"},
        {"page_size": True},
        {"pages": (1, 2)},
        {"pages": (0, 2), "page_size": 10},
        {"pages": (3, 2), "page_size": 10},
    ],
)
def test_values_that_make_no_shard_are_refused(given: dict[str, object]) -> None:
    """At once, where they stand."""
    with pytest.raises(InvalidRequestError):
        Shard(**given)  # type: ignore[arg-type]


def test_filters_may_be_left_out_by_name() -> None:
    """As for a list."""
    assert Shard(filters=None) == Shard()


def test_cuts_can_be_cut_again() -> None:
    """Each helper takes what another gave."""
    cut = by_credentials(by_filter(Shard(), "status", ["active", "archived"]), ["a", "b"])
    assert len({shard.key for shard in cut}) == 4


def test_spans_of_days_cover_each_day_once() -> None:
    """Whole windows each, and no day beyond the last."""
    spans = by_days(YEAR, 100)
    days = [
        shard.start + timedelta(days=number)
        for shard in spans
        if shard.start and shard.end
        for number in range((shard.end - shard.start).days + 1)
    ]
    assert days == [date(2026, 1, 1) + timedelta(days=number) for number in range(365)]


def test_spans_of_days_need_usage() -> None:
    """A list has no days."""
    with pytest.raises(InvalidRequestError):
        by_days(Shard(), 10)


def test_spans_of_creation_leave_no_moment_out() -> None:
    """Both borders are left out by the platform, so that each span begins a microsecond early."""
    begin, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    borders = [
        (
            datetime.fromisoformat(shard.filters["created_after"]),
            datetime.fromisoformat(shard.filters["created_before"]),
        )
        for shard in by_created(Shard(), begin, end, 7)
    ]
    assert borders[0][0] < begin
    assert borders[-1][1] == end
    instant = timedelta(microseconds=1)
    assert all(after + instant == before for (_, before), (after, _) in pairwise(borders))


def test_spans_of_creation_need_a_time_zone() -> None:
    """A naive moment is a different one on each machine."""
    with pytest.raises(InvalidRequestError):
        by_created(Shard(), datetime(2026, 1, 1), datetime(2026, 1, 2), 2)


def test_ranges_of_pages_reach_the_end() -> None:
    """Also of a list that has grown meanwhile."""
    assert [shard.pages for shard in by_pages(Shard(), 2, total=0)] == [(1, None)]
    assert [shard.pages for shard in by_pages(Shard(), 3, total=60, page_size=10)] == [(1, 3), (4, None)]
