"""`tieout status`: where every reconciliation stands."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tieout.cli.arguments import one_of, opened
from tieout.cli.console import age, out, plain_text, table
from tieout.cli.summary import scopes
from tieout.core.model import Severity
from tieout.core.rows import BreakFilter, RunRow
from tieout.ports import Store
from tieout.present import SEVERITIES, in_order, run_object, utc

OPEN = ("open", "in_review", "correcting")
"""States of breaks that somebody still has to deal with."""


@dataclass
class Standing:
    """A reconciliation: its last run, and its open breaks.

    Attributes:
        oldest: when the oldest open break was opened.
    """

    last: RunRow
    open: Counter[str] = field(default_factory=Counter)
    oldest: datetime | None = None


def status(config: Path | None, store: str | None, shape: str) -> None:
    """Show the last run, the open breaks and the oldest age of each reconciliation."""
    shape = one_of(shape, ("table", "json"), "--format")
    with opened(store, config) as view:
        standings = standing(view)
    now = datetime.now(UTC)
    if shape == "json":
        out(json.dumps([_object(each, now) for each in standings], indent=2, ensure_ascii=False))
        return
    if not standings:
        out("no runs yet")
        return
    header = ("reconciliation", "status", "business date", "ran", "open", "worst", "oldest")
    for line in table(header, [_row(each, now) for each in standings], right="....r"):
        if not out(line):
            return
    for each in standings:
        for said in scopes(each.last):
            out(plain_text(f"{each.last.reconciliation}: {said}"))


def standing(store: Store) -> list[Standing]:
    """Every reconciliation that ever ran, by name."""
    found: dict[str, Standing] = {}
    for row in store.runs():
        found.setdefault(row.reconciliation, Standing(row))
    for each in store.tally(BreakFilter(states=OPEN)):
        own = found.get(each.reconciliation)
        if own is not None:
            own.open[Severity(each.severity).label] += each.number
            own.oldest = min(own.oldest or each.oldest, each.oldest)
    return [found[name] for name in sorted(found)]


def _worst(standing: Standing) -> str:
    return next(
        (f"{name} ({standing.open[name]:,})" for name in SEVERITIES if standing.open[name]), "-"
    )


def _row(standing: Standing, now: datetime) -> list[str]:
    last = standing.last
    return [
        last.reconciliation,
        str(last.status),
        last.business_date.isoformat(),
        f"{age((now - last.started_at).total_seconds())} ago",
        f"{standing.open.total():,}",
        _worst(standing),
        "-" if standing.oldest is None else age((now - standing.oldest).total_seconds()),
    ]


def _object(standing: Standing, now: datetime) -> dict[str, Any]:
    oldest = standing.oldest
    age_ = None if oldest is None else max(0, int((now - oldest).total_seconds()))
    return {
        "reconciliation": standing.last.reconciliation,
        "last_run": run_object(standing.last),
        "open": standing.open.total(),
        "by_severity": in_order(standing.open, SEVERITIES),
        "oldest_opened_at": None if oldest is None else utc(oldest),
        "oldest_age_seconds": age_,
    }
