"""Whether a side is complete, and which records the other side may be said to lack."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import date
from decimal import Decimal

from tieout.core.canonical import instant
from tieout.core.model import Record
from tieout.core.money import beyond_share, plain
from tieout.core.scan import Coverage, Scan
from tieout.ports import SideFacts


def coverage_of(
    scan: Scan, facts: SideFacts, *, max_quarantined: Decimal, everything: bool
) -> Coverage:
    """How far a side's answer reaches: what was read, held against what it says of itself."""
    reasons = [
        *scan.reasons,
        *_counted(scan, facts),
        *_summed(scan, facts),
        *_present(scan, facts),
        *_readable(facts, max_quarantined),
    ]
    return Coverage(
        source=scan.source,
        rows=facts.rows,
        quarantined=len(facts.quarantined) + len(scan.unreadable),
        complete=not reasons,
        reasons=tuple(reasons),
        watermark=facts.watermark,
        window=scan.controls.window,
        everything=everything,
        totals=dict(facts.totals),
        inputs=scan.inputs(),
        notes=scan.notes,
    )


def _counted(scan: Scan, facts: SideFacts) -> list[str]:
    wanted = facts.rows + len(facts.quarantined)
    stored = wanted + facts.skipped
    controls = scan.controls
    reasons = []
    if controls.rows not in (None, wanted):
        skipped = f" ({facts.skipped} more are skipped)" if facts.skipped else ""
        reasons.append(f"{wanted} records were read{skipped}, but {controls.rows} are expected")
    if controls.stored not in (None, stored):
        reasons.append(f"{stored} records were read, but the trailer counts {controls.stored}")
    if not facts.rows and not facts.quarantined and not scan.allow_empty:
        reasons.append(
            "no record was read; if that can be right, say `allow_empty: true`, or expect 0 rows"
        )
    return reasons


def _summed(scan: Scan, facts: SideFacts) -> list[str]:
    reasons = []
    for column, expected in sorted(scan.controls.totals.items()):
        total = facts.totals.get(column)
        if total is None:
            lacking = "price and quantity" if column == "notional" else column
            reasons.append(
                f"there is no {lacking} to add up, but the control total of {column} is"
                f" {plain(expected)}"
            )
        elif total != expected:
            reasons.append(
                f"the sum of {column} is {plain(total)}, but its control total is {plain(expected)}"
            )
    return reasons


def _present(scan: Scan, facts: SideFacts) -> list[str]:
    reasons = [f"there is no record of {symbol}" for symbol in facts.missing_symbols]
    if facts.outside_window and scan.controls.window is not None:
        first, last = map(instant, scan.controls.window)
        reasons.append(
            f"{facts.outside_window} records lie outside the declared window {first} to {last}"
        )
    return reasons


def _readable(facts: SideFacts, limit: Decimal) -> list[str]:
    bad = Decimal(len(facts.quarantined))
    total = bad + facts.rows
    if bad and beyond_share(bad, total, limit):
        return [
            f"{len(facts.quarantined)} of {total} records are quarantined, more than"
            f" {plain(limit * 100)} %"
        ]
    return []


def coverage_gap(
    coverage: Coverage,
    *,
    business_date: date,
    covered: Collection[date],
    clock: str | None,
) -> Callable[[Record], str | None]:
    """Why a side cannot say that it lacks a given record of the other; None where it can.

    A file covers its business date: the records that came with it. Coverage adds up: what an
    earlier complete run covered stays covered.

    Args:
        covered: business dates that earlier runs covered completely.
        clock: the time column that a declared window is about.
    """
    why = "; ".join(coverage.reasons)

    def gap(record: Record) -> str | None:
        if not coverage.complete:  # a late partner may be in what it lacks
            return f"{coverage.source} is incomplete: {why}"
        since = record.carried_from or business_date
        if since != business_date and since in covered:
            return None
        if coverage.everything:
            return None
        if coverage.window is not None:
            when = record.values.get(clock) if clock is not None else None
            if isinstance(when, int) and not coverage.window[0] <= when <= coverage.window[1]:
                return f"{coverage.source} does not cover {instant(when)}"
            return None
        if since != business_date:
            return f"{coverage.source} was never complete for {since}"
        return None

    return gap


def within_symbols(
    gap: Callable[[Record], str | None], covered: Collection[str] | None, source: str
) -> Callable[[Record], str | None]:
    """`gap`, of a side that answered about some symbols (of balances: currencies) only."""
    if covered is None:
        return gap

    def narrower(record: Record) -> str | None:
        name = subject_of(record.values)
        if name is not None and name not in covered:
            return f"{source} does not cover {name}"
        return gap(record)

    return narrower


def subject_of(values: Mapping[str, object]) -> object:
    """What an answer has to cover to be about a record: its symbol, or a balance's currency.

    None: whatever symbols were asked for. A deposit has an amount in a currency, and no symbol.
    """
    if values.get("symbol") is not None:
        return values["symbol"]
    return values.get("currency") if values.get("amount") is None else None
