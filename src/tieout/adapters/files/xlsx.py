"""XLSX sheets. Numbers are binary floats there: they are read as their shortest decimals."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from xml.etree.ElementTree import ParseError, fromstring, iterparse

from tieout.adapters.cells import cell_text, refuse_float, text_row
from tieout.adapters.files.header import SAME_COLUMNS, check_names
from tieout.adapters.files.locate import StoredFile
from tieout.adapters.files.settings import FileSettings
from tieout.core.scan import BadRow, Batches, TextRow
from tieout.core.text import is_unreadable, unreadable
from tieout.errors import SourceError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from python_calamine import CalamineSheet

_BATCH: Final = 1_000
_CELL: Final = re.compile(r"([A-Z]+)([0-9]+)")
_MARKS: Final = (b't="e"', b"t='e'", b"<f>", b"<f ", b"<f/", b":f>", b":f ", b":f/")
"""What stands in a sheet with an error or a formula; the latter may have a namespace's prefix."""


def xlsx_batches(
    files: Sequence[StoredFile], settings: FileSettings
) -> tuple[Batches, tuple[str, ...]]:
    """The rows of one sheet of each file, and the names of files without any.

    `row` counts the records of all files; `line` is the row's number in its sheet.

    Raises:
        SourceError: a file is cut, encrypted or no XLSX, has no such sheet or no header, or the
            headers differ.
    """
    sheets = [_Sheet(file, settings) for file in files]
    columns = sheets[0].columns
    for sheet in sheets[1:]:
        if sheet.columns != columns:
            differing = sorted(set(columns) ^ set(sheet.columns)) or "their order"
            raise SourceError(
                f"{files[0].name} and {sheet.place} have other columns: {differing}",
                where=settings.name,
                hint=SAME_COLUMNS,
            )
    empty = tuple(sheet.place for sheet in sheets if next(sheet.records(), None) is None)
    return Batches(columns, lambda: _batches(sheets)), empty


def _batches(sheets: Sequence[_Sheet]) -> Iterator[list[TextRow | BadRow]]:
    rows: list[TextRow | BadRow] = []
    number = 0
    for sheet in sheets:
        for line, values in sheet.records():
            number += 1
            rows.append(sheet.row(values, number, line))
            if len(rows) >= _BATCH:
                yield rows
                rows = []
    if rows:
        yield rows


class _Sheet:
    """One sheet of one file.

    Attributes:
        place: how a person finds it: file and sheet.
        columns: the checked header.
    """

    def __init__(self, file: StoredFile, settings: FileSettings) -> None:
        self._settings = settings
        self._sheet, self._faults = _open(file, settings)
        self.place = f"{file.name}, sheet {self._sheet.name!r}"
        self._offset = self._sheet.start[1] if self._sheet.start else 0
        self._first = settings.skip_rows + 1
        self._left = 0  # columns without a name and a cell before the table
        self.columns = settings.names or self._header()

    def _header(self) -> tuple[str, ...]:
        line, values = next(self._filled(), (0, ()))
        if not line:
            raise SourceError(
                f"{self.place} is empty: it has not even a header",
                where=self._settings.name,
                hint="choose another `sheet`, or correct `skip_rows`",
            )
        self._first = line + 1
        names = [(cell_text(value) or "").strip() for value in values]
        names = ["" if is_unreadable(name) else name for name in names]
        while names and not names[-1]:
            names.pop()
        left = next((at for at, name in enumerate(names) if name), 0)
        if left and all(value is None for _, row in self._filled() for value in row[:left]):
            self._left = left
        return check_names(names[self._left :], f"{self._settings.name}: {self.place}")

    def records(self) -> Iterator[tuple[int, Sequence[Any]]]:
        """Rows after the header that are not blank, with their numbers."""
        return self._filled()

    def _filled(self) -> Iterator[tuple[int, Sequence[Any]]]:
        line = 0
        for line, cells in enumerate(self._sheet.iter_rows(), 1):
            values = [None] * self._offset + [None if c == "" else c for c in cells]
            values = self._with_faults(line, values)
            if line >= self._first and any(value is not None for value in values):
                yield line, values
        for beyond in sorted(each for each in self._faults if each > line):
            if beyond >= self._first:
                yield beyond, self._with_faults(beyond, [])

    def _with_faults(self, line: int, values: list[Any]) -> list[Any]:
        for column, fault in self._faults.get(line, ()):
            values += [None] * (column + 1 - len(values))
            values[column] = fault
        return values

    def row(self, values: Sequence[Any], number: int, line: int) -> TextRow | BadRow:
        """One record."""
        width = len(self.columns)
        values = values[self._left :]
        beyond = [value for value in values[width:] if value is not None]
        if beyond:
            reason = f"it has {len(beyond)} cells beyond the header's {width} columns"
            return BadRow(self.place, number, reason, repr(values)[:2_000], line)
        padded = [*values[:width], *[None] * (width - len(values))]
        if self._settings.floats == "refuse":
            self._refuse_floats(padded)
        point = self._settings.numbers.point
        if point != ".":  # as the texts beside them are written
            padded = [
                (cell_text(value) or "").replace(".", point) if isinstance(value, float) else value
                for value in padded
            ]
        return text_row(padded, self.place, number, line)

    def _refuse_floats(self, values: Sequence[Any]) -> None:
        used = self._settings.used
        for name, value in zip(self.columns, values, strict=True):
            if isinstance(value, float) and not value.is_integer():
                if used is None or name in used:
                    raise refuse_float(
                        name,
                        self.place,
                        "format the cells as text, or accept the shortest decimals with"
                        " `floats: shortest`",
                    )


