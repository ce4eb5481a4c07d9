"""The example's CSV files: the fund's in canonical columns, the broker's as brokers write them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Final, TypeAlias

from tieout.core.money import plain
from tieout.testing.example.market import INSTRUMENTS
from tieout.testing.example.planting import Cell, Row

NEW_YORK: Final = timezone(timedelta(hours=-5))
NATIVE: Final = {each.symbol: each.native for each in INSTRUMENTS}
STATES: Final = {
    "open": "Working",
    "partially_filled": "Part Filled",
    "filled": "Done",
    "cancelled": "Canceled",
}
CODES: Final = {
    "EQ-01": "PB-70031",
    "EQ-02": "PB-70032",
    "EQ-03": "PB-70033",
    "CR-01": "PB-88001",
    "CR-02": "PB-88002",
}
"""The broker's numbers of the fund's accounts."""

Write: TypeAlias = Callable[[Cell], str]
Columns: TypeAlias = Sequence[tuple[str, str, Write]]
"""Canonical column, name in the file, how it is written."""


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, Decimal):
        return plain(cell)
    return _moment(cell, UTC) if isinstance(cell, datetime) else cell


def _moment(at: datetime, zone: timezone) -> str:
    return at.astimezone(zone).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _grouped(cell: Cell) -> str:
    """1234.5 as `1,234.5`."""
    return f"{cell:,f}" if isinstance(cell, Decimal) else _text(cell)


def _unsigned(cell: Cell) -> str:
    return _grouped(cell.copy_abs() if isinstance(cell, Decimal) else cell)


def _direction(cell: Cell) -> str:
    return "Short" if isinstance(cell, Decimal) and cell < 0 else "Long"


def _new_york(cell: Cell) -> str:
    return _moment(cell, NEW_YORK) if isinstance(cell, datetime) else _text(cell)


def _european(cell: Cell) -> str:
    """2026-11-18 as `18/11/2026`."""
    return "/".join(reversed(_text(cell).split("-")))


def _coded(codes: Mapping[str, str]) -> Write:
    return lambda cell: codes.get(_text(cell), _text(cell))


_account, _symbol, _state = _coded(CODES), _coded(NATIVE), _coded(STATES)
_side = _coded({"buy": "B", "sell": "S"})


def _own(*names: str) -> Columns:
    return [(name, name, _text) for name in names]


EXECUTIONS: Final = _own(
    "trade_id", "order_id", "account", "venue", "symbol", "side", "quantity", "price",
    "price_currency", "fee", "fee_currency", "timestamp", "trade_date", "settle_date",
)  # fmt: skip
CONFIRMATIONS: Final[Columns] = [
    ("trade_id", "Exec ID", _text),
    ("order_id", "Order No", _text),
    ("account", "Acct", _account),
    ("symbol", "Security", _symbol),
    ("side", "B/S", _side),
    ("quantity", "Qty", _grouped),
    ("price", "Px", _text),
    ("price_currency", "Ccy", _text),
    ("fee", "Commission", _text),
    ("fee_currency", "Comm Ccy", _text),
    ("timestamp", "Exec Time", _new_york),
    ("trade_date", "Trade Date", _european),
    ("settle_date", "Settle Date", _european),
]
POSITIONS: Final = _own("account", "symbol", "quantity", "cost", "cost_currency", "margin", "as_of")
BROKER_POSITIONS: Final[Columns] = [
    ("account", "Acct", _account),
    ("symbol", "Security", _symbol),
    ("quantity", "Long/Short", _direction),
    ("quantity", "Qty", _unsigned),
    ("cost", "Cost Basis", _grouped),
    ("cost_currency", "Ccy", _text),
    ("margin", "Initial Margin", _grouped),
    ("as_of", "As Of", _new_york),
]
BROKER_BALANCES: Final[Columns] = [
    ("account", "Acct", _account),
    ("currency", "Ccy", _text),
    ("total", "Cash Balance", _grouped),
    ("as_of", "As Of", _new_york),
]
ORDERS: Final = _own(
    "order_id", "account", "symbol", "side", "quantity", "filled", "price", "status", "created_at"
)
BROKER_ORDERS: Final[Columns] = [
    ("order_id", "Order No", _text),
    ("account", "Acct", _account),
    ("symbol", "Security", _symbol),
    ("side", "B/S", _side),
    ("quantity", "Order Qty", _grouped),
    ("filled", "Filled Qty", _grouped),
    ("price", "Limit", _text),
    ("status", "State", _state),
    ("created_at", "Entered", _new_york),
]


def write_trades(directory: Path, internal: list[Row], external: list[Row], pnl: list[Row]) -> None:
    """Executions by time, confirmations by security with a trailer, and PnL by trade."""
    _write(directory / "executions.csv", EXECUTIONS, internal)
    external = sorted(external, key=lambda row: (_symbol(row["symbol"]), _text(row["order_id"])))
    trailer = f"TRAILER,{len(external)}\n"
    _write(directory / "broker_confirmations.csv", CONFIRMATIONS, external, trailer)
    _write(
        directory / "pnl_snapshot.csv",
        _own("trade_id", "pnl_impact", "commission", "currency"),
        pnl,
    )


def write_positions(directory: Path, day: date, sides: tuple[list[Row], list[Row]]) -> None:
    """Both sides' positions at the close."""
    internal, external = _stamped(sides, day)
    _write(directory / "positions.csv", POSITIONS, internal)
    _write(directory / "broker_positions.csv", BROKER_POSITIONS, external)


