"""Every record type, every kind of source and the larger rules, from end to end."""

from __future__ import annotations

import csv
import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest
from integration.world import D1, D2, D3, World, cells, write_csv
from sqlalchemy import create_engine, text

from tieout.present import value_object


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


# SQL


def fill(url: str, rows: list[str]) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE TABLE fills (id TEXT, sym TEXT, bs TEXT, qty NUMERIC(38, 18), px TEXT,"
                " ts TEXT, day DATE)"
            )
        )
        for row in rows:
            names = ("id", "sym", "bs", "qty", "px", "ts", "day")
            values = dict(zip(names, [cell.strip() for cell in row.split("|")], strict=True))
            insert = "INSERT INTO fills VALUES (:id, :sym, :bs, :qty, :px, :ts, :day)"
            connection.execute(text(insert), values)
    engine.dispose()


FILLS = [
    "T1 | AAPL | B | 100 | 190.5 | 2026-03-02 09:00:00 | 2026-03-02",
    "T2 | AAPL | S | 0.000000000000000001 | 190.5 | 2026-03-02 09:00:00 | 2026-03-02",
    "T3 | AAPL | S | 7 | 190.5 | 2026-03-02 09:00:00 | 2026-03-02",
    "T4 | AAPL | S | 7 | 190.5 | 2026-03-03 09:00:00 | 2026-03-03",
]
MAPPING = (
    "columns: {trade_id: id, symbol: sym, side: bs, quantity: qty, price: px, timestamp: ts},"
    " values: {side: {B: buy, S: sell}}, timezone: UTC"
)
BOOK = """
    trade_id, side, quantity, price
    T1,       buy,  100,      190.50
    T2,       sell, 0.000000000000000001, 190.5
    T3,       sell, 8,        190.5
"""


def check_fills(world: World, url: str, quantity: str) -> None:
    query = f"SELECT id, sym, bs, {quantity} AS qty, px, ts FROM fills WHERE day = :business_date"
    world.external = f'type: sql, url: "{url}", query: "{query}", {MAPPING}'
    ran = world.run(BOOK, None)
    assert (ran.shown, ran.counts, ran.reasons) == (["QUANTITY T3"], "2 matched 1 new", "")
    assert ran.row.external is not None
    assert ran.row.external.rows == 3
    assert len(ran.row.inputs[1].sha256) == 64
    ran = world.run("trade_id, side, quantity, price\n T3, sell, 7, 190.5", None, day=D2)
    assert (ran.shown, ran.counts) == (["MISSING_INTERNAL T4"], "1 matched 1 new 1 cleared")


def test_a_query_on_sqlite(world: World) -> None:
    url = f"sqlite:///{world.folder / 'fills.db'}"
    fill(url, FILLS)
    # NUMERIC comes back as REAL: the cast happens where the text still is one.
    with sqlite3.connect(world.folder / "fills.db") as connection:
        connection.execute("UPDATE fills SET qty = '0.000000000000000001' WHERE id = 'T2'")
    connection.close()
    check_fills(
        world, url, "CASE id WHEN 'T2' THEN '0.000000000000000001' ELSE CAST(qty AS TEXT) END"
    )


def test_a_query_on_postgresql(world: World, postgres_url: str) -> None:
    fill(postgres_url, FILLS)
    check_fills(world, postgres_url, "qty")


def test_a_query_that_fails_is_a_source_failure(world: World) -> None:
    url = f"sqlite:///{world.folder / 'fills.db'}"
    fill(url, FILLS)
    world.external = f'type: sql, url: "{url}", query: "SELECT * FROM trades"'
    ran = world.run(BOOK, None)
    assert (ran.row.status, ran.row.external) == ("failed", None)
    assert "no such table" in ran.reasons
    world.external = (
        f'type: sql, url: "{url}", query: "SELECT * FROM fills WHERE id IS NULL", {MAPPING}'
    )
    assert world.run(BOOK, None).row.status in ("failed", "incomplete")
    world.external = "type: sql, url: 'postgresql+psycopg://u@127.0.0.1:1/x', query: SELECT 1"
    ran = world.run(BOOK, None)
    assert ran.row.status == "failed"


# Three-way


PNL = "pnl: {type: file, path: pnl.csv, records: pnl}"


