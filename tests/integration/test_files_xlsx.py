"""XLSX: sheets, headers, floats as shortest decimals, formula errors."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from source_rows import cells_of, read_file, rows_of, scanned

from tieout.core.scan import Batches, TextRow
from tieout.core.text import NumberStyle, unreadable
from tieout.errors import SourceError


def write(path: Path, rows: Sequence[Sequence[Any]], *, sheet: str = "Trades", at: int = 0) -> None:
    with xlsxwriter.Workbook(path) as book:
        time = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss.000"})
        book.add_worksheet("Cover").write(0, 0, "not this one")
        page = book.add_worksheet(sheet)
        for row, values in enumerate(rows, at):
            for column, value in enumerate(values):
                if isinstance(value, datetime):
                    page.write_datetime(row, column, value, time)
                elif isinstance(value, str) and value.startswith("#"):
                    page.write_formula(row, column, "=1/0", None, value)
                elif value is not None:
                    page.write(row, column, value)


def test_numbers_are_read_as_their_shortest_decimals(tmp_path: Path) -> None:
    write(tmp_path / "t.xlsx", [["id", "q"], [88213, 0.1], ["T2", 1.005], [3, 1e-9], [4, -2]])
    with scanned(tmp_path, "t.xlsx", sheet="Trades") as scan:
        assert cells_of(scan) == [
            ("88213", "0.1"),
            ("T2", "1.005"),
            ("3", "1e-09"),
            ("4", "-2"),
        ]
        assert "shortest decimals" in scan.notes[0]
        assert len(scan.inputs()[0].sha256) == 64


def test_numbers_are_written_as_the_texts_beside_them(tmp_path: Path) -> None:
    """Else 1.234 would be 1234 where points group thousands."""
    write(tmp_path / "t.xlsx", [["id", "q"], ["A", 1.234], ["B", "1.234,5"], [3, -7]])
    style = NumberStyle(",", ".")
    assert read_file(tmp_path, "t.xlsx", sheet="Trades", numbers=style) == [
        ("A", "1,234"),
        ("B", "1.234,5"),
        ("3", "-7"),
    ]


def test_times_flags_and_blanks(tmp_path: Path) -> None:
    moment = datetime(2026, 3, 2, 16, 10, 5, 175000)  # noqa: DTZ001 - XLSX has no zones
    write(tmp_path / "t.xlsx", [["t", "b", "n"], [moment, True, None]])
    assert read_file(tmp_path, "t.xlsx", sheet=2) == [("2026-03-02T16:10:05.175", "true", None)]


def test_blank_rows_are_no_records_and_rows_are_counted_as_in_the_sheet(tmp_path: Path) -> None:
    write(tmp_path / "t.xlsx", [["id", "q"], ["A", 1], [], ["B", 2]], at=3)
    with scanned(tmp_path, "t.xlsx", sheet="Trades") as scan:
        rows = rows_of(scan)
    assert rows == [
        TextRow(("A", "1"), "t.xlsx, sheet 'Trades'", 1, 5),
        TextRow(("B", "2"), "t.xlsx, sheet 'Trades'", 2, 7),
    ]


def test_a_table_may_start_in_any_column(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "t.xlsx") as book:
        page = book.add_worksheet()
        for row, values in enumerate([["id", "q"], ["A", 1]]):
            page.write_row(row + 1, 2, values)
    assert read_file(tmp_path, "t.xlsx") == [("A", "1")]
    names = ("", "", "id", "q")
    with scanned(tmp_path, "t.xlsx", names=names, skip_rows=2) as scan:
        assert cells_of(scan) == [(None, None, "A", "1")]


def test_a_column_without_a_name_holds_nothing(tmp_path: Path) -> None:
    write(tmp_path / "t.xlsx", [[None, "id", "q"], [None, "A", 1], ["note", "B", 2]])
    with pytest.raises(SourceError, match="the header has no name for column 1 of 3"):
        read_file(tmp_path, "t.xlsx", sheet="Trades")


def test_a_formula_error_is_not_a_blank(tmp_path: Path) -> None:
    """The reader gives both as blank; an error in a fee must not become "no fee"."""
    write(tmp_path / "t.xlsx", [["id", "fee", "q"], ["A", "#DIV/0!", 1], ["B", None, "#N/A"]])
    assert read_file(tmp_path, "t.xlsx", sheet="Trades") == [
        ("A", unreadable("B2 is the error #DIV/0!"), "1"),
        ("B", None, unreadable("C3 is the error #N/A")),
    ]


def test_a_formula_that_was_not_calculated_is_not_a_blank(tmp_path: Path) -> None:
    """As libraries write workbooks; what a formula gave, also an empty text, is a value."""
    with xlsxwriter.Workbook(tmp_path / "t.xlsx") as book:
        page = book.add_worksheet()
        page.write_row(0, 0, ["id", "fee", "q"])
        for row, (id_, value) in enumerate([("A", ""), ("B", 5), ("C", " ")], start=1):
            page.write(row, 0, id_)
            page.write_formula(row, 1, "=2+3", None, value)
            page.write(row, 2, 1)
        page.write_formula(4, 1, "=2+3", None, "")
    why = "is a formula that was not calculated: open the workbook, save it and try again"
    assert read_file(tmp_path, "t.xlsx") == [
        ("A", unreadable(f"B2 {why}"), "1"),
        ("B", "5", "1"),
        ("C", " ", "1"),
        (None, unreadable(f"B5 {why}"), None),
    ]


def test_a_cell_that_is_no_text_harms_only_who_reads_it(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "t.xlsx") as book:
        page = book.add_worksheet()
        page.write_row(0, 0, ["id", "hours"])
        page.write(1, 0, "A")
        page.write_number(1, 1, 1.5, book.add_format({"num_format": "[h]:mm:ss"}))
    unread = unreadable("it is a timedelta, which is no text, number or time")
    assert read_file(tmp_path, "t.xlsx") == [("A", unread)]


def test_cells_beyond_the_header_are_a_bad_row(tmp_path: Path) -> None:
    write(tmp_path / "t.xlsx", [["id", "q"], ["A", 1, 7], ["B"]])
    assert read_file(tmp_path, "t.xlsx", sheet="Trades") == [
        "it has 1 cells beyond the header's 2 columns",
        ("B", None),
    ]


def test_floats_may_be_refused(tmp_path: Path) -> None:
    write(tmp_path / "t.xlsx", [["id", "q"], [1, 5], [2, 0.5]])
    with pytest.raises(SourceError, match="column 'q' holds binary floats"):
        read_file(tmp_path, "t.xlsx", sheet="Trades", floats="refuse")
    used = frozenset({"id"})
    assert len(read_file(tmp_path, "t.xlsx", sheet="Trades", floats="refuse", used=used)) == 2


def test_the_sheet_is_chosen_by_name_or_number(tmp_path: Path) -> None:
    write(tmp_path / "t.xlsx", [["id"], ["A"]], sheet="Q1 & <Q2>")
    for sheet in ("Q1 & <Q2>", 2):
        assert read_file(tmp_path, "t.xlsx", sheet=sheet) == [("A",)]
    for sheet in ("Q1", 3, 0):
        with pytest.raises(SourceError, match=r"no sheet .*; there are: 'Cover', 'Q1 & <Q2>'"):
            read_file(tmp_path, "t.xlsx", sheet=sheet)


def test_a_sheet_without_rows_needs_a_reason(tmp_path: Path) -> None:
    write(tmp_path / "t.xlsx", [["id", "q"]])
    with pytest.raises(SourceError, match="without records"):
        read_file(tmp_path, "t.xlsx", sheet="Trades")
    with scanned(tmp_path, "t.xlsx", sheet="Trades", allow_empty=True) as scan:
        assert isinstance(scan.rows, Batches)
        assert scan.rows.columns == ("id", "q")
        assert cells_of(scan) == []


def test_an_empty_sheet_is_an_error(tmp_path: Path) -> None:
    write(tmp_path / "t.xlsx", [])
    with pytest.raises(SourceError, match="is empty"):
        read_file(tmp_path, "t.xlsx", sheet="Trades", allow_empty=True)


@pytest.mark.parametrize("keep", [0, 2, 100, -30])
def test_a_cut_workbook_is_an_error(keep: int, tmp_path: Path) -> None:
    write(tmp_path / "whole.xlsx", [["id"], ["A"]])
    (tmp_path / "t.xlsx").write_bytes((tmp_path / "whole.xlsx").read_bytes()[:keep])
    with pytest.raises(SourceError, match="is cut, damaged or no XLSX"):
        read_file(tmp_path, "t.xlsx", sheet="Trades")


def test_workbooks_of_one_source_have_the_same_header(tmp_path: Path) -> None:
    write(tmp_path / "a.xlsx", [["id"], ["A"]])
    write(tmp_path / "b.xlsx", [["ref"], ["B"]])
    with pytest.raises(SourceError, match="other columns"):
        read_file(tmp_path, "*.xlsx", sheet="Trades")