def _open(
    file: StoredFile, settings: FileSettings
) -> tuple[CalamineSheet, dict[int, list[tuple[int, str]]]]:
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    try:
        workbook = CalamineWorkbook.from_path(str(file.path))
        name = _sheet_name(workbook.sheet_names, file, settings)
        return workbook.get_sheet_by_name(name), _faulty_cells(file.path, name)
    except PasswordError:
        raise SourceError(
            f"{file.name} is encrypted", where=settings.name, hint="save it without a password"
        ) from None
    except (CalamineError, zipfile.BadZipFile, KeyError, ParseError) as error:
        raise SourceError(
            f"{file.name} is cut, damaged or no XLSX: {error}",
            where=settings.name,
            hint="fetch it again, or correct `format`",
        ) from None


def _sheet_name(names: Sequence[str], file: StoredFile, settings: FileSettings) -> str:
    sheet = settings.sheet
    if sheet is None:
        return names[0]
    if isinstance(sheet, int) and 1 <= sheet <= len(names):
        return names[sheet - 1]
    if sheet in names:
        return str(sheet)
    raise SourceError(
        f"{file.name} has no sheet {sheet!r}; there are: {', '.join(map(repr, names))}",
        where=f"{settings.name}: sheet",
    )


# Formulas without a value, which calamine gives as blank cells. A blank is absent, and these are
# unknown.


def _faulty_cells(path: Path, sheet: str) -> dict[int, list[tuple[int, str]]]:
    """Sheet row from 1 to (column from 0, what stands in the cell's place)."""
    with zipfile.ZipFile(path) as archive:
        part = _sheet_part(archive, sheet)
        if not _mentions_formulas(archive, part):
            return {}
        faults: dict[int, list[tuple[int, str]]] = {}
        with archive.open(part) as stream:
            for _, cell in iterparse(stream):  # noqa: S314 - expat limits entities
                if cell.tag.rpartition("}")[2] != "c":
                    continue
                place, fault = _CELL.fullmatch(cell.get("r", "")), _fault(cell)
                if fault is not None and place is not None:
                    faults.setdefault(int(place[2]), []).append(
                        (_column(place[1]), unreadable(f"{place[0]} {fault}"))
                    )
                cell.clear()
        return faults


def _fault(cell: Element) -> str | None:
    """Why a cell has no value, if it should have one."""
    parts = {part.tag.rpartition("}")[2]: part.text for part in cell}
    if cell.get("t") == "e":
        return f"is the error {parts.get('v') or '#ERROR'}"
    if "f" in parts and cell.get("t") != "str" and not parts.get("v"):
        return "is a formula that was not calculated: open the workbook, save it and try again"
    return None


def _sheet_part(archive: zipfile.ZipFile, sheet: str) -> str:
    """The name of the part that holds the sheet."""
    workbook = fromstring(archive.read("xl/workbook.xml"))  # noqa: S314
    relations = fromstring(archive.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
    targets = {each.get("Id"): each.get("Target", "") for each in relations}
    for each in workbook.iter():
        if each.tag.endswith("}sheet") and each.get("name") == sheet:
            relation = next(value for key, value in each.items() if key.endswith("}id"))
            target = targets[relation]
            return target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    raise KeyError(sheet)


def _mentions_formulas(archive: zipfile.ZipFile, part: str) -> bool:
    """Whether any cell may be an error or a formula. Reading to the end checks the CRC as well."""
    found, tail = False, b""
    with archive.open(part) as stream:
        while chunk := stream.read(1 << 20):
            found = found or any(mark in tail + chunk for mark in _MARKS)
            tail = chunk[-4:]
    return found


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1
