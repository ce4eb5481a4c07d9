"""The oracle: an Engine that is slow and obvious, to hold the fast ones against.

It hands out every pair, agreeing ones too, so that `decide` alone says what agrees: `agreed` is
always 0. It keeps no statistics.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date

from reference.matching import (
    Item,
    SideRecords,
    identities,
    identity_text,
    key_of,
    match_records,
    newer_than_all,
    side_records,
)
from reference.matchlog import ReferenceLog, begun
from reference.reading import Read, clock, outside, read, totals

from tieout.core.canonical import dumps, moment, plain_record
from tieout.core.lifecycle import OpenItem
from tieout.core.match.plan import plan
from tieout.core.model import Candidate, Pair, Record
from tieout.ports import CheckTask, Matching, MatchTask, SideFacts, SideTask


@dataclass
class PreparedSide:
    records: SideRecords
    facts: SideFacts


class ReferenceEngine:
    """Implements `ports.Engine`."""

    name = "reference"

    @contextmanager
    def match(self, task: MatchTask) -> Iterator[Matching]:
        reads = {
            side: read(side_task.scan, side_task.reading)
            for side, side_task in (("in", task.internal), ("ex", task.external))
        }
        layout = plan(task.rules, reads["in"].bound, reads["ex"].bound)
        log = begun(task, layout, (reads["in"], reads["ex"]))
        internal = prepare(task, task.internal, reads["in"], log)
        external = prepare(task, task.external, reads["ex"], log)
        candidates = match_records(layout, internal.records, external.records)
        for check in task.checks:
            candidates = [*map(look_up(task, check), candidates)]
        yield Matching(internal.facts, external.facts, 0, 0, iter(candidates), log=log)

    def facts(self, side: SideTask) -> SideFacts:
        return facts_of(side, read(side.scan, side.reading))


def prepare(
    task: MatchTask, side_task: SideTask, source: Read, log: ReferenceLog | None
) -> PreparedSide:
    """A side's records up to the end of section A, and the facts about it."""
    type_ = source.bound.reading.records
    rows = [values for _, values in source.rows]
    new = [
        Record(values, identity, row)
        for (row, values), identity in zip(source.rows, identities(source.bound, rows), strict=True)
        if log is None or row not in log.left_out[side_task.side]
    ]
    known: dict[str, list[Record]] = {}
    for record in new:
        known.setdefault(identity_text(record.identity, type_), []).append(record)
    carried = [
        item
        for item in (*side_task.carried, *(log.carried[side_task.side] if log else ()))
        for again in (known.get(identity_text(item.record.identity, type_), []),)
        if not again or (not item.unreadable and newer_than_all(item.record, again))
    ]
    records = new + [
        Record(item.record.values, item.record.identity, carried_from=item.since)
        for item in carried
        if not item.unreadable
    ]
    late = [record for record in records if after(task.cut, clock(type_, record.values))]
    items = [Item(side_task.side, record, type_) for record in records if record not in late]
    unreadable = [each.values for each in source.quarantined]
    unreadable += [item.record.values for item in carried if item.unreadable]
    after_cut = [
        OpenItem(side_task.side, record, record.carried_from or first_seen(task)) for record in late
    ]
    facts = replace(facts_of(side_task, source), after_cut=after_cut)
    return PreparedSide(side_records(items, unreadable), facts)


def facts_of(side_task: SideTask, source: Read) -> SideFacts:
    """What a side says of itself."""
    controls, type_ = side_task.scan.controls, source.bound.reading.records
    rows = [values for _, values in source.rows]
    times = [at for values in rows if (at := clock(type_, values)) is not None]
    return SideFacts(
        rows=len(rows),
        quarantined=tuple(source.quarantined),
        watermark=max(times, default=None),
        totals=totals(controls, source.bound, rows),
        parts=[
            totals(part, source.bound, [v for n, v in source.rows if part.first <= n <= part.last])
            for part in controls.parts
        ],
        missing_symbols=sorted(controls.symbols - {values.get("symbol") for values in rows}),
        outside_window=outside(controls, type_, rows),
        columns=source.bound.present,
        identity=source.bound.identity,
    )


def after(cut: int | None, at: int | None) -> bool:
    return cut is not None and at is not None and at > cut


def first_seen(task: MatchTask) -> date:
    assert task.cut is not None
    return task.business_date or moment(task.cut).date()


def look_up(task: MatchTask, check: CheckTask):
    """Give each pair the row that the check's source has for its internal record.

    Equal rows are one row. Rows that differ under one key are no answer: the check is not made.
    """
    source = read(check.scan, check.reading)
    type_ = check.reading.records
    on = task.rules.checks[check.index].on
    found: dict[object, dict[str, Record]] = {}
    rows = [values for _, values in source.rows]
    for (row, values), identity in zip(source.rows, identities(source.bound, rows), strict=True):
        if (key := key_of(values, on)) is not None:
            text = dumps(plain_record(values, type_))
            found.setdefault(key, {}).setdefault(text, Record(values, identity, row))

    def with_row(candidate: Candidate) -> Candidate:
        if not isinstance(candidate, Pair):
            return candidate
        records = found.get(key_of(candidate.internal.values, on), {})
        if len(records) != 1:
            return candidate
        (record,) = records.values()
        checked: Mapping[int, Record] = {**candidate.checked, check.index: record}
        return Pair(candidate.internal, candidate.external, candidate.step, checked)

    return with_row
