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

from tieout.core.canonical import dumps, plain_record
from tieout.core.lifecycle import OpenItem
from tieout.core.model import Record, Side
from tieout.core.rows import Prior
from tieout.core.schema import RecordType
from tieout.ports import Store

Key: TypeAlias = tuple[Side, str]
"""A side and a record's identity as text."""


def key(side: Side, record: Record, records: RecordType) -> Key:
    """What makes a carried record the same one from run to run."""
    return side, dumps(plain_record(record.identity, records))


@dataclass(frozen=True)
class Carried:
    """The open records that a run may start from.

    Attributes:
        records: their contract.
        before: open at the end of the last run before the business date.
        after: what an earlier run of the business date left open; `before` without one.
        repeating: sides that repeat their whole history.
    """

    records: RecordType
    before: Sequence[OpenItem] = ()
    after: Sequence[OpenItem] = ()
    repeating: Collection[Side] = ()

    def first(self) -> list[OpenItem]:
        """What a run starts from."""
        return [item for item in self.before if item.side not in self.repeating]

    def again(self) -> list[OpenItem] | None:
        """What an incomplete run starts from instead, where that is something else."""
        if self.after is self.before and not self.repeating:
            return None
        return list({**self._by_key(self.before), **self._by_key(self.after)}.values())

    def known(self) -> set[Key]:
        """Every record that takes part, whether the run brings it again or not."""
        return {*self._by_key(self.before), *self._by_key(self.after)}

    def unsettled(self, items: Iterable[OpenItem]) -> Iterator[OpenItem]:
        """Those of an incomplete run's open records that an earlier run had not settled."""
        settled = self._by_key(self.before).keys() - self._by_key(self.after).keys()
        return (
            item
            for item in items
            if item.record.row is not None
            or key(item.side, item.record, self.records) not in settled
        )

    def _by_key(self, items: Sequence[OpenItem]) -> dict[Key, OpenItem]:
        return {key(item.side, item.record, self.records): item for item in items}


def carried(
    store: Store,
    reconciliation: str,
    prior: Prior,
    day: date,
    records: RecordType,
    repeating: Collection[Side],
) -> Carried:
    """What is known of the open records before a run for `day`. Snapshots carry none."""
    if not records.event:
        return Carried(records)
    before = list(store.open_items(reconciliation, before=day))
    after = before
    if prior.latest is not None and prior.latest >= day:
        after = list(store.open_items(reconciliation, before=day + timedelta(days=1)))
    return Carried(records, before, after, repeating)
