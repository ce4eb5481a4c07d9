"""Whether one may trade by what monitors have found. What is not known forbids it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from tieout.core.model import RunStatus, Severity
from tieout.core.rows import RunRow
from tieout.service.live.monitor import Monitor

OLD: Final = 3
"""After so many intervals without one, the last comparison says nothing of now."""

FIT: Final = frozenset({RunStatus.CLEAN, RunStatus.BREAKS})


def unfit(monitor: Monitor, now: datetime) -> list[str]:
    """Why one may not trade by what a monitor has found; empty where one may.

    A comparison of a few symbols says nothing of the others: the last whole one has to be fit too.
    """
    if monitor.trouble is not None:
        return [f"{monitor.name}: it was not compared: {monitor.trouble}"]
    if monitor.last is None or monitor.whole is None:
        return [f"{monitor.name}: it was not compared"]
    last, whole = monitor.last.row, monitor.whole.row
    old = (now - whole.started_at).total_seconds()
    late = abs(old) > OLD * monitor.setup.every / 1e9  # below zero: a clock was set back
    if monitor.kept and "interval" in monitor.setup.on and late:
        return [f"{monitor.name}: it was compared {old:.0f} s ago, and not since"]
    if whole.status not in FIT and last.status in FIT:
        return [*_unknown(whole), *unfit_by(last)]
    return unfit_by(last)


def is_whole(row: RunRow) -> bool:
    """Whether a run was about everything; one that failed knows of nothing."""
    return not any(side is not None and side.restricted for side in (row.internal, row.external))


def unfit_by(row: RunRow) -> list[str]:
    """Why one may not trade by what a run has found: unknown, or a break >= high."""
    reasons = [] if row.status in FIT else _unknown(row)
    bad = sum(
        number
        for label, number in row.breaks.by_severity.items()
        if Severity.of(label) >= Severity.HIGH
    )
    if bad:
        what = "1 open break" if bad == 1 else f"{bad:,} open breaks"
        reasons.append(f"{row.reconciliation}: {what} of severity high or above")
    return reasons


def _unknown(row: RunRow) -> list[str]:
    sides = [side for side in (row.internal, row.external) if side is not None]
    why = row.reasons or [reason for side in sides for reason in side.reasons]
    return [f"{row.reconciliation}: {row.status}: {'; '.join(why)}"]
