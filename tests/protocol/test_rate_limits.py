"""``Retry-After``, ``retry-after-ms`` and ``RateLimit-*``: what counts, and that nothing else can do harm."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from math import isfinite

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cloudplatform_async._protocol.rate_limits import exhausted_for, rate_limit_of, retry_after
from cloudplatform_async.responses import RateLimit

NOW = datetime(2026, 11, 6, 8, 49, 37, tzinfo=UTC)
DATE = format_datetime(NOW, usegmt=True)
LATER = {  # 23 s after NOW in the three forms of RFC 9110 §5.6.7
    "IMF-fixdate": "Fri, 06 Nov 2026 08:50:00 GMT",
    "RFC 850": "Friday, 06-Nov-26 08:50:00 GMT",
    "asctime": "Fri Nov  6 08:50:00 2026",
}

moments = st.datetimes(datetime(1970, 1, 2), datetime(2999, 1, 1), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=0)
)


def wait(value: str, *, now: datetime = NOW, **headers: str) -> float | None:
    """What is read of a ``Retry-After``."""
    return retry_after({"retry-after": value, **headers}, now.timestamp())


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("1.5", 1.5),
        (" 7\t", 7.0),
        ("007", 7.0),
        ("0.000000000001", 1e-12),
        ("3, 9, 4", 9.0),
        ("3,1,4", 4.0),
        (",,5,", 5.0),
        ("99999999999999999999", 1e15),
        ("9" * 5000, 1e15),
    ],
)
def test_a_number_of_seconds_is_read(value: str, seconds: float) -> None:
    """ASCII digits with an optional decimal part count; of several the longest; all stay finite."""
    assert wait(value) == seconds


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        ",",
        "-1",
        "+5",
        "1e3",
        "nan",
        "inf",
        "Infinity",
        "0x10",
        "1_000",
        "5.",
        ".5",
        "1.2.3",
        "5 s",
        "5;q=1",
        "\xa05",
        "5\x85",
        "٣",
        "５",
        "²",
        "soon",
        "5\x00",
        "Fri, 31 Feb 2026 08:50:00 GMT",
        "Fri, 06 Nov 0000 08:50:00 GMT",
        "Fri, 06 Nov 2026 25:50:00 GMT",
        "Fri, 06 Nov 2026 08:61:00 GMT",
        "Fri, 06 Nov 2026 08:50:61 GMT",
        "Fri, 06 Nov 2026 08:50:00 +0100",
        "Fri, 06 Nov 2026 08:50:00",
        "fri, 06 nov 2026 08:50:00 gmt",
        "Fri, 6 Nov 2026 08:50:00 GMT",
        "Fri, 06 Nov 20266 08:50:00 GMT",
        "Fri Nov 06 08:50 2026",
        "2026-11-06T08:50:00Z",
    ],
)
def test_any_other_value_is_ignored(value: str) -> None:
    """A sign, an exponent, other digits or a bad date is no wait at all (API contract §7)."""
    assert wait(value) is None


@pytest.mark.parametrize("value", LATER.values(), ids=LATER)
def test_a_date_counts_from_the_answers_own_date(value: str) -> None:
    """A client whose clock is wrong by a day still waits what the server meant."""
    wrong_clock = NOW + timedelta(days=1)
    assert wait(value, now=wrong_clock, date="Fri, 06 Nov 2026 08:49:37 GMT") == 23.0


@pytest.mark.parametrize("date", [{}, {"date": "yesterday"}, {"date": ""}], ids=["absent", "bad", "empty"])
@pytest.mark.parametrize("value", LATER.values(), ids=LATER)
def test_without_a_readable_date_the_clock_counts(value: str, date: dict[str, str]) -> None:
    """The wall clock is the second choice."""
    assert wait(value, **date) == 23.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (f"5, {LATER['IMF-fixdate']}", 23.0),
        (f"{LATER['IMF-fixdate']}, 5", 23.0),
        (f"{LATER['RFC 850']}, {LATER['IMF-fixdate']}, 50", 50.0),
        (f"{LATER['asctime']}, 1", 23.0),
        (f"{LATER['IMF-fixdate']}, {LATER['IMF-fixdate']}", 23.0),
    ],
)
def test_dates_among_several_values_are_found(value: str, seconds: float) -> None:
    """The comma within a date is not the comma between values."""
    assert wait(value) == seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("Fri, 06 Nov 2026 08:49:37 GMT", 0.0), ("Sun Nov  6 08:49:37 1994", 0.0), (LATER["asctime"], 23.0)],
)
def test_a_past_date_is_no_wait(value: str, seconds: float) -> None:
    """A moment that has passed leaves the normal backoff."""
    assert wait(value) == seconds


@pytest.mark.parametrize(("year", "is_ahead"), [("26", True), ("76", True), ("77", False), ("99", False)])
def test_a_year_of_two_digits_is_at_most_fifty_years_ahead(year: str, is_ahead: bool) -> None:
    """Further ahead means the past century (RFC 9110 §5.6.7)."""
    seconds = wait(f"Friday, 06-Nov-{year} 08:50:00 GMT")
    assert seconds is not None
    assert (seconds > 0) is is_ahead


def test_a_leap_second_is_the_second_before_it() -> None:
    """``:60`` is a valid second that Python's datetime lacks."""
    assert wait("Fri, 06 Nov 2026 08:49:60 GMT") == 22.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "100, 2500"}, 2.5),
        ({"retry-after-ms": "-5"}, None),
        ({"retry-after-ms": "Fri, 06 Nov 2026 08:50:00 GMT"}, None),
        ({"retry-after-ms": "1500", "retry-after": "1"}, 1.5),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 2.0),
        ({"retry-after-ms": "bad", "retry-after": "2"}, 2.0),
        ({}, None),
    ],
)
def test_milliseconds_are_read_too(headers: dict[str, str], seconds: float | None) -> None:
    """Of both headers the longest wait counts."""
    assert retry_after(headers, NOW.timestamp()) == seconds


