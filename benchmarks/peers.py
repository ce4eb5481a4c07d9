"""What Tieout is measured against: whole programs that do the core of the job without it.

    python peers.py sql INTERNAL EXTERNAL STORE        DuckDB SQL written by hand
    python peers.py datacompy INTERNAL EXTERNAL STORE  datacompy on Polars

Each prints one JSON object with what it counted.

`sql` is what a good engineer writes in an hour for these very files, and nothing more: one full
outer join on `trade_id`; symbol, side, quantity, fee and timestamp compared exactly, price within
0.005; each break with its kind and both sides' columns as a row in an SQLite table; counts of rows,
matches and breaks. It has no check of the input (nulls, repeated keys, digits that are lost), no
hash of it, no identity, severity, history or carry-forward. Repeated keys multiply its pairs.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from typing import Any

from data import COLUMNS, PRICE_TOLERANCE

_MISSING_EXTERNAL = "e.trade_id IS NULL"
_MISSING_INTERNAL = "i.trade_id IS NULL"


def by_hand(internal: str, external: str, store: str) -> dict[str, Any]:
    """Join, compare, and store the breaks."""
    import duckdb

    tests = {
        "MISSING_EXTERNAL": _MISSING_EXTERNAL,
        "MISSING_INTERNAL": _MISSING_INTERNAL,
        "SYMBOL": "i.symbol IS DISTINCT FROM e.symbol",
        "SIDE": "i.side IS DISTINCT FROM e.side",
        "QUANTITY": "i.quantity IS DISTINCT FROM e.quantity",
        "PRICE": f"abs(i.price - e.price) > {PRICE_TOLERANCE}",
        "FEE": "i.fee IS DISTINCT FROM e.fee",
        "TIMESTAMP": "i.timestamp IS DISTINCT FROM e.timestamp",
    }
    kind = " ".join(f"WHEN {test} THEN '{name}'" for name, test in tests.items())
    columns = ", ".join(f"CAST({side}.{name} AS VARCHAR)" for side in "ie" for name in COLUMNS)
    con = duckdb.connect()
    counts = {
        side: con.execute(f"SELECT count(*) FROM read_parquet('{path}')").fetchall()[0][0]
        for side, path in (("internal", internal), ("external", external))
    }
    rows = con.execute(
        f"SELECT CASE {kind} END AS kind, {columns}"
        f" FROM read_parquet('{internal}') i FULL OUTER JOIN read_parquet('{external}') e"
        f" ON i.trade_id = e.trade_id WHERE {' OR '.join(tests.values())}"
    ).fetchall()
    _store(store, rows)
    missing = sum(row[0] == "MISSING_EXTERNAL" for row in rows)
    broken = sum(not row[0].startswith("MISSING") for row in rows)
    return {**counts, "breaks": len(rows), "matched": counts["internal"] - missing - broken}


def _store(path: str, rows: list[tuple[str | None, ...]]) -> None:
    names = ["kind", *(f"{side}_{name}" for side in ("internal", "external") for name in COLUMNS)]
    with sqlite3.connect(path) as con:
        con.execute(f"CREATE TABLE breaks ({', '.join(f'{name} TEXT' for name in names)})")
        con.executemany(f"INSERT INTO breaks VALUES ({', '.join('?' * len(names))})", rows)
    con.close()


def by_datacompy(internal: str, external: str, store: str) -> dict[str, Any]:
    """datacompy's comparison of two Polars frames, and its rows with a mismatch as Parquet."""
    import polars as pl
    from datacompy import PolarsCompare

    compare = PolarsCompare(
        pl.read_parquet(internal),
        pl.read_parquet(external),
        join_columns="trade_id",
        abs_tol={"default": 0.0, "price": float(PRICE_TOLERANCE)},
        df1_name="internal",
        df2_name="external",
    )
    one_sided = len(compare.df1_unq_rows) + len(compare.df2_unq_rows)
    mismatches = compare.all_mismatch()
    mismatches.write_parquet(store)
    return {
        "internal": len(compare.df1),
        "external": len(compare.df2),
        "breaks": one_sided + len(mismatches),
        "matched": compare.count_matching_rows(),
    }


if __name__ == "__main__":
    peer = {"sql": by_hand, "datacompy": by_datacompy}[sys.argv[1]]
    print(json.dumps(peer(*sys.argv[2:])))
