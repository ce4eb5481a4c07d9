"""Parquet files: their columns and row counts, from verified footers."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from glob import has_magic
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tieout.adapters.files.header import SAME_COLUMNS, check_names
from tieout.adapters.files.locate import StoredFile
from tieout.core.physical import Physical
from tieout.core.scan import ParquetFiles
from tieout.errors import SourceError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MAGIC: Final = b"PAR1"
_DECIMAL: Final = re.compile(r"DECIMAL\((\d+),\s*\d+\)")
_DIGITS: Final = 38
"""Digits of the widest decimal that is no double to DuckDB."""

_TYPES: Final = {
    "VARCHAR": Physical.TEXT,
    "DOUBLE": Physical.FLOAT,
    "FLOAT": Physical.FLOAT,
    "DATE": Physical.DATE,
    **dict.fromkeys(
        ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), Physical.NAIVE_TIME
    ),
    **dict.fromkeys(("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS"), Physical.UTC_TIME),
    **dict.fromkeys(
        (
            "TINYINT",
            "SMALLINT",
            "INTEGER",
            "BIGINT",
            "HUGEINT",
            "UTINYINT",
            "USMALLINT",
            "UINTEGER",
            "UBIGINT",
            "UHUGEINT",
        ),
        Physical.INTEGER,
    ),
}


@dataclass(frozen=True, slots=True)
class Footer:
    """What a Parquet file says of itself: (column, type) in order, and its rows."""

    columns: tuple[tuple[str, str], ...]
    rows: int


def read_parquet_files(
    files: Sequence[StoredFile], folder: Callable[[], Path], where: str
) -> tuple[ParquetFiles, dict[Path, int]]:
    """Verified files with one schema, and the rows of each by its path.

    Args:
        folder: a directory for links to paths that an engine would take for a pattern.

    Raises:
        SourceError: a file is cut, damaged or no Parquet, or the files differ in their columns.
    """
    paths = tuple(_unambiguous(file.path, folder) for file in files)
    with _database().cursor() as connection:
        footers = [
            _footer(connection, path, file, where) for path, file in zip(paths, files, strict=True)
        ]
    first = footers[0]
    for file, footer in zip(files, footers, strict=True):
        _check_same(files[0].name, first, file.name, footer, where)
    names = check_names([name for name, _ in first.columns], f"{where}: {files[0].name}")
    types = tuple(_physical(type_).value for _, type_ in first.columns)
    rows = {file.path: footer.rows for file, footer in zip(files, footers, strict=True)}
    return ParquetFiles(paths, names, types, sum(rows.values())), rows


@cache
def _database() -> DuckDBPyConnection:
    """One empty database for all footers, since starting one takes longer than reading them."""
    import duckdb

    return duckdb.connect(config={"threads": 1})


def _unambiguous(path: Path, folder: Callable[[], Path]) -> str:
    """A path without `*`, `?` and `[`."""
    if not has_magic(str(path)):
        return str(path)
    link = Path(tempfile.mkdtemp(dir=folder())) / "linked.parquet"
    link.symlink_to(path.absolute())
    return str(link)


def _footer(connection: DuckDBPyConnection, path: str, file: StoredFile, where: str) -> Footer:
    import duckdb

    data = _check_frame(file, where)
    try:
        described = connection.execute(
            "SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM read_parquet($path))",
            {"path": path},
        ).fetchall()
        if any(type_ == "DOUBLE" for _, type_ in described):
            described = _with_wide_decimals(connection, path, described)
        rows, end = connection.execute(
            """SELECT (SELECT sum(num_rows) FROM parquet_file_metadata($path)),
                      max(least(coalesce(dictionary_page_offset, data_page_offset),
                                data_page_offset) + total_compressed_size)
               FROM parquet_metadata($path)""",
            {"path": path},
        ).fetchone() or (0, 0)
    except duckdb.Error as error:
        raise _damaged(file, where, str(error).splitlines()[0]) from None
    if end is not None and end > data:
        raise _damaged(file, where, f"its columns need {end} bytes, but only {data} are there")
    return Footer(tuple(described), int(rows or 0))


def _with_wide_decimals(
    connection: DuckDBPyConnection, path: str, described: Sequence[tuple[str, str]]
) -> list[tuple[str, str]]:
    """The columns, with their own type where DuckDB reads decimals of many digits as doubles."""
    wide = connection.execute(
        "SELECT name, format('DECIMAL({},{})', precision, scale) FROM parquet_schema($path)"
        " WHERE precision > 38",
        {"path": path},
    ).fetchall()
    types = dict(wide)
    return [(name, types.get(name, type_)) for name, type_ in described]


def _check_frame(file: StoredFile, where: str) -> int:
    """How many bytes stand before the footer."""
    size = file.path.stat().st_size
    if size == 0:
        raise SourceError(f"{file.name} is empty", where=where, hint="fetch it again")
    with file.path.open("rb") as stream:
        start = stream.read(4)
        stream.seek(max(0, size - 8))
        end = stream.read(8)
    if start != MAGIC:
        raise SourceError(
            f"{file.name} is no Parquet file", where=where, hint="correct `path` or `format`"
        )
    footer = int.from_bytes(end[:4], "little")
    if len(end) < 8 or end[4:] != MAGIC or footer + 12 > size:
        raise _damaged(file, where, "it has no footer at its end")
    return size - footer - 8


def _damaged(file: StoredFile, where: str, why: str) -> SourceError:
    return SourceError(f"{file.name} is cut or damaged: {why}", where=where, hint="fetch it again")


def _check_same(first_name: str, first: Footer, name: str, footer: Footer, where: str) -> None:
    for mine, theirs in zip_longest(first.columns, footer.columns, fillvalue=("", "absent")):
        if mine != theirs:
            raise SourceError(
                f"column {mine[0] or theirs[0]!r} differs between the files: {first_name} has"
                f" {' '.join(mine).strip()}, {name} has {' '.join(theirs).strip()}",
                where=where,
                hint=SAME_COLUMNS,
            )


def _physical(type_: str) -> Physical:
    if decimal := _DECIMAL.fullmatch(type_):
        return Physical.DECIMAL if int(decimal[1]) <= _DIGITS else Physical.WIDE_DECIMAL
    if type_.startswith("ENUM("):
        return Physical.TEXT
    return _TYPES.get(type_, Physical.OTHER)
