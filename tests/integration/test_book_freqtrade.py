"""freqtrade's database as a book, in SQLite and in PostgreSQL."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from freqtrade_db import Database, database

from tieout.adapters.books.freqtrade import FreqtradeBook, FreqtradeSettings
from tieout.core.canonical import nanoseconds
from tieout.core.live import Answer, Ask
from tieout.errors import SourceError, SourceMissing

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Noon:
    def now(self) -> datetime:
        return NOON


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path}/tradesv3.sqlite"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    with database(url) as opened:
        yield opened


@pytest.fixture
def file_db(tmp_path: Path) -> Iterator[Database]:
    with database(f"sqlite:///{tmp_path}/tradesv3.sqlite") as opened:
        yield opened


def book(db: Database, **settings: Any) -> FreqtradeBook:
    return FreqtradeBook(FreqtradeSettings("bot", db.url, "main", **settings), Noon())


def ask(db: Database, records: str, /, **question: Any) -> Answer:
    settings = question.pop("settings", {})

    async def asked() -> Answer:
        opened = book(db, **settings)
        try:
            return await opened.fetch(Ask(records, **question))
        finally:
            await opened.aclose()

    return asyncio.run(asked())


def version(db: Database) -> str:
    return asyncio.run(book(db).version())


def column(answer: Answer, *names: str) -> list[Any]:
    rows = [tuple(record.values[name] for name in names) for record in answer.records]
    return [row[0] for row in rows] if len(names) == 1 else rows


def at(hour: int, minute: int = 0, second: int = 0) -> int:
    return nanoseconds(datetime(2026, 11, 20, hour, minute, second, tzinfo=UTC))


# Positions


def test_open_trades_of_a_pair_are_one_position(db: Database) -> None:
    db.trade(1, amount=0.1, open_rate=50000.0)
    db.trade(2, amount=0.2, open_rate=53000.0)
    db.trade(3, "ETH/USDT", amount=3.0, is_open=False)
    answer = ask(db, "positions")
    assert column(answer, "symbol", "quantity", "average_price") == [
        ("BTC/USDT", Decimal("0.3"), Decimal(52000))
    ]
    record = answer.records[0]
    assert record.identity == {
        "account": "main",
        "venue": "binance",
        "leg": "net",
        "symbol": "BTC/USDT",
    }
    assert record.values["as_of"] == nanoseconds(NOON)
    assert answer.complete
    assert answer.symbols is None
    assert any("shortest decimals" in note for note in answer.notes)


def test_a_short_is_negative_and_leverage_changes_nothing(db: Database) -> None:
    db.trade(1, "BTC/USDT:USDT", is_short=True, amount=0.25, leverage=5.0, stake_amount=2500.0)
    assert column(ask(db, "positions"), "symbol", "quantity") == [
        ("BTC/USDT:USDT", Decimal("-0.25"))
    ]


def test_an_entry_that_filled_nothing_yet_is_no_position(db: Database) -> None:
    """An older freqtrade writes what it asked for into `amount`."""
    db.trade(1, amount=0.5)
    db.order(1, 1, "buy", status="open", ft_is_open=True, filled=0.0, order_filled_date=None)
    assert ask(db, "positions").records == ()


def test_edge_39_what_open_orders_filled_is_counted_once(db: Database) -> None:
    """A partial exit reduced `amount` when it closed; a partial fill did not yet."""
    db.trade(1, amount=0.3, open_rate=50000.0)
    db.order(1, 1, "buy", filled=0.5)
    db.order(2, 1, "sell", filled=0.2, amount=0.2)
    db.order(3, 1, "sell", status="open", ft_is_open=True, amount=0.3, filled=0.1)
    db.order(4, 1, "buy", status="open", ft_is_open=True, amount=0.2, filled=0.05, average=46500.0)
    answer = ask(db, "positions")
    assert column(answer, "quantity", "average_price") == [(Decimal("0.25"), Decimal(49500))]


def test_a_pair_with_an_unreadable_trade_is_unknown(file_db: Database) -> None:
    file_db.trade(1)
    file_db.trade(2)
    file_db.trade(3, "ETH/USDT")
    file_db.run("UPDATE trades SET amount = 'much' WHERE id = 2")
    answer = ask(file_db, "positions")
    assert column(answer, "symbol") == ["ETH/USDT"]
    assert not answer.complete
    (row,) = answer.quarantined
    assert (row.row, row.values["symbol"]) == (2, "BTC/USDT")
    assert "'much' is not a number" in row.reason
    assert not ask(file_db, "positions", symbols=frozenset({"ETH/USDT"})).quarantined


def test_numbers_are_shortest_decimals_and_averages_are_rounded(db: Database) -> None:
    db.trade(1, "PEPE/USDT", amount=0.1 + 0.2, open_rate=1.234567890123456e-05)
    assert column(ask(db, "positions"), "quantity", "average_price") == [
        (Decimal("0.30000000000000004"), Decimal("0.000012345678901235"))
    ]


# Balances


def test_edge_52_only_base_currencies_are_covered(db: Database) -> None:
    db.trade(1, "BTC/USDT", amount=0.5)
    db.trade(2, "BTC/EUR", amount=0.25)
    db.trade(3, "ETH/BTC", amount=4.0)
    db.trade(4, "SOL/USDT", amount=7.0, is_open=False)
    db.trade(5, "XRP/USDT:USDT", amount=9.0)
    answer = ask(db, "balances")
    assert column(answer, "currency", "wallet", "total") == [("ETH", "spot", Decimal(4))]
    assert answer.symbols == {"ETH", "SOL"}, "BTC is a stake as well, XRP is no spot"
    assert ask(db, "balances", symbols=frozenset({"ETH", "USDT"})).symbols == {"ETH"}


# Orders


def test_open_orders_by_default_closed_ones_in_a_window(db: Database) -> None:
    db.trade(1)
    db.order(1, 1, "buy")
    db.order(2, 1, "sell", status="open", ft_is_open=True, filled=0.0, order_update_date=None)
    db.order(3, 1, "sell", status="open", ft_is_open=True, filled=0.2)
    db.order(4, 1, "sell", status=None, ft_is_open=True, filled=None, order_type="market")
    db.order(5, 1, "sell", status="canceled", filled=0.1)
    assert column(ask(db, "orders"), "order_id", "status", "filled") == [
        ("V2", "open", Decimal(0)),
        ("V3", "partially_filled", Decimal("0.2")),
        ("V4", "pending", Decimal(0)),
    ]
    window = ask(db, "orders", since=at(10, 1, 1), until=at(10, 1, 1))
    assert column(window, "order_id", "status") == [
        ("V1", "filled"),
        ("V2", "open"),
        ("V3", "partially_filled"),
        ("V4", "pending"),
    ]
    assert window.window is None
    assert {r.values["order_id"]: r.values["price"] for r in window.records}["V4"] is None


def test_edge_27_a_cancelled_order_keeps_what_it_filled(db: Database) -> None:
    db.trade(1)
    db.order(5, 1, "buy", status="canceled", filled=0.1)
    assert column(ask(db, "orders", since=0), "status", "filled") == [("cancelled", Decimal("0.1"))]
    assert column(ask(db, "trades"), "order_id", "quantity") == [("V5", Decimal("0.1"))]


def test_a_stop_on_the_exchange_is_an_order_out_of_its_trade(db: Database) -> None:
    db.trade(1, "BTC/USDT:USDT", is_short=True)
    db.order(
        1,
        1,
        "stoploss",
        ft_pair="BTC/USDT:USDT",
        status="open",
        ft_is_open=True,
        filled=0.0,
        order_type="stop_market",
    )
    assert column(ask(db, "orders"), "side", "quantity", "price") == [("buy", Decimal("0.5"), None)]


def test_a_state_that_nobody_knows_is_unreadable(db: Database) -> None:
    db.trade(1)
    db.order(1, 1, "buy", status="resting", ft_is_open=True)
    answer = ask(db, "orders")
    assert answer.records == ()
    assert [row.field for row in answer.quarantined] == ["status"]


# Trades


def test_an_order_is_one_trade_at_its_average(db: Database) -> None:
    db.trade(1)
    db.order(1, 1, "buy", average=50000.5, price=50001.0, filled=0.3)
    db.order(2, 1, "sell", status="open", ft_is_open=True, filled=0.0)
    answer = ask(db, "trades")
    (record,) = answer.records
    assert record.values == {
        "account": "main",
        "venue": "binance",
        "symbol": "BTC/USDT",
        "trade_id": "order:V1",
        "side": "buy",
        "order_id": "V1",
        "quantity": Decimal("0.3"),
        "price": Decimal("50000.5"),
        "timestamp": at(10, 0, 1),
    }
    assert answer.window == (0, nanoseconds(NOON))


def test_a_window_of_trades_has_both_its_ends(db: Database) -> None:
    db.trade(1)
    for number in range(1, 6):
        db.order(number, 1, "buy")
    answer = ask(db, "trades", since=at(10, 0, 2), until=at(10, 0, 4))
    assert column(answer, "order_id") == ["V2", "V3", "V4"]
    assert answer.window == (at(10, 0, 2), at(10, 0, 4))
    later = ask(db, "trades", since=at(10), until=at(23))
    assert later.window == (at(10), nanoseconds(NOON)), "the future is not covered"


def test_edge_45_fees_only_where_they_are_exact(db: Database) -> None:
    db.trade(1, fee_close_cost=12.5, fee_close_currency="USDT", fee_open_cost=25.0)
    db.order(1, 1, "buy", ft_fee_base=0.0005)
    db.order(2, 1, "buy")
    db.order(3, 1, "sell")
    db.trade(2, fee_close_cost=9.0, fee_close_currency="USDT")
    db.order(4, 2, "sell")
    db.order(5, 2, "sell")
    assert "fee" not in ask(db, "trades").records[0].values
    answer = ask(db, "trades", settings={"fees": True})
    assert column(answer, "order_id", "fee", "fee_currency") == [
        ("V1", Decimal("0.0005"), "BTC"),
        ("V2", None, None),
        ("V3", Decimal("12.5"), "USDT"),
        ("V4", None, None),
        ("V5", None, None),
    ]


def test_it_has_no_movements(db: Database) -> None:
    """Deposits and transfers are in no table, and funding is a sum an order, none a payment."""
    db.trade(1, "BTC/USDT:USDT", funding_fees=-1.75)
    assert "movements" not in book(db).offers
    with pytest.raises(SourceError, match="freqtrade has no movements"):
        ask(db, "movements")


# What is refused


def test_the_database_is_only_read(file_db: Database) -> None:
    file_db.trade(1)
    opened = book(file_db)
    with opened._connected() as connection, pytest.raises(Exception, match="readonly"):
        connection.exec_driver_sql("DELETE FROM trades")
    asyncio.run(opened.aclose())
    asyncio.run(opened.aclose())


def test_both_tables_are_read_at_one_instant_while_the_bot_writes(db: Database) -> None:
    db.trade(1)
    opened = book(db)
    with opened._connected() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM trades").scalar() == 1
        db.trade(2)
        db.order(1, 2, "buy")
        assert connection.exec_driver_sql("SELECT count(*) FROM orders").scalar() == 0
    asyncio.run(opened.aclose())


def test_another_version_is_refused_by_its_missing_columns(file_db: Database) -> None:
    file_db.run("ALTER TABLE orders DROP COLUMN ft_fee_base")
    file_db.run("ALTER TABLE orders DROP COLUMN funding_fee")
    with pytest.raises(SourceError) as caught:
        ask(file_db, "positions")
    assert "it lacks orders.ft_fee_base" in str(caught.value)


def test_no_freqtrade_and_no_file_are_missing_sources(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE fills (id INTEGER)")
    for name, text in (("other.db", "lacks the table 'trades'"), ("gone.db", "no database")):
        settings = FreqtradeSettings("bot", f"sqlite:///{tmp_path}/{name}", "main")
        with pytest.raises(SourceMissing, match=text):
            asyncio.run(FreqtradeBook(settings, Noon()).fetch(Ask("positions")))
    assert not (tmp_path / "gone.db").exists()


def test_edge_05_a_database_that_fails_is_never_flat(file_db: Database, tmp_path: Path) -> None:
    file_db.trade(1)
    (tmp_path / "tradesv3.sqlite").write_bytes(b"SQLite format 3\0" + b"\1" * 4096)
    for each in ("tradesv3.sqlite-wal", "tradesv3.sqlite-shm"):
        (tmp_path / each).unlink(missing_ok=True)
    with pytest.raises(SourceError, match="the database refused"):
        ask(file_db, "positions")


def test_a_locked_database_is_an_error_in_time(file_db: Database, tmp_path: Path) -> None:
    file_db.run("PRAGMA journal_mode=delete")
    with closing(sqlite3.connect(tmp_path / "tradesv3.sqlite", isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(SourceError, match=r"locked|did not answer"):
            ask(file_db, "positions", settings={"timeout": 0.2})
        writer.execute("ROLLBACK")


def test_paper_trades_are_refused_unless_said_otherwise(db: Database) -> None:
    db.trade(1)
    db.order(1, 1, "buy", order_id="dry_run_buy_BTC/USDT_1763629200.0")
    with pytest.raises(SourceError, match="1 of 1 orders are paper trades"):
        ask(db, "positions")
    assert len(ask(db, "positions", settings={"dry_run": True}).records) == 1


def test_what_it_does_not_know_is_an_error(file_db: Database) -> None:
    with pytest.raises(SourceError, match="freqtrade has no pnl"):
        ask(file_db, "pnl")


def test_the_version_changes_with_any_row(db: Database) -> None:
    db.trade(1)
    db.order(1, 1, "buy", status="open", ft_is_open=True, filled=0.1)
    before = version(db)
    assert version(db) == before
    db.run("UPDATE orders SET filled = 0.2")
    assert version(db) != before


def test_the_venue_may_be_called_otherwise(db: Database) -> None:
    db.trade(1, exchange="gate")
    assert column(ask(db, "positions", settings={"venue": "gateio"}), "venue") == ["gateio"]


def test_edge_14_trades_on_another_exchange_are_left_out(db: Database) -> None:
    db.trade(1, exchange="kraken")
    db.order(1, 1, "buy")
    with pytest.raises(SourceError, match="trades on kraken, and none on binance"):
        ask(db, "positions", settings={"venue": "binance"})
    db.trade(2, "ETH/USDT")
    db.order(2, 2, "buy", ft_pair="ETH/USDT")
    settings = {"venue": "binance"}
    assert column(ask(db, "positions", settings=settings), "symbol") == ["ETH/USDT"]
    assert column(ask(db, "trades", settings=settings), "order_id") == ["V2"]
    assert asyncio.run(book(db, venue="binance").symbols()) == {"ETH/USDT"}


def test_without_an_account_records_name_none(db: Database) -> None:
    db.trade(1)
    settings = FreqtradeSettings("bot", db.url)
    answer = asyncio.run(FreqtradeBook(settings, Noon()).fetch(Ask("positions")))
    assert answer.records[0].identity == {"venue": "binance", "leg": "net", "symbol": "BTC/USDT"}
