"""Databases as sources: exact texts, nothing changed, errors without passwords."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from source_rows import DAY, cells_of, rows_of

from tieout.adapters.sql.source import SqlSettings, SqlSource
from tieout.core.scan import Batches, Controls, Scan, TextRow
from tieout.core.text import unreadable
from tieout.errors import MissingExtra, SourceError, SourceMissing


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    path = tmp_path / "book.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            """
            CREATE TABLE trades (id TEXT, q TEXT, p NUMERIC, n INTEGER, day TEXT);
            INSERT INTO trades VALUES ('A', '0.30000000000000000001', 1.005, 7, '2026-03-02');
            INSERT INTO trades VALUES ('B', NULL, 2, 9007199254740993, '2026-03-03');
            CREATE VIEW bought AS SELECT id, q FROM trades;
            CREATE TABLE no_trades (id TEXT);
            """
        )
    return f"sqlite:///{path}"


def source(url: str, query: str = "", **settings: Any) -> SqlSource:
    return SqlSource(SqlSettings("book", url, query, **settings))


def read(url: str, query: str = "", **settings: Any) -> list[tuple[str | None, ...] | str]:
    with source(url, query, **settings) as opened:
        return cells_of(opened.scan(business_date=DAY))


def columns(scan: Scan) -> tuple[str, ...]:
    assert isinstance(scan.rows, Batches)
    return scan.rows.columns


def test_texts_and_integers_come_as_they_are(sqlite_url: str) -> None:
    with source(sqlite_url, "SELECT id, q, n FROM trades ORDER BY id") as opened:
        scan = opened.scan(business_date=DAY)
        assert columns(scan) == ("id", "q", "n")
        assert rows_of(scan) == [
            TextRow(("A", "0.30000000000000000001", "7"), "query", 1),
            TextRow(("B", None, "9007199254740993"), "query", 2),
        ]


def test_binary_floats_are_refused_by_name_with_the_remedy(sqlite_url: str) -> None:
    """SQLite's NUMERIC comes back as REAL."""
    query = "SELECT id, p FROM trades ORDER BY id"
    with pytest.raises(SourceError, match="column 'p' holds binary floats") as caught:
        read(sqlite_url, query)
    assert "CAST(p AS TEXT)" in str(caught.value)
    assert read(sqlite_url, "SELECT CAST(p AS TEXT) AS p FROM trades ORDER BY id") == [
        ("1.005",),
        ("2",),
    ]
    assert read(sqlite_url, query, floats="shortest") == [("A", "1.005"), ("B", "2")]
    assert read(sqlite_url, query, used=frozenset({"id"})) == [("A", "1.005"), ("B", "2")]


def test_whole_floats_are_ids_where_text_is_read(sqlite_url: str) -> None:
    """As they are from Parquet and frames; any other float is no certain id."""
    query = "SELECT CAST(7 AS REAL) AS id, 1.5 AS ref, id AS name FROM trades ORDER BY name"
    unread = unreadable("it is the binary float 1.5, which is no certain text")
    texts = frozenset({"id", "ref", "name"})
    assert read(sqlite_url, query, texts=texts) == [("7", unread, "A"), ("7", unread, "B")]
    with pytest.raises(SourceError, match="column 'id' holds binary floats"):
        read(sqlite_url, query, texts=frozenset({"ref", "name"}))


def test_shortest_floats_are_announced(sqlite_url: str) -> None:
    with source(sqlite_url, "SELECT 1", floats="shortest") as opened:
        assert "shortest decimals" in opened.scan(business_date=DAY).notes[0]


def test_the_business_date_is_bound(sqlite_url: str) -> None:
    query = "SELECT id FROM trades WHERE day = :business_date"
    with source(sqlite_url, query) as opened:
        for day, found in ((2, "A"), (3, "B")):
            assert cells_of(opened.scan(business_date=date(2026, 3, day))) == [(found,)]


def test_another_parameter_is_an_error(sqlite_url: str) -> None:
    with pytest.raises(SourceError, match="the parameter :desk; only :business_date"):
        read(sqlite_url, "SELECT id FROM trades WHERE day > :business_date AND id = :desk")
    assert read(sqlite_url, r"SELECT '\:desk 10:30' AS x") == [(":desk 10:30",)]