def test_the_seeds_three_files_as_given(world: World) -> None:
    """The example row T001 is flagged, as the formula was given."""
    world.more = PNL
    world.rules += (
        ", compare: {price: {within: '0.005'}, timestamp: {within: 100ms}},"
        " checks: [{pnl: as-given, source: pnl, on: [trade_id]}]"
    )
    pnl = [["trade_id", "pnl_impact", "commission"], ["T001", "95.00", "0.5"]]
    write_csv(world.folder / "pnl.csv", pnl)
    table = """
        trade_id, quantity, price,  timestamp
        T001,     100,      190.50, 2025-07-26T10:01:23Z
        T002,     100,      190.50, 2025-07-26T10:01:24Z
        T003,     50,       400.50, 2025-07-26T10:01:24Z
    """
    other = """
        trade_id, quantity, price,  timestamp
        T001,     100,      190.50, 2025-07-26T10:01:22.900Z
        T002,     110,      190.50, 2025-07-26T10:01:22.900Z
        T004,     110,      190.50, 2025-07-26T10:01:22.900Z
    """
    ran = world.run(table, other)
    assert ran.shown == [
        "MISSING_EXTERNAL T003",
        "MISSING_INTERNAL T004",
        "PNL T001",
        "QUANTITY T002",
    ]
    (difference,) = ran.of("T001").content["differences"]
    assert difference == {
        "field": "pnl_impact",
        "internal": "19049.5",
        "external": "95",
        "difference": "18954.5",
    }
    assert {each["field"] for each in ran.of("T002").content["differences"]} == {
        "quantity",
        "timestamp",
    }


def test_the_cash_check_has_signs_and_multipliers(world: World) -> None:
    world.more = PNL + "\ninstruments: {type: file, path: instruments.csv, records: instruments}"
    world.rules += (
        ", checks: [{pnl: cash, source: pnl, on: [trade_id], tolerance: '0.01'}],"
        " instruments: instruments"
    )
    write_csv(world.folder / "instruments.csv", [["symbol", "multiplier"], ["ESH6", "50"]])
    pnl = """
        trade_id, pnl_impact, commission
        T1,       -500.5,     0.5
        T2,       499.49,     0.5
        T3,       499.48,     0.5
        T4,       -25000.5,   0.5
    """
    write_csv(world.folder / "pnl.csv", cells(pnl, "pnl"))
    table = """
        trade_id, side, symbol, quantity, price
        T1,       buy,  AAPL,   50,       10
        T2,       sell, AAPL,   50,       10
        T3,       sell, AAPL,   50,       10
        T4,       buy,  ESH6,   50,       10
        T5,       buy,  AAPL,   50,       10
    """
    ran = world.run(table, table)
    assert (ran.shown, ran.counts) == (["PNL T3"], "4 matched 1 new")


def test_a_pnl_break_stays_while_nothing_shows_that_it_is_gone(world: World) -> None:
    world.more = PNL[:-1] + ", allow_empty: true}"
    world.internal = world.external = "allow_empty: true"
    world.rules += ", checks: [{pnl: as-given, source: pnl}]"
    header = ["trade_id", "pnl_impact"]
    write_csv(world.folder / "pnl.csv", [header, ["T1", "5"]])
    table = "trade_id\n T1"
    first = world.run(table, table).of("T1")
    write_csv(world.folder / "pnl.csv", [header])
    ran = world.run("trade_id", "trade_id", day=D2)
    assert (ran.shown, ran.counts) == (["PNL T1"], "1 carried")
    write_csv(world.folder / "pnl.csv", [header, ["T1", "10"]])
    ran = world.run("trade_id", "trade_id", day="2026-03-04")
    assert (ran.shown, ran.counts) == ([], "1 matched 1 cleared")
    assert world.events(first.id) == ["opened", "cleared"]


@pytest.mark.parametrize("row", [None, ["T1", "", "0"], ["T1", "10", ""]])
@pytest.mark.parametrize("day", [D1, D2])
@pytest.mark.parametrize("again", [True, False])
def test_a_pnl_break_stays_where_its_check_cannot_be_made_any_more(
    world: World, row: list[str] | None, day: str, again: bool
) -> None:
    """Also where the trades come again and agree. T2 has no row either, and broke nothing."""
    world.internal = world.external = "allow_empty: true"
    world.more = PNL
    world.rules += ", checks: [{pnl: as-given, source: pnl}]"
    header, other = ["trade_id", "pnl_impact", "commission"], ["T9", "1", "0"]
    write_csv(world.folder / "pnl.csv", [header, ["T1", "5", "0"], other])
    table = "trade_id\n T1\n T2"
    first = world.run(table, table).of("T1")
    write_csv(world.folder / "pnl.csv", [header, *([row] if row else []), other])
    now = table if again or day == D1 else "trade_id"
    ran = world.run(now, now, day=day)
    assert ran.shown == ["PNL T1"]
    assert ran.row.breaks.carried == 1
    assert ran.row.counts.matched == (1 if now == table else 0)
    write_csv(world.folder / "pnl.csv", [header, ["T1", "10", "0"], other])
    ran = world.run("trade_id", "trade_id", day=D3)
    assert ran.shown == []
    assert world.events(first.id) == ["opened", "cleared"]


