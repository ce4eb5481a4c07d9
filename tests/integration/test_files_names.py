"""A file is read under the very name that it has."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tieout


def write(path: Path, quantity: str) -> str:
    row = {
        "trade_id": "T1",
        "symbol": "ACME",
        "quantity": quantity,
        "price": "2",
        "timestamp": "2026-03-02T09:00:00Z",
    }
    if path.suffix == ".parquet":
        pq.write_table(pa.table({name: [cell] for name, cell in row.items()}), path)
    else:
        path.write_text(",".join(row) + "\n" + ",".join(row.values()) + "\n")
    return str(path)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("name", ["trades[1]", "tr*des1", "tr?des1"])
def test_no_other_file_is_read_for_one_whose_name_looks_like_a_pattern(
    tmp_path: Path, name: str, suffix: str
) -> None:
    """Browsers call a second download `trades[1].csv`; `trades1.csv` may lie beside it."""
    write(tmp_path / f"trades1{suffix}", "1")
    mine = write(tmp_path / f"{name}{suffix}", "7")
    theirs = write(tmp_path / f"theirs{suffix}", "7")
    report = tieout.reconcile(mine, theirs, "records: trades")
    assert report.run.status == "clean"
    assert report.matched == 1
