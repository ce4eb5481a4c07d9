"""Business days, cut-offs and deadlines, through changes of the clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.core.calendars import (
    add_business_days,
    business_date_of,
    deadline_moment,
    is_business_day,
    moment_of,
    next_business_day,
)
from tieout.core.canonical import instant, nanoseconds
from tieout.core.rules import BusinessDeadline, Calendar
from tieout.core.text import zone

WEEKDAYS = Calendar()
LONDON = Calendar("london", holidays=frozenset({date(2025, 12, 25), date(2025, 12, 26)}))
BERLIN = zone("Europe/Berlin")
DAYS = st.dates(date(2020, 1, 1), date(2030, 12, 31))
WALLS = st.times().map(lambda wall: wall.replace(tzinfo=None, fold=0))
ZONES = st.sampled_from(
    ["Europe/London", "America/New_York", "Asia/Tokyo", "UTC", "Australia/Lord_Howe"]
).map(zone)
CALENDARS = st.builds(
    Calendar,
    weekend=st.sets(st.integers(1, 7), max_size=6).map(frozenset),
    holidays=st.frozensets(DAYS, max_size=20),
)

ADDED = """
2025-07-25 Fri  0  2025-07-25
2025-07-25 Fri  1  2025-07-28
2025-07-26 Sat  0  2025-07-28
2025-07-26 Sat  1  2025-07-29
2025-07-27 Sun  2  2025-07-30
2025-12-24 Wed  1  2025-12-29
2025-12-25 Thu  0  2025-12-29
"""


@pytest.mark.parametrize("row", [line.split() for line in ADDED.strip().splitlines()])
def test_adding_business_days(row: list[str]) -> None:
    day, weekday, count, result = row
    start = date.fromisoformat(day)
    assert f"{start:%a}" == weekday
    assert add_business_days(start, int(count), LONDON) == date.fromisoformat(result)


@given(DAYS, st.integers(0, 30), CALENDARS)
def test_adding_gives_a_business_day_with_that_many_between(
    day: date, count: int, calendar: Calendar
) -> None:
    result = add_business_days(day, count, calendar)
    assert is_business_day(result, calendar)
    span = [day + timedelta(n) for n in range((result - day).days)]
    assert sum(is_business_day(each, calendar) for each in span) == count


@given(DAYS, DAYS, st.integers(0, 10), CALENDARS)
def test_a_later_day_never_gives_an_earlier_one(
    one: date, other: date, count: int, calendar: Calendar
) -> None:
    first, last = sorted((one, other))
    assert add_business_days(first, count, calendar) <= add_business_days(last, count, calendar)


def test_a_calendar_without_business_days_says_so() -> None:
    never = Calendar("never", weekend=frozenset(range(1, 8)))
    with pytest.raises(ValueError, match="'never' has no business days"):
        next_business_day(date(2025, 7, 25), never)


DEADLINES = """
clock                zone              days at     cutoff falls
2025-07-25T17:00:00Z Europe/London     1    09:00  -      2025-07-28T08:00:00Z
2025-07-25T17:00:00Z Europe/London     1    09:00  17:00  2025-07-29T08:00:00Z
2025-07-25T16:00:00Z Europe/London     1    09:00  17:00  2025-07-29T08:00:00Z
2025-07-25T15:59:59Z Europe/London     1    09:00  17:00  2025-07-28T08:00:00Z
2025-07-26T12:00:00Z Europe/London     0    09:00  -      2025-07-28T08:00:00Z
2025-07-24T23:30:00Z Europe/London     0    09:00  -      2025-07-25T08:00:00Z
2025-03-28T12:00:00Z Europe/London     1    09:00  -      2025-03-31T08:00:00Z
2025-10-24T12:00:00Z Europe/London     1    09:00  -      2025-10-27T09:00:00Z
2025-07-25T03:00:00Z America/New_York  0    18:00  -      2025-07-24T22:00:00Z
2025-07-25T12:00:00Z Asia/Tokyo        2    00:00  -      2025-07-28T15:00:00Z
"""


@pytest.mark.parametrize("row", [line.split() for line in DEADLINES.strip().splitlines()[1:]])
def test_a_deadline_falls_at_a_wall_clock_time(row: list[str]) -> None:
    clock, zone_, days, at, cutoff, falls = row
    deadline = BusinessDeadline(
        int(days),
        time.fromisoformat(at),
        zone_,
        cutoff=None if cutoff == "-" else time.fromisoformat(cutoff),
    )
    found = deadline_moment(nanoseconds(datetime.fromisoformat(clock)), deadline)
    assert instant(found) == falls.replace("Z", ".000000000Z")


@given(st.integers(0, 2**60), st.integers(0, 2**50), st.integers(0, 3), WALLS, ZONES, WALLS)
def test_a_later_record_never_has_an_earlier_deadline(
    clock: int, later: int, days: int, at: time, zone_: object, cutoff: time
) -> None:
    deadline = BusinessDeadline(days, at, str(zone_), WEEKDAYS, cutoff)
    assert deadline_moment(clock, deadline) <= deadline_moment(clock + later, deadline)


def test_a_time_that_the_clocks_skip_is_taken_at_its_later_reading() -> None:
    """02:30 on 30 March 2025 does not exist in Berlin; 02:30 by the old clock is 03:30."""
    skipped = moment_of(date(2025, 3, 30), time(2, 30), BERLIN)
    assert instant(skipped) == "2025-03-30T01:30:00.000000000Z"
    assert skipped == moment_of(date(2025, 3, 30), time(3, 30), BERLIN)


def test_a_time_that_the_clocks_show_twice_is_taken_the_second_time() -> None:
    """02:30 on 26 October 2025 is 00:30 UTC and again 01:30 UTC."""
    twice = moment_of(date(2025, 10, 26), time(2, 30), BERLIN)
    assert instant(twice) == "2025-10-26T01:30:00.000000000Z"


@given(DAYS, WALLS, ZONES)
def test_no_deadline_falls_before_its_wall_clock_time(day: date, wall: time, zone_: object) -> None:
    found = moment_of(day, wall, zone(str(zone_)))
    local = datetime.fromtimestamp(found // 10**9, UTC).astimezone(zone(str(zone_)))
    assert local.replace(tzinfo=None) >= datetime.combine(day, wall.replace(microsecond=0))


@pytest.mark.parametrize(
    ("moment", "cutoff", "expected"),
    [
        ("2025-07-25T21:59:59Z", None, date(2025, 7, 25)),
        ("2025-07-25T22:00:00Z", None, date(2025, 7, 26)),
        ("2025-07-25T14:59:59Z", time(17), date(2025, 7, 25)),
        ("2025-07-25T15:00:00Z", time(17), date(2025, 7, 26)),
        ("2025-10-26T00:50:00Z", time(2, 45), date(2025, 10, 26)),
        ("2025-10-26T01:10:00Z", time(2, 45), date(2025, 10, 26)),
        ("2025-10-26T01:45:00Z", time(2, 45), date(2025, 10, 27)),
    ],
)
def test_the_business_date_in_berlin(moment: str, cutoff: time | None, expected: date) -> None:
    as_of = nanoseconds(datetime.fromisoformat(moment))
    assert business_date_of(as_of, BERLIN, cutoff) == expected


@given(st.integers(0, 2**60), st.integers(0, 2**55), ZONES, st.none() | WALLS)
def test_the_business_date_never_goes_back(
    as_of: int, later: int, zone_: object, cutoff: time | None
) -> None:
    tz = zone(str(zone_))
    assert business_date_of(as_of, tz, cutoff) <= business_date_of(as_of + later, tz, cutoff)
