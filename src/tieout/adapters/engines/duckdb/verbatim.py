"""Texts of a typed source that are what they are meant to be: read as they are, and tested."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tieout.adapters.engines.duckdb.columns import Cell, odd_text, quoted, required
from tieout.core.read import BoundReading
from tieout.core.schema import Column, ColumnType


def verbatim(bound: BoundReading, raw: list[str], types: list[str]) -> dict[str, Cell]:
    """Another SQL of the texts that a typed source may hold exactly as they are meant.

    It doubts what `cells` would change (`B`, ` buy`, an empty text), and is several times as fast.
    """
    found = {}
    for each in bound.columns:
        column = each.column
        if each.index is None or types[each.index] != "VARCHAR" or _is_mapped(bound, column):
            continue
        cell = Cell(raw[each.index], odd=_not_among(column.choices) if column.choices else odd_text)
        found[column.name] = required(cell, cell.value) if column.required else cell
    return found


def _is_mapped(bound: BoundReading, column: Column) -> bool:
    """Whether what is meant is another text than the cell's, or no text."""
    reading = bound.reading
    return (
        column.type is not ColumnType.TEXT
        or column.name in reading.values
        or (column.name == "symbol" and bool(reading.symbols))
        or (column.name == "side" and reading.signed)
    )


def _not_among(choices: Sequence[str]) -> Callable[[str], str]:
    among = ", ".join(quoted(each) for each in choices)
    return lambda text: f"coalesce({text} NOT IN ({among}), false)"
