"""Bounds of differences that depend on the symbol, as a table to join pairs with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import duckdb
import pyarrow as pa

from tieout.adapters.engines.duckdb.columns import name
from tieout.adapters.engines.duckdb.staging import ARROW_TYPES
from tieout.core.bounds import ColumnBounds
from tieout.core.prefilter import symbol_columns
from tieout.core.schema import ColumnType

_TABLE: Final = "tolerances"


def create_tolerances(con: duckdb.DuckDBPyConnection, bounds: Mapping[str, ColumnBounds]) -> None:
    """A table by symbol, where one has bounds of its own; null where it has none in a column."""
    arrays: dict[str, Any] = {}
    symbols = sorted({symbol for column in bounds.values() for symbol in column.own})
    for column, own in bounds.items():
        for each, values in symbol_columns(column, own).items():
            amount = each.startswith("tolerance_")
            type_ = ARROW_TYPES[own.type if amount else ColumnType.TIME]
            arrays[each] = pa.array([values.get(symbol) for symbol in symbols], type_)
    if arrays:
        con.register("batch", pa.table({"symbol": pa.array(symbols, pa.string()), **arrays}))
        con.execute(f"CREATE TEMP TABLE {_TABLE} AS SELECT * FROM batch")
        con.unregister("batch")


def joined_tolerances(
    present: tuple[Sequence[str], Sequence[str]], bounds: Mapping[str, ColumnBounds]
) -> tuple[list[str], str]:
    """The columns of the table, and the join that finds a pair's row: by the internal record's
    symbol, else by the external one's, as `decide` does.

    Args:
        present: the columns of the sides.
    """
    columns = [name(each) for column, own in bounds.items() for each in symbol_columns(column, own)]
    if not columns:
        return [], ""
    internal, external = ("symbol" in each for each in present)
    symbols = ["nullif(i.symbol, '')"] * internal + ["e.symbol"] * external
    if not symbols:
        return [f"NULL AS {each}" for each in columns], ""
    table = f" LEFT JOIN {_TABLE} AS t ON t.symbol = coalesce({', '.join(symbols)})"
    return [f"t.{each}" for each in columns], table
