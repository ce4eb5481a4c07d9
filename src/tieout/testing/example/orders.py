"""Orders of the example that still work at the close."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Final

from tieout.core.model import Kind
from tieout.testing.example.market import CRYPTO_ACCOUNTS, INSTRUMENTS, SHARE_ACCOUNTS, Fill
from tieout.testing.example.planting import Planted, Row

ORDERS: Final = "orders"


@dataclass(frozen=True, slots=True)
class WorkingOrders:
    """Both sides' orders, and the breaks among them."""

    internal: list[Row]
    external: list[Row]
    planted: tuple[Planted, ...]


def _number(row: Row, column: str) -> Decimal:
    value = row[column]
    assert isinstance(value, Decimal)
    return value


EDITS: Final[tuple[tuple[Kind, bool, Callable[[Row], Row], str], ...]] = (
    (Kind.STATUS, False, lambda row: {"status": "cancelled"}, "cancelled at the broker"),
    (Kind.STATUS, True, lambda row: {"status": "cancelled"}, "cancelled, yet partly filled"),
    (
        Kind.OVERFILL,
        True,
        lambda row: {"status": "filled", "filled": _number(row, "quantity") * Decimal("1.5")},
        "more filled than ordered",
    ),
    (
        Kind.QUANTITY,
        False,
        lambda row: {"quantity": _number(row, "quantity") * 2},
        "twice the quantity at the broker",
    ),
    (
        Kind.PRICE,
        False,
        lambda row: {"price": _number(row, "price") + Decimal("0.5")},
        "another limit",
    ),
    (
        Kind.SIDE,
        False,
        lambda row: {"side": "sell" if row["side"] == "buy" else "buy"},
        "on the wrong side",
    ),
)
"""Kind, whether the order is partly filled, and what the broker says wrongly."""


def working_orders(
    chance: Random, day: date, fills: list[Fill], used: set[str], count: int = 48
) -> WorkingOrders:
    """`count` orders, a fourth of them with fills of the day; none of the orders in `used`."""
    filled = _partly_filled(fills, used, count // 4)
    rows = [*filled, *(_resting(chance, day, number) for number in range(count - len(filled)))]
    internal = {str(row["order_id"]): row for row in rows}
    external = {id_: dict(row) for id_, row in internal.items()}
    partial, resting = iter(filled), iter(rows[len(filled) :])
    planted = []
    for kind, with_fills, edit, note in EDITS:
        row = external[str(next(partial if with_fills else resting)["order_id"])]
        row.update(edit(row))
        planted.append(_planted(kind, row, note))
    lost, foreign = next(resting), next(resting)
    del external[str(lost["order_id"])]
    planted.append(_planted(Kind.MISSING_EXTERNAL, lost, "the broker does not know it"))
    del internal[str(foreign["order_id"])]
    planted.append(_planted(Kind.MISSING_INTERNAL, foreign, "the book does not know it"))
    return WorkingOrders(list(internal.values()), list(external.values()), tuple(planted))


def _planted(kind: Kind, row: Row, note: str) -> Planted:
    return Planted(ORDERS, kind, {"order_id": str(row["order_id"])}, note)


def _partly_filled(fills: list[Fill], used: set[str], count: int) -> list[Row]:
    """Orders of which the day's fills are half."""
    orders: defaultdict[str, list[Fill]] = defaultdict(list)
    for fill in fills:
        if fill.order_id not in used:
            orders[fill.order_id].append(fill)
    rows: list[Row] = []
    for order_id, parts in list(orders.items())[-count:]:
        done, first = sum((fill.quantity for fill in parts), Decimal(0)), parts[0]
        rows.append(
            {
                "order_id": order_id,
                "account": first.account,
                "symbol": first.instrument.symbol,
                "side": first.side,
                "quantity": 2 * done,
                "filled": done,
                "price": max(fill.price for fill in parts),
                "status": "partially_filled",
                "created_at": first.at - timedelta(seconds=1),
            }
        )
    return rows


def _resting(chance: Random, day: date, number: int) -> Row:
    instrument = chance.choice(INSTRUMENTS)
    side = chance.choice(("buy", "sell"))
    away = instrument.tick * chance.randint(200, 400) * (-1 if side == "buy" else 1)
    return {
        "order_id": f"O{day:%y%m%d}-{90000 + number:05d}",
        "account": chance.choice(CRYPTO_ACCOUNTS if instrument.crypto else SHARE_ACCOUNTS),
        "symbol": instrument.symbol,
        "side": side,
        "quantity": instrument.lot * chance.randint(50, 500),
        "filled": Decimal(0),
        "price": instrument.price + away,
        "status": "open",
        "created_at": datetime.combine(day, time(14, tzinfo=UTC))
        + timedelta(milliseconds=chance.randrange(6 * 3_600_000)),
    }
