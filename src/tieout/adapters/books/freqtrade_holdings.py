"""What freqtrade's open trades hold: positions, and balances of spot. Pure.

The rules are those of `freqtrade_rows`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from tieout.adapters.books.freqtrade_rows import (
    TRADE_COLUMNS,
    Naming,
    Read,
    Row,
    Snapshot,
    base_of,
    entry_side,
    is_spot,
    kept,
    read,
    stake_of,
)
from tieout.adapters.cells import cell_text
from tieout.core.canonical import instant
from tieout.core.model import Quarantined
from tieout.core.money import add, multiply, quotient
from tieout.core.text import NumberStyle, Unreadable, parse_decimal

_ZERO: Final = Decimal(0)


class _Holding(NamedTuple):
    """What a trade holds: signed quantity, and quantity and cost of the entries it came from."""

    quantity: Decimal
    entered: Decimal
    cost: Decimal | None


def positions(rows: Snapshot, naming: Naming, as_of: int) -> Read:
    """One a pair: all open trades of it, summed. A pair with an unreadable trade has none."""
    cells = []
    held, broken = _held(rows, naming, lambda trade: str(trade["pair"]))
    for (venue, symbol), holdings in held.items():
        quantity = _sum(each.quantity for each in holdings)
        if quantity:
            average = _average(holdings)
            cells.append((0, (venue, symbol, "net", quantity, average, instant(as_of))))
    header = ("venue", "symbol", "leg", "quantity", "average_price", "as_of")
    records, unreadable = read(naming, "positions", header, cells, place="trades")
    return records, unreadable + _unreadable(broken, naming, "symbol")


def balances(rows: Snapshot, naming: Naming, as_of: int) -> Read:
    """Of spot trades, what is held of each base currency. Nothing is known of the stake."""
    spot = Snapshot([trade for trade in rows.trades if is_spot(trade)], rows.orders)
    covered = based(rows)
    held, broken = _held(spot, naming, base_of)
    cells = [
        (0, (venue, currency, "spot", total, instant(as_of)))
        for (venue, currency), holdings in held.items()
        if currency in covered and (total := _sum(each.quantity for each in holdings))
    ]
    header = ("venue", "currency", "wallet", "total", "as_of")
    records, unreadable = read(naming, "balances", header, cells, place="trades")
    known = [each for each in broken if each[1][1] in covered]
    return records, unreadable + _unreadable(known, naming, "currency")


def based(rows: Snapshot) -> frozenset[str]:
    """The currencies of which freqtrade knows what it holds: bases ever traded, stakes excluded."""
    stakes = {stake_of(trade) for trade in rows.trades}
    return frozenset(base_of(trade) for trade in rows.trades if is_spot(trade)) - stakes


_Broken = tuple[Row, tuple[str, str], str]


def _held(
    rows: Snapshot, naming: Naming, what: Callable[[Row], str]
) -> tuple[dict[tuple[str, str], list[_Holding]], list[_Broken]]:
    """What open trades hold, by venue and `what`; and the ones that cannot be read."""
    orders = defaultdict(list)
    for order in rows.orders:
        orders[order["ft_trade_id"]].append(order)
    held: dict[tuple[str, str], list[_Holding]] = defaultdict(list)
    broken: list[_Broken] = []
    for trade in rows.trades:
        if trade["is_open"]:
            key = (naming.venue or str(trade["exchange"]), what(trade))
            try:
                held[key].append(_holding(trade, orders[trade["id"]]))
            except Unreadable as why:
                broken.append((trade, key, str(why)))
    for _, key, _ in broken:
        held.pop(key, None)
    return held, broken


def _holding(trade: Row, orders: Sequence[Row]) -> _Holding:
    """Raises Unreadable."""
    amount = _number(trade, "amount") or _ZERO
    if orders and not any(_filled(each) and not each["ft_is_open"] for each in orders):
        amount = _ZERO
    rate = _ratio(trade, "open_rate")
    entered, quantity = amount, amount
    cost = None if rate is None else multiply(amount, rate)
    for order in orders:
        filled = _filled(order)
        if not order["ft_is_open"] or not filled:
            continue
        if order["ft_order_side"] != entry_side(trade):
            quantity = add(quantity, filled.copy_negate())
            continue
        quantity, entered = add(quantity, filled), add(entered, filled)
        price = _price(order)
        cost = None if cost is None or price is None else add(cost, multiply(filled, price))
    sign = quantity.copy_negate() if trade["is_short"] else quantity
    return _Holding(sign, entered, cost)


def _average(holdings: Sequence[_Holding]) -> Decimal | None:
    """What the entries cost by unit; None where longs and shorts are mixed, or one is unknown."""
    costs = [each.cost for each in holdings if each.cost is not None]
    mixed = len({each.quantity > 0 for each in holdings if each.quantity}) > 1
    entered = _sum(each.entered for each in holdings)
    if mixed or len(costs) < len(holdings) or not entered:
        return None
    return quotient(_sum(costs), entered)


def _unreadable(broken: Iterable[_Broken], naming: Naming, name: str) -> list[Quarantined]:
    return [
        Quarantined(
            source=naming.source,
            place="trades",
            row=trade["id"],
            reason=f"what trade {trade['id']} holds cannot be read: {reason}",
            raw=", ".join(f"{column}={trade[column]}" for column in TRADE_COLUMNS),
            field="quantity" if name == "symbol" else "total",
            values={"account": naming.account, "venue": venue, name: what}
            if naming.account is not None
            else {"venue": venue, name: what},
        )
        for trade, (venue, what), reason in broken
    ]


def _filled(order: Row) -> Decimal:
    return _number(order, "filled") or _ZERO


def _price(order: Row) -> Decimal | None:
    return _ratio(order, "average") or _ratio(order, "price")


def _number(row: Row, name: str) -> Decimal | None:
    """A number. Raises Unreadable."""
    text = cell_text(row[name])
    try:
        return None if text is None else parse_decimal(text, NumberStyle())
    except Unreadable as why:
        raise Unreadable(f"{name}: {why}") from None


def _ratio(row: Row, name: str) -> Decimal | None:
    text = cell_text(kept(row[name]))
    try:
        return None if text is None else parse_decimal(text, NumberStyle())
    except Unreadable as why:
        raise Unreadable(f"{name}: {why}") from None


def _sum(numbers: Iterable[Decimal]) -> Decimal:
    total = _ZERO
    for number in numbers:
        total = add(total, number)
    return total
