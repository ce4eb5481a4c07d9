"""Every kind of rows as texts, in the plainest way, and what is known about a side afterwards."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tieout.core.model import Quarantined, Value
from tieout.core.money import add, multiply, plain
from tieout.core.physical import Physical
from tieout.core.read import BoundReading, Reading, raw_text
from tieout.core.scan import (
    BadRow,
    Batches,
    Controls,
    DelimitedFiles,
    Frame,
    ParquetFiles,
    Part,
    Rows,
    Scan,
    TextRow,
)
from tieout.core.schema import RecordType


@dataclass
class Read:
    """A source, read: records as (row number, values), and the rows that could not be."""

    bound: BoundReading
    rows: list[tuple[int, dict[str, Value]]] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)


def bind(scan: Scan, reading: Reading) -> BoundReading:
    rows = scan.rows
    types = rows.types if isinstance(rows, ParquetFiles | Frame) else None
    return reading.bind(rows.columns, types)


def read(scan: Scan, reading: Reading) -> Read:
    result = Read(bind(scan, reading))
    for row in text_rows(scan):
        if isinstance(row, BadRow):
            bad = Quarantined(
                reading.source, row.place, row.row, row.reason, row.raw, None, row.line, row.offset
            )
            result.quarantined.append(bad)
        elif result.bound.wanted(row.cells):
            values = result.bound.read(row.cells, place=row.place, row=row.row, line=row.line)
            if isinstance(values, Quarantined):
                result.quarantined.append(values)
            else:
                result.rows.append((row.row, values))
    return result


# Rows


def text_rows(scan: Scan) -> Iterator[TextRow | BadRow]:
    rows: Rows = scan.rows
    match rows:
        case Batches():
            for batch in rows.read():
                yield from batch
        case DelimitedFiles():
            number = 0
            for path in rows.paths:
                for row in delimited(rows, path):
                    number += 1
                    yield replace(row, row=number)
        case Frame():
            yield from table_rows(pa.table(rows.table), rows.columns, rows.types, scan.source)
        case ParquetFiles():
            for path in rows.paths:
                table = pq.ParquetFile(path).read()
                yield from table_rows(table, rows.columns, rows.types, path)


def delimited(rows: DelimitedFiles, path: str) -> Iterator[TextRow | BadRow]:
    dialect = rows.dialect
    text = Path(path).read_bytes().decode("utf-8")
    lines = list(io.StringIO(text, newline=""))
    lines = lines[dialect.skip : len(lines) - dialect.trailer]
    doubled = dialect.escape in ("", dialect.quote)
    reader = csv.reader(
        lines,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote or None,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        doublequote=doubled,
        escapechar=None if doubled else dialect.escape,
        strict=True,
    )
    for number, cells in enumerate(split_cells(reader), start=1):
        if isinstance(cells, str):
            yield BadRow(path, number, cells, "")
        elif len(cells) == len(rows.columns):
            yield TextRow(tuple(cells), path, number)
        else:
            reason = f"it has {len(cells)} fields, the header {len(rows.columns)}"
            yield BadRow(path, number, reason, raw_text(cells))


def split_cells(reader: Iterator[list[str]]) -> Iterator[list[str] | str]:
    """The cells of each line that is not blank, or why it cannot be split."""
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield str(error)
        else:
            if cells:
                yield cells


def table_rows(
    table: pa.Table, columns: tuple[str, ...], types: tuple[str, ...], place: str
) -> Iterator[TextRow]:
    cells = [
        texts(table.column(name), Physical(type_))
        for name, type_ in zip(columns, types, strict=True)
    ]
    for number in range(table.num_rows):
        yield TextRow(tuple(column[number] for column in cells), place, number + 1)


def texts(column: pa.ChunkedArray, physical: Physical) -> list[str | None]:
    if physical in (Physical.NAIVE_TIME, Physical.UTC_TIME):
        end = "+00:00" if physical is Physical.UTC_TIME else ""
        unit = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[column.type.unit]
        counts = column.cast(pa.int64()).to_pylist()
        return [None if count is None else time_text(count * unit) + end for count in counts]
    if physical is Physical.FLOAT and not pa.types.is_float64(column.type):
        shortest = column.cast(pa.string()).to_pylist()  # of its own width
        return [None if text is None else value_text(float(text)) for text in shortest]
    return [None if value is None else value_text(value) for value in column.to_pylist()]


def value_text(value: Any) -> str:
    """One text for equal values: 1, 1.0 and 1.00 are `1`."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return repr(value) if isinstance(value, float) else str(value)


def time_text(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, 10**9)
    moment = datetime(1970, 1, 1) + timedelta(seconds=seconds)  # noqa: DTZ001 - the zone is text
    return f"{moment.isoformat()}.{rest:09d}".rstrip("0").rstrip(".")


# What is known of a side


NEEDED = {"notional": ("price", "quantity")}


def totals(
    controls: Controls | Part, bound: BoundReading, rows: list[dict[str, Value]]
) -> dict[str, Decimal]:
    """The sum of each column that the controls name; of `notional`, price x quantity.

    What the source has no numbers of has no sum.
    """
    numbers = [each.column.name for each in bound.columns if each.column.type == "decimal"]
    found = {}
    for name in controls.totals:
        if not all(each in numbers for each in NEEDED.get(name, (name,))):
            continue
        total = Decimal(0)
        for values in rows:
            number = notional(values) if name == "notional" else values.get(name)
            if isinstance(number, Decimal):
                total = add(total, number)
        found[name] = total
    return found


def notional(values: dict[str, Value]) -> Decimal | None:
    price, quantity = values.get("price"), values.get("quantity")
    if isinstance(price, Decimal) and isinstance(quantity, Decimal):
        return multiply(price, quantity)
    return None


def clock(type_: RecordType, values: Any) -> int | None:
    moment = values.get(type_.clock) if type_.clock else None
    return moment if isinstance(moment, int) else None


def outside(controls: Controls, type_: RecordType, rows: list[dict[str, Value]]) -> int:
    if controls.window is None:
        return 0
    start, end = controls.window
    moments = [clock(type_, values) for values in rows]
    return len([each for each in moments if each is not None and not start <= each <= end])
