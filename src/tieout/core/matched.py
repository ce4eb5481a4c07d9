"""What is kept of matches: for how long, and which logs may be believed.

1. What counts for a business date is the log of the last run that was committed for it.
2. Logs are looked at from the newest date back. A date that ran without keeping its matches ends
   this: what an older log says may have been overtaken on it.
3. What is older than a run keeps is removed after it, and is no more looked for: also where a later
   run keeps more.
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
    """

    digest: str
    rows: int
    since: date


@dataclass(frozen=True, slots=True)
class LoggedDate:
    """A business date, and the log of the last run committed for it; None where it kept none."""

    business_date: date
    log: KeptLog | None


@dataclass(frozen=True, slots=True)
class Keep:
    """How long matches are kept: business days of a calendar."""

    days: int = USUAL_DAYS
    calendar: Calendar = field(default_factory=Calendar)

    def since(self, day: date) -> date:
        """The earliest date whose log a run for `day` looks at."""
        left = self.days
        while left:
            day -= timedelta(days=1)
            left -= is_business_day(day, self.calendar)
        return day


def kept_since(dates: Iterable[LoggedDate], usual: date) -> date:
    """The earliest date whose log is still there, or would be. `usual`: that of `Keep.since`."""
    return max([usual, *(each.log.since for each in dates if each.log is not None)])


def believable(
    dates: Iterable[LoggedDate], *, since: date, until: date
) -> list[tuple[date, KeptLog]]:
    """The dates with the logs that a run looks at. `dates`: newest first. Bounds are inclusive."""
    found = []
    for each in dates:
        if each.business_date > until:
            continue
        if each.log is None or each.business_date < since:
            break
        found.append((each.business_date, each.log))
    return found
