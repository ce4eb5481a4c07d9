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


class Tally:
    """Counts transitions as they pass. Kinds and severities are of the breaks open after."""

    def __init__(self) -> None:
        self._events: Counter[Event] = Counter()
        self._kinds: Counter[str] = Counter()
        self._severities: Counter[str] = Counter()
        self._suppressed = 0

    def add(self, transition: Transition) -> None:
        if transition.state is State.SUPPRESSED:
            self._suppressed += 1
            return
        self._events[transition.event] += 1
        if transition.open:
            kind, severity = _labels(transition)
            self._kinds[kind] += 1
            self._severities[severity] += 1

    def counts(self) -> BreakCounts:
        events = self._events
        severities = sorted(self._severities.items(), key=lambda item: Severity.of(item[0]))
        return BreakCounts(
            open=self._kinds.total(),
            new=events[Event.OPENED],
            carried=events[Event.CARRIED],
            changed=events[Event.CHANGED],
            reopened=events[Event.REOPENED],
            cleared=events[Event.CLEARED],
            suppressed=self._suppressed,
            by_kind=dict(sorted(self._kinds.items())),
            by_severity=dict(severities),
        )


def _labels(transition: Transition) -> tuple[str, str]:
    """Kind and severity as texts."""
    if transition.brk is not None:
        return transition.brk.kind, Severity(transition.brk.severity).label
    stored = json.loads(transition.content)
    return stored["kind"], stored["severity"]
