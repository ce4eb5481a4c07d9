"""Arrow cells and structs as the DuckDB engine reads them."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest

from tieout.adapters.engines.duckdb.rows import BATCH, cells, structs

LARGEST = Decimal("99999999999999999999.999999999999999999")
NUMBERS = [
    Decimal(0),
    None,
    Decimal("-1.5"),
    LARGEST,
    LARGEST.copy_negate(),
    Decimal("18.446744073709551615"),  # 64 bits, all of them ones
    Decimal("18.446744073709551616"),
    Decimal("-18.446744073709551616"),
    Decimal("1e-18"),
    Decimal("-1e-18"),
    None,
]


@pytest.mark.parametrize("start", range(len(NUMBERS)))
def test_a_decimal_is_what_arrow_makes_of_it_wherever_a_slice_begins(start: int) -> None:
    array = pa.array(NUMBERS, pa.decimal128(38, 18)).slice(start)
    assert list(map(str, cells(array))) == list(map(str, array.to_pylist()))
    assert cells(array) == NUMBERS[start:]


def test_decimals_of_another_scale() -> None:
    array = pa.array([Decimal(5), Decimal(-7)], pa.decimal128(38, 0))
    assert list(map(str, cells(array))) == ["5", "-7"]


def test_no_cells_of_no_rows() -> None:
    assert cells(pa.array([], pa.decimal128(38, 18))) == []


def test_lists_of_structs_come_in_batches_and_in_order() -> None:
    sizes = [3, None, 0, BATCH - 1, 2 * BATCH + 1, 1]
    rows = iter(range(4 * BATCH))
    lists = [None if size is None else [{"row": next(rows)} for _ in range(size)] for size in sizes]
    kept = pa.chunked_array([pa.array(lists[:4]), pa.array(lists[4:])])
    batches = [batch.field("row").to_pylist() for batch in structs(kept)]
    assert [row for batch in batches for row in batch] == list(range(3 * BATCH + 4))
    assert all(1 <= len(batch) <= BATCH for batch in batches)
    assert len(batches) == 5
