"""Counting the breaks of a run while they stream by."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from tieout.core.lifecycle import Event, Transition
from tieout.core.model import Severity, State


@dataclass(frozen=True, slots=True)
class BreakCounts:
    """Breaks after a run. `open` = new + carried + changed + reopened."""

    open: int = 0
    new: int = 0
    carried: int = 0
    changed: int = 0
    reopened: int = 0
    cleared: int = 0
    suppressed: int = 0
    by_kind: Mapping[str, int] = field(default_factory=dict)
    by_severity: Mapping[str, int] = field(default_factory=dict)


_SUPPRESSED = State.SUPPRESSED


class Tally:
    """Counts transitions as they pass. Kinds and severities are of the breaks open after."""

    def __init__(self) -> None:
        self._events: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()
        self._severities: Counter[int] = Counter()
        self._suppressed = 0

    def add(self, transition: Transition) -> None:
        if transition.state is _SUPPRESSED:
            self._suppressed += 1
            return
        self._events[str(transition.event)] += 1
        if transition.open:
            kind, severity = _graded(transition)
            self._kinds[kind] += 1
            self._severities[severity] += 1

    def counts(self) -> BreakCounts:
        events = self._events
        return BreakCounts(
            open=self._kinds.total(),
            new=events[Event.OPENED.value],
            carried=events[Event.CARRIED.value],
            changed=events[Event.CHANGED.value],
            reopened=events[Event.REOPENED.value],
            cleared=events[Event.CLEARED.value],
            suppressed=self._suppressed,
            by_kind=dict(sorted(self._kinds.items())),
            by_severity={
                Severity(severity).label: number
                for severity, number in sorted(self._severities.items())
            },
        )


def _graded(transition: Transition) -> tuple[str, int]:
    """Kind, and severity as a number."""
    if transition.brk is not None:
        return transition.brk.kind, transition.brk.severity
    stored = json.loads(transition.content)
    return stored["kind"], Severity.of(stored["severity"])
