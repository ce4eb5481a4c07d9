"""Business days, cut-offs, and the moment at which a deadline falls.

Invariants:

1. A day is a business day if the calendar has it neither as weekend nor as holiday.
2. Adding business days starts at the first business day on or after the given one, and gives a
   business day. A later day never gives an earlier result.
3. A record at or after the cut-off of its day counts for the next day; on a day that is no
   business day, for the next business day. A later record never counts for an earlier day.
4. A wall-clock time that the clocks skip or show twice is taken at its later reading: no
   deadline falls early because clocks changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tieout.core.canonical import nanoseconds
from tieout.core.rules import BusinessDeadline, Calendar
from tieout.core.text import day_of, zone

_DAY = timedelta(days=1)
_WEEK = frozenset(range(1, 8))


def is_business_day(day: date, calendar: Calendar) -> bool:
    """Whether `day` is neither weekend nor holiday."""
    return day.isoweekday() not in calendar.weekend and day not in calendar.holidays


def next_business_day(day: date, calendar: Calendar) -> date:
    """The first business day on or after `day`.

    Raises:
        ValueError: the calendar calls every day of the week a weekend.
    """
    if calendar.weekend >= _WEEK:
        raise ValueError(f"the calendar {calendar.name!r} has no business days")
    while not is_business_day(day, calendar):
        day += _DAY
    return day


def add_business_days(day: date, count: int, calendar: Calendar) -> date:
    """`count` business days after the first business day on or after `day`.

    Friday and 1 is Monday; Saturday and 0 is Monday; Saturday and 1 is Tuesday.
    """
    day = next_business_day(day, calendar)
    for _ in range(count):
        day = next_business_day(day + _DAY, calendar)
    return day


def moment_of(day: date, wall: time, zone_: ZoneInfo) -> int:
    """UTC nanoseconds at which the clocks of a zone show `wall` on `day`; see invariant 4."""
    naive = datetime.combine(day, wall)
    readings = (naive.replace(tzinfo=zone_, fold=fold).astimezone(UTC) for fold in (0, 1))
    return nanoseconds(max(readings))


def business_date_of(as_of: int, zone_: ZoneInfo, cutoff: time | None = None) -> date:
    """The date that a moment (UTC nanoseconds) counts for in a zone.

    Its calendar day there; the next calendar day at or after the cut-off.
    """
    day = day_of(as_of, zone_)
    if cutoff is not None and as_of >= moment_of(day, cutoff, zone_):
        return day + _DAY
    return day


@dataclass(frozen=True, slots=True)
class Cutoff:
    """From when on a source's records are of its next business date.

    Attributes:
        at: the wall-clock time in `timezone`.
    """

    at: time
    timezone: str
    calendar: Calendar = field(default_factory=Calendar)

    def date_of(self, moment: int) -> date:
        """The business date of a moment (UTC nanoseconds); see invariant 3."""
        return next_business_day(
            business_date_of(moment, zone(self.timezone), self.at), self.calendar
        )


def deadline_moment(clock: int, deadline: BusinessDeadline) -> int:
    """When the deadline of a record of time `clock` falls. Both in UTC nanoseconds."""
    zone_ = zone(deadline.timezone)
    own = business_date_of(clock, zone_, deadline.cutoff)
    day = add_business_days(own, deadline.business_days, deadline.calendar)
    return moment_of(day, deadline.at, zone_)
