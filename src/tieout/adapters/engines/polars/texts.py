"""Arrow columns -> the exact texts that `core.read` reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import pyarrow as pa
import pyarrow.types as t

from tieout.adapters.cells import cell_text
from tieout.core.text import EPOCH_UNITS, unreadable

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS: Final = range(date.min.toordinal() - _EPOCH.toordinal(), date.max.toordinal() + 1)
_FAR: Final = "it is outside the years 1 to 9999"


def texts(column: pa.ChunkedArray) -> list[str | None]:
    """One text a cell, equal for equal values: as `adapters.cells.cell_text` writes them.

    What has no certain text is unreadable, where anybody reads it.
    """
    type_ = column.type
    if t.is_timestamp(type_):
        return _each(counts(column).to_pylist(), _time_text(EPOCH_UNITS[type_.unit], type_.tz))
    if t.is_date32(type_):
        return _each(viewed(column, pa.int32()).to_pylist(), _date_text)
    if t.is_floating(type_) and not t.is_float64(type_):  # the shortest of its own width
        return _each(column.cast(pa.string()).to_pylist(), lambda text: cell_text(float(text)))
    return _each(column.to_pylist(), _any_text)


def counts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Times as integers of their own unit: `to_pylist` cuts nanoseconds, and refuses far years."""
    return viewed(column, pa.int64())


def viewed(column: pa.ChunkedArray, type_: pa.DataType) -> pa.ChunkedArray:
    """The same bytes as another type."""
    return pa.chunked_array([chunk.view(type_) for chunk in column.chunks], type_)


def rows_of(table: pa.Table, indices: Sequence[int]) -> list[tuple[str | None, ...]]:
    """Rows of a table as texts."""
    if not indices:
        return []
    chosen = pa.array(indices, pa.int64())
    columns = [texts(_takeable(column).take(chosen)) for column in table.columns]
    return list(zip(*columns, strict=True))


def _takeable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """String views, which Polars has, cannot be taken from."""
    return column.cast(pa.large_string()) if t.is_string_view(column.type) else column


def _each(values: list[Any], text: Callable[[Any], str | None]) -> list[str | None]:
    return [None if value is None else text(value) for value in values]


def _any_text(value: object) -> str | None:
    try:
        return cell_text(value)
    except TypeError as why:
        return unreadable(str(why))


def _date_text(days: int) -> str:
    if days not in _DAYS:
        return unreadable(_FAR)
    return (_EPOCH + timedelta(days=days)).date().isoformat()


def _time_text(unit: int, zone: str | None) -> Callable[[int], str]:
    end = "+00:00" if zone else ""

    def text(count: int) -> str:
        seconds, rest = divmod(count * unit, 1_000_000_000)
        if seconds // 86_400 not in _DAYS:
            return unreadable(_FAR)
        moment = (_EPOCH + timedelta(seconds=seconds)).replace(tzinfo=None).isoformat()
        return (f"{moment}.{rest:09d}".rstrip("0").rstrip(".") if rest else moment) + end

    return text
