"""Whether a side is complete, and which records the other side may be said to lack."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from tieout.core.calendars import Cutoff
from tieout.core.canonical import instant
from tieout.core.model import Record, Side
from tieout.core.money import beyond_share, plain
from tieout.core.scan import Coverage, Scan
from tieout.ports import Matching, MatchTask, SideFacts
from tieout.service.setup import Setup


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


def coverages(
    setup: Setup, task: MatchTask, matching: Matching, facts: Mapping[Side, SideFacts]
) -> dict[Side, Coverage]:
    """How far each side reaches, with what is to be known of the checks of internal trades."""
    internal = _coverage(setup, task, facts[Side.INTERNAL], Side.INTERNAL)
    names = [check.source.name for check in setup.checks]
    return {
        Side.INTERNAL: _with_unchecked(internal, names, matching.checks),
        Side.EXTERNAL: _coverage(setup, task, facts[Side.EXTERNAL], Side.EXTERNAL),
    }


def _coverage(setup: Setup, task: MatchTask, facts: SideFacts, side: Side) -> Coverage:
    wired = setup.internal if side is Side.INTERNAL else setup.external
    scan = task.internal.scan if side is Side.INTERNAL else task.external.scan
    found = coverage_of(
        scan, facts, max_quarantined=task.rules.max_quarantined, everything=wired.everything
    )
    restricted = setup.live is not None and setup.live.restricted is not None
    return replace(found, symbols=_asked_for(setup, side), restricted=restricted)


def _asked_for(setup: Setup, side: Side) -> tuple[str, ...] | None:
    """The symbols that a live side was asked for one by one; None: it answered of all.

    What a whole snapshot of amounts covers is in its rows, or in the reasons: it may be thousands.
    """
    if setup.live is None:
        return None
    symbols = setup.live.restricted
    if symbols is None and setup.rules.records not in ("positions", "balances"):
        symbols = setup.live.covered.get(side)
    return None if symbols is None else tuple(sorted(symbols))


def _counted(scan: Scan, facts: SideFacts) -> list[str]:
    wanted = facts.rows + len(facts.quarantined)
    stored = wanted + facts.skipped
    controls = scan.controls
    reasons = []
    if controls.rows not in (None, wanted):
        skipped = f" ({facts.skipped} more are skipped)" if facts.skipped else ""
        reasons.append(f"{wanted} records were read{skipped}, but {controls.rows} are expected")
    parts = [(part, part.last - part.first + 1) for part in controls.parts]
    wrong = [
        f"{part.name} has {number} records, but its trailer counts {part.stored}"
        for part, number in parts
        if part.stored not in (None, number)
    ]
    reasons += wrong
    if not wrong and controls.stored not in (None, stored):
        reasons.append(f"{stored} records were read, but the trailer counts {controls.stored}")
    if not facts.rows and not facts.quarantined and not scan.allow_empty:
        reasons.append(
            "no record was read; if that can be right, say `allow_empty: true`, or expect 0 rows"
        )
    return reasons


def _summed(scan: Scan, facts: SideFacts) -> list[str]:
    parts = scan.controls.parts
    wrong = [
        f"{part.name}: {reason}"
        for part, totals in zip(parts, facts.parts or [{}] * len(parts), strict=True)
        for reason in _sums(part.totals, totals)
    ]
    return wrong or _sums(scan.controls.totals, facts.totals)


def _sums(controls: Mapping[str, Decimal], totals: Mapping[str, Decimal]) -> list[str]:
    reasons = []
    for column, expected in sorted(controls.items()):
        total = totals.get(column)
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
    cutoff: Cutoff | None = None,
) -> Callable[[Record], str | None]:
    """Why a side cannot say that it lacks a given record of the other; None where it can.

    A file covers its business date: the records that came with it, up to its cut; those past the
    cut come with a later date. Coverage adds up: what an earlier complete run covered stays
    covered.

    Args:
        covered: business dates that earlier runs covered completely.
        clock: the time column that a declared window and the cut are about.
        cutoff: the side's own.
    """
    why = "; ".join(coverage.reasons)
    own_date = _date_on(cutoff, clock)

    def gap(record: Record) -> str | None:
        if not coverage.complete:  # a late partner may be in what it lacks
            return f"{coverage.source} is incomplete: {why}"
        since = record.carried_from or business_date
        since = max(since, own_date(record) or since)
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


def _with_unchecked(
    coverage: Coverage, sources: Sequence[str], checks: Sequence[SideFacts]
) -> Coverage:
    """The internal side, whose trades checks look at, with notes on rows that say too little.

    Args:
        sources: of the checks, by name.
    """
    what = {
        "pnl_impact": "nothing is held against them",
        "commission": "the fee of their trade stands for it, and a trade without one is not"
        " checked",
    }
    notes = [
        f"{number:,} rows of {source} have no {column}: {what[column]}"
        for source, facts in zip(sources, checks, strict=True)
        for column, number in facts.blank.items()
        if number
    ]
    return replace(coverage, notes=(*coverage.notes, *notes))


def past_cut(
    coverage: Coverage, *, business_date: date, clock: str | None, cutoff: Cutoff | None
) -> Callable[[Record], bool]:
    """Whether a record of the other side is of a later business date on this one.

    A window that the side declares says by itself what it covers.
    """
    own_date = _date_on(cutoff, clock)
    if cutoff is None or coverage.window is not None:
        return lambda record: False
    return lambda record: (own_date(record) or business_date) > business_date


def _date_on(cutoff: Cutoff | None, clock: str | None) -> Callable[[Record], date | None]:
    """The business date of a record on a side with a cut-off.

    None: the record has no time. A snapshot's `as_of` is when somebody looked, not when it came
    to be: every later one would wait for a later file.
    """
    if cutoff is None or clock is None or clock == "as_of":
        return lambda record: None

    def own_date(record: Record) -> date | None:
        when = record.values.get(clock)
        return cutoff.date_of(when) if isinstance(when, int) else None

    return own_date


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
