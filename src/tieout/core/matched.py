"""What is kept of matches: for how long, and which logs may be believed.

1. What counts for a business date is the log of the last run that was committed for it.
2. Logs are looked at from the newest date back. A date that ran without keeping its matches ends
   this: what an older log says may have been overtaken on it.
3. What is older than twice the days of a run is removed after it, and no run of a later date looks
   for it, also where that one keeps more. A restated date still does.
4. A log rests on every date from the earliest that a record in it came with, up to its own. If one
   of these ran again after it, the log does not count until its own date has run again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from tieout.core.calendars import is_business_day
from tieout.core.rules import Calendar

USUAL_DAYS: Final = 5
"""Business days for which matches are kept where nobody says how many: amendments and late
re-sends come within a week."""


@dataclass(frozen=True, slots=True)
class KeptLog:
    """A log of matches, as the run that wrote it names it.

    Attributes:
        digest: SHA-256 of the file, in hex. `rows`: pairs in it, ended ones included.
        since: the earliest date whose log was still kept with it.
        rests: the earliest date that a record in it came with; None: none is older than the log.
        rules: the digest of the rules that each of its pairs matched by; empty: of several.
    """

    digest: str
    rows: int
    since: date
    rests: date | None = None
    rules: str = ""


@dataclass(frozen=True, slots=True)
class LoggedDate:
    """A business date, and the log of the last run committed for it; None where it kept none.

    Attributes:
        order: that run's place in the order of commits; a number of the store's own.
    """

    business_date: date
    log: KeptLog | None
    order: int


@dataclass(frozen=True, slots=True)
class Keep:
    """How long matches are kept: business days of a calendar."""

    days: int = USUAL_DAYS
    calendar: Calendar = field(default_factory=Calendar)

    def since(self, day: date) -> date:
        """The earliest date whose log a run for `day` looks at."""
        return self._back(day, self.days)

    def kept(self, day: date) -> date:
        """The earliest date whose log stays after a run for `day`: for dates that are restated."""
        return self._back(day, 2 * self.days)

    def _back(self, day: date, left: int) -> date:
        while left:
            day -= timedelta(days=1)
            left -= is_business_day(day, self.calendar)
        return day


def kept_since(dates: Iterable[LoggedDate], usual: date, *, until: date) -> date:
    """The earliest date whose log is there, or has to be, by what runs for dates up to `until` say.

    What later dates removed has to be there nevertheless: it was when `until` ran first.
    """
    said = (each.log.since for each in dates if each.log and each.business_date <= until)
    return max([usual, *said])


def believable(dates: Iterable[LoggedDate], *, since: date, until: date) -> list[LoggedDate]:
    """The dates whose logs a run looks at. `dates`: newest first. Bounds are inclusive."""
    found = []
    for each in dates:
        if each.business_date > until:
            continue
        if each.log is None or each.business_date < since:
            break
        found.append(each)
    return found


def overtaken(logged: LoggedDate, dates: Iterable[LoggedDate]) -> date | None:
    """The earliest date that a log rests on and that ran again after it; None: it counts."""
    if logged.log is None or logged.log.rests is None:
        return None
    first, last = logged.log.rests, logged.business_date
    newer = (
        each.business_date
        for each in dates
        if first <= each.business_date < last and each.order > logged.order
    )
    return min(newer, default=None)
