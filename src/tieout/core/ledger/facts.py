"""What the journal holds up to an instant: what stands, since when, and what is unknown.

The invariants are those of `project`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import cached_property
from itertools import accumulate, chain
from typing import Any, Final

from msgspec import Struct, structs

from tieout.core.amended import Family, Values, families, latest
from tieout.core.entries import Conventions, Effects, Key, KeyKind, Step, effects_of, steps_of
from tieout.core.journal import EVERYTHING, JournalEntry
from tieout.core.money import add
from tieout.core.schema import RECORD_TYPES

UNOPENED: Final = "no approved opening entry: tieout book open"
CONTRADICTED: Final = "two opening entries at one instant contradict each other"


class Change(Struct, frozen=True):
    """What a record did to a position; `undone`: the record counted before, and no longer."""

    at: int
    values: Values
    effect: Decimal
    undone: bool = False


class Opening(Struct, frozen=True):
    """What an approved opening entry states; `clash`: another one contradicts it."""

    at: int
    amount: Decimal
    price: Decimal | None = None
    cost: Decimal | None = None
    clash: bool = False


class Facts:
    """The facts up to an instant."""

    def __init__(
        self,
        entries: Iterable[JournalEntry],
        as_of: int | None,
        conventions: Conventions | None,
    ) -> None:
        kept = {each.id: each for each in entries if as_of is None or each.at <= as_of}
        by_type: dict[str, list[JournalEntry]] = defaultdict(list)
        for each in kept.values():
            by_type["openings" if each.opening else each.records].append(each)
        self.as_of = max((each.at for each in kept.values()), default=0) if as_of is None else as_of
        self.reports = [structs.replace(each, values=placed(each)) for each in by_type["orders"]]
        self._conventions = conventions
        self._trades = latest("trades", map(placed, by_type["trades"]))
        self._movements = latest("movements", map(placed, by_type["movements"]))
        self._families = families(self._trades.rows)
        self._openings = _openings(by_type["openings"])
        self._opening: dict[Key, Opening | None] = {}
        self._effects = {
            id(values): effects_of(records, values, conventions=conventions)
            for records, rows in self._rows()
            for values in rows
        }
        self.steps = {
            "trades": [step for family in self._families for step in steps_of(family, self._of)],
            "movements": [
                step for row in self._movements.rows for step in steps_of(Family((row,)), self._of)
            ],
        }

    def _rows(self) -> Iterator[tuple[str, Iterable[Values]]]:
        for records, chosen in (("trades", self._trades), ("movements", self._movements)):
            yield records, (*chosen.rows, *(each for pair in chosen.conflicts for each in pair))

    def _of(self, values: Values) -> Effects:
        """What a record of these facts did, if it stands."""
        return self._effects[id(values)]

    @cached_property
    def moves(self) -> tuple[Step, ...]:
        """What happened, in no order."""
        return tuple(chain.from_iterable(self.steps.values()))

    def opening(self, key: Key) -> Opening | None:
        """The newest that is about `key`; its own before one of everything at that instant."""
        if key not in self._opening:
            self._opening[key] = self._newest(key)
        return self._opening[key]

    def _newest(self, key: Key) -> Opening | None:
        parts = dict.fromkeys((key.part, ""))
        names = [key, *(structs.replace(key, name=EVERYTHING, part=part) for part in parts)]
        found = [opening for name in names if (opening := self._openings.get(name)) is not None]
        return max(found, key=lambda opening: opening.at, default=None)

    def counts(self, key: Key, at: int) -> bool:
        """Whether what happened at `at` comes after the opening. Without one, nothing does."""
        return (opening := self.opening(key)) is not None and at > opening.at

    @cached_property
    def _totals(self) -> dict[Key, Decimal]:
        keys = {key for key in self._openings if key.name != EVERYTHING}
        total = {key: each.amount for key in keys if (each := self.opening(key)) is not None}
        for step in self.moves:
            for key, effect in step.effects.items():
                if (opening := self.opening(key)) is None:
                    continue
                before = total.get(key, opening.amount)
                total[key] = add(before, effect) if step.at > opening.at else before
        return total

    def amounts(self) -> dict[Key, Decimal]:
        return {key: self._totals[key] for key in sorted(self._totals) if key not in self.unknown}

    @cached_property
    def unknown(self) -> dict[Key, str]:
        found: dict[Key, str] = {}
        touched = {key for step in self.moves for key in step.effects}
        for key in touched | {key for key in self._openings if key.name != EVERYTHING}:
            opening = self.opening(key)
            if opening is None:
                found[key] = UNOPENED
            elif opening.clash:
                found[key] = CONTRADICTED
        for family in self._families:
            if not family.whole:
                for trade in family.members:
                    why = (
                        f"{trade.get('trade_id')} supersedes {trade.get('supersedes')}, which is"
                        " not in the journal: import it, also where it is older than the opening"
                    )
                    found |= self._touched(trade, why)
        for records, chosen in (("trades", self._trades), ("movements", self._movements)):
            for pair in chosen.conflicts:
                for each in pair:
                    id_ = each.get(RECORD_TYPES[records].id_column or "")
                    found |= self._touched(each, f"two records of {id_} contradict")
        return dict(sorted(found.items()))

    def _touched(self, values: Values, why: str) -> dict[Key, str]:
        keys, at = self._of(values)[0], _time(values)
        return {key: why for key in keys if self.opening(key) is None or self.counts(key, at)}

    def standing(self) -> Iterator[Values]:
        """The trades that stand: the last of each family, unless it voids it."""
        for family in self._families:
            if family.members[-1].get("exec_type") != "bust":
                yield family.members[-1]

    def changes(self) -> dict[Key, list[Change]]:
        """What changed each position, in order."""
        found: dict[Key, list[Change]] = defaultdict(list)
        for family in self._families:
            for key in dict.fromkeys(key for each in family.members for key in self._moved(each)):
                found[key].extend(self._stands(family, key))
        for movement in self._movements.rows:
            for key, effect in self._moved(movement).items():
                if self.counts(key, at := _time(movement)):
                    found[key].append(Change(at, movement, effect))
        return {key: in_order(changes) for key, changes in found.items()}

    def _stands(self, family: Family, key: Key) -> Iterator[Change]:
        """A family's trade, as if it had been right from the start. What the opening contains
        of it is undone when it was superseded."""
        times = [_time(trade) for trade in family.members]
        effects = [
            Decimal(0) if trade.get("exec_type") == "bust" else self._moved(trade).get(key)
            for trade in family.members
        ]
        if len(times) == 1:
            if self.counts(key, times[0]) and effects[0]:
                yield Change(times[0], family.members[0], effects[0])
            return
        steps = list(zip(times, family.members, effects, strict=True))
        if self.counts(key, times[0]):
            _, trade, effect = steps[-1]
            if effect:
                yield Change(times[0], trade, effect)
            return
        for number, (_, trade, effect) in enumerate(steps[1:], 1):
            if not self.counts(key, at := max(times[: number + 1])):
                continue
            _, before, contained = steps[number - 1]
            if contained:
                yield Change(at, before, contained.copy_negate(), undone=True)
            if effect:
                yield Change(at, trade, effect)

    def _moved(self, values: Values) -> dict[Key, Decimal]:
        """What a record, taken by itself, did to positions."""
        moved = self._of(values)[0].items()
        return {key: effect for key, effect in moved if key.kind is KeyKind.POSITION}


def placed(entry: JournalEntry) -> Values:
    """Its values with the account and venue that it is of."""
    values, get = entry.values, entry.values.get
    if get("account") == entry.account and get("venue") == entry.venue:
        return values
    return {**values, "account": entry.account, "venue": entry.venue}


def _openings(entries: Iterable[JournalEntry]) -> dict[Key, Opening]:
    """By key, the newest that is approved."""
    found: dict[Key, Opening] = {}
    for entry in entries:
        if entry.approved_by is None:
            continue
        key, values = _opened(entry), entry.values
        amount = values["quantity" if entry.records == "positions" else "total"]
        price, cost = values.get("average_price"), values.get("cost")
        assert isinstance(amount, Decimal)
        new = Opening(
            entry.at,
            amount,
            price if isinstance(price, Decimal) else None,
            cost if isinstance(cost, Decimal) else None,
        )
        known = found.get(key)
        if known is None or known.at < new.at:
            found[key] = new
        elif known.at == new.at and structs.replace(known, clash=False) != new:
            found[key] = structs.replace(known, clash=True)
    return found


def _opened(entry: JournalEntry) -> Key:
    values, place = entry.values, (entry.account, entry.venue)
    if entry.records == "balances":
        return Key(
            *place, KeyKind.BALANCE, str(values["currency"]), str(values.get("wallet") or "")
        )
    symbol = str(values["symbol"])
    leg = values.get("leg") or ("" if symbol == EVERYTHING else "net")
    return Key(*place, KeyKind.POSITION, symbol, str(leg))


def _time(values: Values) -> int:
    at = values.get("timestamp")
    assert isinstance(at, int)  # `entry_of` refuses others
    return at


def in_order(changes: list[Change]) -> list[Change]:
    """By the venue's sequence where all trades have one, else by time; ties by sequence and id.

    Sequences that contradict times count: what comes later by them is no earlier.
    """
    trades = [each for each in changes if "trade_id" in each.values]
    if trades and all(each.values.get("sequence") is not None for each in trades):
        trades.sort(key=lambda each: (_sequence(each), _tie(each)))
        newest = accumulate((each.at for each in trades), max)
        others = [each for each in changes if "trade_id" not in each.values]
        moved = [structs.replace(each, at=at) for each, at in zip(trades, newest, strict=True)]
        changes = [*others, *moved]
    return sorted(changes, key=order_of)


def order_of(change: Change) -> tuple[Any, ...]:
    """What changes of a position are sorted by, where sequences do not contradict times."""
    return change.at, _sequence(change), _tie(change)


def _sequence(change: Change) -> Decimal:
    number = change.values.get("sequence")
    return number if isinstance(number, Decimal) else Decimal("-Infinity")


def _tie(change: Change) -> tuple[bool | str, ...]:
    names = ("trade_id", "side", "movement_id")
    return not change.undone, *(str(change.values.get(name) or "") for name in names)