def test_a_pnl_break_clears_with_its_trade(world: World) -> None:
    """The day is sent again without it: nothing is left to check."""
    world.more = PNL
    world.rules += ", checks: [{pnl: as-given, source: pnl}]"
    header = ["trade_id", "pnl_impact"]
    write_csv(world.folder / "pnl.csv", [header, ["T1", "5"], ["T2", "10"]])
    world.run("trade_id\n T1\n T2", "trade_id\n T1\n T2")
    write_csv(world.folder / "pnl.csv", [header, ["T2", "10"]])
    ran = world.run("trade_id\n T2", "trade_id\n T2")
    assert (ran.shown, ran.counts) == ([], "1 matched 1 cleared")


def test_a_quantity_break_clears_without_a_row_for_its_check(world: World) -> None:
    world.more = PNL
    world.rules += ", checks: [{pnl: as-given, source: pnl}]"
    write_csv(world.folder / "pnl.csv", [["trade_id", "pnl_impact"], ["T9", "5"]])
    assert world.run("trade_id\n T1", "trade_id, quantity\n T1, 2").shown == ["QUANTITY T1"]
    ran = world.run("trade_id\n T1", "trade_id\n T1")
    assert (ran.shown, ran.counts) == ([], "1 matched 1 cleared")


# Other record types


def test_positions(tmp_path: Path) -> None:
    world = World(
        tmp_path,
        records="positions",
        rules="compare: {quantity: {relative: 0.1%}, average_price: {within: '0.01'}}",
    )
    ran = world.run(
        """
        account, symbol, leg,   quantity, average_price
        A,       BTC,    long,  10,       100
        A,       BTC,    short, -4,       100
        A,       ETH,    net,   5,        20.01
        A,       SOL,    net,   5,        20
        A,       XRP,    net,   0,
        B,       BTC,    long,  10,       100
        """,
        """
        account, symbol, leg,   quantity, average_price
        A,       BTC,    long,  10.01,    100
        A,       BTC,    short, -3,       100
        A,       ETH,    net,   5,        20
        A,       SOL,    net,   5,        20.02
        """,
    )
    assert ran.shown == ["COST_BASIS SOL", "MISSING_EXTERNAL BTC", "QUANTITY BTC"]
    assert ran.row.counts.matched == 3
    assert ran.row.counts.within_tolerance == 2
    (leg,) = [r for r in ran.breaks.values() if r.content["kind"] == "QUANTITY"]
    assert leg.content["key"]["leg"] == "short"
    (missing,) = [r for r in ran.breaks.values() if r.content["kind"] == "MISSING_EXTERNAL"]
    assert (missing.content["severity"], missing.content["key"]["account"]) == ("critical", "B")


def test_balances(tmp_path: Path) -> None:
    world = World(tmp_path, records="balances", rules="compare: {total: {within: '0.01'}}")
    ran = world.run(
        "wallet, currency, total\n spot, USD, 100\n spot, BTC, 1\n futures, USD, 5\n spot, EUR, 1",
        "wallet, currency, total\n spot, USD, 100.01\n spot, BTC, 2\n futures, USD, 5",
    )
    assert ran.shown == ["BALANCE BTC", "MISSING_EXTERNAL EUR"]
    assert ran.of("BTC").value_currency == "BTC"