@pytest.mark.parametrize("table", ["bought", "main.bought"])
def test_a_table_or_view_is_read_whole(table: str, sqlite_url: str) -> None:
    with source(sqlite_url, table=table) as opened:
        scan = opened.scan(business_date=DAY)
        assert columns(scan) == ("id", "q")
        assert [row.place for row in rows_of(scan)] == [table, table]


def test_what_is_not_there_is_missing(sqlite_url: str) -> None:
    with pytest.raises(SourceMissing, match="no table 'trade'") as caught:
        read(sqlite_url, table="trade")
    assert "trades" in str(caught.value)
    with pytest.raises(SourceMissing, match="no database") as caught:
        read(sqlite_url.replace("book.db", "boo.db"), "SELECT 1")
    assert "book.db" in str(caught.value)
    assert not Path(sqlite_url.removeprefix("sqlite:///")).with_name("boo.db").exists()


def test_no_rows_need_a_reason(sqlite_url: str) -> None:
    with pytest.raises(SourceError, match="gave no rows") as caught:
        read(sqlite_url, table="no_trades")
    assert "allow_empty: true" in str(caught.value)
    assert read(sqlite_url, table="no_trades", allow_empty=True) == []
    assert read(sqlite_url, table="no_trades", controls=Controls(rows=0)) == []
    assert read(sqlite_url, table="no_trades", is_holiday=lambda day: day == DAY) == []


def test_a_bad_query_says_what_the_database_says(sqlite_url: str) -> None:
    with pytest.raises(SourceError, match="no such column: quantity"):
        read(sqlite_url, "SELECT quantity FROM trades")
    with pytest.raises(SourceError, match="'id' more than once"):
        read(sqlite_url, "SELECT a.id, b.id FROM trades a, trades b")
    Path(sqlite_url.removeprefix("sqlite:///")).write_text("this is no database, surely not one")
    with pytest.raises(SourceError, match="not a database"):
        read(sqlite_url, "SELECT 1 FROM trades")


def test_bytes_are_unreadable_where_they_are_read(sqlite_url: str) -> None:
    query = "SELECT id, x'00ff' AS b FROM trades ORDER BY id"
    unread = unreadable("it is a bytes, which is no text, number or time")
    assert read(sqlite_url, query) == [("A", unread), ("B", unread)]


def test_the_rows_are_hashed(sqlite_url: str) -> None:
    query = "SELECT id\nFROM trades ORDER BY id"
    proofs = []
    for _ in range(2):
        with source(sqlite_url, query) as opened:
            scan = opened.scan(business_date=DAY)
            assert scan.inputs() == ()
            rows_of(scan)
            proofs += scan.inputs()
    assert proofs[0] == proofs[1]
    assert proofs[0].rows == 2
    assert proofs[0].name.endswith("book.db: SELECT id FROM trades ORDER BY id")
    with source(sqlite_url, query + " DESC") as opened:
        scan = opened.scan(business_date=DAY)
        rows_of(scan)
        assert scan.inputs()[0].sha256 != proofs[0].sha256


def test_a_scan_can_be_read_again(sqlite_url: str) -> None:
    with source(sqlite_url, "SELECT id FROM trades ORDER BY id") as opened:
        scan = opened.scan(business_date=DAY)
        assert rows_of(scan) == rows_of(scan)


def test_nothing_is_written(sqlite_url: str) -> None:
    with pytest.raises(SourceError, match="readonly"):
        read(sqlite_url, "DELETE FROM trades RETURNING id")
    assert len(read(sqlite_url, "SELECT id FROM trades")) == 2


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("oracel://u:hunter2@h/d", "no database driver for 'oracel'"),
        ("not a url hunter2", "the URL of the database cannot be read"),
        ("mysql+pymysql://u:hunter2@h/d", "the database driver 'pymysql' is not installed"),
        ("postgresql+psycopg://u:hunter2@127.0.0.1:1/d", "the database refused"),
    ],
)
def test_a_url_that_does_not_work_never_shows_its_password(url: str, what: str) -> None:
    with pytest.raises(SourceError) as caught:
        read(url, "SELECT 1")
    assert what in caught.value.what
    assert "hunter2" not in str(caught.value)


