"""From a candidate to its outcome: the only truth for kinds, fields and severity.

Pure: Decimal only, no clock, no I/O; nothing depends on the ambient decimal context.

Pairs
  1. A pair is compared on the plan's columns and nothing else. Null equals null; null against a
     value differs, whatever the tolerance. Numbers are equal by value, texts character by
     character.
  2. A tolerance is inclusive. It is the one for the internal record's symbol, else for the
     external's. Where it cannot apply (ticks of an instrument whose tick is not known, a share
     of a text), the column is exact.
  3. Nothing differs: Agrees. Everything that differs is inside its tolerance, and no check
     fails: WithinTolerance, which names each tolerance used. Otherwise one Break.
  4. A break lists every field that breaks, in contract order, and no field inside tolerance.
     Its kind is the first of its findings' kinds in the order of `Kind`.
  5. An amount of a position or balance, or a whole one that the other side lacks, that is worth
     no more than the rules' value tolerance is inside tolerance. Of unknown worth, it is not.
  6. An order that both sides say was filled beyond its quantity breaks by `filled`, though they
     agree on it: somebody holds more than was ordered. It takes both columns to be compared.
  7. A check looks at the internal record and its PnL row. No row, no PnL in it, or a side or
     formula that the check needs and does not have: no check, no break.
Singles
  8. A partner that is there but unreadable makes the record Unknown; so does a side that does
     not cover it. Only a covered side can lack a record. One past the other side's cut is of a
     later business date there, and Expected until then, whatever the deadline.
  9. A position or balance of zero equals nothing at all: Flat.
 10. A record is MISSING on the other side once as_of is after its deadline, and Expected until
     then. The deadline runs from the record's clock, else from the start (UTC) of the business
     date that it came with: from as_of it would never pass. Without a deadline there is no
     waiting, except that an event later than or at as_of is still Expected. A snapshot of now
     (its clock is `as_of`) was never in flight, so it waits for nothing. Where records are dated
     by another clock than as_of, it is as_of by that clock.
 11. A MISSING break is in doubt if its side has quarantined rows of which the key is unreadable.
Breaks
 12. The id is that of the anchor record's identity: the internal primary record, else the
      external one. In `aliases` a break says what id each of its other records would give, for
      that is how the break was known while the anchor was missing, or was another.
 13. Severity is the worst over all findings. The value at risk is the largest of theirs.
 14. Equal candidates give equal breaks: records are sorted by side, role and content.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import time
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from tieout.core.bench import Bench
from tieout.core.calendars import deadline_moment, moment_of
from tieout.core.canonical import (
    break_id,
    dumps,
    moment,
    plain_record,
)
from tieout.core.checks import FailedCheck, failed_checks
from tieout.core.compare import (
    AMOUNTS,
    Compared,
    both_overfilled,
    difference,
    finding,
    is_worth_little,
    name_of,
    tolerance_text,
    within,
    worth_little,
)
from tieout.core.model import (
    Agrees,
    Break,
    BreakRecord,
    Candidate,
    Difference,
    Expected,
    Flat,
    Group,
    Kind,
    Money,
    Outcome,
    Pair,
    PlainRecord,
    Record,
    Role,
    Side,
    Single,
    Unknown,
    WithinTolerance,
)
from tieout.core.rules import Duration, Measure
from tieout.core.schema import PNL, RecordType
from tieout.core.severity import Finding, grade

UTC: Final = ZoneInfo("UTC")

_RANK: Final = {kind: rank for rank, kind in enumerate(Kind)}
_SIDE_RANK: Final = {side: rank for rank, side in enumerate(Side)}
_ROLE_RANK: Final = {role: rank for rank, role in enumerate(Role)}


# Deciding


def decide(candidate: Candidate, bench: Bench) -> Outcome:
    """What is the matter with a candidate, if anything."""
    if isinstance(candidate, Pair):
        return _decide_pair(candidate, bench)
    if isinstance(candidate, Single):
        return _decide_single(candidate, bench)
    return _decide_group(candidate, bench)


def _decide_pair(pair: Pair, bench: Bench) -> Outcome:
    internal, external = pair.internal.values, pair.external.values
    breaking: list[Compared] = []
    used: list[tuple[str, str]] = []
    symbol: str | None = internal.get("symbol") or external.get("symbol")  # type: ignore[assignment]
    for column in bench.compared:
        name = column.name
        left, right = internal.get(name), external.get(name)
        if left == right:
            continue
        tolerance = bench.tolerance(column, symbol)
        tick = bench.valuation.tick(symbol) if tolerance.measure is Measure.TICKS else None
        if within(tolerance, left, right, tick):
            used.append((name, tolerance_text(tolerance, tick)))
        elif (small := worth_little(name, pair, bench.rules, bench.valuation)) is not None:
            used.append((name, small))
        else:
            breaking.append(column)
    if bench.overfills and both_overfilled(pair):
        breaking = [each for each in bench.compared if each in breaking or each.name == "filled"]
    failed = failed_checks(pair, bench.rules.checks, bench.valuation) if pair.checked else ()
    if breaking or failed:
        return _pair_break(pair, breaking, failed, bench)
    if used:
        return WithinTolerance(pair.internal, pair.external, tuple(used))
    return Agrees(pair.internal, pair.external)


def _decide_single(single: Single, bench: Bench) -> Outcome:
    side, record = single.side, single.record
    lacking = bench.sides[side.other]
    if single.partner_quarantined:
        return Unknown(side, record, f"its {side.other} partner is unreadable", quarantined=True)
    if lacking.not_yet(record):
        return Expected(side, record)
    if (gap := lacking.coverage_gap(record)) is not None:
        return Unknown(side, record, gap)
    if is_worth_little(record, bench.rules, bench.valuation) or _is_flat(record, bench.records):
        return Flat(side, record)
    if not past_deadline(record, bench):
        return Expected(side, record)
    kind = Kind.MISSING_EXTERNAL if side is Side.INTERNAL else Kind.MISSING_INTERNAL
    missing = _missing(kind, record, bench)
    (written,) = bench.plain(record)
    shown = BreakRecord(side, Role.PRIMARY, written)
    return _break(bench, [missing], [(shown, record)], doubt=lacking.keyless_quarantined)


def _missing(kind: Kind, record: Record, bench: Bench) -> Finding:
    value, records = bench.valuation.whole(record.values), bench.records.name
    amount = record.values.get(AMOUNTS[records]) if records in AMOUNTS else None
    if not isinstance(amount, Decimal):
        return Finding(kind, value=value, subject=records)
    of = name_of(records, record.values)
    return Finding(kind, value=value, subject=records, amount=amount.copy_abs(), of=of)


def _is_flat(record: Record, records: RecordType) -> bool:
    column = AMOUNTS.get(records.name)
    return column is not None and record.values.get(column) == 0


def past_deadline(record: Record, bench: Bench) -> bool:
    """Whether the other side has had its time to show a partner; see invariant 10."""
    clock, deadline = bench.records.clock, bench.rules.deadline
    if clock == "as_of":
        return True
    since = record.values.get(clock) if clock is not None else None
    if not isinstance(since, int):
        if deadline == Duration(0):
            return True
        day = record.carried_from or bench.business_date or moment(bench.as_of).date()
        since = moment_of(day, time(), UTC)
    # A record's time and the moment that it is held against are by one clock: its own.
    now = bench.as_of + bench.skew
    if isinstance(deadline, Duration):
        return now > since + deadline.nanoseconds
    return now > deadline_moment(since, deadline)


def _decide_group(group: Group, bench: Bench) -> Break:
    written = bench.plain(*[record for _, _, record in group.records])
    records = [
        (BreakRecord(side, role, text), record)
        for (side, role, record), text in zip(group.records, written, strict=True)
    ]
    records.sort(key=lambda part: _place(part[0]))
    if len({_place(part) for part, _ in records}) < len(records):
        records.sort(key=lambda part: _order(part[0]))
    return _break(bench, [Finding(group.kind)], records)


# Breaks


def _pair_break(
    pair: Pair, breaking: Sequence[Compared], failed: Sequence[FailedCheck], bench: Bench
) -> Break:
    trade, valuation = pair.internal.values, bench.valuation
    findings = [finding(column, pair, bench.records.name, valuation) for column in breaking]
    findings += [check.finding(trade, valuation) for check in failed]
    ours, theirs = bench.plain(pair.internal, pair.external)
    differences = [difference(column, pair, ours, theirs) for column in breaking]
    differences += [check.difference() for check in failed]
    return _break(
        bench,
        findings,
        [
            (BreakRecord(Side.INTERNAL, Role.PRIMARY, ours), pair.internal),
            (BreakRecord(Side.EXTERNAL, Role.PRIMARY, theirs), pair.external),
        ],
        differences=differences,
        members=[
            plain_record(check.row.values, bench.check_records.get(check.index, PNL))
            for check in failed
        ],
    )


def _break(
    bench: Bench,
    findings: Sequence[Finding],
    records: Sequence[tuple[BreakRecord, Record]],
    *,
    differences: Sequence[Difference] = (),
    members: Sequence[PlainRecord] = (),
    doubt: bool = False,
) -> Break:
    """Put a break together.

    Args:
        records: sorted, the anchor first.
        members: rows of checks, as text.
    """
    shown = [part for part, _ in records]
    if members:
        distinct = {dumps(member): member for member in members}
        shown += [BreakRecord(Side.INTERNAL, Role.MEMBER, row) for row in distinct.values()]
        shown.sort(key=_order)
    if len(findings) > 1:
        findings = sorted(findings, key=lambda each: _RANK[each.kind])
    kind = findings[0].kind
    anchor, anchor_record = records[0]
    key = bench.key(anchor_record)
    duplicate = kind is Kind.DUPLICATE
    return Break(
        id=break_id(bench.rules.name, key, anchor.side, duplicate=duplicate),
        reconciliation=bench.rules.name,
        kind=kind,
        severity=grade(
            findings,
            bench.rules.severity,
            convert=bench.valuation.convert,
            reporting_currency=bench.rules.reporting_currency,
        ),
        key=key,
        records=tuple(shown),
        differences=tuple(differences),
        doubt=doubt,
        value=_value_at_risk(findings, bench),
        aliases=() if duplicate else _aliases(records, key, bench),
        held=tuple(records) if bench.records.event and not duplicate else (),
    )


def _place(part: BreakRecord) -> tuple[int, int]:
    return _SIDE_RANK[part.side], _ROLE_RANK[part.role]


def _order(part: BreakRecord) -> tuple[int, int, str]:
    return *_place(part), dumps(part.record)


def _aliases(
    records: Sequence[tuple[BreakRecord, Record]], key: PlainRecord, bench: Bench
) -> tuple[str, ...]:
    """The ids of breaks anchored on the records after the first.

    `key`: the first one's identity. Where that is all of texts, it may be another's as well.
    """
    return tuple(
        [
            break_id(
                bench.rules.name, key if key == record.identity else bench.key(record), part.side
            )
            for part, record in records[1:]
        ]
    )


def _value_at_risk(findings: Sequence[Finding], bench: Bench) -> Money | None:
    """The largest value, in the reporting currency.

    Without a reporting currency amounts in different currencies cannot be compared: it is the
    largest of those in the currency of the first finding, by kind, of which the value is known.

    Args:
        findings: sorted by kind.
    """
    convert, currency = bench.valuation.convert, bench.rules.reporting_currency
    if len(findings) == 1:
        return convert(findings[0].value, currency)
    converted = [convert(each.value, currency) for each in findings]
    values = [value for value in converted if value is not None]
    if not values:
        return None
    comparable = [value for value in values if value.currency == values[0].currency]
    return max(comparable, key=lambda value: value.amount)
