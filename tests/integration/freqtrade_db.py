"""Databases with the tables of freqtrade 2026.9: the names and types of its columns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

_MODES = ("SPOT", "MARGIN", "FUTURES")


def _columns(described: str) -> list[sa.Column[Any]]:
    """`name type` pairs; `!` after a type: it may not be null."""
    types: dict[str, Any] = {
        "text": sa.String(255),
        "float": sa.Float(),
        "bool": sa.Boolean(),
        "int": sa.Integer(),
        "time": sa.DateTime(),
        "mode": sa.Enum(*_MODES, name="tradingmode"),
    }
    columns: list[sa.Column[Any]] = [sa.Column("id", sa.Integer(), primary_key=True)]
    for each in described.split(","):
        name, type_ = each.split()
        nullable = not type_.endswith("!")
        columns.append(sa.Column(name, types[type_.rstrip("!")], nullable=nullable))
    return columns


TRADES = (
    "exchange text!, pair text!, base_currency text, stake_currency text, is_open bool!,"
    "fee_open float!, fee_open_cost float, fee_open_currency text, fee_close float!,"
    "fee_close_cost float, fee_close_currency text, open_rate float!, open_rate_requested float,"
    "open_trade_value float, close_rate float, close_rate_requested float, realized_profit float,"
    "close_profit float, close_profit_abs float, stake_amount float!, max_stake_amount float,"
    "amount float!, amount_requested float, open_date time!, close_date time, stop_loss float,"
    "stop_loss_pct float, initial_stop_loss float, initial_stop_loss_pct float,"
    "is_stop_loss_trailing bool!, max_rate float, min_rate float, exit_reason text,"
    "exit_order_status text, strategy text, enter_tag text, timeframe int, trading_mode mode,"
    "amount_precision float, price_precision float, precision_mode int, precision_mode_price int,"
    "contract_size float, leverage float, is_short bool!, liquidation_price float,"
    "interest_rate float!, funding_fees float, funding_fee_running float, record_version int!"
)
ORDERS = (
    "ft_trade_id int!, ft_order_side text!, ft_pair text!, ft_is_open bool!, ft_amount float!,"
    "ft_price float!, ft_cancel_reason text, order_id text!, status text, symbol text,"
    "order_type text, side text, price float, average float, amount float, filled float,"
    "remaining float, cost float, stop_price float, order_date time, order_filled_date time,"
    "order_update_date time, funding_fee float, ft_fee_base float, ft_order_tag text"
)


def naive(hour: int, minute: int = 0, second: int = 0) -> datetime:
    """A time as freqtrade stores it: UTC that does not say so."""
    return datetime(2026, 11, 20, hour, minute, second, tzinfo=UTC).replace(tzinfo=None)


class Database:
    """One bot's database, to be filled row by row."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.metadata = sa.MetaData()
        self.trades = sa.Table("trades", self.metadata, *_columns(TRADES))
        self.orders = sa.Table("orders", self.metadata, *_columns(ORDERS))
        self.engine = sa.create_engine(url, poolclass=sa.NullPool)
        self.metadata.create_all(self.engine)
        if self.engine.name == "sqlite":
            self.run("PRAGMA journal_mode=wal")

    def trade(self, id_: int, pair: str = "BTC/USDT", **values: Any) -> int:
        """A trade; an open long of 0.5 on spot, unless said otherwise."""
        base, _, quote = pair.partition("/")
        row = {
            "id": id_,
            "exchange": "binance",
            "pair": pair,
            "base_currency": base,
            "stake_currency": quote.partition(":")[0],
            "is_open": True,
            "fee_open": 0.001,
            "fee_close": 0.001,
            "open_rate": 50000.0,
            "stake_amount": 25000.0,
            "amount": 0.5,
            "open_date": naive(9),
            "is_stop_loss_trailing": False,
            "trading_mode": "FUTURES" if ":" in pair else "SPOT",
            "leverage": 1.0,
            "is_short": False,
            "interest_rate": 0.0,
            "record_version": 2,
        }
        with self.engine.begin() as connection:
            connection.execute(self.trades.insert().values(row | values))
        return id_

    def order(self, id_: int, trade: int, side: str, **values: Any) -> None:
        """An order; closed and filled with 0.5 at 50,000, unless said otherwise."""
        row = {
            "id": id_,
            "ft_trade_id": trade,
            "ft_order_side": side,
            "ft_pair": "BTC/USDT",
            "ft_is_open": False,
            "ft_amount": 0.5,
            "ft_price": 50000.0,
            "order_id": f"V{id_}",
            "status": "closed",
            "order_type": "limit",
            "side": side if side in ("buy", "sell") else None,
            "price": 50000.0,
            "average": 50000.0,
            "amount": 0.5,
            "filled": 0.5,
            "order_date": naive(9, 0, id_ % 60),
            "order_filled_date": naive(10, 0, id_ % 60),
            "order_update_date": naive(10, 1, id_ % 60),
        }
        with self.engine.begin() as connection:
            connection.execute(self.orders.insert().values(row | values))

    def run(self, sql: str) -> None:
        with self.engine.begin() as connection:
            connection.exec_driver_sql(sql)


@contextmanager
def database(url: str) -> Iterator[Database]:
    opened = Database(url)
    try:
        yield opened
    finally:
        opened.engine.dispose()