def test_a_missing_driver_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    with pytest.raises(MissingExtra, match="'book'") as caught:
        read("postgresql+psycopg://u@h/d", "SELECT 1")
    assert "tieout[postgres]" in str(caught.value)


# PostgreSQL


@pytest.fixture
def book(postgres_url: str) -> str:
    engine = sa.create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                """
                CREATE TABLE trades (id int, q numeric, p float8, at timestamptz, local timestamp,
                                     day date, flag boolean, ref uuid, more jsonb, raw bytea)
                """
            )
        )
        connection.execute(
            sa.text(
                """
                INSERT INTO trades VALUES
                (1, 12345678901234567890.123456789012345678, 0.1, '2026-03-02 09:00:00.123456+01',
                 '2026-03-02 09:00', '2026-03-02', true, '11111111-1111-1111-1111-111111111111',
                 '{"a": [1, "é"]}', 'x'),
                (2, 'NaN', NULL, NULL, NULL, '2026-03-03', NULL, NULL, NULL, NULL)
                """
            )
        )
    engine.dispose()
    return postgres_url


def test_postgres_values_are_exact_texts(book: str) -> None:
    query = "SELECT id, q, at, local, day::date, flag, ref, more FROM trades ORDER BY id"
    first, second = read(book, query)
    assert first[:2] == ("1", "12345678901234567890.123456789012345678")
    assert first[3:] == (
        "2026-03-02T09:00:00",
        "2026-03-02",
        "true",
        "11111111-1111-1111-1111-111111111111",
        '{"a":[1,"é"]}',
    )
    from tieout.core.text import parse_time

    assert parse_time(str(first[2]), "iso", None) == 1772438400_123456000
    assert second == ("2", "NaN", None, None, "2026-03-03", None, None, None)


def test_postgres_floats_and_bytes_are_refused(book: str) -> None:
    with pytest.raises(SourceError, match="column 'p' holds binary floats"):
        read(book, "SELECT p FROM trades ORDER BY id")
    assert read(book, "SELECT p FROM trades ORDER BY id", floats="shortest") == [("0.1",), (None,)]
    with source(book, "SELECT raw FROM trades ORDER BY id") as opened:
        rows = rows_of(opened.scan(business_date=DAY))
    unread = unreadable("it is a bytes, which is no text, number or time")
    assert rows[0] == TextRow((unread,), "query", 1)


def test_postgres_binds_the_business_date_and_reads_tables(book: str) -> None:
    assert read(book, "SELECT id FROM trades WHERE day = :business_date") == [("1",)]
    used = frozenset({"id"})
    assert [row[0] for row in read(book, table="public.trades", used=used)] == ["1", "2"]
    with pytest.raises(SourceMissing, match=r"no table 'public\.trade'"):
        read(book, table="public.trade")


def test_postgres_streams_and_ends_its_connections(book: str) -> None:
    query = "SELECT g AS id FROM generate_series(1, 10000) g"
    opened = source(book, query)
    scan = opened.scan(business_date=DAY)
    assert isinstance(scan.rows, Batches)
    batches = scan.rows.read()
    assert len(next(batches)) < 10_000
    batches.close()  # type: ignore[attr-defined]
    unread = opened.scan(business_date=DAY)
    assert isinstance(unread.rows, Batches)
    opened.close()
    count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    assert read(book, count) == [("1",)]


def test_postgres_is_not_written(book: str) -> None:
    """Not even by a function that the query calls."""
    engine = sa.create_engine(book)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE SEQUENCE ids"))
    engine.dispose()
    with pytest.raises(SourceError, match="read-only transaction"):
        read(book, "SELECT nextval('ids') AS id")
    assert read(book, "SELECT is_called FROM ids") == [("false",)]


def test_postgres_never_repeats_the_password(postgres_url: str) -> None:
    url = sa.make_url(postgres_url).set(password="hunter2", database="hunter2")
    with pytest.raises(SourceError, match=r'database "\*\*\*" does not exist'):
        read(url.render_as_string(hide_password=False), "SELECT 1")


def test_postgres_failing_in_the_middle_is_an_error(book: str) -> None:
    query = "SELECT 1 / (5000 - g) AS x FROM generate_series(1, 10000) g"
    with pytest.raises(SourceError, match="division by zero"):
        read(book, query)
