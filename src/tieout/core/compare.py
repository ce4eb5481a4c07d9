"""One column of a pair: whether its values are near enough, and what it means if they are not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from tieout.core.model import Difference, Kind, Money, Pair, PlainRecord, Record, Value
from tieout.core.money import beyond_share, distance, multiply, plain, subtract
from tieout.core.rules import Measure, Rules, Tolerance
from tieout.core.schema import Column, ColumnType
from tieout.core.severity import CANCELLED, Finding
from tieout.core.valuation import Valuation

ZERO: Final = Decimal(0)
NANO: Final = Decimal("1e-9")


@dataclass(frozen=True, slots=True)
class Compared:
    """A column that pairs are compared on. `tolerance`: unless a symbol has its own."""

    name: str
    type: ColumnType
    kind: Kind
    tolerance: Tolerance


def within(tolerance: Tolerance, internal: Value, external: Value, tick: Decimal | None) -> bool:
    """Whether two values that differ are within a tolerance of each other; see invariant 2."""
    if isinstance(internal, Decimal) and isinstance(external, Decimal):
        match tolerance.measure:
            case Measure.ABSOLUTE:
                return distance(internal, external) <= tolerance.amount
            case Measure.RELATIVE:
                larger = max(internal.copy_abs(), external.copy_abs())
                return not beyond_share(distance(internal, external), larger, tolerance.amount)
            case Measure.TICKS if tick is not None:
                allowed = multiply(tolerance.amount, tick.copy_abs())
                return distance(internal, external) <= allowed
    elif isinstance(internal, int) and isinstance(external, int):
        return tolerance.measure is Measure.WINDOW and abs(internal - external) <= tolerance.amount
    return False


def tolerance_text(tolerance: Tolerance, tick: Decimal | None = None) -> str:
    """A tolerance in words: `within 0.005`, `within 1 %`, `within 2 ticks of 0.01`."""
    amount = plain(tolerance.amount)
    match tolerance.measure:
        case Measure.ABSOLUTE:
            return f"within {amount}"
        case Measure.RELATIVE:
            return f"within {plain(multiply(tolerance.amount, Decimal(100)))} %"
        case Measure.TICKS:
            size = f" of {plain(tick)}" if tick is not None else ""
            return f"within {amount} tick{'s' if tolerance.amount != 1 else ''}{size}"
        case Measure.WINDOW:
            return f"within {plain(multiply(tolerance.amount, NANO))} s"
        case Measure.EXACT:
            return "exact"


_KIND_OF_COLUMN: Final[Mapping[str, Kind]] = {
    "symbol": Kind.SYMBOL,
    "side": Kind.SIDE,
    "leg": Kind.SIDE,
    "currency": Kind.CURRENCY,
    "status": Kind.STATUS,
    "quantity": Kind.QUANTITY,
    "filled": Kind.QUANTITY,
    "price": Kind.PRICE,
    "average_price": Kind.PRICE,
    "cost": Kind.COST_BASIS,
    "margin": Kind.MARGIN,
    "total": Kind.BALANCE,
    "free": Kind.BALANCE,
    "used": Kind.BALANCE,
    "settled": Kind.BALANCE,
    "amount": Kind.BALANCE,
    "fee": Kind.FEE,
    "commission": Kind.FEE,
    "pnl_impact": Kind.PNL,
    "realised": Kind.PNL,
    "unrealised": Kind.PNL,
    "timestamp": Kind.TIMESTAMP,
    "as_of": Kind.TIMESTAMP,
    "trade_date": Kind.SETTLEMENT,
    "settle_date": Kind.SETTLEMENT,
    "value_date": Kind.SETTLEMENT,
    "date": Kind.SETTLEMENT,
    "expiry": Kind.SETTLEMENT,
}


def kind_of(records: str, column: Column) -> Kind:
    """The kind of a difference in a column, before its values are looked at."""
    if records == "positions" and column.name == "average_price":
        return Kind.COST_BASIS
    if column.name.endswith("_currency"):
        return Kind.CURRENCY
    if column.type is ColumnType.TIME and column.name.endswith("_at"):
        return Kind.TIMESTAMP
    return _KIND_OF_COLUMN.get(column.name, Kind.FIELD)


def finding(column: Compared, pair: Pair, records: str, valuation: Valuation) -> Finding:
    """What a field that breaks means, now that both values are seen.

    Args:
        records: name of the record type.
    """
    left, right = pair.internal.values, pair.external.values
    internal, external = left.get(column.name), right.get(column.name)
    kind, subject = column.kind, ""
    if records == "positions" and column.name == "quantity":
        if _opposite(internal, external):
            kind = Kind.SIDE
    elif column.name == "fee_currency" and (left.get("fee") is None) is not (
        right.get("fee") is None
    ):
        kind = Kind.FEE  # one side does not know the fee yet, nor what it is paid in
    elif records == "orders":
        if column.name == "filled" and (_overfilled(left) or _overfilled(right)):
            kind = Kind.OVERFILL
        elif column.name == "status":
            if _cancelled_yet_filled(left, right) or _cancelled_yet_filled(right, left):
                subject = CANCELLED
    value = valuation.difference(column.name, left, right)
    if kind is Kind.OVERFILL and internal == external:
        value = valuation.difference("filled", left, {"filled": left.get("quantity")})
    amount, of = None, None
    if column.name == AMOUNTS.get(records):
        if isinstance(internal, Decimal) and isinstance(external, Decimal):
            amount, of = distance(internal, external), name_of(records, left)
    return Finding(kind, internal, external, value, subject, amount, of)


def _opposite(internal: Value, external: Value) -> bool:
    return (
        isinstance(internal, Decimal)
        and isinstance(external, Decimal)
        and ((internal < 0 < external) or (external < 0 < internal))
    )


def both_overfilled(pair: Pair) -> bool:
    """Whether both sides say that more of an order was filled than its quantity."""
    return _overfilled(pair.internal.values) and _overfilled(pair.external.values)


def _overfilled(order: Mapping[str, Value]) -> bool:
    """Whether more was filled than ordered.

    A quantity of zero states none: that of an order by its worth.
    """
    filled, quantity = order.get("filled"), order.get("quantity")
    if not isinstance(filled, Decimal) or not isinstance(quantity, Decimal):
        return False
    return filled > quantity != 0


def _cancelled_yet_filled(one: Mapping[str, Value], other: Mapping[str, Value]) -> bool:
    """`one` says cancelled; `other` says filled, or has fills that `one` does not know of."""
    if one.get("status") != "cancelled":
        return False
    known, seen = one.get("filled"), other.get("filled")
    if other.get("status") == "filled":
        return True
    return isinstance(seen, Decimal) and seen > (known if isinstance(known, Decimal) else ZERO)


def difference(column: Compared, pair: Pair, ours: PlainRecord, theirs: PlainRecord) -> Difference:
    """A field that breaks, as it is shown. `ours` and `theirs`: both records as text."""
    name = column.name
    internal, external = pair.internal.values.get(name), pair.external.values.get(name)
    gap: str | None = None
    if isinstance(internal, Decimal) and isinstance(external, Decimal):
        gap = plain(subtract(internal, external))
    elif isinstance(internal, int) and isinstance(external, int):
        gap = plain(multiply(Decimal(internal - external), NANO))
    return Difference(name, ours.get(name), theirs.get(name), gap)


AMOUNTS: Final = {"positions": "quantity", "balances": "total"}
"""The amount that a snapshot is about. A record in which it is zero says that nothing is there."""


def name_of(records: str, values: Mapping[str, Value]) -> str | None:
    """What it is an amount of: the symbol of a position, the currency of a balance."""
    name = values.get("symbol" if records == "positions" else "currency")
    return name if isinstance(name, str) else None


def worth_little(column: str, pair: Pair, rules: Rules, valuation: Valuation) -> str | None:
    """The value tolerance in words, where the difference in an amount is inside of it."""
    limit = rules.value_tolerance
    if limit is None or column != AMOUNTS.get(rules.records):
        return None
    worth = valuation.difference(column, pair.internal.values, pair.external.values)
    return _within_value(limit, worth, valuation)


def is_worth_little(record: Record, rules: Rules, valuation: Valuation) -> bool:
    """Whether a whole position or balance is inside the value tolerance."""
    limit = rules.value_tolerance
    if limit is None or rules.records not in AMOUNTS:
        return False
    return _within_value(limit, valuation.whole(record.values), valuation) is not None


def _within_value(limit: Money, worth: Money | None, valuation: Valuation) -> str | None:
    converted = valuation.convert(worth, limit.currency)
    if converted is None or converted.amount > limit.amount:
        return None
    return f"worth <= {plain(limit.amount)} {limit.currency}"
