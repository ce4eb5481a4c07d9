"""Rows that cannot be read, and the readable records that speak for them.

1. Nobody knows what such a row says: it keeps the breaks of its record open, and its partner
   unknown, until it comes again. Of events it is carried.
2. Where a record of its side and identity was judged, the row is a copy of that, and keeps nothing
   open. Not so if it may be what replaces the record: it came on a later date, with a higher
   version or sequence, it corrects or busts, or what says so is what cannot be read. Nor in a
   snapshot, of which the next one decides.
3. A pair that agrees is not handed out. Where a break would clear but for such a row, both sides
   are looked at once more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
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

    def judged(self, candidate: Candidate, outcome: Outcome) -> None:
        """Leave out the rows that the records of `candidate` speak for."""
        if not self._left or not self._event or not _says_something(outcome):
            return
        for side, record in parts_of(candidate):
            if (place := (side, same_as(record))) in self._left:
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


def _says_something(outcome: Outcome) -> bool:
    """Whether the record itself was judged: a copy of it is beside the matter."""
    if isinstance(outcome, Break):
        return outcome.kind is not Kind.DUPLICATE
    return isinstance(outcome, Agrees | WithinTolerance)


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
            rows_ = [rows[part.key].record for part in parts]
            watched = (*task.watched, *as_records(parts, records), *rows_)
            with again.engine.match(replace(task, watched=watched)) as matching:
                for candidate, outcome in outcomes(matching, bench, live):
                    unread.judged(candidate, outcome)
    left = unread.left
    if records.event:
        for item in left:
            spool.hold(held_item(item, bench))
    waits = unresolved_by(left, records)
    return replace(evidence, unresolved=lambda known: waits(known) or evidence.unresolved(known))
