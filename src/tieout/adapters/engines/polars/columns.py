"""Bound columns -> Polars: a value that is right wherever the doubt beside it is false.

`core.read` is the truth on reading. Columns that the source stores as what they are, and plain
texts, are taken as they stand, where their values say that `core.read` would. Of every other
column each distinct text is read by `core.read` once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Any, Final

import polars as pl
import pyarrow as pa
import pyarrow.types as t

from tieout.adapters.engines.polars.texts import counts, texts
from tieout.core.model import Value
from tieout.core.physical import Physical
from tieout.core.read import BoundColumn, BoundReading, Reading
from tieout.core.schema import Column, ColumnType
from tieout.core.text import EPOCH_UNITS, Unreadable, is_unreadable

NUMBER: Final = pl.Decimal(38, 18)
TYPES: Final[dict[ColumnType, pl.DataType]] = {
    ColumnType.TEXT: pl.String(),
    ColumnType.DECIMAL: NUMBER,
    ColumnType.TIME: pl.Int64(),
    ColumnType.DATE: pl.Date(),
}
"""The types of the columns that the engine keeps."""

_LIMIT: Final = pl.lit(Decimal(5 * 10**19), dtype=NUMBER)
_TIME_LIMIT: Final = 2**62
_DATES: Final = (pl.lit(date.min), pl.lit(date.max))
_PLAIN: Final = r"\A[!-~](?:[^\x00]*[!-~])?\z"
"""Texts that begin and end with what no stripping takes away, and hold no NUL."""
_UTC: Final = frozenset({"UTC", "Etc/UTC", "Etc/GMT", "GMT", "Zulu"})


@dataclass(frozen=True, slots=True)
class Cell:
    """A column: its value, and whether that may be wrong; None where it never is."""

    value: pl.Expr
    doubt: pl.Expr | None = None


@dataclass(slots=True)
class Raw:
    """A typed table on its way to Polars: only the columns that are asked for, each once."""

    table: pa.Table
    types: tuple[Physical, ...]
    columns: dict[str, pl.Series] = field(default_factory=dict)

    def stored(self, index: int) -> pl.Expr:
        """A column as it is stored; times are counts of their unit."""
        return self._kept(f"stored{index}", index, as_text=False)

    def text(self, index: int) -> pl.Expr:
        """A column as texts."""
        return self._kept(f"text{index}", index, as_text=True)

    def distinct(self, text: pl.Expr) -> list[str | None]:
        """The texts that there are in a column."""
        return self.columns[text.meta.output_name()].unique().to_list()

    def frame(self) -> pl.DataFrame:
        """What was asked for, with the rows numbered from 1."""
        numbers = pl.Series("__row", range(1, self.table.num_rows + 1), dtype=pl.Int64)
        return pl.DataFrame([numbers, *self.columns.values()])

    def type_of(self, index: int) -> pa.DataType:
        return self.table.column(index).type

    def _kept(self, name: str, index: int, *, as_text: bool) -> pl.Expr:
        if name not in self.columns:
            column = self.table.column(index)
            series = self._text(column) if as_text else _series(column)
            self.columns[name] = series.alias(name)
        return pl.col(name)

    def _text(self, column: pa.ChunkedArray) -> pl.Series:
        type_ = column.type
        if t.is_null(type_) or t.is_integer(type_) or _is_text(type_):
            return _series(column).cast(pl.String)
        return pl.Series(texts(column), dtype=pl.String)


def _series(column: pa.ChunkedArray) -> pl.Series:
    column = counts(column) if t.is_timestamp(column.type) else column
    series = pl.from_arrow(column)
    assert isinstance(series, pl.Series)
    return series


def _is_text(type_: pa.DataType) -> bool:
    type_ = type_.value_type if t.is_dictionary(type_) else type_
    return bool(t.is_string(type_) or t.is_large_string(type_) or t.is_string_view(type_))


def any_of(tests: list[pl.Expr]) -> pl.Expr:
    """Whether one of the tests holds; one that is null does not."""
    return reduce(or_, [test.fill_null(value=False) for test in tests], pl.lit(value=False))


def cells(bound: BoundReading, raw: Raw) -> dict[str, Cell]:
    """Every column of a source."""
    return {each.column.name: _cell(bound.reading, each, raw) for each in bound.columns}


def row_doubts(bound: BoundReading, raw: Raw, found: dict[str, Cell]) -> Iterator[pl.Expr]:
    """What makes a row doubtful as a whole: a sign to apply, or cells that are no column's."""
    for name, cell in found.items():
        if cell.doubt is not None:
            yield cell.doubt
        if bound.reading.records.columns[name].required:
            yield cell.value.is_null()
    if "quantity" in found or "amount" in found:
        if bound.sign is not None or bound.reading.signed:
            yield pl.lit(value=True)
    if "quantity" in found and bound.reading.records.name in ("trades", "orders"):
        yield found["quantity"].value < 0
    for index in bound.unnamed:
        yield raw.text(index) != ""
    for index, *_ in bound.tests:
        text = raw.text(index)
        hidden = [each for each in raw.distinct(text) if each is not None and is_unreadable(each)]
        if hidden:
            yield text.is_in(hidden)


