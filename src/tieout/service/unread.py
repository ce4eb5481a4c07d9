"""Rows that cannot be read, and the readable records that speak for them.

1. Nobody knows what such a row says: it keeps the breaks of its record open, and its partner
   unknown, until it comes again. Of events it is carried.
2. Where a record of its side and identity breaks, or agrees, the row is a copy of that, and keeps
   nothing open. Not so if it may be what replaces the record: it came on a later date, with a
   higher version or sequence, it corrects or busts, or what says so is what cannot be read. Nor in
   a snapshot, of which the next one decides.
3. Not every pair that agrees is handed out, and it is up to the engine which are. So they are only
   asked where a break would clear but for such a row, by a second look at both sides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date
from typing import Final

from tieout.core.bench import Bench
from tieout.core.lifecycle import Evidence, OpenItem
from tieout.core.match.identity import Identity, outlives, replaces, same_as
from tieout.core.model import (
    Agrees,
    Break,
    Candidate,
    Kind,
    Outcome,
    Quarantined,
    Record,
    Side,
    WithinTolerance,
)
from tieout.core.schema import RecordType
from tieout.ports import MatchTask, SideFacts, Spool
from tieout.service.again import Again, as_records, key_of, parts_of, suspects
from tieout.service.carry import held_item
from tieout.service.evidence import unresolved_by
from tieout.service.known import KnownRecords, is_named
from tieout.service.outcomes import outcomes
from tieout.service.setup import Standing

_REPLACING: Final = ("version", "sequence", "supersedes", "exec_type")
"""What tells that a record replaces another."""


class Unread:
    """The unreadable rows of a run of which something was readable, carried ones among them."""

    def __init__(self, facts: Mapping[Side, SideFacts], records: RecordType, day: date) -> None:
        self._day = day
        self._event = records.event
        self._left: defaultdict[tuple[Side, Identity], list[OpenItem]] = defaultdict(list)
        for side in Side:
            for entry in facts[side].quarantined:
                if entry.values:
                    record = _as_record(entry, facts[side], records)
                    self._add(OpenItem(side, record, day, unreadable=True))
            for item in facts[side].unreadable:
                self._add(item)

    def _add(self, item: OpenItem) -> None:
        self._left[item.side, same_as(item.record)].append(item)

    def broke(self, candidate: Candidate, outcome: Outcome) -> None:
        """Leave out the rows that the records of `candidate` speak for, if it breaks."""
        # That there is a copy says nothing of the record itself.
        if isinstance(outcome, Break) and outcome.kind is not Kind.DUPLICATE:
            self._heard(candidate, self._left)

    def agreed(
        self, candidate: Candidate, outcome: Outcome, asked: Collection[tuple[Side, Identity]]
    ) -> None:
        """Leave out those of `asked` that the records of `candidate` speak for, if it agrees."""
        if isinstance(outcome, Agrees | WithinTolerance):
            self._heard(candidate, asked)

    def _heard(self, candidate: Candidate, asked: Collection[tuple[Side, Identity]]) -> None:
        if not asked or not self._event:
            return
        for side, record in parts_of(candidate):
            if (place := (side, same_as(record))) in asked:
                kept = [item for item in self._left[place] if not self._speaks(record, item)]
                self._left[place] = kept

    def _speaks(self, record: Record, item: OpenItem) -> bool:
        row = item.record
        if any(name in record.values and name not in row.values for name in _REPLACING):
            return False
        since = record.carried_from or self._day
        return since >= item.since and replaces(row) is None and not outlives(row, [record])

    @property
    def left(self) -> list[OpenItem]:
        """Those that nothing speaks for."""
        return [item for items in self._left.values() for item in items]


def _as_record(entry: Quarantined, facts: SideFacts, records: RecordType) -> Record:
    """A quarantined row as a record: what was readable of it; else its place makes it one."""
    identity = {name: entry.values.get(name) for name in facts.identity}
    if not is_named(entry.values, facts.identity, records):
        identity["quarantined"] = f"{entry.place}:{entry.row}"
    return Record(entry.values, identity, entry.row)


def with_unread(
    evidence: Evidence,
    unread: Unread,
    again: Again,
    task: MatchTask,
    facts: Mapping[Side, SideFacts],
    bench: Bench,
    spool: Spool,
    live: Standing | None,
) -> Evidence:
    """`evidence` by which no break clears of which a record may be what a row of `unread` says.

    Such rows of events go into `spool`, to be carried.
    """
    records, name = bench.records, bench.rules.name
    if records.event and evidence.complete:
        rows = {key_of(name, each.side, each.record, records): each for each in unread.left}
        stored = KnownRecords(name, facts, records)
        open_ = suspects(again.store, spool, evidence, stored, lambda part: part.key in rows)
        parts = [part for _, each in open_ for part in each]
        if parts:
            # The row may be known by another pass than what the break holds of the record.
            copies = [rows[part.key] for part in parts]
            asked = {(each.side, same_as(each.record)) for each in copies}
            watched = (*as_records(parts, records), *(each.record for each in copies))
            with again.engine.match(replace(task, watched=(*task.watched, *watched))) as matching:
                for candidate, outcome in outcomes(matching, bench, live):
                    unread.agreed(candidate, outcome, asked)
    left = unread.left
    if records.event:
        for item in left:
            spool.hold(held_item(item, bench))
    waits = unresolved_by(left, records)
    return replace(evidence, unresolved=lambda known: waits(known) or evidence.unresolved(known))
