"""When a comparison of events begins further back than its cursor: once a day, or each `full`.

1. A full comparison finds what came later than the `lookback`. When the last one ended is in the
   store: who is restarted before a day is over gets it too, at the start where it is due.
2. Each begins `full` before the end of the one before it, and at least `full` before the last day:
   what that one saw too early, this one finds.
3. One that did not end is begun anew after a while, not at once: a venue that never gives the whole
   window would else leave every comparison incomplete.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tieout.core.live import EVENTS
from tieout.ports import Monitors
from tieout.service.live.setup import SECOND, LiveSetup

DAY: Final = 86_400 * SECOND

AGAIN: Final = 24
"""One that did not end is begun anew after this part of the time between two."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far back a comparison goes.

    Attributes:
        full: it is the full one. `since`: where it begins (UTC ns); None: as the cursor says.
    """

    full: bool = False
    since: int | None = None


def period(setup: LiveSetup) -> int:
    """Nanoseconds from one full comparison to the next."""
    return min(setup.timing.full, DAY)


def reach(setup: LiveSetup, monitors: Monitors, now: int) -> Reach:
    """Whether a full comparison is due. Blocks."""
    if setup.rules.records not in EVENTS:
        return Reach()
    if monitors.cursor(setup.rules.name) is None:
        return Reach(full=True)  # the first one of all reaches back that far by itself
    every, slack = period(setup), setup.every // 2  # else each would come an interval later
    ended = monitors.cursor(_ended(setup))
    begun = monitors.cursor(_begun(setup))
    if ended is not None and ended <= now < ended + every - slack:
        return Reach()
    if begun is not None and begun <= now < begun + every // AGAIN:
        return Reach()
    before = now - every if ended is None else min(now - every, ended)
    return Reach(full=True, since=before - setup.timing.full)


def begin(setup: LiveSetup, monitors: Monitors, now: int) -> None:
    """Remember that a full comparison was tried. Blocks."""
    monitors.advance(_begun(setup), now)


def end(setup: LiveSetup, monitors: Monitors, upto: int) -> None:
    """Remember that one ended, of all until `upto` (UTC ns). Blocks."""
    monitors.advance(_ended(setup), upto)


def _ended(setup: LiveSetup) -> str:
    return f"{setup.rules.name}\nfull"  # no reconciliation is called so


def _begun(setup: LiveSetup) -> str:
    return f"{setup.rules.name}\nfull begun"