def unwanted(bound: BoundReading, raw: Raw) -> pl.Expr:
    """The rows that `only` and `skip` leave out."""
    tests = []
    for index, values, keep in bound.tests:
        text = raw.text(index)
        out = [each for each in raw.distinct(text) if ((each or "").strip() in values) is not keep]
        tests.append(text.is_in([each for each in out if each is not None]))
        if None in out:
            tests.append(text.is_null())
    return any_of(tests)


def _cell(reading: Reading, bound: BoundColumn, raw: Raw) -> Cell:
    if bound.index is None:
        return Cell(pl.lit(bound.constant, dtype=TYPES[bound.column.type]))
    cell = _typed(reading, bound, bound.index, raw)
    return cell or _by_distinct_texts(reading, bound, raw.text(bound.index), raw)


def _typed(reading: Reading, bound: BoundColumn, index: int, raw: Raw) -> Cell | None:
    """A column that the source stores as what it is; None where its texts must be read."""
    if bound.column.name in reading.values:
        return None
    type_ = raw.type_of(index)
    match bound.column.type:
        case ColumnType.DECIMAL:
            return _typed_number(index, type_, raw)
        case ColumnType.TIME if t.is_timestamp(type_):
            return _typed_time(reading, index, type_, raw)
        case ColumnType.DATE if t.is_date32(type_):
            value = raw.stored(index)
            return Cell(value, ~value.is_between(*_DATES))
        case ColumnType.TEXT:
            return _plain_text(reading, bound, index, raw)
        case _:
            return None


def _typed_number(index: int, type_: pa.DataType, raw: Raw) -> Cell | None:
    if t.is_integer(type_):
        return Cell(raw.stored(index).cast(NUMBER))
    if not t.is_decimal128(type_) or type_.scale > NUMBER.scale:
        return None
    value = raw.stored(index)
    if type_.precision - type_.scale < 20:
        return Cell(value.cast(NUMBER))
    number = value.cast(NUMBER, strict=False)  # too large is null
    return Cell(number, value.is_not_null() & ~(number.abs() < _LIMIT).fill_null(value=False))


def _typed_time(reading: Reading, index: int, type_: Any, raw: Raw) -> Cell | None:
    if type_.tz is None and reading.timezone not in _UTC:
        return None
    unit = EPOCH_UNITS[type_.unit]
    count, most = raw.stored(index), _TIME_LIMIT // unit
    return Cell(count * unit, ~count.is_between(-most, most))


def _plain_text(reading: Reading, bound: BoundColumn, index: int, raw: Raw) -> Cell | None:
    column = bound.column
    chosen = column.choices or (column.name == "symbol" and reading.symbols)
    if chosen or bound.physical not in (Physical.TEXT, Physical.INTEGER):
        return None
    text = raw.text(index)
    value = pl.when(text != "").then(text)
    return Cell(value, ~value.str.contains(_PLAIN))


def _by_distinct_texts(reading: Reading, bound: BoundColumn, text: pl.Expr, raw: Raw) -> Cell:
    """Each text that there is, read once."""
    column = bound.column
    known: dict[str, Value] = {}
    unread: list[str] = []
    for each in raw.distinct(text):
        if each is None:
            continue
        try:
            known[each] = reading.cell(column, each, bound.physical)
        except Unreadable:
            unread.append(each)
    value = _replaced(text, known, column)
    return Cell(value, text.is_in(unread) if unread else None)


def _replaced(text: pl.Expr, known: dict[str, Value], column: Column) -> pl.Expr:
    type_ = TYPES[column.type]
    if not known:
        return pl.lit(None, dtype=type_)
    values = pl.Series(list(known.values()), dtype=type_)
    keys = pl.Series(list(known), dtype=pl.String)
    return text.replace_strict(keys, values, default=None, return_dtype=type_)
