"""What a source gives: where its records are, how to read them, and how far it covers.

A source never hands out an engine's object. It says *what* to read; the engine reads it where
it is, and asks `core.read` about every row that it is not sure of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, TypeAlias

from tieout.core.model import Quarantined

FORMATS: Final = ("auto", "csv", "tsv", "parquet", "json", "ndjson", "xlsx")
COMPRESSIONS: Final = ("auto", "none", "gzip", "zstd")


@dataclass(frozen=True, slots=True)
class FileOptions:
    """Where a file source's records are, and how its files are written.

    Attributes:
        paths: files or globs; `{business_date:%Y%m%d}` stands for the run's date. All of them
            together are the source, and have the same columns.
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
        sheet: XLSX: a name, or a number from 1; the first one where None.
        record_path: JSON: the keys that lead to the array of records.
    """

    paths: tuple[str, ...]
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
    sheet: str | int | None = None
    record_path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a delimited text file is written. The file is UTF-8 without BOM by the time of the scan.

    Attributes:
        skip: lines before the first record, the header included.
        trailer: lines at the end that are no records (a trailer); their checks are done.
    """

    delimiter: str = ","
    quote: str = '"'
    escape: str = '"'
    skip: int = 1
    trailer: int = 0


@dataclass(frozen=True, slots=True)
class ParquetFiles:
    """Parquet files that an engine may scan by itself. `rows` is from the verified footers."""

    paths: tuple[str, ...]
    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: int


@dataclass(frozen=True, slots=True)
class DelimitedFiles:
    """Plain UTF-8 delimited files with a checked header, all with the same columns.

    An engine may scan them as text; rows that are ragged or malformed it must return as
    unreadable, with their byte offset.

    Attributes:
        names: what a person calls each path, where it is a temporary copy (decompressed or
            transcoded, with the lines of the original); the paths themselves where empty.
    """

    paths: tuple[str, ...]
    columns: tuple[str, ...]
    dialect: Dialect
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Frame:
    """An Arrow table (or anything with `__arrow_c_stream__`): typed columns, no file."""

    table: Any
    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: int


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that the source itself could not split into cells."""

    place: str
    row: int
    reason: str
    raw: str
    line: int | None = None
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class Batches:
    """Rows as text, for what no engine reads exactly: JSON, XLSX, SQL, odd encodings.

    Attributes:
        read: starts reading; yields lists of `TextRow | BadRow`, in the source's order.
    """

    columns: tuple[str, ...]
    read: Callable[[], Iterator[list[TextRow | BadRow]]]


@dataclass(frozen=True, slots=True)
class TextRow:
    """One row: its cells as text in the order of the columns, and where it stands."""

    cells: tuple[str | None, ...]
    place: str
    row: int
    line: int | None = None


Rows: TypeAlias = ParquetFiles | DelimitedFiles | Frame | Batches


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file (or query) that was read, for the proof: name, size and SHA-256 of its bytes."""

    name: str
    sha256: str
    size: int
    rows: int | None = None
    repeats: str | None = None
    """The earlier input with the same bytes: it is not read twice."""


@dataclass(frozen=True, slots=True)
class Part:
    """One of several files of a source, which says by itself what it should hold.

    Attributes:
        first, last: its records, unreadable ones included, by their number in the source from 1.
        stored, totals: what its trailer says, as in `Controls`.
    """

    name: str
    first: int
    last: int
    stored: int | None = None
    totals: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Controls:
    """What a source says about itself, to be checked against what was read.

    Attributes:
        rows: how many records are expected, by configuration. Those that `only` and `skip` leave
            out are none.
        stored: how many records the trailer counts, those that are left out included.
        totals: canonical column (or `notional`) to its control total.
        symbols: symbols of which at least one record must be there.
        window: times (UTC ns) within which every record must lie, and which the source covers.
        parts: the files, where there are several with a trailer each. What one has too much does
            not make up for what another lacks.
    """

    rows: int | None = None
    totals: Mapping[str, Decimal] = field(default_factory=dict)
    symbols: frozenset[str] = frozenset()
    window: tuple[int, int] | None = None
    stored: int | None = None
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Scan:
    """What to read from a source, and what is known about it before it is read.

    Attributes:
        source: the source's name in the configuration.
        inputs: what was read, hashed. Call it after the engine is done: it waits for the hashing
            that runs beside the scan, and raises SourceError if a file changed meanwhile.
        controls: checks that the engine's totals must pass.
        allow_empty: no rows at all is a valid answer (configured, a control count of zero,
            or a holiday), and not a broken export.
        notes: what a person should know, e.g. "floats read as their shortest decimals".
        reasons: why the source itself says that this is not everything.
        unreadable: rows that never came as far as `rows`: an adapter could not read them.
    """

    source: str
    rows: Rows
    inputs: Callable[[], tuple[InputFile, ...]] = tuple
    controls: Controls = field(default_factory=Controls)
    allow_empty: bool = False
    notes: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    unreadable: tuple[Quarantined, ...] = ()


@dataclass(frozen=True, slots=True)
class Coverage:
    """How far a side's answer reaches in one run.

    Attributes:
        rows: records read, quarantined ones excluded, carried ones excluded.
        complete: nothing that belongs to it is missing. `reasons` says why not.
        watermark: the latest time (UTC ns) read, if any. Not a proof of completeness.
        window: the times that are covered, where the source declares it; else None.
        everything: it repeats the whole history, not only its business date.
        totals: control totals as read: column to sum.
        symbols: those that it is about, where it was asked for by symbol: outside of them nothing
            is missing, and nothing is clean. None: all.
        restricted: somebody asked about these symbols only: it says nothing of the whole.
    """

    source: str
    rows: int
    quarantined: int
    complete: bool
    reasons: tuple[str, ...] = ()
    watermark: int | None = None
    window: tuple[int, int] | None = None
    everything: bool = False
    totals: Mapping[str, Decimal] = field(default_factory=dict)
    inputs: tuple[InputFile, ...] = ()
    notes: tuple[str, ...] = ()
    symbols: tuple[str, ...] | None = None
    restricted: bool = False
