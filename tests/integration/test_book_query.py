"""A database as a book, by one query for each kind of record."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import pytest

from tieout.adapters.books.query import Query, QueryBook
from tieout.adapters.frames import FrameSettings, FrameSource
from tieout.adapters.sql.source import SqlSettings, SqlSource
from tieout.config import parse
from tieout.core.canonical import nanoseconds
from tieout.core.live import Answer, Ask
from tieout.core.read import Reading
from tieout.core.schema import RECORD_TYPES
from tieout.errors import SourceError
from tieout.wiring.book import query_book

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
POSITIONS = "SELECT symbol, quantity FROM held"


class Noon:
    def now(self) -> datetime:
        return NOON


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "oms.db"
    run(
        path,
        """
        CREATE TABLE held (symbol TEXT, quantity TEXT, at TEXT);
        INSERT INTO held VALUES ('BTC/USDT', '0.30', '2026-11-20 11:59:58'), ('ETH/USDT', '-2', '');
        """,
    )
    return path


def run(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(sql)


def sql(path: Path, query: str, **settings: Any) -> Callable[[], SqlSource]:
    return lambda: SqlSource(SqlSettings("oms", f"sqlite:///{path}", query, **settings))


def book(path: Path, query: str = POSITIONS, **settings: Any) -> QueryBook:
    reading = {"constants": {"account": "main", "venue": "bybit"}, **settings.pop("reading", {})}
    source = settings.pop("source", {})
    records = settings.pop("records", "positions")
    each = Query(sql(path, query, **source), Reading("oms", RECORD_TYPES[records], **reading))
    return QueryBook("oms", {records: each}, Noon(), **settings)


def ask(opened: QueryBook, records: str = "positions", **question: Any) -> Answer:
    return asyncio.run(opened.fetch(Ask(records, **question)))


def test_a_snapshot_without_a_time_is_of_the_moment(database: Path) -> None:
    answer = ask(book(database))
    assert [(r.values["symbol"], r.values["quantity"]) for r in answer.records] == [
        ("BTC/USDT", Decimal("0.3")),
        ("ETH/USDT", Decimal(-2)),
    ]
    assert {r.values["as_of"] for r in answer.records} == {nanoseconds(NOON)}
    assert any("taken for the state of the moment" in note for note in answer.notes)
    assert answer.complete


def test_a_stated_time_stays(database: Path) -> None:
    query = "SELECT symbol, quantity, at AS as_of FROM held WHERE at <> ''"
    answer = ask(book(database, query, reading={"timezone": "UTC"}))
    assert [r.values["as_of"] for r in answer.records] == [nanoseconds(NOON) - 2_000_000_000]
    assert answer.notes == ()


def test_it_is_read_anew_each_time(database: Path) -> None:
    opened = book(database)
    first = ask(opened)
    run(database, "UPDATE held SET quantity = '0.4' WHERE symbol = 'BTC/USDT'")
    assert first.records[0].values["quantity"] == Decimal("0.3")
    assert ask(opened).records[0].values["quantity"] == Decimal("0.4")


def test_edge_05_no_rows_are_an_error_unless_they_are_normal(database: Path) -> None:
    run(database, "DELETE FROM held")
    with pytest.raises(SourceError, match="gave no rows"):
        ask(book(database))
    with pytest.raises(SourceError, match="gave no rows"):
        asyncio.run(book(database).version())
    assert ask(book(database, source={"allow_empty": True})).records == ()


def test_edge_05_a_query_that_fails_is_never_flat(database: Path) -> None:
    opened = book(database)
    run(database, "DROP TABLE held")
    with pytest.raises(SourceError, match="no such table"):
        ask(opened)
    with pytest.raises(SourceError, match="no such table"):
        asyncio.run(opened.version())


def test_a_query_that_takes_too_long_is_an_error(database: Path) -> None:
    slow = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000)"
        " SELECT symbol, quantity FROM held, (SELECT max(i) FROM n)"
    )
    with pytest.raises(SourceError, match=r"longer than 0\.05 s"):
        ask(book(database, slow, timeout=0.05))


def test_unreadable_rows_are_quarantined_and_skipped_ones_are_not(database: Path) -> None:
    run(database, "INSERT INTO held VALUES ('SOL/USDT', 'much', ''), ('TEST', '1', '')")
    answer = ask(book(database, reading={"skip": {"symbol": frozenset({"TEST"})}}))
    assert [r.values["symbol"] for r in answer.records] == ["BTC/USDT", "ETH/USDT"]
    assert [(q.field, q.values["symbol"]) for q in answer.quarantined] == [("quantity", "SOL/USDT")]
    assert not answer.complete


def test_rows_that_contradict_each_other_are_unreadable(database: Path) -> None:
    run(database, "INSERT INTO held VALUES ('BTC/USDT', '7', '')")
    answer = ask(book(database))
    assert [r.values["symbol"] for r in answer.records] == ["ETH/USDT"]
    assert len(answer.quarantined) == 2


def test_edge_15_trades_without_an_id_have_one_of_their_content(database: Path) -> None:
    run(
        database,
        """
        CREATE TABLE fills (symbol TEXT, side TEXT, quantity TEXT, price TEXT, timestamp TEXT);
        INSERT INTO fills VALUES ('BTC/USDT', 'B', '1', '5', '2026-11-20T11:00:00Z');
        INSERT INTO fills VALUES ('BTC/USDT', 'B', '1', '5', '2026-11-20T11:00:00Z');
        """,
    )
    opened = book(database, "SELECT * FROM fills", records="trades")
    ids = [r.identity["trade_id"] for r in ask(opened, "trades").records]
    assert len(set(ids)) == 2
    assert [r.identity["trade_id"] for r in ask(opened, "trades", since=0).records] == ids
    assert ask(opened, "trades", since=nanoseconds(NOON)).records == ()


def test_the_version_is_of_the_rows_in_any_order(database: Path) -> None:
    forward = asyncio.run(book(database, POSITIONS + " ORDER BY symbol").version())
    backward = asyncio.run(book(database, POSITIONS + " ORDER BY symbol DESC").version())
    assert forward == backward
    run(database, "UPDATE held SET quantity = '0.31' WHERE symbol = 'BTC/USDT'")
    assert asyncio.run(book(database).version()) != forward


def test_a_cheaper_version_may_be_asked_for(database: Path) -> None:
    opened = book(database, version=sql(database, "SELECT max(at) AS at FROM held"))
    before = asyncio.run(opened.version())
    run(database, "UPDATE held SET quantity = '0.31' WHERE symbol = 'BTC/USDT'")
    assert asyncio.run(opened.version()) == before
    run(database, "UPDATE held SET at = '2026-11-20 11:59:59' WHERE symbol = 'BTC/USDT'")
    assert asyncio.run(opened.version()) != before


def test_what_has_no_query_is_an_error(database: Path) -> None:
    with pytest.raises(SourceError, match="no orders"):
        ask(book(database), "orders")


def test_only_rows_can_be_a_book() -> None:
    class Framed(FrameSource):
        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None: ...

    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"symbol": ["A"], "quantity": ["1"]})
    query = Query(
        lambda: Framed(frame, FrameSettings("frame")), Reading("frame", RECORD_TYPES["positions"])
    )
    with pytest.raises(SourceError, match="row by row"):
        asyncio.run(QueryBook("frame", {"positions": query}, Noon()).fetch(Ask("positions")))


@pytest.mark.parametrize("told", [True, False])
def test_the_yaml_names_a_version_query(database: Path, told: bool) -> None:
    """With one, its rows alone say whether the book changed; without, all rows do."""
    run(database, "CREATE TABLE change (number REAL); INSERT INTO change VALUES (1)")
    version = "version: SELECT max(number) FROM change" if told else ""
    settings = parse(
        f"""version: 1
sources:
  oms:
    type: sql
    url: sqlite:///{database}
    query: {POSITIONS}
    constants: {{account: main, venue: bybit}}
    {version}
  bybit: {{type: venue, venue: bybit_perp, api_key: env:A, secret: env:B}}
reconciliations:
  positions: {{records: positions, internal: oms, external: bybit}}
""",
        environ={},
    )
    opened = query_book(settings.sources["oms"], "positions", Noon())
    assert len(ask(opened).records) == 2
    first = asyncio.run(opened.version())
    run(database, "UPDATE held SET quantity = '0.4'")
    second = asyncio.run(opened.version())
    assert (second == first) is told
    run(database, "UPDATE change SET number = 2")
    assert (asyncio.run(opened.version()) == second) is not told
    run(database, "DELETE FROM change; DROP TABLE change")
    if told:
        with pytest.raises(SourceError, match="no such table"):
            asyncio.run(opened.version())
