"""The same records give the same answer, however they come and however often."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from integration.world import D2, Cells, Ran, World, cells, write_csv

from tieout.core.canonical import dumps

INTERNAL = cells("""
    trade_id, symbol, side, quantity, price,     fee
    T1,       AAPL,   buy,  1,        10.005,    0.1
    T2,       MSFT,   sell, 2.5,      20,
    T3,       MSFT,   sell, 2.5,      20,        0.25
    T4,       NVDA,   buy,  0.000000000000000001, 30, 1
    T5,       NVDA,   buy,  7,        30,        1
    T5,       NVDA,   buy,  7,        30,        1
    T6,       TSLA,   buy,  7,        30,        1
    T6,       TSLA,   buy,  8,        30,        1
""")
EXTERNAL = cells("""
    trade_id, symbol, side, quantity, price,     fee
    T1,       AAPL,   buy,  1,        10,        0.1
    T2,       MSFT,   buy,  2.5,      20,
    T3,       MSFT,   sell, 2.5,      20,        0.5
    T5,       NVDA,   buy,  7,        31,        1
    T6,       TSLA,   buy,  7,        30,        1
    T7,       TSLA,   buy,  5,        30,        1
""")
EXPECTED = [
    "CONFLICT T6",
    "DUPLICATE T5",
    "FEE T3",
    "MISSING_EXTERNAL T4",
    "MISSING_INTERNAL T7",
    "PRICE T5",
    "SIDE T2",
]
NUMBERS = ("quantity", "price", "fee")


def objects(table: Cells) -> list[dict[str, object]]:
    """Rows as objects: numbers as decimals, empty cells as None."""
    header, *rows = table
    return [
        {
            name: None if not cell else Decimal(cell) if name in NUMBERS else cell
            for name, cell in zip(header, row, strict=True)
        }
        for row in rows
    ]


def arrow(table: Cells) -> pa.Table:
    types = [(name, pa.decimal128(38, 18) if name in NUMBERS else pa.string()) for name in table[0]]
    typed = pa.Table.from_pylist(objects(table), schema=pa.schema(types))
    at = typed.column_names.index("timestamp")
    times = pa.compute.strptime(typed["timestamp"], "%Y-%m-%dT%H:%M:%SZ", "ns")
    return typed.set_column(at, "timestamp", times.cast(pa.timestamp("ns", "UTC")))


def as_csv(world: World, name: str, table: Cells) -> str:
    write_csv(world.folder / f"{name}.csv", table)
    return f"type: file, path: {name}.csv"


def as_gzip(world: World, name: str, table: Cells) -> str:
    import gzip

    write_csv(world.folder / f"{name}.csv", table)
    plain = (world.folder / f"{name}.csv").read_bytes()
    (world.folder / f"{name}.csv.gz").write_bytes(gzip.compress(plain))
    return f"type: file, path: {name}.csv.gz"


def as_german(world: World, name: str, table: Cells) -> str:
    """Semicolons, decimal commas, another encoding, no zone, other names and another order."""
    header, *rows = table
    lines = [";".join(["Bemerkung", *reversed(header)])]
    for row in rows:
        shown = [
            cell.replace(".", ",").replace("Z", "") if column in (*NUMBERS, "timestamp") else cell
            for column, cell in zip(header, row, strict=True)
        ]
        lines.append(";".join(["Käufe", *reversed(shown)]))
    (world.folder / f"{name}.txt").write_bytes("\r\n".join(lines).encode("cp1252"))
    return f"type: file, path: {name}.txt, encoding: cp1252, timezone: UTC, decimal: ','"


def as_parquet(world: World, name: str, table: Cells) -> str:
    pq.write_table(arrow(table), world.folder / f"{name}.parquet", row_group_size=3)
    return f"type: file, path: {name}.parquet"


def as_json(world: World, name: str, table: Cells) -> str:
    rows = [
        "{"
        + ", ".join(
            f"{json.dumps(key)}: {cell if isinstance(cell, Decimal) else json.dumps(cell)}"
            for key, cell in row.items()
        )
        + "}"
        for row in objects(table)
    ]
    (world.folder / f"{name}.json").write_text(f'{{"data": [{", ".join(rows)}]}}')
    return f"type: file, path: {name}.json, record_path: data"


def as_sqlite(world: World, name: str, table: Cells) -> str:
    header, *rows = table
    with sqlite3.connect(world.folder / "trades.db") as connection:
        connection.execute(f"DROP TABLE IF EXISTS {name}")
        connection.execute(f"CREATE TABLE {name} ({', '.join(f'{c} TEXT' for c in header)})")
        places = ", ".join("?" * len(header))
        connection.executemany(
            f"INSERT INTO {name} VALUES ({places})",
            [[cell or None for cell in row] for row in rows],
        )
    connection.close()
    url = f"sqlite:///{world.folder / 'trades.db'}"
    return f"type: sql, url: '{url}', query: SELECT * FROM {name}"


WAYS: list[Callable[[World, str, Cells], str]] = [
    as_gzip,
    as_german,
    as_parquet,
    as_json,
    as_sqlite,
]
FRAMES: dict[str, Callable[[pa.Table], object]] = {
    "arrow": lambda table: table,
    "polars": pl.from_arrow,
    "pandas": lambda table: table.to_pandas(types_mapper=pd.ArrowDtype),
    "dicts": lambda table: table.to_pylist(),
}


def contents(ran: Ran) -> dict[str, str]:
    return {id_: dumps(row.content) for id_, row in ran.breaks.items()}


def run_as(
    tmp_path: Path, way: Callable[[World, str, Cells], str], frames: dict[str, object] | None = None
) -> Ran:
    folder = tmp_path / getattr(way, "__name__", "way")
    folder.mkdir()
    world = World(folder, rules="match: [{on: [trade_id]}], compare: {price: {within: '0.005'}}")
    world.internal, world.external = way(world, "book", INTERNAL), way(world, "broker", EXTERNAL)
    return world.run(frames=frames)


@pytest.fixture
def plain(tmp_path: Path) -> Ran:
    ran = run_as(tmp_path, as_csv)
    assert ran.shown == EXPECTED
    assert ran.row.counts.within_tolerance == 1
    return ran


@pytest.mark.parametrize("way", WAYS)
def test_every_kind_of_file_gives_the_same_breaks(
    tmp_path: Path, plain: Ran, way: Callable[[World, str, Cells], str]
) -> None:
    ran = run_as(tmp_path, way)
    assert contents(ran) == contents(plain)
    assert ran.row.counts == plain.row.counts


@pytest.mark.parametrize("frame", FRAMES)
def test_every_kind_of_frame_gives_the_same_breaks(tmp_path: Path, plain: Ran, frame: str) -> None:
    frames = {
        "book": FRAMES[frame](arrow(INTERNAL)),
        "broker": FRAMES[frame](arrow(EXTERNAL)),
    }
    ran = run_as(tmp_path, lambda world, name, table: "type: frame", frames)
    assert contents(ran) == contents(plain)
    assert ran.row.counts == plain.row.counts


def test_a_source_of_each_kind_with_one_description_gives_the_same_digest(
    tmp_path: Path, plain: Ran
) -> None:
    """The digest is of the answer and the rules: not of files, times or runs."""
    digests = {
        run_as(tmp_path, way).row.digest for way in (as_gzip, as_parquet, as_json, as_sqlite)
    }
    assert digests == {plain.row.digest}


def test_the_order_of_rows_changes_nothing(tmp_path: Path, plain: Ran) -> None:
    def reversed_csv(world: World, name: str, table: Cells) -> str:
        header, *rows = table
        return as_csv(world, name, [header, *reversed(rows)])

    ran = run_as(tmp_path, reversed_csv)
    assert (contents(ran), ran.row.digest) == (contents(plain), plain.row.digest)


def test_the_same_inputs_again_are_a_new_run_without_history(tmp_path: Path) -> None:
    world = World(tmp_path)
    write_csv(tmp_path / "book.csv", INTERNAL)
    write_csv(tmp_path / "broker.csv", EXTERNAL)
    first = world.run()
    histories = {id_: world.history(id_) for id_ in first.breaks}
    for day in (None, None, D2):  # the next day, with the same files, is no news either
        again = world.run() if day is None else world.run(day=day)
        assert again.row.run_id != first.row.run_id
        assert again.row.digest == first.row.digest
        assert again.row.breaks.carried == again.row.breaks.open == len(EXPECTED) + 1
        assert {id_: world.history(id_) for id_ in first.breaks} == histories
    assert len(world.runs()) == 4


def test_the_digest_changes_with_the_records_and_with_the_rules(tmp_path: Path) -> None:
    world = World(tmp_path)
    table = "trade_id, quantity\n T1, 1"
    first = world.run(table, "trade_id, quantity\n T1, 2")
    other = world.run(table, "trade_id, quantity\n T1, 3")
    world.rules += ", compare: {quantity: {within: 1}}"
    tolerant = world.run()
    assert len({first.row.digest, other.row.digest, tolerant.row.digest}) == 3
    assert first.row.rules_digest == other.row.rules_digest != tolerant.row.rules_digest


def test_a_run_keeps_the_hashes_of_its_inputs_and_its_policy(tmp_path: Path) -> None:
    from hashlib import sha256

    world = World(tmp_path)
    world.rules += ", policy: [{when: {severity: critical}, do: halt}]"
    table = "trade_id\n T1"
    row = world.run(table, table).row
    assert [each.sha256 for each in row.inputs] == [
        sha256((tmp_path / name).read_bytes()).hexdigest() for name in ("book.csv", "broker.csv")
    ]
    (stored,) = world.runs()
    assert stored.inputs == row.inputs
    assert stored.policy[0]["do"] == "halt"
