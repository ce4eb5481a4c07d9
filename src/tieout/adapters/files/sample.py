"""The first records of a file that nobody has described yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tieout.adapters.cells import text_row
from tieout.adapters.files.delimited import Line, Split, lines_of, read_delimited, split_records
from tieout.adapters.files.encoding import to_utf8
from tieout.adapters.files.header import DELIMITERS
from tieout.adapters.files.settings import FileSettings
from tieout.adapters.files.source import FileSource
from tieout.adapters.files.stored import compression_of, read_stored
from tieout.core.infer import Sample, SampledFile, header_at
from tieout.core.infer.proposal import Cells
from tieout.core.scan import Batches, DelimitedFiles, Dialect, Frame, ParquetFiles, Scan, TextRow
from tieout.errors import SourceError

if TYPE_CHECKING:
    import pyarrow as pa

_BINARY: Final = (".parquet", ".pq", ".xlsx", ".json", ".ndjson", ".jsonl")
_BATCH: Final = 2_000
_HEAD: Final = 80
"""Lines among which the header is looked for."""

_WIDE: Final = 200
"""Columns of a sheet in which it is looked for."""

_UNREAD: Final = {
    b"<?xml": "XML",
    b"<!DOC": "HTML",
    b"<html": "HTML",
    b"%PDF-": "a PDF",
    b"\xd0\xcf\x11\xe0\xa1": "an Excel file of the old kind, or an encrypted one",
    b"{\\rtf": "RTF",
}
"""First bytes of files that look like text, or like a sheet, and are not read."""


def sample(path: str, *, name: str, limit: int) -> SampledFile:
    """The first `limit` records of a file, whatever its format.

    A text file that is no UTF-8 is tried as cp1252; lines before the header, of a sheet too, are
    found and skipped.

    Raises:
        SourceMissing: there is no such file.
        SourceError: it cannot be read, is of a format that is not read, or has no header.
    """
    absolute = str(Path(path).absolute())
    delimited = not any(part in _BINARY for part in Path(path).suffixes)
    found: tuple[str | None, str | None, int] | None = None
    if Path(path).is_file():
        _check_format(path)
        if delimited:
            found = _how_written(absolute, name)
        elif ".xlsx" in Path(path).suffixes:
            found = (None, None, _rows_above(absolute, name))
    encoding, delimiter, skip = found or (None, None, 0)
    settings = FileSettings(
        name=name,
        paths=(absolute,),
        encoding=encoding or "auto",
        delimiter=delimiter or "auto",
        skip_rows=skip,
        floats="shortest",
        allow_empty=True,
    )
    with FileSource(settings) as source:
        scan = source.scan(business_date=date.min)
        rows = list(islice(_cells(scan), limit + 1))
        taken = Sample(name, scan.rows.columns, rows[:limit], _types(scan))
    whole = len(rows) <= limit
    told = delimiter if skip else None  # a run finds it out by itself in a regular file
    return SampledFile(taken, encoding, told, skip, whole)


def _check_format(path: str) -> None:
    """Raises SourceError: the file is of a format that is not read."""
    with Path(path).open("rb") as stream:
        start = stream.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    for mark, form in _UNREAD.items():
        if start[: len(mark)].lower() == mark.lower():
            raise SourceError(
                f"{path} is {form}, which is not read",
                hint="have it exported as CSV, XLSX, JSON or Parquet",
            )


def _rows_above(path: str, name: str) -> int:
    """How many rows of a sheet stand above its header: titles, dates of a report."""
    settings = FileSettings(
        name=name,
        paths=(path,),
        names=tuple(f"column {number}" for number in range(1, _WIDE + 1)),
        floats="shortest",
        allow_empty=True,
    )
    with FileSource(settings) as source:
        scan = source.scan(business_date=date.min)
        assert isinstance(scan.rows, Batches)
        found = (row for batch in scan.rows.read() for row in batch if isinstance(row, TextRow))
        rows = list(islice(found, _HEAD))
    at = header_at([row.cells for row in rows])
    return (rows[at].line or 1) - 1 if at else 0


def _how_written(path: str, name: str) -> tuple[str | None, str | None, int] | None:
    """Encoding, delimiter and lines before the header; None where the file is as usual."""
    encoding = _encoding(path, name)
    lines = list(islice(_lines(path, name, encoding or "auto"), _HEAD))
    best: tuple[int, str, int] | None = None
    for delimiter in DELIMITERS:
        splits = [split for split in _split(lines, delimiter) if split.fault is None]
        at = header_at([split.cells for split in splits])
        if at and (best is None or len(splits[at].cells) > best[0]):
            best = len(splits[at].cells), delimiter, splits[at].first.number - 1
    if best is not None:
        return encoding, best[1], best[2]
    return (encoding, None, 0) if encoding else None


def _encoding(path: str, name: str) -> str | None:
    """`cp1252` for a text that is neither UTF-8 nor marked."""
    try:
        for _ in to_utf8(_stored(path, name), "auto", name):
            pass
    except SourceError:
        for _ in to_utf8(_stored(path, name), "cp1252", name):
            pass
        return "cp1252"
    return None


def _lines(path: str, name: str, encoding: str) -> Iterator[Line]:
    chunks = to_utf8(_stored(path, name), encoding, name)
    return lines_of(chunk for chunk in chunks if chunk)


def _stored(path: str, name: str) -> Iterator[bytes]:
    return read_stored(Path(path), compression_of(Path(path), "auto", name), name)


def _split(lines: Sequence[Line], delimiter: str) -> Iterator[Split]:
    return split_records(iter(lines), Dialect(delimiter=delimiter, skip=0))


def _types(scan: Scan) -> tuple[str, ...] | None:
    return scan.rows.types if isinstance(scan.rows, ParquetFiles) else None


def _cells(scan: Scan) -> Iterator[Cells]:
    """Records as texts; those that cannot be split are left out."""
    match scan.rows:
        case DelimitedFiles():
            batches = read_delimited(scan.rows)
        case Batches():
            batches = scan.rows.read()
        case ParquetFiles():
            yield from _parquet_cells(scan.rows)
            return
        case Frame():
            raise AssertionError("a file is no frame")
    for batch in batches:
        yield from (row.cells for row in batch if isinstance(row, TextRow))


def _parquet_cells(files: ParquetFiles) -> Iterator[Cells]:
    """Records of Parquet files as texts; times with all their digits."""
    import pyarrow as pa

    for path in files.paths:
        for batch in _parquet_batches(path):
            columns = [
                column.cast(pa.string()) if pa.types.is_timestamp(column.type) else column
                for column in batch.columns
            ]
            for values in zip(*(column.to_pylist() for column in columns), strict=True):
                row = text_row(values, path, 0)
                if isinstance(row, TextRow):
                    yield row.cells


def _parquet_batches(path: str) -> Iterator[pa.RecordBatch]:
    """Raises SourceError: a page of the file is damaged. Its footer was verified."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(batch_size=_BATCH)
    except (pa.ArrowException, OSError) as error:
        raise SourceError(
            f"{path} is cut or damaged: {str(error).splitlines()[0]}", hint="fetch it again"
        ) from error
