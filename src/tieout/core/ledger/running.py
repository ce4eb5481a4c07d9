"""A projection that keeps up with its journal: equal to `project` over the same entries.

1. What a trade did to amounts and positions depends on the trades of its market and on opening
   entries only; what a movement did, on the movements of its account. So entries are kept in such
   groups, and an entry costs what its group costs, at most.
2. A plain entry (it amends nothing, nothing amends it, and it comes last where trades are
   numbered) only adds to its group. Any other has its group worked out anew, an opening all.
3. A position's costing is kept as far as it has come; what happened before that has it begin anew.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TypeAlias

from tieout.core.amended import Values
from tieout.core.entries import Conventions, Key, KeyKind, effects_of
from tieout.core.journal import JournalEntry
from tieout.core.ledger.costs import Costing, Method, Position
from tieout.core.ledger.facts import (
    CONTRADICTED,
    UNOPENED,
    Change,
    Facts,
    in_order,
    order_of,
    placed,
)
from tieout.core.ledger.orders import orders
from tieout.core.ledger.project import Projection, apply, costing_of
from tieout.core.money import add
from tieout.core.schema import RECORD_TYPES
from tieout.core.valuation import Instrument

Name: TypeAlias = tuple[str, ...]

_AMENDING = ("supersedes", "version")


class Numbered:
    """Whether the trades of a market keep their order when one more comes.

    One sequence more or less may put all of them into another order. That of a trade which is the
    newest by its sequence and by its time, in a market whose trades all have one, does not.
    """

    def __init__(self) -> None:
        self._mixed = False
        self._newest: tuple[int, Decimal | None] | None = None

    def last(self, at: int, sequence: Decimal | None) -> bool:
        """Take in a trade; whether the order of the others stays as it is."""
        if self._newest is None:
            self._newest = at, sequence
            return True
        time, highest = self._newest
        if (sequence is None) is not (highest is None):
            self._mixed = True
        if self._mixed or sequence is None or highest is None:
            return not self._mixed
        self._newest = max(at, time), max(sequence, highest)
        return at >= time and sequence > highest


class _Group:
    """Trades of one market, or the movements of one account, and what they come to."""

    def __init__(self) -> None:
        self.entries: list[JournalEntry] = []
        self.identities: set[tuple[object, ...]] = set()
        self.awaited: set[object] = set()
        self.numbered = Numbered()
        self.stale = False
        self.effects: dict[Key, Decimal] = {}
        self.touched: set[Key] = set()
        self.unknown: dict[Key, str] = {}
        self.changes: dict[Key, list[Change]] = {}
        self.standing: list[Values] = []


class _Costed:
    """A position's changes in order, and its costing as far as it has come."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.costing: Costing | None = None
        self.done = 0
        self.position: Position | None = None

    def reset(self) -> None:
        self.costing, self.done, self.position = None, 0, None


