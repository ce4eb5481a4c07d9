"""The same beliefs, put into every kind of book."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa
from integration.freqtrade_db import Database, database

from tieout.adapters.books.engine import EngineBook
from tieout.adapters.books.freqtrade import FreqtradeBook, FreqtradeSettings
from tieout.adapters.books.ledger import LedgerBook
from tieout.adapters.books.query import Query, QueryBook
from tieout.adapters.sql.source import SqlSettings, SqlSource
from tieout.adapters.store import open_store
from tieout.core.canonical import moment, nanoseconds
from tieout.core.journal import journal_entry
from tieout.core.model import Quarantined
from tieout.core.read import Reading
from tieout.core.schema import RECORD_TYPES
from tieout.errors import SourceError
from tieout.ports import Book, Store
from tieout.testing.book import MemoryBook

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECOND = 1_000_000_000


class Noon:
    """A clock that moves a microsecond at each look."""

    def __init__(self) -> None:
        self._at = NOON

    def now(self) -> datetime:
        self._at += timedelta(microseconds=1)
        return self._at


def at(seconds: float) -> int:
    """Nanoseconds, so many seconds after 11:00."""
    return nanoseconds(NOON - timedelta(hours=1) + timedelta(seconds=seconds))


class Holder(Protocol):
    """A book, and how to make it believe something. All of it is of account main at binance.

    Attributes:
        can_be_empty: an empty book is a flat one, and not a source that failed.
    """

    book: Book
    can_be_empty: bool

    def position(self, symbol: str, quantity: str) -> None: ...

    def order(self, order_id: str, symbol: str, status: str, touched: int) -> None:
        """To buy 1 at 10; `touched` in UTC nanoseconds."""
        ...

    def trade(self, order_id: str, symbol: str, time: int) -> None:
        """1 bought at 10 at `time`, UTC nanoseconds."""
        ...

    def spoil(self, symbol: str) -> None:
        """Hold a position of `symbol` that nobody can read."""
        ...

    def break_(self) -> None:
        """Let every question fail from now on."""
        ...


class InMemory:
    can_be_empty = True

    def __init__(self) -> None:
        self.book = MemoryBook(Noon(), venue="binance")

    def position(self, symbol: str, quantity: str) -> None:
        self.book.add("positions", {"symbol": symbol, "leg": "net", "quantity": Decimal(quantity)})

    def order(self, order_id: str, symbol: str, status: str, touched: int) -> None:
        row = {"order_id": order_id, "symbol": symbol, "side": "buy", "status": status}
        self.book.add("orders", {**row, "quantity": Decimal(1), "updated_at": touched})

    def trade(self, order_id: str, symbol: str, time: int) -> None:
        row = {"trade_id": f"f{order_id}", "order_id": order_id, "symbol": symbol, "side": "buy"}
        numbers = {"quantity": Decimal(1), "price": Decimal(10)}
        self.book.add("trades", {**row, **numbers, "timestamp": time})

    def spoil(self, symbol: str) -> None:
        self.book.quarantine(
            Quarantined("book", "p", 9, "no number", "x", values={"symbol": symbol})
        )

    def break_(self) -> None:
        self.book.fail(SourceError("gone"))


class InFreqtrade:
    can_be_empty = True

    def __init__(self, db: Database) -> None:
        self.db = db
        self.book = FreqtradeBook(FreqtradeSettings("bot", db.url, "main"), Noon())
        self._trades = 0
        self._orders = 0

    def position(self, symbol: str, quantity: str) -> None:
        self._trades += 1
        amount = float(quantity)
        self.db.trade(self._trades, symbol, amount=abs(amount), is_short=amount < 0)

    def order(self, order_id: str, symbol: str, status: str, touched: int) -> None:
        self._order(order_id, symbol, touched, status, filled=0.0)

    def trade(self, order_id: str, symbol: str, time: int) -> None:
        self._order(order_id, symbol, time, "filled", filled=1.0)

    def _order(self, order_id: str, symbol: str, time: int, status: str, filled: float) -> None:
        self._orders += 1
        self._trades += 1
        self.db.trade(self._trades, symbol, is_open=False)
        touched = moment(time).replace(tzinfo=None)
        self.db.order(
            self._orders,
            self._trades,
            "buy",
            order_id=order_id,
            ft_pair=symbol,
            status={"filled": "closed"}.get(status, status),
            ft_is_open=status == "open",
            amount=1.0,
            filled=filled,
            average=10.0,
            order_filled_date=touched if filled else None,
            order_update_date=touched,
        )

    def spoil(self, symbol: str) -> None:
        self.position(symbol, "1")
        amount = "'much'" if self.db.engine.name == "sqlite" else "'NaN'"
        self.db.run(f"UPDATE trades SET amount = {amount} WHERE id = {self._trades}")

    def break_(self) -> None:
        self.db.run("DROP TABLE orders")


class InAnEngine:
    can_be_empty = True

    def __init__(self) -> None:
        self.positions: list[Any] = []
        self.orders: list[Any] = []
        self.fills: list[Any] = []
        self.broken = False
        self.book = EngineBook(self, name="engine", account="main", venue="binance", clock=Noon())

    def _given(self, rows: list[Any]) -> list[Any]:
        if self.broken:
            raise ConnectionError("gone")
        return rows

    async def get_positions(self) -> list[Any]:
        return self._given(self.positions)

    async def get_account_info(self) -> Any:
        return {"balances": self._given([])}

    async def get_open_orders(self) -> list[Any]:
        return self._given(self.orders)

    async def get_fills(self, since: datetime | None) -> list[Any]:
        return [each for each in self._given(self.fills) if since is None or since <= each["time"]]

    def position(self, symbol: str, quantity: str) -> None:
        self.positions.append({"asset": symbol, "amount": quantity})

    def order(self, order_id: str, symbol: str, status: str, touched: int) -> None:
        row = {"id": order_id, "asset": symbol, "side": "buy", "amount": 1, "status": status}
        self.orders.append({**row, "updated_at": touched})

    def trade(self, order_id: str, symbol: str, time: int) -> None:
        row = {"id": f"f{order_id}", "order_id": order_id, "asset": symbol, "side": "buy"}
        self.fills.append({**row, "amount": 1, "price": 10, "time": moment(time)})

    def spoil(self, symbol: str) -> None:
        self.position(symbol, "much")

    def break_(self) -> None:
        self.broken = True


class InADatabase:
    can_be_empty = False

    def __init__(self, url: str) -> None:
        self._engine = sa.create_engine(url, poolclass=sa.NullPool)
        self.run("CREATE TABLE p (symbol TEXT, quantity TEXT)")
        self.run("CREATE TABLE o (order_id TEXT, symbol TEXT, status TEXT, updated_at TEXT)")
        self.run("CREATE TABLE t (trade_id TEXT, order_id TEXT, symbol TEXT, timestamp TEXT)")
        bought = "'buy' AS side, '1' AS quantity"
        self.book = QueryBook(
            "oms",
            {
                "positions": self._query(url, "positions", "SELECT *, 'net' AS leg FROM p"),
                "orders": self._query(url, "orders", f"SELECT *, {bought} FROM o"),
                "trades": self._query(url, "trades", f"SELECT *, {bought}, '10' AS price FROM t"),
            },
            Noon(),
        )
        # A book that has nothing at all is a query that failed, unless it is said to be normal.
        self.position("DUST/USDT", "1")
        self.order("D", "DUST/USDT", "open", at(0))
        self.trade("D", "DUST/USDT", at(-60))

    @staticmethod
    def _query(url: str, records: str, query: str) -> Query:
        times = (
            {"formats": {}} if records == "positions" else {"timestamp": "ns", "updated_at": "ns"}
        )
        reading = Reading(
            "oms",
            RECORD_TYPES[records],
            constants={"account": "main", "venue": "binance"},
            forms={} if records == "positions" else times,
        )
        return Query(partial(_source, url, query), reading)

    def run(self, sql: str) -> None:
        with self._engine.begin() as connection:
            connection.exec_driver_sql(sql)

    def position(self, symbol: str, quantity: str) -> None:
        self.run(f"INSERT INTO p VALUES ('{symbol}', '{quantity}')")

    def order(self, order_id: str, symbol: str, status: str, touched: int) -> None:
        self.run(f"INSERT INTO o VALUES ('{order_id}', '{symbol}', '{status}', '{touched}')")

    def trade(self, order_id: str, symbol: str, time: int) -> None:
        self.run(f"INSERT INTO t VALUES ('f{order_id}', '{order_id}', '{symbol}', '{time}')")

    def spoil(self, symbol: str) -> None:
        self.position(symbol, "much")

    def break_(self) -> None:
        for table in "pot":
            self.run(f"DROP TABLE {table}")


class InTheLedger:
    """The journal, opened whole at a second before noon."""

    can_be_empty = True
    opened_at = nanoseconds(NOON) - SECOND

    def __init__(self, store: Store, url: str) -> None:
        self.journal = store.journal
        self._url = url
        self.book = LedgerBook("book", store.journal, clock=Noon(), account="main", venue="binance")
        self._open("positions", symbol="*", quantity=Decimal(0))
        self._open("balances", currency="*", total=Decimal(0))

    def _open(self, records: str, by: str = "ada", **values: Any) -> None:
        self._write(records, {**values, "as_of": self.opened_at}, opening=True, approved_by=by)

    def _write(self, records: str, values: dict[str, Any], **said: Any) -> None:
        own = {"account": "main", "venue": "binance", "source": "test"}
        self.journal.append([journal_entry(records, values, **own, **said)])

    def position(self, symbol: str, quantity: str) -> None:
        self._open("positions", symbol=symbol, leg="net", quantity=Decimal(quantity))

    def order(self, order_id: str, symbol: str, status: str, touched: int) -> None:
        row = {"order_id": order_id, "symbol": symbol, "side": "buy", "status": status}
        self._write("orders", {**row, "quantity": Decimal(1), "updated_at": touched})

    def trade(self, order_id: str, symbol: str, time: int) -> None:
        row = {"trade_id": f"f{order_id}", "order_id": order_id, "symbol": symbol, "side": "buy"}
        numbers = {"quantity": Decimal(1), "price": Decimal(10)}
        self._write("trades", {**row, **numbers, "timestamp": time})

    def spoil(self, symbol: str) -> None:
        """Two people opened it, each with another amount."""
        for by, quantity in (("ada", 1), ("bob", 2)):
            self._open("positions", by, symbol=symbol, leg="net", quantity=Decimal(quantity))

    def break_(self) -> None:
        engine = sa.create_engine(self._url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE journal RENAME TO lost")
        engine.dispose()


def _source(url: str, query: str) -> SqlSource:
    return SqlSource(SqlSettings("oms", url, query))


@contextmanager
def _memory(folder: Path) -> Iterator[Holder]:
    yield InMemory()


@contextmanager
def _engine(folder: Path) -> Iterator[Holder]:
    yield InAnEngine()


@contextmanager
def _freqtrade(folder: Path) -> Iterator[Holder]:
    with database(f"sqlite:///{folder}/tradesv3.sqlite") as db:
        yield InFreqtrade(db)


@contextmanager
def _query(folder: Path) -> Iterator[Holder]:
    holder = InADatabase(f"sqlite:///{folder}/oms.db")
    try:
        yield holder
    finally:
        holder._engine.dispose()


@contextmanager
def _ledger(folder: Path) -> Iterator[Holder]:
    url = f"sqlite:///{folder}/store.db"
    store = open_store(url)
    try:
        yield InTheLedger(store, url)
    finally:
        store.close()


HOLDERS: dict[str, Callable[[Path], Any]] = {
    "memory": _memory,
    "freqtrade": _freqtrade,
    "engine": _engine,
    "query": _query,
    "ledger": _ledger,
}
