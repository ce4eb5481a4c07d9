"""A scan -> a staged side: a frame of its readable records, and what could not be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import assert_never

import polars as pl
import pyarrow as pa

from tieout.adapters.engines.polars.columns import TYPES, Raw, any_of, cells, row_doubts, unwanted
from tieout.adapters.engines.polars.texts import rows_of
from tieout.core.model import Quarantined, Record, Value
from tieout.core.physical import Physical
from tieout.core.read import BoundReading, Reading
from tieout.core.scan import BadRow, Batches, DelimitedFiles, Frame, ParquetFiles, Scan, TextRow
from tieout.errors import SourceError

ROW = "__row"


@dataclass(slots=True)
class Staged:
    """A source in memory.

    Attributes:
        frame: `__row` and the bound columns, of the rows that are readable and wanted.
        skipped: rows that `only` and `skip` left out.
    """

    scan: Scan
    bound: BoundReading
    frame: pl.DataFrame
    quarantined: list[Quarantined] = field(default_factory=list)
    skipped: int = 0

    @property
    def columns(self) -> tuple[str, ...]:
        return self.bound.present


def stage(scan: Scan, reading: Reading) -> Staged:
    """Read a scan.

    Raises:
        SourceError: it cannot be read, or lacks what the reading needs.
    """
    rows = scan.rows
    match rows:
        case Frame():
            return _stage_table(scan, reading, _table(rows, scan), rows.types, scan.source)
        case ParquetFiles():
            place = rows.paths[0] if len(rows.paths) == 1 else scan.source
            return _stage_table(scan, reading, _table(rows, scan), rows.types, place)
        case Batches():
            return _stage_rows(scan, reading, rows.columns, rows.read())
        case DelimitedFiles():
            from tieout.adapters.files.delimited import read_delimited

            return _stage_rows(scan, reading, rows.columns, read_delimited(rows))
        case unreachable:
            assert_never(unreachable)


def _table(rows: Frame | ParquetFiles, scan: Scan) -> pa.Table:
    """The rows with their types; texts are UTF-8 and decimals fit, on which Polars relies."""
    try:
        if isinstance(rows, Frame):
            table = rows.table if isinstance(rows.table, pa.Table) else pa.table(rows.table)
        else:
            import pyarrow.parquet as pq

            table = pa.concat_tables(pq.ParquetFile(path).read() for path in rows.paths)
        table.validate(full=True)
    except (OSError, pa.ArrowException) as error:
        raise SourceError(
            f"the source cannot be read: {str(error).splitlines()[0]}", where=scan.source
        ) from error
    return table


def _stage_table(
    scan: Scan, reading: Reading, table: pa.Table, types: Sequence[str], place: str
) -> Staged:
    """Typed columns, read where they are; doubtful rows are read again as texts."""
    bound = reading.bind(table.column_names, types)
    raw = Raw(table, tuple(map(Physical, types)))
    found = cells(bound, raw)
    tests = any_of([*row_doubts(bound, raw, found)])
    out = unwanted(bound, raw)
    columns = [cell.value.alias(name) for name, cell in found.items()]
    read = raw.frame().select(ROW, *columns, __doubt=tests, __out=out)
    sure = read.filter(~pl.col("__doubt") & ~pl.col("__out")).drop("__doubt", "__out")
    staged = Staged(scan, bound, sure)
    doubted = read.filter("__doubt").get_column(ROW).to_list()
    again = rows_of(table, [number - 1 for number in doubted])
    rows = (TextRow(texts, place, row) for row, texts in zip(doubted, again, strict=True))
    _read(staged, rows)
    staged.skipped = table.num_rows - staged.frame.height - len(staged.quarantined)
    return staged


def _stage_rows(
    scan: Scan,
    reading: Reading,
    header: Sequence[str],
    batches: Iterator[list[TextRow | BadRow]],
) -> Staged:
    """Rows that come as texts: each is read by `core.read`."""
    bound = reading.bind(header)
    staged = Staged(scan, bound, frame_of_rows(bound, []))
    count = _read(staged, chain.from_iterable(batches))
    staged.skipped = count - staged.frame.height - len(staged.quarantined)
    return staged


def _read(staged: Staged, rows: Iterable[TextRow | BadRow]) -> int:
    """Read rows exactly: into the frame, or into quarantine, or not wanted at all.

    Returns:
        how many were given.
    """
    bound, count = staged.bound, 0
    readable: list[tuple[int, dict[str, Value]]] = []
    for row in rows:
        count += 1
        if isinstance(row, BadRow):
            staged.quarantined.append(_bad_row(staged.scan.source, row))
        elif bound.wanted(row.cells):
            values = bound.read(row.cells, place=row.place, row=row.row, line=row.line)
            if isinstance(values, Quarantined):
                staged.quarantined.append(values)
            else:
                readable.append((row.row, values))
    if readable:
        staged.frame = pl.concat([staged.frame, frame_of_rows(bound, readable)])
    return count


def frame_of_rows(
    bound: BoundReading, rows: Sequence[tuple[int, dict[str, Value]]]
) -> pl.DataFrame:
    """Values, with their row numbers, as a frame with a column for each that the source has."""
    contract = bound.reading.records.columns
    numbers = pl.Series(ROW, [row for row, _ in rows], dtype=pl.Int64)
    columns = [
        pl.Series(name, [values[name] for _, values in rows], dtype=TYPES[contract[name].type])
        for name in bound.present
    ]
    return pl.DataFrame([numbers, *columns])


def _bad_row(source: str, row: BadRow) -> Quarantined:
    return Quarantined(
        source=source,
        place=row.place,
        row=row.row,
        reason=row.reason,
        raw=row.raw,
        line=row.line,
        offset=row.offset,
    )


def records_of(frame: pl.DataFrame, columns: Sequence[str], prefix: str = "") -> list[Record]:
    """The rows of a frame as records, not identified."""
    if not frame.height:
        return []
    chosen = frame.select(f"{prefix}{each}" for each in (ROW, *columns))
    return [
        Record(dict(zip(columns, cells, strict=True)), {}, row) for row, *cells in chosen.rows()
    ]