class Running:
    """Entries as they come, and what they come to.

    Args:
        method, instruments, conventions: as of `project`.
    """

    def __init__(
        self,
        method: Method | None = None,
        instruments: Mapping[str, Instrument] | None = None,
        conventions: Conventions | None = None,
    ) -> None:
        self._method = method or Method()
        self._instruments = dict(instruments or {})
        self._conventions = conventions
        self._known: set[str] = set()
        self._openings: list[JournalEntry] = []
        self._reports: list[JournalEntry] = []
        self._groups: dict[Name, _Group] = defaultdict(_Group)
        self._costed: dict[Key, _Costed] = defaultdict(_Costed)
        self._facts = Facts((), None, conventions)

    def add(self, entries: Iterable[JournalEntry]) -> None:
        """Take entries in, in any order; one that is there already changes nothing.

        Raises:
            CalculationError: an entry does not say what it moved.
        """
        fresh = []
        for entry in entries:
            if entry.id not in self._known:
                self._known.add(entry.id)
                fresh.append(entry)
        # What is counted depends on the openings, so they come first.
        if opened := [entry for entry in fresh if entry.opening]:
            self._open(opened)
        for entry in sorted(fresh, key=lambda each: each.at):
            if entry.opening:
                continue
            if entry.records == "orders":
                self._reports.append(entry)
            else:
                self._grow(entry)

    def _open(self, openings: Iterable[JournalEntry]) -> None:
        self._openings.extend(openings)
        self._facts = Facts(self._openings, None, self._conventions)
        self._costed.clear()
        for group in self._groups.values():
            group.stale = True

    def _grow(self, entry: JournalEntry) -> None:
        values = placed(entry)
        symbol = str(values.get("symbol"))
        where = (symbol,) if entry.records == "trades" else ()
        group = self._groups[entry.records, entry.account, entry.venue, *where]
        group.entries.append(entry)
        columns = RECORD_TYPES[entry.records].identities[0]
        identity = tuple(values.get(name) for name in columns)
        alone = (
            identity not in group.identities
            and values.get("trade_id") not in group.awaited
            and values.get("exec_type") != "bust"
            and all(values.get(name) is None for name in _AMENDING)
        )
        group.identities.add(identity)
        if values.get("supersedes") is not None:
            group.awaited.add(values["supersedes"])
        number = values.get("sequence")
        last = group.numbered.last(entry.at, number if isinstance(number, Decimal) else None)
        if group.stale or not last or not alone:
            group.stale = True
        else:
            self._add(group, entry, values)

    def _add(self, group: _Group, entry: JournalEntry, values: Values) -> None:
        """A plain entry."""
        effects, _ = effects_of(entry.records, values, conventions=self._conventions)
        if entry.records == "trades":
            group.standing.append(values)
        for key, effect in effects.items():
            group.touched.add(key)
            if not self._facts.counts(key, entry.at):
                continue
            known = group.effects.get(key)
            group.effects[key] = effect if known is None else add(known, effect)
            if key.kind is KeyKind.POSITION and effect:
                change = Change(entry.at, values, effect)
                group.changes.setdefault(key, []).append(change)
                self._insert(self._costed[key], change)

    @staticmethod
    def _insert(costed: _Costed, change: Change) -> None:
        costed.position = None
        changes = costed.changes
        if not changes or changes[-1].at < change.at:  # as nearly always
            changes.append(change)
            return
        place = bisect_right(changes, order_of(change), key=order_of)
        changes.insert(place, change)
        if place < costed.done:
            costed.reset()

    def _refresh(self) -> None:
        """Work out anew the groups that an entry amended."""
        again: set[Key] = set()
        for group in self._groups.values():
            if not group.stale:
                continue
            again |= group.changes.keys()
            facts = Facts([*self._openings, *group.entries], None, self._conventions)
            group.effects, group.touched = {}, set()
            for move in facts.moves:
                for key, effect in move.effects.items():
                    group.touched.add(key)
                    if facts.counts(key, move.at):
                        group.effects[key] = add(group.effects.get(key, Decimal(0)), effect)
            group.unknown = facts.unknown
            group.changes = facts.changes()
            group.standing = list(facts.standing())
            group.stale = False
            again |= group.changes.keys()
        for key in again:
            self._costed[key].reset()
            parts = [group.changes[key] for group in self._groups.values() if key in group.changes]
            self._costed[key].changes = in_order([change for part in parts for change in part])

    def projection(self, as_of: int) -> Projection:
        """What all entries come to; `as_of` is not earlier than any of them, UTC nanoseconds.

        Orders are left out: see `orders`.
        """
        self._refresh()
        unknown = dict(self._facts.unknown)
        total: dict[Key, Decimal] = self._facts.amounts()
        for group in self._groups.values():
            unknown |= group.unknown
            for key in group.touched:
                if (opening := self._facts.opening(key)) is None:
                    unknown.setdefault(key, UNOPENED)
                elif opening.clash:
                    unknown.setdefault(key, CONTRADICTED)
                else:
                    effect = group.effects.get(key, Decimal(0))
                    total[key] = add(total.get(key, opening.amount), effect)
        known = sorted(key for key in total if key not in unknown)
        return Projection(
            as_of=as_of,
            positions={
                key: self._position(key, total[key])
                for key in known
                if key.kind is KeyKind.POSITION
            },
            balances={key: total[key] for key in known if key.kind is KeyKind.BALANCE},
            orders=(),
            unknown=dict(sorted(unknown.items())),
            method=self._method,
        )

    def orders(self, as_of: int) -> Projection:
        """The same, with the orders and nothing else."""
        self._refresh()
        standing = [trade for group in self._groups.values() for trade in group.standing]
        return Projection(
            as_of=as_of,
            positions={},
            balances={},
            orders=orders(Facts(self._reports, None, None).reports, standing),
            unknown={},
            method=self._method,
        )

    def _position(self, key: Key, amount: Decimal) -> Position:
        costed = self._costed[key]
        if costed.position is None:
            if costed.costing is None:
                opening = self._facts.opening(key)
                assert opening is not None  # a key without one is unknown
                costed.costing = costing_of(key, self._method, self._instruments)
                costed.costing.open(opening.amount, opening.price, opening.cost)
            for change in costed.changes[costed.done :]:
                apply(costed.costing, change, key)
            costed.done = len(costed.changes)
            costed.position = costed.costing.position(amount)
        return costed.position
