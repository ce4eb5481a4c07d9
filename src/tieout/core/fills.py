"""Fills summed by the order that they filled, for books that know orders and not fills.

1. Sums are exact. The price is the sum of price x quantity over the sum of quantity, at 18 digits
   after the point, half to even: equal fills give equal prices, in any order of arrival.
2. What the fills of an order do not agree on is absent from their sum; fees in several
   currencies have no sum.
3. A fill that was busted is not in the sum, nor one that another stands in the place of.
4. The sum of an order has one id, `order:<order id>`, however many fills it has so far.

An order is summed only as far as its fills are given: ask for them from before the order was
placed, else the sum is too small.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import reduce
from typing import Final

from tieout.core.amended import families
from tieout.core.model import Record, Value
from tieout.core.money import add, multiply, quotient
from tieout.core.schema import TRADES

_KEY: Final = ("account", "venue", "symbol", "order_id", "side")
_SINGLE: Final = ("supersedes", "version", "sequence")
"""Columns that say something of one fill, and nothing of a sum."""


def order_trade_id(order_id: str) -> str:
    """The `trade_id` of all that an order filled."""
    return f"order:{order_id}"


def by_order(records: Iterable[Record]) -> list[Record]:
    """Trades, those of one order and side as one; in the order of their first fills.

    A trade that names no order (a liquidation, a settlement) stays as it is.
    """
    groups: dict[tuple[Value, ...], list[Record]] = defaultdict(list)
    for number, record in enumerate(_standing(records)):
        alone = record.values.get("order_id") is None
        key = (number,) if alone else tuple(record.values.get(name) for name in _KEY)
        groups[key].append(record)
    return [_summed(group) for group in groups.values()]


def _standing(records: Iterable[Record]) -> list[Record]:
    """The fills that count: the last one of each family, unless it is a bust."""
    given = list(records)
    values = [record.values for record in given]
    if all(each.get("exec_type") != "bust" and each.get("supersedes") is None for each in values):
        return given
    last = (family.members[-1] for family in families(values))
    stands = {id(each) for each in last if each.get("exec_type") != "bust"}
    return [record for record in given if id(record.values) in stands]


def fees(records: Iterable[Record]) -> dict[str, Decimal]:
    """What trades cost, by currency; a rebate is negative. Fees without a currency are left out."""
    totals: dict[str, Decimal] = {}
    for record in records:
        fee, currency = record.values.get("fee"), record.values.get("fee_currency")
        if isinstance(fee, Decimal) and isinstance(currency, str):
            totals[currency] = add(totals.get(currency, Decimal(0)), fee)
    return totals


def _summed(group: Sequence[Record]) -> Record:
    order_id = group[0].values.get("order_id")
    if order_id is None:
        return group[0]
    names = dict.fromkeys(name for record in group for name in record.values)
    values: dict[str, Value] = {name: _common(group, name) for name in names}
    quantities = [_number(record, "quantity") for record in group]
    quantity = reduce(add, quantities)
    notional = reduce(
        add,
        (
            multiply(each, _number(record, "price"))
            for each, record in zip(quantities, group, strict=True)
        ),
    )
    times = [time for record in group if isinstance(time := record.values.get("timestamp"), int)]
    values |= {
        "trade_id": order_trade_id(str(order_id)),
        "quantity": quantity,
        "price": quotient(notional, quantity) if quantity else group[0].values.get("price"),
        "timestamp": max(times, default=None),
    }
    values |= _fee(group, names)
    for name in _SINGLE:
        if name in names:
            values[name] = None
    identity = TRADES.identity(set(values))
    return Record(values, {name: values.get(name) for name in identity}, group[0].row)


def _fee(group: Sequence[Record], names: Iterable[str]) -> dict[str, Value]:
    """One number and its currency, where every fill has its fee in the same one."""
    if "fee" not in names:
        return {}
    absent: dict[str, Value] = {"fee": None}
    if "fee_currency" in names:
        absent["fee_currency"] = None
    amounts = [fee for record in group if isinstance(fee := record.values.get("fee"), Decimal)]
    currencies = {record.values.get("fee_currency") for record in group}
    if len(amounts) < len(group) or len(currencies) > 1:
        return absent
    return (
        absent
        | {"fee": reduce(add, amounts)}
        | ({"fee_currency": currencies.pop()} if "fee_currency" in absent else {})
    )


def _common(group: Sequence[Record], name: str) -> Value:
    first = group[0].values.get(name)
    return first if all(each.values.get(name) == first for each in group[1:]) else None


def _number(record: Record, name: str) -> Decimal:
    value = record.values.get(name)
    if not isinstance(value, Decimal):
        raise TypeError(f"a trade needs a {name}, and this one has {value!r}")
    return value
