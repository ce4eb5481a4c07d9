"""How a file source is configured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

from tieout.core.scan import Controls
from tieout.core.text import NumberStyle

FORMATS: Final = ("auto", "csv", "tsv", "parquet", "json", "ndjson", "xlsx")
COMPRESSIONS: Final = ("auto", "none", "gzip", "zstd")


@dataclass(frozen=True)
class FileSettings:
    """A file source.

    Attributes:
        name: the source's name.
        paths: files or globs; `{business_date:%Y%m%d}` stands for the run's date. All of them
            together are the source, and have the same columns.
        base: the directory that relative paths start from.
        format: one of FORMATS; `auto` goes by the suffix, then by the content.
        compression: one of COMPRESSIONS; `auto` goes by the first bytes.
        encoding: `auto` (a byte order mark, else strict UTF-8) or a Python codec's name.
        delimiter: `auto` chooses among `,` `;` tab and `|`, by the header and the first records.
        quote, escape: one character each; without `quote` no character is special. `escape` is
            the quote itself where quotes are doubled.
        names: columns of a file that has no header line.
        skip_rows: lines (XLSX: rows) before the header.
        comment: lines that start with it are no records.
        trailer: a regular expression that the last line must match. Its named groups are checked:
            `rows` is the record count, any other is the control total of that canonical column
            (or of `notional`): `TRL,(?P<rows>[0-9]+),(?P<quantity>[^,]+)`.
        numbers: how the trailer writes numbers.
        sheet: XLSX: a name, or a number from 1; the first one where None.
        record_path: JSON: the keys that lead to the array of records.
        floats: `refuse` or `shortest`; None: `shortest` for XLSX, else `refuse`.
        used: the columns that are read, where known; binary floats elsewhere do no harm.
        allow_empty: no records at all is a valid answer.
        is_holiday: says of a business date whether no records are expected on it.
        controls: what must hold of the records, by configuration.
    """

    name: str
    paths: tuple[str, ...]
    base: Path | None = None
    format: str = "auto"
    compression: str = "auto"
    encoding: str = "auto"
    delimiter: str = "auto"
    quote: str = '"'
    escape: str = '"'
    names: tuple[str, ...] = ()
    skip_rows: int = 0
    comment: str = ""
    trailer: str = ""
    numbers: NumberStyle = NumberStyle()
    sheet: str | int | None = None
    record_path: tuple[str, ...] = ()
    floats: str | None = None
    used: frozenset[str] | None = None
    allow_empty: bool = False
    is_holiday: Callable[[date], bool] | None = None
    controls: Controls = field(default_factory=Controls)
