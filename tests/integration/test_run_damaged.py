"""A Parquet file with a damaged page: its footer is whole, so that only reading tells."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from integration.world import World, cells

ROWS = "\n".join(f"T{number}, {number}, {number * 3}.5" for number in range(1, 40))
TABLE = f"trade_id, quantity, price\n{ROWS}"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Its broker sends Parquet."""
    world = World(tmp_path, broker="broker.parquet")
    header, *rows = cells(TABLE)
    frame = pl.DataFrame(rows, schema=header, orient="row")
    frame.write_parquet(tmp_path / "broker.parquet", compression="snappy")
    world.write(TABLE)
    return world


def damage(path: Path) -> None:
    """Put zeros into the first page."""
    content = bytearray(path.read_bytes())
    content[60:80] = bytes(20)
    path.write_bytes(content)


@pytest.mark.parametrize("side", ["internal", "external"])
def test_a_damaged_page_fails_its_side_and_only_its_run(world: World, side: str) -> None:
    if side == "internal":
        world.book, world.broker = world.broker, world.book
    damage(world.folder / "broker.parquet")
    text = world.configure().read_text(encoding="utf-8")
    whole = "broker" if side == "internal" else "book"
    text += f"  other: {{records: trades, internal: {whole}, external: {whole}}}\n"
    world.folder.joinpath("two.yaml").write_text(text, encoding="utf-8")
    told = world.cli("run", "two.yaml", "--format", "json", code=2)
    failed, other = told.json
    assert (failed["status"], failed["matched"], failed[side]) == ("failed", 0, None)
    (reason,) = failed["reasons"]
    assert "broker.parquet is cut or damaged" in reason
    assert "fault of Tieout" not in told.err
    assert (other["status"], other["matched"]) == ("clean", 39)


def test_what_is_open_stays_open_where_a_page_is_damaged(world: World) -> None:
    world.write(TABLE + "\nT40, 40, 1")
    assert world.run().shown == ["MISSING_EXTERNAL T40"]
    damage(world.folder / "broker.parquet")
    ran = world.run()
    assert (ran.row.status, ran.shown, ran.counts) == (
        "failed",
        ["MISSING_EXTERNAL T40"],
        "1 carried",
    )


@pytest.mark.parametrize(("column", "status"), [("quantity", "failed"), ("desk", "clean")])
def test_the_damage_may_be_in_any_column_that_is_read(
    world: World, column: str, status: str
) -> None:
    """Beside the keys, whose join succeeds. One that nobody reads does no harm."""
    path = world.folder / "broker.parquet"
    frame = pl.read_parquet(path).with_columns(desk=pl.col("price") + "x")
    frame.write_parquet(path, compression="snappy")
    part = pq.read_metadata(path).row_group(0).column(frame.columns.index(column))
    start = part.dictionary_page_offset or part.data_page_offset
    content = bytearray(path.read_bytes())
    middle = start + part.total_compressed_size // 2
    content[middle : middle + 20] = bytes(20)
    path.write_bytes(content)
    assert world.run().row.status == status


def test_init_says_which_file_is_damaged(world: World) -> None:
    damage(world.folder / "broker.parquet")
    told = world.cli("init", "book.csv", "broker.parquet", "-o", "new.yaml", code=2)
    assert "broker.parquet is cut or damaged" in told.err
    assert "fault of Tieout" not in told.err
