"""A scan -> a staged side: a relation with typed columns, a row number and a state a row."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, assert_never

import duckdb
import pyarrow as pa
from msgspec import structs

from tieout.adapters.engines.duckdb.columns import (
    DOUBT,
    OK,
    UNWANTED,
    Cell,
    RowTests,
    as_text,
    cells,
    either,
    name,
    quoted,
    row_tests,
    sql_type,
)
from tieout.adapters.engines.duckdb.verbatim import verbatim
from tieout.core.model import Quarantined, Value
from tieout.core.read import BoundReading, Reading
from tieout.core.scan import (
    BadRow,
    Batches,
    DelimitedFiles,
    Frame,
    ParquetFiles,
    Scan,
    TextRow,
)
from tieout.core.schema import ColumnType
from tieout.errors import SourceError

_BATCH = 50_000

ARROW_TYPES: Final = {
    ColumnType.TEXT: pa.string(),
    ColumnType.DECIMAL: pa.decimal128(38, 18),
    ColumnType.TIME: pa.int64(),
    ColumnType.DATE: pa.date32(),
}
"""The Arrow types of the columns that an engine keeps."""


@dataclass(slots=True)
class Staged:
    """A side in DuckDB.

    Attributes:
        label: prefix of its relations: `internal`, `external`, `check0`.
        relation: name of the relation with `row`, `state` and the bound columns.
        counted: whether doubtful and unwanted rows were already looked for.
        raw: the view of a typed source as it is. `texts`: the SQL of its cells as texts;
            `cells`: of its columns; `verbatim`: of some of them, if their texts are as they
            should be; `tests`: of its rows, all over `raw`.
        rows: all rows of the source, unreadable and unwanted ones included.
        quarantined: rows that the source could not split, then those that could not be read.
        reread: how many doubted rows turned out right; they are in `<label>_extra`.
    """

    con: duckdb.DuckDBPyConnection
    label: str
    scan: Scan
    bound: BoundReading
    relation: str
    rows: int
    counted: bool
    raw: str = ""
    texts: Sequence[str] = ()
    cells: Mapping[str, Cell] = field(default_factory=dict)
    verbatim: Mapping[str, Cell] = field(default_factory=dict)
    tests: RowTests = field(default_factory=RowTests)
    quarantined: list[Quarantined] = field(default_factory=list)
    reread: int = 0

    @property
    def columns(self) -> tuple[str, ...]:
        return self.bound.present

    def unproved(self, cells: Mapping[str, Cell] | None = None, equal: Collection[str] = ()) -> str:
        """Every row as `SELECT row, state, <columns>`, whatever its state.

        Args:
            cells: other SQL of the columns.
            equal: columns of which the values need no test, only the cells: the values are
                tested where they differ from the other side's, which are all tested.
        """
        if not self.cells:
            return f"SELECT * FROM {self.relation}"
        cells = self.cells if cells is None else cells
        columns = ", ".join(f"{cell.value} AS {name(each)}" for each, cell in cells.items())
        state = _state(cells, self.tests, equal)
        return f"SELECT __row AS row, {state} AS state, {columns} FROM {self.raw}"


def stage(con: duckdb.DuckDBPyConnection, label: str, scan: Scan, reading: Reading) -> Staged:
    """Make a scan readable as a relation.

    Raises:
        SourceError: its columns do not fit the reading, or the files cannot be read.
    """
    try:
        match scan.rows:
            case ParquetFiles() as files:
                return _stage_parquet(con, label, scan, reading, files)
            case Frame() as frame:
                return _stage_frame(con, label, scan, reading, frame)
            case DelimitedFiles() as files:
                staged = _stage_delimited(con, label, scan, reading, files)
                _locate(staged.quarantined, files)
                return staged
            case Batches() as batches:
                return _stage_text(con, label, scan, reading, batches.columns, batches.read())
            case unreachable:
                assert_never(unreachable)
    except duckdb.Error as error:
        raise SourceError(
            f"the source cannot be read: {str(error).splitlines()[0]}", where=scan.source
        ) from error


def _stage_parquet(
    con: duckdb.DuckDBPyConnection, label: str, scan: Scan, reading: Reading, files: ParquetFiles
) -> Staged:
    paths = "[" + ", ".join(quoted(path) for path in files.paths) + "]"
    several = len(files.paths) > 1
    row = (
        "file_row_number + 1" if not several else "file_index * 1099511627776 + file_row_number + 1"
    )
    raw = f"SELECT *, {row} AS __row FROM read_parquet({paths}, file_row_number=true)"
    return _view(con, label, scan, reading, raw, files.columns, files.types, files.rows)


def _stage_frame(
    con: duckdb.DuckDBPyConnection, label: str, scan: Scan, reading: Reading, frame: Frame
) -> Staged:
    table = frame.table if isinstance(frame.table, pa.Table) else pa.table(frame.table)
    numbered = table.append_column("__row", pa.array(range(1, len(table) + 1), pa.int64()))
    con.register(f"{label}_frame", numbered)
    raw = f"SELECT * FROM {label}_frame"
    return _view(con, label, scan, reading, raw, frame.columns, frame.types, frame.rows)


def _view(
    con: duckdb.DuckDBPyConnection,
    label: str,
    scan: Scan,
    reading: Reading,
    raw: str,
    header: Sequence[str],
    physical: Sequence[str],
    rows: int,
) -> Staged:
    """A source that keeps its types: read where it is, each time it is needed."""
    bound = reading.bind(header, physical)
    con.execute(f"CREATE TEMP VIEW {label}_raw AS {raw}")
    described = con.execute(f"DESCRIBE {label}_raw").fetchall()
    by_name = {column: str(type_) for column, type_, *_ in described}
    names, types = [name(column) for column in header], [by_name[column] for column in header]
    sql, tests = cells(bound, names, types), row_tests(bound, names, types)
    texts = [as_text(column, type_) for column, type_ in zip(names, types, strict=True)]
    staged = Staged(
        con, label, scan, bound, label, rows, counted=_state(sql, tests) == str(OK),
        raw=f"{label}_raw", texts=texts, cells=sql, verbatim=verbatim(bound, names, types),
        tests=tests,
    )  # fmt: skip
    con.execute(f"CREATE TEMP VIEW {label} AS {staged.unproved()}")
    _create_extra(staged)
    return staged


def _state(sql: Mapping[str, Cell], tests: RowTests, equal: Collection[str] = ()) -> str:
    """Whether a row is right as it is. Of the columns `equal` the values are not looked at."""
    suspects = (cell.doubt if column in equal else cell.suspect() for column, cell in sql.items())
    doubts = either(tests.doubt, *suspects)
    branches = f"WHEN {tests.unwanted} THEN {UNWANTED} " if tests.unwanted else ""
    branches += f"WHEN {doubts} THEN {DOUBT} " if doubts else ""
    return f"CASE {branches}ELSE {OK} END" if branches else str(OK)


def _stage_delimited(
    con: duckdb.DuckDBPyConnection, label: str, scan: Scan, reading: Reading, files: DelimitedFiles
) -> Staged:
    """Text files: read in parallel once, typed on the way; raw text is kept of doubtful rows.

    Whatever DuckDB's splitter rejects sends the files through the exact reader instead.
    """
    dialect = files.dialect
    columns = (
        "{" + ", ".join(f"{quoted(f'c{i}')}: 'VARCHAR'" for i in range(len(files.columns))) + "}"
    )
    paths = "[" + ", ".join(quoted(path) for path in files.paths) + "]"
    source = (
        f"read_csv({paths}, columns={columns}, auto_detect=false, header=false,"
        f" skip={dialect.skip}, delim={quoted(dialect.delimiter)}, quote={quoted(dialect.quote)},"
        f" escape={quoted(dialect.escape)}, strict_mode=true, null_padding=false, nullstr='',"
        f" max_line_size=4000000)"
    )
    names = [f"c{index}" for index in range(len(files.columns))]
    if len(files.paths) > 1 or dialect.trailer:
        return _stage_exactly(con, label, scan, reading, files)
    try:
        return _stage_texts(con, label, scan, reading, files.columns, source, names)
    except duckdb.Error:
        con.execute(f"DROP TABLE IF EXISTS {label}")
        return _stage_exactly(con, label, scan, reading, files)


def _locate(quarantined: list[Quarantined], files: DelimitedFiles) -> None:
    """Give each entry its line and byte offset, which the splitter does not know."""
    from tieout.adapters.files.places import places

    found = places(files, {entry.row for entry in quarantined if entry.offset is None})
    for index, entry in enumerate(quarantined):
        if entry.row in found:
            line, offset = found[entry.row]
            quarantined[index] = structs.replace(entry, line=line, offset=offset)


def _stage_exactly(
    con: duckdb.DuckDBPyConnection, label: str, scan: Scan, reading: Reading, files: DelimitedFiles
) -> Staged:
    from tieout.adapters.files.delimited import read_delimited

    return _stage_text(con, label, scan, reading, files.columns, read_delimited(files))


def _stage_text(
    con: duckdb.DuckDBPyConnection,
    label: str,
    scan: Scan,
    reading: Reading,
    header: Sequence[str],
    rows: Iterator[list[TextRow | BadRow]],
) -> Staged:
    """Rows that come as text. Their places are kept for quarantine."""
    names = [f"c{index}" for index in range(len(header))]
    texts = ", ".join(f"{each} VARCHAR" for each in names)
    con.execute(
        f"CREATE TEMP TABLE {label}_text ({texts}, place VARCHAR, number BIGINT, line BIGINT)"
    )
    bad: list[Quarantined] = []
    for batch in rows:
        good = [row for row in batch if isinstance(row, TextRow)]
        bad += [_bad_row(scan.source, row) for row in batch if isinstance(row, BadRow)]
        _append(con, f"{label}_text", names, good)
    source = f"(SELECT * FROM {label}_text)"
    staged = _stage_texts(con, label, scan, reading, header, source, names, placed=True)
    staged.quarantined += bad
    staged.rows += len(bad)
    con.execute(f"DROP TABLE {label}_text")
    return staged


def _append(
    con: duckdb.DuckDBPyConnection, table: str, names: Sequence[str], rows: Sequence[TextRow]
) -> None:
    if not rows:
        return
    arrays: dict[str, Any] = {
        each: pa.array([row.cells[index] for row in rows], pa.string())
        for index, each in enumerate(names)
    }
    arrays["place"] = pa.array([row.place for row in rows], pa.string())
    arrays["number"] = pa.array([row.row for row in rows], pa.int64())
    arrays["line"] = pa.array([row.line for row in rows], pa.int64())
    con.register("batch", pa.table(arrays))
    con.execute(f"INSERT INTO {table} SELECT * FROM batch")
    con.unregister("batch")


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


def _stage_texts(
    con: duckdb.DuckDBPyConnection,
    label: str,
    scan: Scan,
    reading: Reading,
    header: Sequence[str],
    source: str,
    names: list[str],
    *,
    placed: bool = False,
) -> Staged:
    """Texts -> one typed table; doubtful rows are read exactly and taken out of it."""
    bound = reading.bind(header)
    types = ["VARCHAR"] * len(names)
    sql = cells(bound, names, types, trimmed=True)
    state = _state(sql, row_tests(bound, names, types))
    columns = "".join(f", {cell.value} AS {name(column)}" for column, cell in sql.items())
    kept = "".join(f", {name(column)}" for column in sql) + (", place, number, line" * placed)
    con.execute(
        f"CREATE TEMP TABLE {label} AS SELECT state{kept}, CASE WHEN state = {DOUBT} THEN"
        f" [{', '.join(names)}] END AS doubted FROM (SELECT *, {state} AS state{columns}"
        f" FROM {source})"
    )
    count = con.execute(f"SELECT count(*) FROM {label}").fetchall()[0][0]
    row = "number" if placed else "rowid + 1"
    con.execute(f"CREATE TEMP VIEW {label}_rows AS SELECT {row} AS row, * FROM {label}")
    staged = Staged(con, label, scan, bound, f"{label}_rows", count, counted=True)
    place = "place, line" if placed else f"{quoted(_place(scan))} AS place, NULL AS line"
    _create_extra(staged)
    _read_again(
        staged,
        f"SELECT {row} AS number, doubted AS cells, {place} FROM {label} WHERE state = {DOUBT}"
        f" ORDER BY rowid",
    )
    return staged


def _place(scan: Scan) -> str:
    rows = scan.rows
    if isinstance(rows, DelimitedFiles) and rows.names:
        return rows.names[0]
    if isinstance(rows, ParquetFiles | DelimitedFiles) and len(rows.paths) == 1:
        return rows.paths[0]
    return scan.source


def _read_again(staged: Staged, doubtful: str) -> None:
    """Read doubtful rows exactly: into `<label>_extra`, or into quarantine, or not wanted at all.

    Args:
        doubtful: SQL of their number, cells (a list of texts), place and line.
    """
    table = staged.con.sql(doubtful).to_arrow_table()
    for batch in table.to_batches(max_chunksize=_BATCH):
        rows: list[tuple[int, dict[str, Value]]] = []
        for number, texts, place, line in zip(
            *(batch.column(index).to_pylist() for index in range(4)), strict=True
        ):
            if not staged.bound.wanted(texts):
                continue
            read = staged.bound.read(texts, place=place, row=number, line=line)
            if isinstance(read, Quarantined):
                staged.quarantined.append(read)
            else:
                rows.append((number, read))
        _append_extra(staged, rows)
        staged.reread += len(rows)


def resolve_doubts(staged: Staged) -> None:
    """Read the doubtful rows of a view exactly. Afterwards, only its sure rows count."""
    if staged.counted:
        return
    staged.counted = True
    texts = ", ".join(staged.texts)
    _read_again(
        staged,
        f"SELECT __row AS number, [{texts}] AS cells, {quoted(_place(staged.scan))} AS place,"
        f" NULL AS line FROM {staged.raw} WHERE __row IN"
        f" (SELECT row FROM {staged.relation} WHERE state = {DOUBT}) ORDER BY __row",
    )


def _create_extra(staged: Staged) -> None:
    records = staged.bound.reading.records
    columns = ", ".join(
        f"{name(column)} {sql_type(records.columns[column].type)}" for column in staged.columns
    )
    staged.con.execute(f"CREATE TEMP TABLE {staged.label}_extra (row BIGINT, {columns})")
    staged.con.execute(f"CREATE TEMP TABLE {staged.label}_out (row BIGINT)")


def _append_extra(staged: Staged, rows: Sequence[tuple[int, dict[str, Value]]]) -> None:
    if not rows:
        return
    records = staged.bound.reading.records
    arrays: dict[str, Any] = {"row": pa.array([row for row, _ in rows], pa.int64())}
    for column in staged.columns:
        type_ = ARROW_TYPES[records.columns[column].type]
        arrays[column] = pa.array([values.get(column) for _, values in rows], type_)
    staged.con.register("batch", pa.table(arrays))
    names = ", ".join(name(each) for each in ("row", *staged.columns))
    staged.con.execute(f"INSERT INTO {staged.label}_extra SELECT {names} FROM batch")
    staged.con.unregister("batch")