@given(
    st.text(alphabet=st.characters(max_codepoint=255))
    | st.text("0123456789., +-eE:NovFriGMT")
    | st.from_regex(
        r"[A-Z][a-z]{2,8},? [0-9 -]{2}[- ][A-Z][a-z]{2}[- ][0-9]{2,4} [0-9:]{8} GMT", fullmatch=True
    ),
    st.text(max_size=40),
)
@example("9" * 20_000, "")
@example("A" * 20_000 + ",", "")
@example(" " * 20_000, " " * 20_000)
def test_no_value_can_raise(value: str, date: str) -> None:
    """Whatever a server sends is ignored or a finite number of seconds from 0."""
    seconds = retry_after({"retry-after": value, "retry-after-ms": value, "date": date}, NOW.timestamp())
    assert seconds is None or (seconds >= 0 and isfinite(seconds))


@given(moments, st.integers(0, 10**6))
def test_every_date_is_read_in_two_forms(origin: datetime, seconds: int) -> None:
    """Both forms with four digits of the year give the exact difference to the answer's date."""
    later, date = origin + timedelta(seconds=seconds), format_datetime(origin, usegmt=True)
    for form in (format_datetime(later, usegmt=True), later.ctime()):
        assert wait(form, date=date) == seconds


@given(moments.filter(lambda moment: moment < datetime(2070, 1, 1, tzinfo=UTC)), st.integers(0, 10**6))
def test_every_date_near_now_is_read_with_two_digits_of_its_year(origin: datetime, seconds: int) -> None:
    """The century is taken from the clock."""
    later = origin + timedelta(seconds=seconds)
    form = f"{later:%A, %d-%b-%y %H:%M:%S} GMT"
    assert wait(form, now=origin, date=format_datetime(origin, usegmt=True)) == seconds


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=5))
def test_of_several_the_longest_counts(values: list[int]) -> None:
    """A later, shorter value never shortens a wait."""
    assert wait(", ".join(map(str, values))) == max(values)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"ratelimit-remaining": "1", "ratelimit-reset": "5"}, None),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "5"}, 5.0),
        ({"ratelimit-remaining": "0"}, 0.0),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "bad"}, 0.0),
        ({"ratelimit-remaining": "none"}, None),
        ({"ratelimit-remaining": "-1"}, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "2.5"}, 2.5),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": f"{NOW.timestamp() + 9:.0f}"}, 9.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1000000001"}, 0.0),
        ({"ratelimit-remaining": "3", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "4"}, 4.0),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "1", "x-ratelimit-remaining": "0"}, 1.0),
        ({"ratelimit-remaining": "0", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "2"}, 2.0),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "3, 3"}, 3.0),
        ({"ratelimit-remaining": "0, 0", "ratelimit-reset": "3;w=60"}, 3.0),
        ({"ratelimit-remaining": "0", "ratelimit-reset": DATE}, 0.0),
        ({"x-ratelimit-reset": "3"}, 3.0),
        ({"x-ratelimit-limit": "9", "x-ratelimit-reset": f"{NOW.timestamp() + 9:.0f}"}, 9.0),
        ({"x-ratelimit-limit": "9", "x-ratelimit-reset": "soon"}, None),
    ],
)
def test_an_exhausted_limit_says_for_how_long(headers: dict[str, str], seconds: float | None) -> None:
    """Both spellings count, and a reset that is a moment since the epoch too."""
    assert exhausted_for(headers, NOW.timestamp()) == seconds


