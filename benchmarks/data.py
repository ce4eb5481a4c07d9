"""Trades for the benchmarks: two sides of one day, with planted breaks, the same for one seed.

Every value is a function of the trade's number, so that files of any size need no table, and the
external side is in another order than the internal one. What is planted:

- of `breaks` in a million trades, a sixth each: missing externally, missing internally, another
  quantity, price, fee or time;
- one trade in a hundred has a price that differs inside the tolerance;
- with `duplicates` in a million, that many trades are in one of the sides twice.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

SEED: Final = 20260714
MILLION: Final = 1_000_000
DAY: Final = 1_753_488_000_000_000
"""2025-07-26T00:00:00Z in microseconds."""
PRICE_TOLERANCE: Final = "0.005"
COLUMNS: Final = ("trade_id", "symbol", "side", "quantity", "price", "fee", "timestamp")
KINDS: Final = 6
_LAST: Final = 23 * 3600 * MILLION
"""The day's last trade, in microseconds after its start."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A pair of files.

    Attributes:
        rows: trades. breaks, duplicates: how many of a million.
    """

    rows: int
    breaks: int = 3_000
    duplicates: int = 0
    format: str = "parquet"
    seed: int = SEED

    @property
    def name(self) -> str:
        return "-".join(str(each) for each in asdict(self).values())


@dataclass(frozen=True, slots=True)
class Files:
    """Where a dataset is, and how many rows each side has."""

    internal: Path
    external: Path
    internal_rows: int
    external_rows: int


def generate(dataset: Dataset, folder: Path) -> Files:
    """The dataset's files in `folder`, made if they are not there yet.

    DuckDB's `hash` is the source of chance, so its version is part of the place.
    """
    place = folder / f"duckdb-{duckdb.__version__}" / dataset.name
    internal, external = (place / f"{side}.{dataset.format}" for side in ("internal", "external"))
    facts = place / "facts.json"
    if not facts.exists():
        part = place.with_name(place.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        rows = _write(dataset, part)
        (part / facts.name).write_text(json.dumps(rows))
        shutil.rmtree(place, ignore_errors=True)
        part.rename(place)
    counted: dict[str, Any] = json.loads(facts.read_text())
    return Files(internal, external, counted["internal"], counted["external"])


def _write(dataset: Dataset, folder: Path) -> dict[str, int]:
    con = duckdb.connect(config={"temp_directory": str(folder / "spill"), "memory_limit": "3GB"})
    kept = "" if dataset.format == "parquet" else ", HEADER"
    counts = {}
    for side, sql in (("internal", _internal(dataset)), ("external", _external(dataset))):
        path = folder / f"{side}.{dataset.format}"
        con.execute(f"COPY ({sql}) TO '{path}' (FORMAT {dataset.format}{kept})")
        counts[side] = con.execute(f"SELECT count(*) FROM '{path}'").fetchall()[0][0]
    con.close()
    shutil.rmtree(folder / "spill", ignore_errors=True)
    return counts


def _trades(dataset: Dataset) -> str:
    """All trades with `kind`, 0 to 5 for a planted break, and `copies`, where they are twice."""

    def chance(stream: int) -> str:
        return f"hash(i + {dataset.seed + stream * 1_000_003_000_007})"

    step = max(_LAST // dataset.rows, 1)
    return (
        f"SELECT i, 'T' || lpad(i::VARCHAR, 9, '0') AS trade_id,"
        f" 'SYM' || lpad(({chance(1)} % 400)::VARCHAR, 3, '0') AS symbol,"
        f" CASE WHEN {chance(2)} % 2 = 0 THEN 'buy' ELSE 'sell' END AS side,"
        f" (({chance(3)} % 1000000) / 100.0 + 0.01)::DECIMAL(38,18) AS quantity,"
        f" (({chance(4)} % 10000000) / 10000.0 + 1)::DECIMAL(38,18) AS price,"
        f" (({chance(5)} % 10000) / 10000.0)::DECIMAL(38,18) AS fee,"
        f' make_timestamp({DAY} + i * {step}) AS "timestamp",'
        f" CASE WHEN {chance(6)} % {MILLION} < {dataset.breaks} THEN {chance(7)} % {KINDS} END"
        f" AS kind,"
        f" CASE WHEN {chance(8)} % {MILLION} < {dataset.duplicates} AND kind IS NULL"
        f" THEN {chance(9)} % 2 END AS copied, {chance(10)} AS place"
        f" FROM range({dataset.rows}) t(i)"
    )


def _internal(dataset: Dataset) -> str:
    columns = ", ".join(f'"{each}"' for each in COLUMNS)
    trades = f"({_trades(dataset)})"
    rows = f"SELECT {columns} FROM {trades} WHERE kind IS DISTINCT FROM 1"
    if dataset.duplicates:
        rows += f" UNION ALL SELECT {columns} FROM {trades} WHERE copied = 0"
    return rows


def _external(dataset: Dataset) -> str:
    trades = f"({_trades(dataset)})"
    rows = f"FROM {trades} WHERE kind IS DISTINCT FROM 0"
    if dataset.duplicates:
        rows += f" UNION ALL FROM {trades} WHERE copied = 1"
    return (
        "SELECT trade_id, symbol, side,"
        " CASE WHEN kind = 2 THEN quantity + 1 ELSE quantity END AS quantity,"
        " CASE WHEN kind = 3 THEN price + 0.5 WHEN place % 100 = 0 THEN price + 0.001"
        " ELSE price END AS price,"
        " CASE WHEN kind = 4 THEN fee + 0.01 ELSE fee END AS fee,"
        ' CASE WHEN kind = 5 THEN "timestamp" + INTERVAL 2 SECOND ELSE "timestamp" END'
        ' AS "timestamp"'
        f" FROM ({rows}) ORDER BY place"
    )


if __name__ == "__main__":
    made = generate(Dataset(**json.loads(sys.argv[1])), Path(sys.argv[2]))
    print(json.dumps(asdict(made), default=str))
