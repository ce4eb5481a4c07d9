"""Monitors that end no comparison: from outside they look like those that find nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tieout.core.model import Severity
from tieout.ports import Notifier
from tieout.service.live.fitness import OLD
from tieout.service.live.monitor import Monitor

LEAST: Final = 120.0
"""Seconds that a comparison may take in any case: a venue that does not answer is asked several
times, each within a limit, before the comparison fails and says so itself."""


class Silence:
    """Tells somebody of a monitor that has ended no comparison in `OLD` of its intervals.

    Once, until it does. One that fails, is paused, or leaves it to another process has ended.
    Times are by the loop's clock, seconds: the wall's may be set.
    """

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._ended: dict[str, float] = {}
        self._told: set[str] = set()

    def ended(self, monitor: Monitor, now: float) -> None:
        """It ended a comparison, whatever that came to."""
        self._ended[monitor.name] = now
        if monitor.name in self._told:
            self._told.remove(monitor.name)
            self._notifier.settled(_matter(monitor))

    def look(self, monitors: Iterable[Monitor], now: float) -> None:
        """Hold what they ended last against their intervals."""
        for each in monitors:
            if "interval" not in each.setup.on:
                continue
            silent = now - self._ended.setdefault(each.name, now)
            every = each.setup.every / 1e9
            if silent > max(OLD * every, LEAST) and each.name not in self._told:
                self._told.add(each.name)
                self._notifier.alert(
                    Severity.CRITICAL,
                    f"{each.name}: no comparison has ended for {silent:.0f} s",
                    f"one is due every {every:g} s; the one at work waits for a book, a venue or"
                    " the store. Nothing is known of what happened since",
                    about=_matter(each),
                )


def _matter(monitor: Monitor) -> str:
    return f"silent:{monitor.name}"
