"""Orders from what was said of them: a merge that never goes back, in any order of arrival.

1. What an order filled is the most that any report or its fills say: it never goes down.
2. Filled whole, it is `filled`, whatever was said of it: fills win over a cancellation.
3. An order that ended does not open again. `replaced` wins over `cancelled`, and an order that
   another replaces was replaced and not cancelled; else the later end counts.
4. A rejected order that filled, or that another report knows as working later, was not rejected.
5. An order that ended otherwise keeps its fills: partially filled, then cancelled, is cancelled.
6. Other columns are those of the latest report that has them.
7. One that was known by the client's id first, and by the venue's later, is one order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from msgspec import Struct

from tieout.core.amended import Values
from tieout.core.canonical import dumps, plain_record
from tieout.core.journal import JournalEntry
from tieout.core.model import Value
from tieout.core.money import add
from tieout.core.schema import ORDERS


class Order(Struct, frozen=True):
    """An order as it is.

    Attributes:
        values: under the contract of orders.
        fills: what its trades in the journal sum up to.
        contradicted: its end was reported as another one than what its fills make of it:
            cancelled, yet filled.
    """

    values: Mapping[str, Value]
    fills: Decimal
    contradicted: str | None = None

    @property
    def overfilled(self) -> bool:
        """More was filled than ordered."""
        filled, quantity = self.values.get("filled"), self.values.get("quantity")
        return isinstance(filled, Decimal) and isinstance(quantity, Decimal) and filled > quantity

    @property
    def working(self) -> bool:
        return self.values.get("status") not in _ENDS


_ENDS: Final = ("filled", "cancelled", "expired", "rejected", "replaced")
_WORKING: Final = ("pending", "open", "partially_filled")


def orders(reports: Iterable[JournalEntry], trades: Iterable[Values]) -> tuple[Order, ...]:
    """The orders that `reports` tell of. `trades`: those that stand, whatever they filled."""
    filled: dict[tuple[Value, ...], Decimal] = defaultdict(Decimal)
    for trade in trades:
        quantity = trade.get("quantity")
        for name in _IDS:
            if trade.get(name) is not None and isinstance(quantity, Decimal):
                key = _place(trade, name, trade[name])
                filled[key] = add(filled[key], quantity)
                break  # a fill that names both is of one order
    grouped = _grouped(sorted(reports, key=_moment))
    replaced = {
        _place(report.values, "order_id", report.values["replaces"])
        for each in grouped
        for report in each
        if report.values.get("replaces") is not None
    }
    merged = [_merged(each, filled, replaced) for each in grouped]
    return tuple(sorted(merged, key=_identity))


_IDS: Final = ("order_id", "client_order_id")


def _place(values: Values, name: str, id_: Value) -> tuple[Value, ...]:
    return values.get("account"), values.get("venue"), name, id_


def _moment(report: JournalEntry) -> tuple[int, str]:
    return report.at, dumps(plain_record(report.values, ORDERS))


def _identity(order: Order) -> tuple[str, ...]:
    return tuple(str(order.values.get(name) or "") for name in ("account", "venue", *_IDS))


def _keys(values: Values) -> list[tuple[Value, ...]]:
    return [_place(values, name, values[name]) for name in _IDS if values.get(name) is not None]


def _grouped(reports: Sequence[JournalEntry]) -> list[list[JournalEntry]]:
    """The reports of each order, in their order. A report with both ids joins what has either."""
    groups: dict[tuple[Value, ...], list[JournalEntry]] = {}
    for report in reports:
        keys = _keys(report.values)
        found: dict[int, list[JournalEntry]] = {}
        for key in keys:
            if key in groups:
                found[id(groups[key])] = groups[key]
        mine = [each for group in found.values() for each in group] + [report]
        for key in {key for each in mine for key in _keys(each.values)}:
            groups[key] = mine
    unique = {id(group): group for group in groups.values()}
    return [sorted(group, key=_moment) for group in unique.values()]


def _merged(
    reports: Sequence[JournalEntry],
    filled: Mapping[tuple[Value, ...], Decimal],
    replaced: set[tuple[Value, ...]],
) -> Order:
    values: dict[str, Value] = {}
    for report in reports:
        values |= {name: value for name, value in report.values.items() if value is not None}
    keys = _keys(values)
    fills = Decimal(0)
    for key in keys:
        fills = add(fills, filled.get(key, Decimal(0)))
    told = [
        value for report in reports if isinstance(value := report.values.get("filled"), Decimal)
    ]
    if told or fills:
        values["filled"] = max([*told, fills])
    status = _status(reports, values.get("filled"), values.get("quantity"))
    if status in ("cancelled", "expired") and any(key in replaced for key in keys):
        status = "replaced"
    ended = _end(reports)
    if status is not None:
        values["status"] = status
    contradicted = ended if status == "filled" and ended not in (None, "filled") else None
    return Order(values, fills, contradicted)


def _status(reports: Sequence[JournalEntry], filled: Value, quantity: Value) -> str | None:
    some = isinstance(filled, Decimal) and filled > 0
    if isinstance(filled, Decimal) and isinstance(quantity, Decimal) and filled >= quantity > 0:
        return "filled"
    end = _end(reports)
    if end == "rejected" and (some or _worked_after(reports)):
        end = None
    if end is not None:
        return end
    stages = [rank for report in reports if (rank := _rank(report)) is not None]
    if not stages and not some:
        return None
    return "partially_filled" if some else _WORKING[max(stages)]


def _rank(report: JournalEntry) -> int | None:
    status = report.values.get("status")
    return _WORKING.index(str(status)) if status in _WORKING else None


def _worked_after(reports: Sequence[JournalEntry]) -> bool:
    """Whether the venue knows it as working after it was said to be rejected."""
    rejected = max(each.at for each in reports if each.values.get("status") == "rejected")
    return any(each.at > rejected and (_rank(each) or 0) > 0 for each in reports)


def _end(reports: Sequence[JournalEntry]) -> str | None:
    """How it ended by what was reported: a fill first, then a replacement, else the latest."""
    ends = [str(s) for each in reports if (s := each.values.get("status")) in _ENDS]
    for first in ("filled", "replaced"):
        if first in ends:
            return first
    others = [end for end in ends if end != "rejected"] or ends
    return others[-1] if others else None
