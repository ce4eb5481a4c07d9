"""Which open records go into a run, and which of them go on from it.

1. A run for a business date starts from what was open before that date.
2. A source that repeats its whole history brings its records by itself.
3. A run that turns out incomplete voids nothing: it is done again with what an earlier run of the
   same date left open as well, and what that one had settled stays settled.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeAlias

from tieout.core.bench import Bench
from tieout.core.canonical import break_id
from tieout.core.held import Held, held_of, opened
from tieout.core.lifecycle import OpenItem
from tieout.core.model import Break, Record, Side
from tieout.core.rows import Prior
from tieout.core.schema import RecordType
from tieout.ports import Store

Key: TypeAlias = str
"""What makes a carried record the same one from run to run; see `core.held`."""

Keyed: TypeAlias = tuple[Key, OpenItem]


def held_by(brk: Break, bench: Bench, day: date) -> Iterator[Held]:
    """The records of a break that go on into the next run. `day`: the run's business date.

    What the break says of them is not worked out again: its own texts, and its ids as keys.
    """
    for key, (part, record) in zip((brk.id, *brk.aliases), brk.held, strict=False):
        identity = brk.key if part is brk.held[0][0] else bench.key(record)
        yield held_of(key, part.side, identity, part.record, record.carried_from or day)


def item_of(side: Side, record: Record, day: date) -> OpenItem:
    """A record that stays open. `day`: the run's business date."""
    return OpenItem(side, record, record.carried_from or day)


def held_item(item: OpenItem, bench: Bench) -> Held:
    """An open record of no break."""
    record, side = item.record, item.side
    identity = bench.key(record)
    return held_of(
        break_id(bench.rules.name, identity, side),
        side,
        identity,
        bench.plain(record)[0],
        item.since,
        unreadable=item.unreadable,
    )


@dataclass(frozen=True)
class Carried:
    """The open records that a run may start from.

    Attributes:
        day: the run's business date.
        before: open at the end of the last run before it.
        after: what an earlier run of the business date left open; `before` without one.
        repeating: sides that repeat their whole history.
        adding: the run adds to its business date, and does not replace what earlier ones found.
    """

    day: date
    records: RecordType
    before: Sequence[Keyed] = ()
    after: Sequence[Keyed] = ()
    repeating: Collection[Side] = ()
    adding: bool = False

    def first(self) -> list[OpenItem]:
        """What a run starts from."""
        if self.adding:
            return [item for _, item in self.after]
        return [item for _, item in self.before if item.side not in self.repeating]

    def again(self) -> list[OpenItem] | None:
        """What an incomplete run starts from instead, where that is something else."""
        if self.adding or (self.after is self.before and not self.repeating):
            return None
        return list({**dict(self.before), **dict(self.after)}.values())

    def known(self) -> set[Key]:
        """Every record that takes part, whether the run brings it again or not."""
        return {key for key, _ in (*self.before, *self.after)}

    def unsettled(self, items: Iterable[Held]) -> Iterator[Held]:
        """Those of an incomplete run's open records that an earlier run had not settled."""
        settled = {key for key, _ in self.before} - {key for key, _ in self.after}
        return (
            item
            for item in items
            if item.key not in settled or opened(item, self.records).since >= self.day
        )


def carried(
    store: Store,
    reconciliation: str,
    prior: Prior,
    day: date,
    records: RecordType,
    repeating: Collection[Side],
    *,
    adding: bool = False,
) -> Carried:
    """What is known of the open records before a run for `day`. Snapshots carry none."""
    if not records.event:
        return Carried(day, records)

    def open_before(date_: date) -> list[Keyed]:
        kept = store.open_items(reconciliation, before=date_)
        return [(held.key, opened(held, records)) for held in kept]

    before = open_before(day)
    after = before
    if prior.latest is not None and prior.latest >= day:
        after = open_before(day + timedelta(days=1))
    return Carried(day, records, before, after, repeating, adding)