def test_orders(tmp_path: Path) -> None:
    world = World(tmp_path, records="orders", rules="match: [{on: [order_id]}]")
    ran = world.run(
        """
        order_id, side, quantity, filled, status
        O1,       buy,  10,       5,      open
        O2,       buy,  10,       0,      cancelled
        O3,       buy,  10,       10,     filled
        O4,       sell, 10,       0,      open
        O5,       buy,  10,       0,      open
        O6,       buy,  10,       12,     filled
        """,
        """
        order_id, side, quantity, filled, status
        O1,       buy,  10,       5,      Partially Filled
        O2,       buy,  10,       10,     filled
        O3,       buy,  10,       11,     filled
        O4,       buy,  10,       0,      NEW
        O6,       buy,  10,       12,     filled
        """,
    )
    assert ran.shown == [
        "MISSING_EXTERNAL O5",
        "OVERFILL O3",
        "OVERFILL O6",
        "SIDE O4",
        "STATUS O1",
        "STATUS O2",
    ]
    assert ran.of("O2").content["severity"] == "critical"


def test_movements_are_carried_like_trades(tmp_path: Path) -> None:
    world = World(tmp_path, records="movements", rules="match: [{on: [movement_id]}]")
    world.internal = world.external = "allow_empty: true"
    ran = world.run(
        "movement_id, type, amount\n M1, fee, -1\n M2, funding, -0.5\n M3, transfer, 100",
        "movement_id, type, amount\n M1, fee, -1\n M2, funding, 0.5",
    )
    assert len(ran.shown) == 2
    assert "MISSING_EXTERNAL M3" in ran.shown
    kind = ran.of("M2").content["kind"]
    ran = world.run("movement_id, amount", "movement_id, type, amount\n M3, transfer, 100", day=D2)
    assert (ran.shown, ran.counts) == ([f"{kind} M2"], "1 matched 1 carried 1 cleared")


def test_pnl_against_pnl(tmp_path: Path) -> None:
    world = World(tmp_path, records="pnl", rules="match: [{on: [trade_id]}]")
    ran = world.run("trade_id, pnl_impact\n T1, 5\n T2, 7", "trade_id, pnl_impact\n T1, 5\n T2, 8")
    assert (ran.shown, ran.counts) == (["PNL T2"], "1 matched 1 new")


# Larger rules


def test_tolerances_of_three_thousand_symbols_come_from_a_table(world: World) -> None:
    """Symbol n may be n thousandths off; every second symbol is one thousandth further off."""
    lines = [f"S{n},price,within,0.{n:04}" for n in range(3_000)]
    (world.folder / "overrides.csv").write_text(
        "\n".join(["symbol,column,measure,amount", *lines]) + "\n"
    )
    world.rules += ", overrides: overrides.csv"
    header = "trade_id, symbol, price\n"
    internal = header + "".join(f"T{n}, S{n}, 10\n" for n in range(3_000))
    external = header + "".join(
        f"T{n}, S{n}, {10 + (n + n % 2) // 10_000}.{(n + n % 2) % 10_000:04}\n"
        for n in range(3_000)
    )
    ran = world.run(internal, external)
    assert ran.row.counts.matched == 1_500
    assert ran.row.counts.within_tolerance == 1_499  # S0 does not differ
    assert len(ran.breaks) == 1_500
    assert {row.content["kind"] for row in ran.breaks.values()} == {"PRICE"}
    assert all(int(row.content["key"]["symbol"][1:]) % 2 for row in ran.breaks.values())


def test_later_passes_take_what_the_stricter_ones_left(world: World) -> None:
    world.rules = (
        "match: [{on: [trade_id]}, {on: [order_id, symbol, side, quantity]},"
        " {on: [client_order_id]}], ignore: [trade_id]"
    )
    ran = world.run(
        """
        trade_id, order_id, client_order_id, side, quantity
        T1,       O1,       C1,              buy,  1
        T2,       O2,       C2,              buy,  2
        T3,       O3,       C3,              buy,  3
        T4,       O4,       C4,              buy,  4
        """,
        """
        trade_id, order_id, client_order_id, side, quantity
        T1,       O1,       C1,              buy,  1
        X2,       O2,       C2,              buy,  2
        X3,       O3,       C3,              buy,  33
        X5,       O5,       C5,              buy,  5
        """,
    )
    assert ran.shown == ["MISSING_EXTERNAL T4", "MISSING_INTERNAL X5", "QUANTITY T3"]
    assert ran.row.counts.matched == 2


def test_composite_keys_and_value_mapping_and_signed_quantities(world: World) -> None:
    world.rules = "match: [{on: [account, trade_id]}]"
    world.internal = "values: {side: {1: buy, 2: sell}}"
    world.external = "constants: {account: A}, quantity_sign: side"
    ran = world.run(
        "account, trade_id, side, quantity\n A, T1, 1, 5\n A, T2, 2, 5\n A, T3, 1, 5",
        "trade_id, quantity\n T1, 5\n T2, -5\n T3, -5",
    )
    assert (ran.shown, ran.row.counts.matched) == (["SIDE T3"], 2)


