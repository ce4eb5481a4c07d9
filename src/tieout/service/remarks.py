"""What a person should know of a side of a file run, though nothing is wrong with it by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

from tieout.core.canonical import instant, nanoseconds
from tieout.core.model import Side
from tieout.core.rows import RunIntent
from tieout.core.scan import Coverage
from tieout.core.schema import RECORD_TYPES, RecordType
from tieout.core.text import day_of
from tieout.ports import SideFacts
from tieout.service.setup import Setup, SideSetup

TELLING = (
    "symbol", "currency", "side", "quantity", "filled", "price", "total", "fee", "status",
)  # fmt: skip
"""Columns of which a person believes that they are compared."""


def remarked(
    setup: Setup,
    coverage: Mapping[Side, Coverage],
    facts: Mapping[Side, SideFacts],
    intent: RunIntent,
) -> dict[Side, Coverage]:
    """`coverage` with what is to be known of each side; what is too old makes it incomplete.

    A live comparison says such things of itself.
    """
    if setup.live is not None:
        return dict(coverage)
    records = RECORD_TYPES[setup.rules.records]
    found = {}
    for side, wired in ((Side.INTERNAL, setup.internal), (Side.EXTERNAL, setup.external)):
        own = coverage[side]
        notes = [
            *_alone(facts[side], facts[side.other], coverage[side.other].source, setup),
            *_left_out(facts[side]),
            *_late(facts[side], intent),
            *_early(own, wired, records, intent, setup.zone),
        ]
        reasons = (*own.reasons, *_too_old(own, wired, records, intent))
        found[side] = replace(
            own, notes=(*own.notes, *notes), reasons=reasons, complete=not reasons
        )
    return found


def _alone(facts: SideFacts, other: SideFacts, name: str, setup: Setup) -> Iterator[str]:
    present, theirs = set(facts.columns), set(other.columns)
    alone = [
        each for each in TELLING if each in present - theirs and each not in setup.rules.ignore
    ]
    if alone and theirs:
        yield f"{name} has no {' and no '.join(alone)}: not compared"


def _left_out(facts: SideFacts) -> Iterator[str]:
    if facts.skipped:
        rows = "1 row is" if facts.skipped == 1 else f"{facts.skipped:,} rows are"
        yield f"{rows} left out by `only` or `skip`"


def _late(facts: SideFacts, intent: RunIntent) -> Iterator[str]:
    if facts.rows and len(facts.after_cut) >= facts.rows:
        yield f"all of its records are after {instant(nanoseconds(intent.as_of))[:19]}Z, the as_of"


def _early(
    coverage: Coverage, wired: SideSetup, records: RecordType, intent: RunIntent, zone: ZoneInfo
) -> Iterator[str]:
    """Yesterday's file under today's name is read whole, and looks as good as any."""
    latest = coverage.watermark
    if latest is None or coverage.everything or coverage.window is not None:
        return
    if not records.event and records.clock != "as_of":
        return  # an order may be old
    day = day_of(latest, zone) if wired.cutoff is None else wired.cutoff.date_of(latest)
    if day < intent.business_date:
        yield f"its latest record is of {day}, and the business date is {intent.business_date}"


def _too_old(
    coverage: Coverage, wired: SideSetup, records: RecordType, intent: RunIntent
) -> Sequence[str]:
    latest = coverage.watermark
    if latest is None or wired.max_age is None or records.clock != "as_of":
        return ()
    if nanoseconds(intent.as_of) - latest <= wired.max_age:
        return ()
    return (f"its latest record is of {instant(latest)[:19]}Z: older than its max_age",)
