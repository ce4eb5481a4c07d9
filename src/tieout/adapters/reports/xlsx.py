"""The XLSX report: cells that run nothing and lose nothing.

Text is written as text, never as a formula or a link. A number of up to 15 significant digits is
a real number; a longer one is text, since a spreadsheet would round it. A text beyond a cell's
32,767 characters is cut, and says so. Rows beyond a sheet's 1,048,576 go on in the next sheet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Final

from xlsxwriter import Workbook
from xlsxwriter.exceptions import XlsxFileError
from xlsxwriter.worksheet import Worksheet

from tieout.adapters import scratch
from tieout.adapters.reports.csv import QUARANTINE
from tieout.adapters.reports.objects import break_objects, encodable
from tieout.adapters.reports.whole import whole
from tieout.core.schema import RECORD_TYPES, ColumnType
from tieout.errors import UsageError
from tieout.ports import ReportData
from tieout.present import is_number, quarantine_object, run_object, utc
from tieout.present.flat import columns, flat

ROWS: Final = 1_048_575
"""Rows of a sheet, its header not counted."""

CELL: Final = 32_767
"""Characters that a cell holds."""

DIGITS: Final = 15
"""Significant digits that a number in a spreadsheet keeps."""

_LARGE: Final = 500_000
_DECIMALS: Final = frozenset(
    column.name
    for type_ in RECORD_TYPES.values()
    for column in type_.columns.values()
    if column.type is ColumnType.DECIMAL
)
_COUNTS: Final = frozenset({"row", "line", "offset", "age_seconds", "value.amount"})
_DIFFERENCES: Final = (
    "break_id",
    "reconciliation",
    "kind",
    "severity",
    "field",
    "internal",
    "external",
    "difference",
)


_OPTIONS: Final = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


class _Stream:
    """The file that a workbook is packed into.

    A package that failed is ended once more when it is collected, by when nobody can be told that
    the disk is still full: what is written after `abandon` goes nowhere.
    """

    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] = path.open("wb")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def abandon(self) -> None:
        with suppress(OSError):
            self._file.close()
        self._file = BytesIO()


class XlsxReport:
    """Sheets: report, runs, breaks, differences, quarantine.

    The first one holds the filters, the run ids with their digests, and how many rows there are.
    """

    suffix = ".xlsx"

    def __init__(self, *, rows: int = ROWS) -> None:
        self._rows = rows

    def write(self, data: ReportData, path: str) -> None:
        with whole(path) as draft, TemporaryDirectory(prefix=scratch.prefix()) as spool:
            stream = _Stream(draft)
            book = Workbook(stream, {**_OPTIONS, "tmpdir": spool})
            if data.total_breaks > _LARGE:
                book.use_zip64()
            try:
                self._fill(book, data)
                book.close()
                stream.close()
            except XlsxFileError as error:
                raise UsageError(f"cannot write the file: {error}", where=path) from error
            finally:
                _release(book)
                stream.abandon()

    def _fill(self, book: Workbook, data: ReportData) -> None:
        front = book.add_worksheet("report")
        runs = [_run_cells(run_object(run)) for run in data.runs]
        names = list(dict.fromkeys(name for run in runs for name in run))
        _Table(book, "runs", names, self._rows, numbers=frozenset(names) - _RUN_TEXTS).fill(runs)
        breaks, differences = self._breaks(book, data)
        quarantine = _Table(book, "quarantine", QUARANTINE, self._rows, numbers=_COUNTS)
        quarantine.fill(map(quarantine_object, data.quarantine()))
        _front(book, front, data, [breaks, differences, quarantine])

    def _breaks(self, book: Workbook, data: ReportData) -> tuple[_Table, _Table]:
        names = columns(data.breaks())
        numeric = {name for name in names if name.partition(".")[2] in _DECIMALS}
        numeric |= {name for name in names if name.startswith("difference.")}
        breaks = _Table(book, "breaks", names, self._rows, numbers=_COUNTS | numeric)
        differences = _Table(book, "differences", _DIFFERENCES, self._rows)
        for brk in break_objects(data):
            breaks.add(flat(brk))
            for each in brk["differences"]:
                numeric_field = each["field"] in _DECIMALS or each["difference"] is not None
                shown = frozenset({"internal", "external", "difference"} if numeric_field else ())
                differences.add({"break_id": brk["id"], **brk, **each}, numbers=shown)
        return breaks, differences


_RUN_TEXTS: Final = frozenset(
    {"reconciliation", "run_id", "status", "as_of", "business_date", "digest"}
    | {"internal.watermark", "external.watermark", "internal.complete", "external.complete"}
)


class _Table:
    """Rows under a header, in as many sheets as they need."""

    def __init__(
        self,
        book: Workbook,
        title: str,
        names: Sequence[str],
        limit: int,
        *,
        numbers: frozenset[str] = frozenset(),
    ) -> None:
        self.title, self.rows, self.sheets = title, 0, 0
        self._book, self._names, self._limit, self._numbers = book, names, limit, numbers
        self._head = book.add_format({"bold": True, "bg_color": "#E7ECF2", "bottom": 1})
        self._sheet = self._next()

    def _next(self) -> Worksheet:
        self.sheets += 1
        title = self.title if self.sheets == 1 else f"{self.title} {self.sheets}"
        sheet: Worksheet = self._book.add_worksheet(title)
        sheet.freeze_panes(1, 0)
        for index, name in enumerate(self._names):
            sheet.set_column(index, index, min(40, max(12, len(name) + 2)))
            _text(sheet, 0, index, name, self._head)
        return sheet

    def add(self, row: Mapping[str, Any], *, numbers: frozenset[str] = frozenset()) -> None:
        if self.rows and self.rows % self._limit == 0:
            self._finish()
            self._sheet = self._next()
        at = self.rows % self._limit + 1
        for index, name in enumerate(self._names):
            value = row.get(name)
            if value is None:
                continue
            text = str(value)
            if (name in self._numbers or name in numbers) and _keeps(text):
                self._sheet.write_number(at, index, float(text))
            else:
                _text(self._sheet, at, index, text)
        self.rows += 1

    def _finish(self) -> None:
        used = self.rows - (self.sheets - 1) * self._limit
        if used and self._names:
            self._sheet.autofilter(0, 0, used, len(self._names) - 1)

    def fill(self, rows: Iterable[Mapping[str, Any]]) -> None:
        for row in rows:
            self.add(row)
        self._finish()


def _release(book: Workbook) -> None:
    """Close the files that the sheets spool their rows to; a failed workbook leaves them open."""
    for each in book.worksheets():
        if each.row_data_fh is not None:
            each.row_data_fh.close()


def _keeps(text: str) -> bool:
    """Whether a spreadsheet keeps `text` as a number, digit for digit."""
    return is_number(text) and len(Decimal(text).as_tuple().digits) <= DIGITS


def _text(sheet: Worksheet, row: int, column: int, text: str, form: Any = None) -> None:
    if len(text) > CELL:
        note = f" ... [cut here: {len(text)} characters; the JSON report has them all]"
        text = text[: CELL - len(note)] + note
    sheet.write_string(row, column, encodable(text), form)


def _run_cells(run: Mapping[str, Any], prefix: str = "") -> dict[str, str | None]:
    cells: dict[str, str | None] = {}
    for name, value in run.items():
        if isinstance(value, Mapping):
            cells |= _run_cells(value, f"{prefix}{name}.")
        else:
            cells[prefix + name] = None if value is None else str(value)
    return cells


_RUN_HEAD: Final = (
    "reconciliation",
    "run id",
    "status",
    "business date",
    "run digest",
    "rules digest",
)


def _front(book: Workbook, sheet: Worksheet, data: ReportData, tables: Sequence[_Table]) -> None:
    bold = book.add_format({"bold": True})
    rows: list[tuple[str, ...]] = [("Tieout reconciliation report",)]
    rows.append(("generated at", utc(data.generated_at)))
    rows += [(f"filter: {name}", text) for name, text in data.filters.items()] or [
        ("filters", "none: every open break")
    ]
    rows.append(("times", "UTC"))
    rows.append(("numbers", f"real numbers up to {DIGITS} digits; longer ones are exact, as text"))
    for table in tables:
        note = f"in {table.sheets} sheets" if table.sheets > 1 else ""
        rows.append((f"rows: {table.title}", str(table.rows), note))
    rows += [(), _RUN_HEAD]
    for run in data.runs:
        date = run.business_date.isoformat()
        proof = (run.digest or "", run.rules_digest)
        rows.append((run.reconciliation, run.run_id, str(run.status), date, *proof))
    sheet.set_column(0, 0, 28)
    sheet.set_column(1, 5, 36)
    for index, cells in enumerate(rows):
        for column, text in enumerate(cells):
            _text(sheet, index, column, text, bold if column == 0 else None)
