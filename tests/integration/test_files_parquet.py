"""Parquet files: types, verified footers, damage."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from source_rows import scanned

from tieout.core.physical import Physical
from tieout.core.scan import Controls, ParquetFiles
from tieout.errors import SourceError

MOMENT = datetime(2026, 3, 2, 9, tzinfo=UTC)
TABLE = pa.table(
    {
        "id": pa.array(["a", "b"]),
        "kind": pa.array(["x", "x"]).dictionary_encode(),
        "n": pa.array([1, 2], pa.int32()),
        "u": pa.array([1, 2], pa.uint64()),
        "q": pa.array([Decimal("1.5"), Decimal(2)], pa.decimal128(38, 18)),
        "f": pa.array([0.1, 2.0]),
        "utc": pa.array([MOMENT, None], pa.timestamp("ns", "UTC")),
        "naive": pa.array([datetime(2026, 3, 2), None], pa.timestamp("us")),  # noqa: DTZ001
        "day": pa.array([date(2026, 3, 2), None]),
        "tags": pa.array([["x"], []]),
        "flag": pa.array([True, False]),
    }
)


def refused(folder: Path, *paths: str, **settings: Any) -> SourceError:
    with pytest.raises(SourceError) as caught, scanned(folder, *paths, **settings):
        pass
    return caught.value


def test_columns_types_and_rows_come_from_the_footer(tmp_path: Path) -> None:
    pq.write_table(TABLE, tmp_path / "t.parquet")
    with scanned(tmp_path, "t.parquet") as scan:
        rows = scan.rows
        assert isinstance(rows, ParquetFiles)
        assert rows.columns == tuple(TABLE.column_names)
        assert rows.types == (
            Physical.TEXT,
            Physical.TEXT,
            Physical.INTEGER,
            Physical.INTEGER,
            Physical.DECIMAL,
            Physical.FLOAT,
            Physical.UTC_TIME,
            Physical.NAIVE_TIME,
            Physical.DATE,
            Physical.OTHER,
            Physical.OTHER,
        )
        assert rows.rows == 2
        assert [each.rows for each in scan.inputs()] == [2]


@pytest.mark.parametrize("precision", [38, 39, 76])
def test_decimals_that_engines_take_for_doubles_are_known_by_their_type(
    precision: int, tmp_path: Path
) -> None:
    """DuckDB reads more than 38 digits as a double."""
    wide = pa.decimal128 if precision <= 38 else pa.decimal256
    column = pa.array([Decimal("1.123456789012345678")], wide(precision, 20))
    pq.write_table(pa.table({"f": [0.5], "q": column}), tmp_path / "t.parquet")
    kind = Physical.DECIMAL if precision <= 38 else Physical.WIDE_DECIMAL
    with scanned(tmp_path, "t.parquet") as scan:
        assert isinstance(scan.rows, ParquetFiles)
        assert scan.rows.types == (Physical.FLOAT, kind)


def test_several_files_add_up(tmp_path: Path) -> None:
    pq.write_table(TABLE, tmp_path / "a.parquet")
    pq.write_table(TABLE.slice(1), tmp_path / "b.parquet")
    with scanned(tmp_path, "*.parquet") as scan:
        assert isinstance(scan.rows, ParquetFiles)
        assert scan.rows.rows == 3
        assert [each.rows for each in scan.inputs()] == [2, 1]


def test_shortest_floats_are_announced(tmp_path: Path) -> None:
    pq.write_table(TABLE, tmp_path / "t.parquet")
    with scanned(tmp_path, "t.parquet", floats="shortest") as scan:
        assert scan.notes == ("binary floats are read as their shortest decimals: f",)
    with scanned(tmp_path, "t.parquet", floats="shortest", used=frozenset({"q"})) as scan:
        assert scan.notes == ()


def test_a_file_that_is_cut_is_an_error(tmp_path: Path) -> None:
    pq.write_table(TABLE, tmp_path / "whole.parquet")
    whole = (tmp_path / "whole.parquet").read_bytes()
    for cut in (4, 7, 11, len(whole) // 2, len(whole) - 1):
        (tmp_path / "t.parquet").write_bytes(whole[:cut])
        assert "t.parquet is cut or damaged" in refused(tmp_path, "t.parquet").what


def test_a_file_with_a_hole_in_the_middle_is_an_error(tmp_path: Path) -> None:
    """Its footer is whole, but the data that it points to are not."""
    pq.write_table(TABLE, tmp_path / "whole.parquet")
    whole = (tmp_path / "whole.parquet").read_bytes()
    (tmp_path / "t.parquet").write_bytes(whole[:50] + whole[150:])
    error = refused(tmp_path, "t.parquet")
    assert "cut or damaged" in error.what
    assert "only" in error.what


def test_what_is_no_parquet_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_text("id,q\nA,1\n")
    assert refused(tmp_path, "t.parquet").what == "t.parquet is no Parquet file"
    (tmp_path / "t.parquet").write_text("")
    assert refused(tmp_path, "t.parquet").what == "t.parquet is empty"


@pytest.mark.parametrize(
    ("other", "column"),
    [
        (TABLE.set_column(4, "q", pa.array(["1", "2"])), "'q'"),
        (TABLE.drop_columns(["flag"]), "'flag'"),
        (TABLE.select([1, 0, *range(2, 11)]), "'id'"),
    ],
)
def test_schemas_that_differ_are_an_error(other: pa.Table, column: str, tmp_path: Path) -> None:
    pq.write_table(TABLE, tmp_path / "a.parquet")
    pq.write_table(other, tmp_path / "b.parquet")
    assert refused(tmp_path, "*.parquet").what.startswith(f"column {column} differs")


def test_a_file_without_rows_needs_a_reason(tmp_path: Path) -> None:
    pq.write_table(TABLE.slice(0, 0), tmp_path / "t.parquet")
    assert "a header without records" in refused(tmp_path, "t.parquet").what
    with scanned(tmp_path, "t.parquet", controls=Controls(rows=0)) as scan:
        assert scan.allow_empty


def test_a_path_that_engines_take_for_a_pattern_is_linked(tmp_path: Path) -> None:
    pq.write_table(TABLE, tmp_path / "t[1].parquet")
    with scanned(tmp_path, "t[1].parquet") as scan:
        assert isinstance(scan.rows, ParquetFiles)
        assert "[" not in scan.rows.paths[0]
        assert pq.read_metadata(scan.rows.paths[0]).num_rows == 2