@pytest.mark.parametrize(
    ("reset", "date", "seconds"),
    [
        (f"{NOW.timestamp() + 30:.0f}", DATE, 30.0),
        (f"{(NOW.timestamp() + 30) * 1000:.0f}", DATE, 30.0),
        (f"{NOW.timestamp() + 30:.1f}", DATE, 30.0),
        (f"{NOW.timestamp() + 30:.0f}", None, 30.0),
        (f"{(NOW.timestamp() + 30) * 1000:.0f}", "yesterday", 30.0),
        (format_datetime(NOW + timedelta(seconds=30), usegmt=True), DATE, 30.0),
        (f"{NOW.timestamp() - 30:.0f}", DATE, 0.0),
        ("30", DATE, 30.0),
        (" 30 ", None, 30.0),
        ("-30", DATE, 0.0),
        ("soon", DATE, 0.0),
    ],
)
def test_a_reset_is_reckoned_on_the_servers_clock(reset: str, date: str | None, seconds: float) -> None:
    """Seconds, or a moment in seconds, milliseconds or as a date; ours may be an hour off."""
    skewed = NOW.timestamp() + (3600.0 if date == DATE else 0.0)
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset, "x-ratelimit-limit": "60"}
    found = rate_limit_of({**headers, **({} if date is None else {"date": date})}, skewed)
    assert found is not None
    assert (found.reset or 0.0, found.limit) == (pytest.approx(seconds, abs=1e-3), 60)


@pytest.mark.parametrize("limit", ["100, 100;w=60", "100;w=60", " 100 "])
def test_a_limit_with_its_window_is_read(limit: str) -> None:
    """The first of a list is the one in force."""
    headers = {"ratelimit-limit": limit, "ratelimit-remaining": "7", "ratelimit-reset": "5"}
    assert rate_limit_of(headers, 0.0) == RateLimit(limit=100, remaining=7, reset=5.0)


@pytest.mark.parametrize(
    "value", ["17 June , 2022", "5, soon", "5, -1", "1e3, 5", "5, 31 Feb 2026", "x, 5, 7"]
)
def test_values_of_which_one_is_not_understood_are_ignored_together(value: str) -> None:
    """Half of a date in words is no number of seconds."""
    assert retry_after({"retry-after": value}, NOW.timestamp()) is None
    assert retry_after({"retry-after": value, "retry-after-ms": "1500"}, NOW.timestamp()) == 1.5
