"""Open breaks of which a record may be a row whose key nobody can read.

1. A row without a readable key may be any record of its side that is not there, but for those that
   differ from it in what is readable of the identity.
2. What is there is another: the two sides are matched once more, and the records asked about are
   handed out also where they agree. That is done only where a break would clear beside such a row.
3. A break with a record that may be the row stays open, and of events the record is carried on as
   an unreadable one: its partner stays unknown until it comes again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tieout.core.canonical import plain_record
from tieout.core.held import held_of
from tieout.core.lifecycle import Evidence
from tieout.core.model import PlainRecord, Side
from tieout.core.schema import RecordType
from tieout.ports import Engine, MatchTask, SideFacts, Spool
from tieout.service.again import Again, Suspects, as_records, key_of, parts_of, suspects
from tieout.service.known import KnownRecord, KnownRecords, is_named


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

    def may_be_such_a_row(part: KnownRecord) -> bool:
        return any(_may_be(part.record, hint) for hint in hints[part.side])

    stored = KnownRecords(task.rules.name, facts, records)
    open_ = suspects(again.store, spool, evidence, stored, may_be_such_a_row)
    if not open_:
        return evidence
    there = _there(again.engine, task, records, open_)
    doubted = set()
    for known, parts in open_:
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


def _may_be(record: PlainRecord, hint: PlainRecord) -> bool:
    return all(record.get(name) == text for name, text in hint.items())


def _there(engine: Engine, task: MatchTask, records: RecordType, open_: Suspects) -> frozenset[str]:
    """The keys of the suspects' records that the sides do have."""
    parts = {part.key: part for _, each in open_ for part in each}
    watched = as_records([*parts.values()], records)
    with engine.match(replace(task, watched=(*task.watched, *watched))) as matching:
        found = (
            key_of(task.rules.name, side, record, records)
            for candidate in matching.candidates
            for side, record in parts_of(candidate)
        )
        return frozenset(key for key in found if key in parts)
