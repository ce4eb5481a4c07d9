"""Open breaks of which a record may be a row whose key nobody can read.

1. A row without a readable key may be any record of its side that is not there, but for those that
   differ from it in what is readable of the identity.
2. What is there is another: the two sides are matched once more, and the records asked about are
   handed out also where they agree. That is done only where a break would clear beside such a row.
3. A break with a record that may be the row stays open, and of events the record is carried on as
   an unreadable one: its partner stays unknown until it comes again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from tieout.core.canonical import break_id, plain_record
from tieout.core.held import held_of, values_of
from tieout.core.lifecycle import Evidence, KnownBreak, joined
from tieout.core.merging import merging
from tieout.core.model import Candidate, Group, Pair, PlainRecord, Record, Side
from tieout.core.schema import RecordType
from tieout.ports import Engine, MatchTask, SideFacts, Spool, Store, StoreView
from tieout.service.known import KnownRecord, KnownRecords, is_named

Suspects: TypeAlias = list[tuple[KnownBreak, list[KnownRecord]]]


@dataclass(frozen=True, slots=True)
class Again:
    """What a second look is taken with."""

    store: Store
    engine: Engine


def with_doubt(
    evidence: Evidence,
    again: Again,
    task: MatchTask,
    facts: Mapping[Side, SideFacts],
    records: RecordType,
    spool: Spool,
) -> Evidence:
    """`evidence` by which no break clears of which a record may be a row without a readable key.

    Such records of events go into `spool`, to be carried.
    """
    if not evidence.complete:
        return evidence
    hints = {side: _hints(task, facts[side], side, records) for side in Side}
    if not any(hints.values()):
        return evidence
    with again.store.view(task.rules.name) as view:
        stored = KnownRecords(task.rules.name, facts, records)
        suspects = _suspects(view, spool, evidence, stored, hints)
    if not suspects:
        return evidence
    there = _there(again.engine, task, records, suspects)
    doubted = set()
    for known, parts in suspects:
        absent = {part.key: part for part in parts if part.key not in there}
        if absent:
            doubted.add(known.id)
        if records.event:
            for part in absent.values():
                day = known.business_date
                spool.hold(
                    held_of(part.key, part.side, part.identity, part.record, day, unreadable=True)
                )
    return replace(
        evidence, unresolved=lambda known: known.id in doubted or evidence.unresolved(known)
    )


def _hints(task: MatchTask, facts: SideFacts, side: Side, records: RecordType) -> list[PlainRecord]:
    """What is readable of the identities of a side's rows that are not known by them."""
    scan = task.internal.scan if side is Side.INTERNAL else task.external.scan
    found: dict[tuple[tuple[str, str | None], ...], PlainRecord] = {}
    for entry in (*facts.quarantined, *scan.unreadable):
        if is_named(entry.values, facts.identity, records):
            continue
        values = {name: entry.values[name] for name in facts.identity if name in entry.values}
        hint = plain_record(values, records)
        found.setdefault(tuple(hint.items()), hint)
    return list(found.values())


def _suspects(
    view: StoreView,
    found: Spool,
    evidence: Evidence,
    stored: KnownRecords,
    hints: Mapping[Side, Sequence[PlainRecord]],
) -> Suspects:
    """The breaks that would clear, with those of their records that may be such a row."""
    if not view.holds_any():
        return []
    into = merging(view.open_breaks, found, evidence).into
    suspects = []
    for known, brk in joined(view.open_breaks(), found):
        if known is None or brk is not None or known.id in into or not evidence.clears(known):
            continue
        parts = [
            part
            for part in stored.of(known)
            if any(_may_be(part.record, hint) for hint in hints[part.side])
        ]
        if parts:
            suspects.append((known, parts))
    return suspects


def _may_be(record: PlainRecord, hint: PlainRecord) -> bool:
    return all(record.get(name) == text for name, text in hint.items())


def _there(
    engine: Engine, task: MatchTask, records: RecordType, suspects: Suspects
) -> frozenset[str]:
    """The keys of the suspects' records that the sides do have."""
    parts = {part.key: part for _, each in suspects for part in each}
    watched = tuple(
        Record(values_of(part.record, records)[0], values_of(part.identity, records)[0])
        for part in parts.values()
    )
    with engine.match(replace(task, watched=(*task.watched, *watched))) as matching:
        found = (
            break_id(task.rules.name, plain_record(record.identity, records), side)
            for candidate in matching.candidates
            for side, record in _records(candidate)
        )
        return frozenset(key for key in found if key in parts)


def _records(candidate: Candidate) -> Iterator[tuple[Side, Record]]:
    if isinstance(candidate, Pair):
        yield Side.INTERNAL, candidate.internal
        yield Side.EXTERNAL, candidate.external
    elif isinstance(candidate, Group):
        yield from ((side, record) for side, _, record in candidate.records)
    else:
        yield candidate.side, candidate.record