def write_balances(directory: Path, day: date, sides: tuple[list[Row], list[Row]]) -> None:
    """Both sides' cash and coins at the close."""
    internal, external = _stamped(sides, day)
    columns = _own("account", "currency", "total", "as_of")
    _write(directory / "balances.csv", columns, internal)
    _write(directory / "broker_balances.csv", BROKER_BALANCES, external)


def write_orders(directory: Path, internal: list[Row], external: list[Row]) -> None:
    """Both sides' orders that work at the close."""
    _write(directory / "orders.csv", ORDERS, internal)
    _write(directory / "broker_orders.csv", BROKER_ORDERS, external)


def write_reference(directory: Path, day: date) -> None:
    """Instruments, and prices at the close."""
    instruments: list[Row] = [
        {
            "symbol": each.symbol,
            "multiplier": each.multiplier,
            "kind": "linear",
            "tick": each.tick,
            "lot": each.lot,
            "currency": each.currency,
            "aliases": each.native,
        }
        for each in INSTRUMENTS
    ]
    _write(directory / "instruments.csv", _own(*instruments[0]), instruments)
    spot = {each.coin: each for each in INSTRUMENTS if each.coin}
    pairs = {
        f"{each.symbol}/{each.currency}": each.price for each in INSTRUMENTS if not each.crypto
    }
    pairs |= {f"{coin}/USDT": each.price for coin, each in spot.items()}
    pairs |= {f"{coin}/USD": each.price for coin, each in spot.items()}
    pairs |= {
        "BNB/USD": Decimal("912.40"),
        "CHF/USD": Decimal("1.2430"),
        "EUR/USD": Decimal("1.1585"),
        "USDT/USD": Decimal("0.9998"),
    }
    prices: list[Row] = [
        {"pair": pair, "price": price, "as_of": _close(day)} for pair, price in pairs.items()
    ]
    _write(directory / "prices.csv", _own("pair", "price", "as_of"), prices)


def _close(day: date) -> datetime:
    return datetime.combine(day, time(23, tzinfo=UTC))


def _stamped(sides: tuple[list[Row], list[Row]], day: date) -> tuple[list[Row], list[Row]]:
    internal, external = ([row | {"as_of": _close(day)} for row in rows] for rows in sides)
    return internal, external


def _write(path: Path, columns: Columns, rows: Iterable[Row], trailer: str = "") -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(name for _, name, _ in columns)
        writer.writerows([write(row[column]) for column, _, write in columns] for row in rows)
        file.write(trailer)
