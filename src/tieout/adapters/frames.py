"""Frames as a source: Polars, pandas, Arrow, anything with `__arrow_c_stream__`, or dicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tieout.adapters.cells import cell_text, is_whole, refuse_float
from tieout.core.physical import Physical
from tieout.core.scan import Controls, Frame, Scan
from tieout.errors import SourceError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class FrameSettings:
    """A frame as a source.

    Attributes:
        name: the source's name.
        floats: `refuse` or `shortest`.
        used: the columns that are read, where known. An empty list of dicts has all of them.
        allow_empty: no rows at all is a valid answer.
        is_holiday: says of a business date whether no records are expected on it.
        controls: what must hold of the records, by configuration.
    """

    name: str
    floats: str = "refuse"
    used: frozenset[str] | None = None
    allow_empty: bool = False
    is_holiday: Callable[[date], bool] | None = None
    controls: Controls = field(default_factory=Controls)


class FrameSource:
    """A table in memory; copied only where a column has a type that no engine reads exactly.

    Args:
        frame: a Polars or pandas frame, an Arrow table or reader, or a list of dicts.

    Raises:
        UsageError: it is none of these.
    """

    def __init__(self, frame: object, settings: FrameSettings) -> None:
        self._settings = settings
        self._table = _readable(_arrow(frame, settings))

    @property
    def name(self) -> str:
        return self._settings.name

    def scan(self, *, business_date: date) -> Scan:
        """Raises SourceError where there are no rows, and that is not configured as valid."""
        settings, table = self._settings, self._table
        holiday = settings.is_holiday is not None and settings.is_holiday(business_date)
        allow_empty = settings.allow_empty or holiday or settings.controls.rows == 0
        if not table.num_rows and not allow_empty:
            raise SourceError(
                "the frame has no rows",
                where=f"{settings.name}, business date {business_date}",
                hint="if a day without records is normal, say `allow_empty: true`, or"
                " `allow_empty=True` to tieout.reconcile",
            )
        columns = tuple(table.column_names)
        types = tuple(physical(each).value for each in table.schema.types)
        return Scan(
            settings.name,
            Frame(table, columns, types, table.num_rows),
            controls=settings.controls,
            allow_empty=allow_empty,
            notes=self._notes(columns, types),
        )

    def _notes(self, columns: Sequence[str], types: Sequence[str]) -> tuple[str, ...]:
        used = self._settings.used
        floats = [
            name
            for name, type_ in zip(columns, types, strict=True)
            if type_ == Physical.FLOAT and (used is None or name in used)
        ]
        if not floats or self._settings.floats != "shortest":
            return ()
        return (f"binary floats are read as their shortest decimals: {', '.join(floats)}",)


def physical(type_: pa.DataType) -> Physical:
    """How an Arrow column is stored. What is no text, number, time or date is OTHER."""
    import pyarrow.types as t

    if t.is_dictionary(type_):
        return physical(type_.value_type)
    if t.is_string(type_) or t.is_large_string(type_) or t.is_string_view(type_):
        return Physical.TEXT
    if t.is_null(type_):
        return Physical.TEXT
    if t.is_integer(type_):
        return Physical.INTEGER
    if t.is_decimal(type_):
        return Physical.DECIMAL
    if t.is_floating(type_):
        return Physical.FLOAT
    if t.is_timestamp(type_):
        return Physical.UTC_TIME if type_.tz else Physical.NAIVE_TIME
    return Physical.DATE if t.is_date(type_) else Physical.OTHER


def _arrow(frame: object, settings: FrameSettings) -> pa.Table:
    import pyarrow as pa

    module = type(frame).__module__.partition(".")[0]
    if isinstance(frame, pa.Table):
        table = frame
    elif module == "pandas":
        table = _from_pandas(frame, settings)
    elif module == "polars" and hasattr(frame, "collect"):
        table = pa.table(frame.collect())
    elif hasattr(frame, "__arrow_c_stream__"):
        table = _from_stream(frame, settings)
    elif isinstance(frame, list | tuple) and all(isinstance(row, Mapping) for row in frame):
        table = _from_dicts(frame, settings)
    else:
        raise _no_source(frame, settings)
    _check_names(table.column_names, settings)
    return table


def _no_source(frame: object, settings: FrameSettings) -> UsageError:
    return UsageError(
        f"a {type(frame).__qualname__} is no source of records",
        where=settings.name,
        hint="pass a Polars, pandas or Arrow frame, a list of dicts, or a path",
    )


def _from_stream(frame: object, settings: FrameSettings) -> pa.Table:
    """Anything with `__arrow_c_stream__`. A single column has it too, and is no table."""
    import pyarrow as pa

    try:
        reader = pa.RecordBatchReader.from_stream(frame)
    except pa.ArrowInvalid:
        raise _no_source(frame, settings) from None
    return reader.read_all()


def _check_names(names: Sequence[str], settings: FrameSettings) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise SourceError(
            f"the frame has {', '.join(map(repr, repeated))} more than once",
            where=settings.name,
            hint="rename one of the columns",
        )


def _from_pandas(frame: Any, settings: FrameSettings) -> pa.Table:
    import pyarrow as pa

    if not hasattr(frame, "columns"):
        raise UsageError("a pandas Series is no table", where=settings.name, hint="`.to_frame()`")
    if named := [str(name) for name in frame.index.names if name is not None]:
        raise UsageError(
            f"the frame's index is named {', '.join(map(repr, named))}: it may be data",
            where=settings.name,
            hint="`.reset_index()` makes columns of it, `.reset_index(drop=True)` drops it",
        )
    names = [str(name) for name in frame.columns]
    _check_names(names, settings)
    return pa.table(
        {name: _from_series(name, frame.iloc[:, at], settings) for at, name in enumerate(names)}
    )


def _from_series(name: str, series: Any, settings: FrameSettings) -> pa.Array:
    import pyarrow as pa

    if series.dtype != object:
        return pa.Array.from_pandas(series)
    values = [
        None if absent and not isinstance(value, Decimal) else value
        for value, absent in zip(series, series.isna(), strict=True)
    ]
    return _from_values(name, values, settings)


def _from_dicts(rows: Sequence[Mapping[str, Any]], settings: FrameSettings) -> pa.Table:
    import pyarrow as pa

    names = dict.fromkeys(str(name) for row in rows for name in row)
    if not rows:
        names = dict.fromkeys(sorted(settings.used or ()))
    return pa.table(
        {name: _from_values(name, [row.get(name) for row in rows], settings) for name in names}
    )


def _from_values(name: str, values: Sequence[Any], settings: FrameSettings) -> pa.Array:
    """A typed column where all values are of one kind, else their exact texts.

    Left alone, Arrow cuts times to dates beside a date, takes naive times for UTC beside an
    aware one, and a Decimal NaN for absent.
    """
    import pyarrow as pa

    if len({_kind(value) for value in values if value is not None}) <= 1:
        try:
            return pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
            pass  # more digits than an Arrow type has
    return pa.array([_mixed(name, value, settings) for value in values], pa.string())


def _kind(value: object) -> tuple[type, object]:
    if isinstance(value, datetime):
        return type(value), value.tzinfo is None
    return type(value), isinstance(value, Decimal) and not value.is_finite()


def _mixed(name: str, value: Any, settings: FrameSettings) -> str | None:
    if hasattr(value, "item"):  # a NumPy scalar
        value = value.item()
    if isinstance(value, float) and settings.floats != "shortest" and not is_whole(value):
        raise refuse_float(
            name,
            settings.name,
            "store decimals or texts, or accept the shortest decimals with `floats: shortest`",
        )
    try:
        return cell_text(value)
    except TypeError as why:
        raise SourceError(f"column {name!r} cannot be read: {why}", where=settings.name) from None


def _readable(table: pa.Table) -> pa.Table:
    """The table with the types that engines read exactly; other columns stay as they are."""
    import pyarrow as pa
    import pyarrow.types as t

    for index, field_ in enumerate(table.schema):
        type_, column = field_.type, table.column(index)
        if t.is_dictionary(type_):
            column = _decoded(column)
        elif t.is_null(type_) or t.is_boolean(type_):
            column = column.cast(pa.string())
        elif t.is_decimal256(type_):
            column = pa.array(map(cell_text, column.to_pylist()), pa.string())
        elif t.is_float16(type_):
            column = column.cast(pa.float32())
        else:
            continue
        table = table.set_column(index, field_.name, column)
    return table


def _decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A dictionary's column as its values. String views, which Polars has, cannot be taken from."""
    import pyarrow as pa
    import pyarrow.types as t

    type_ = column.type.value_type
    type_ = pa.large_string() if t.is_string_view(type_) else type_
    chunks = [
        pa.DictionaryArray.from_arrays(
            chunk.indices, chunk.dictionary.cast(type_)
        ).dictionary_decode()
        for chunk in column.chunks
    ]
    return pa.chunked_array(chunks, type_)
