"""Journal entries -> positions, balances and orders at an instant.

1. A key begins at its newest approved opening entry at or before `as_of`. Entries at or before
   the opening are contained in it; later ones are added.
2. A key without one, or with two at one instant that differ, is unknown, with the reason. So is
   a key that records contradict each other about, or that a void is about whose fill is not there.
3. An opening of zero under the name `*` says of every key of its account, venue, and leg or
   wallet (any, where it names none) that no later or equal entry opens: it was flat then.
4. Quantities and balances are exact sums of the same effects that `entries_since` gives: an
   amount at one instant plus the effects up to another is the amount at the other.
5. A position's cost is worked out from the fills that stand, in the order of the venue's
   sequence, else of time and id; what was voided was never there.
6. The order in which entries were written makes no difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from msgspec import Struct, structs

from tieout.core.entries import Conventions, Entry, Key, KeyKind, market_of
from tieout.core.journal import JournalEntry
from tieout.core.ledger.costs import Costing, Method, Position, decimal_of
from tieout.core.ledger.facts import Change, Facts
from tieout.core.ledger.orders import Order, orders
from tieout.core.model import Record, Value
from tieout.core.money import add
from tieout.core.schema import RECORD_TYPES
from tieout.core.valuation import Instrument

_UNKNOWN: Final = Instrument()


class Projection(Struct, frozen=True):
    """What the book says at an instant.

    Attributes:
        as_of: UTC nanoseconds; that of the newest entry where none was asked for.
        positions, balances: of every key that is known; zero is known.
        unknown: the keys that entries touch and that are not known, and why.
        orders: by account, venue and id.
        method: how `positions` are costed.
    """

    as_of: int
    positions: Mapping[Key, Position]
    balances: Mapping[Key, Decimal]
    orders: tuple[Order, ...]
    unknown: Mapping[Key, str]
    method: Method

    def amounts(self) -> dict[Key, Decimal]:
        """Quantities and balances by key: what an opening of a confirmation is made of."""
        return {key: each.quantity for key, each in self.positions.items()} | dict(self.balances)

    def net(self) -> dict[Key, Decimal]:
        """Positions with their legs added up, under the leg `net`. Unknown where a leg is."""
        total: dict[Key, Decimal] = {}
        for key, position in self.positions.items():
            net = structs.replace(key, part="net")
            total[net] = add(total.get(net, Decimal(0)), position.quantity)
        for key in self.unknown:
            total.pop(structs.replace(key, part="net"), None)
        return total

    def records(self, records: str) -> tuple[Record, ...]:
        """Positions, balances or orders as rows under their contract, sorted.

        Averages and costs are rendered at 18 digits after the point, half to even.

        Raises:
            ValueError: `records` are no projection.
        """
        if records == "positions":
            rows = [self._position(key, each) for key, each in sorted(self.positions.items())]
        elif records == "balances":
            rows = [self._balance(key, each) for key, each in sorted(self.balances.items())]
        elif records == "orders":
            rows = [dict(order.values) for order in self.orders]
        else:
            raise ValueError(f"the ledger has no {records}; it has positions, balances, orders")
        type_ = RECORD_TYPES[records]
        found = []
        for number, row in enumerate(rows, 1):
            present = {name for name, value in row.items() if value is not None}
            identity = {name: row.get(name) for name in type_.identity(present)}
            found.append(Record(row, identity, number))
        return tuple(found)

    def _position(self, key: Key, position: Position) -> dict[str, Value]:
        cost = position.cost
        return {
            "account": key.account,
            "venue": key.venue,
            "symbol": key.name,
            "leg": key.part,
            "quantity": position.quantity,
            "average_price": position.average_price,
            "cost": None if cost is None else decimal_of(cost),
            "cost_currency": position.currency,
            "as_of": self.as_of,
        }

    def _balance(self, key: Key, total: Decimal) -> dict[str, Value]:
        return {
            "account": key.account,
            "venue": key.venue,
            "currency": key.name,
            "wallet": key.part or None,
            "total": total,
            "as_of": self.as_of,
        }


def project(
    entries: Iterable[JournalEntry],
    *,
    as_of: int | None = None,
    method: Method | None = None,
    instruments: Mapping[str, Instrument] | None = None,
    conventions: Conventions | None = None,
) -> Projection:
    """What `entries` make of the book at `as_of`.

    Args:
        entries: of one or more accounts, in any order; once or more often.
        as_of: UTC nanoseconds, inclusive; None: all entries.
        method: of costing; average, fees out, where not given.
        instruments: by unified symbol. One that is not there has a multiplier of 1, and is
            inverse where it settles in its base.
        conventions: of all venues, where those of `entries.VENUES` do not fit.

    Raises:
        CalculationError: an entry does not say what it moved.
    """
    facts = Facts(entries, as_of, conventions)
    method = method or Method()
    positions: dict[Key, Position] = {}
    balances: dict[Key, Decimal] = {}
    amounts = facts.amounts()
    changes = facts.changes()
    for key, amount in amounts.items():
        if key.kind is KeyKind.BALANCE:
            balances[key] = amount
        else:
            costing = costing_of(key, method, instruments or {})
            positions[key] = _costed(costing, facts, key, changes.get(key, ()), amount)
    return Projection(
        as_of=facts.as_of,
        positions=positions,
        balances=balances,
        orders=orders(facts.reports, facts.standing()),
        unknown=facts.unknown,
        method=method,
    )


def entries_since(
    entries: Iterable[JournalEntry],
    *,
    after: int | None,
    until: int | None = None,
    conventions: Conventions | None = None,
) -> list[Entry]:
    """What happened after `after`, up to and with `until`, as effects. By time, then id.

    `project(as_of=after).amounts()` plus these is `project(as_of=until).amounts()`, for keys that
    were opened at or before `after`. What a later opening contains is left out.
    """
    facts = Facts(entries, until, conventions)
    found = []
    for records, steps in facts.steps.items():
        for step in steps:
            if after is not None and step.at <= after:
                continue
            effects = {
                key: effect for key, effect in step.effects.items() if facts.counts(key, step.at)
            }
            if effects or step.possible:
                found.append(structs.replace(step, effects=effects).entry(records))
    return sorted(found, key=lambda entry: (entry.at, entry.id))


def costing_of(key: Key, method: Method, instruments: Mapping[str, Instrument]) -> Costing:
    """The costing of a position, with nothing in it yet."""
    market = market_of(key.name)
    known = instruments.get(key.name, _UNKNOWN)
    inverse = known.inverse or (key.name not in instruments and market.settle == market.base)
    currency = market.settle or known.currency or market.quote
    return Costing(method, multiplier=known.multiplier, inverse=inverse, currency=currency)


def _costed(
    costing: Costing,
    facts: Facts,
    key: Key,
    changes: Iterable[Change],
    amount: Decimal,
) -> Position:
    opening = facts.opening(key)
    assert opening is not None  # a key without one is unknown
    costing.open(opening.amount, opening.price, opening.cost)
    for change in changes:
        apply(costing, change, key)
    return costing.position(amount)


def apply(costing: Costing, change: Change, key: Key) -> None:
    """Add a change of the position `key` to its costing."""
    values, market = change.values, market_of(key.name)
    price, fee, currency = values.get("price"), values.get("fee"), values.get("fee_currency")
    if not isinstance(price, Decimal):
        costing.adjust(change.effect)
        return
    paid = fee if isinstance(fee, Decimal) else None
    if paid is not None and change.undone:
        paid = paid.copy_negate()
    paid_in = str(currency) if currency is not None else market.settle or market.quote
    costing.fill(change.effect, price, paid, paid_in)