def test_cells_may_be_quoted_by_another_character_that_is_doubled_inside(world: World) -> None:
    names = ["O'Neill", 'a "b", c', "'", '"', "plain"]
    for path, quote in ((world.book, '"'), (world.broker, "'")):
        table = [["trade_id", "symbol", "quantity", "price", "timestamp"]]
        table += [[each, each, "1", "10", "2026-03-02T09:00:00Z"] for each in names]
        with (world.folder / path).open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, quotechar=quote).writerows(table)
    world.external = """quote: "'\""""
    ran = world.run()
    assert (ran.counts, ran.quarantine) == ("5 matched", [])


def test_many_files_by_a_pattern_and_the_same_file_twice(world: World) -> None:
    world.broker = "part-*.csv"
    header, *rows = cells("trade_id\n T1\n T2\n T3")
    for name, part in (
        ("part-1.csv", rows[:2]),
        ("part-2.csv", rows[2:]),
        ("part-3.csv", rows[2:]),
    ):
        write_csv(world.folder / name, [header, *part])
    ran = world.run("trade_id\n T1\n T2\n T3", None)
    assert (ran.shown, ran.counts) == ([], "3 matched")
    inputs = {each.name.rsplit("/", 1)[-1]: each for each in ran.row.inputs}
    assert inputs["part-3.csv"].repeats is not None


def test_severity_and_values_in_the_reporting_currency(world: World) -> None:
    world.more = "prices: {type: file, path: prices.csv, records: prices, max_age: 1h}"
    world.rules += ", prices: prices, reporting_currency: USD"
    prices = [["pair", "price", "as_of"], ["EUR/USD", "1.1", "2026-03-02T17:30:00Z"]]
    write_csv(world.folder / "prices.csv", prices)
    table = "trade_id, price_currency, quantity, price\n T1, EUR, 10, 5"
    ran = world.run(table, "trade_id\n T2", at="2026-03-02T18:00:00Z")
    assert (ran.of("T1").value_amount, ran.of("T1").value_currency) == (55, "USD")
    assert value_object(ran.of("T1")) == {
        "amount": "55",
        "currency": "USD",
        "prices": [
            {"pair": None, "price": "5", "as_of": "2026-03-02T09:00:00.000000000Z"},
            {"pair": "EUR/USD", "price": "1.1", "as_of": "2026-03-02T17:30:00.000000000Z"},
        ],
    }
    assert ran.of("T2").value_amount is None  # no currency: unknown, never zero
    names = [Path(each.name).name for each in ran.row.inputs]
    assert (len(names), names[-1]) == (3, "prices.csv")
    stale = world.run(at="2026-03-02T18:30:01Z")
    assert stale.of("T1").value_amount is None
    (world.folder / "prices.csv").unlink()
    ran = world.run(at="2026-03-02T18:00:00Z")
    assert (ran.row.status, ran.of("T1").value_amount) == ("incomplete", None)
    assert "values are unknown" in ran.reasons


def test_differences_inside_tolerance_are_summed_by_pass_column_and_symbol(world: World) -> None:
    world.rules = (
        "match: [{on: [trade_id]}, {on: [order_id, symbol]}], compare: {price: {within: 1}}"
        ", ignore: [trade_id]"
    )
    ran = world.run(
        "trade_id, order_id, symbol, price\n T1, O1, A, 5\n T2, O2, A, 5\n T3, O3, A, 5\n"
        " T4, O4, B, 5\n T4, O4, B, 5.0\n T5, O5, B, 5",
        "trade_id, order_id, symbol, price\n T1, O1, A, 5.5\n T2, O2, A, 4\n V3, O3, A, 5.25\n"
        " T4, O4, B, 5.75\n T5, O5, B, 5",
    )
    assert [
        (each.step, each.column, each.symbol, each.pairs, each.largest, each.total)
        for each in ran.row.statistics
    ] == [
        (0, "price", "A", 2, Decimal(1), Decimal("1.5")),
        (0, "price", "B", 1, Decimal("0.75"), Decimal("0.75")),
        (1, "price", "A", 1, Decimal("0.25"), Decimal("0.25")),
    ]
