"""Break files and the CSV, XLSX and JSON reports, written and read back."""

from __future__ import annotations

import csv
import json
import os
import stat
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from integration.report_data import (
    AS_OF,
    HOSTILE,
    break_row,
    coverage,
    difference,
    part,
    report,
    run_row,
    trade,
    unreadable,
)
from python_calamine import CalamineWorkbook

from tieout.adapters.reports import BREAK_FILES, REPORTS, break_writer, report_writer
from tieout.adapters.reports.xlsx import XlsxReport
from tieout.core.rows import BreakRow
from tieout.errors import UsageError
from tieout.ports import ReportData
from tieout.present import break_object, is_number, quarantine_object, run_object
from tieout.present.flat import guarded

FORMULAS = [
    '=HYPERLINK("http://127.0.0.1","x")',
    "+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    " =1+1",
    "-",
    "+",
    "=",
    "\uff1d1+1",
]
ALL = sorted({*REPORTS, *BREAK_FILES})


def write(data: ReportData, path: Path) -> Path:
    writer = report_writer(str(path)) if path.suffix in REPORTS else break_writer(str(path))
    writer.write(data, str(path))
    return path


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def sheet(path: Path, name: str) -> list[list[Any]]:
    return CalamineWorkbook.from_path(path).get_sheet_by_name(name).to_python()


def hostile(name: str) -> BreakRow:
    record = trade(name, symbol=name, price="-12.5")
    return break_row(name, kind="MISSING_EXTERNAL", records=[part("internal", record)])


# NDJSON and JSON


def test_ndjson_holds_the_break_objects(tmp_path: Path) -> None:
    rows = [break_row("T-1"), break_row("T-\u20ac\u2028", value=None)]
    lines = write(report(rows), tmp_path / "b.ndjson").read_bytes().split(b"\n")
    assert [json.loads(line) for line in lines[:-1]] == [
        break_object(row, as_of=AS_OF) for row in rows
    ]
    assert lines[-1] == b""


def test_json_holds_runs_breaks_and_quarantine(tmp_path: Path) -> None:
    rows, unread = [break_row("T-1"), break_row("T-2")], [unreadable()]
    run = run_row(rows, external=coverage("confirmations", complete=False, reasons=("short",)))
    data = report(rows, runs=[run], quarantine=unread, filters={"severity": "low and above"})
    found = json.loads(write(data, tmp_path / "r.json").read_text())
    assert found["generated_at"] == "2026-03-02T22:05:00Z"
    assert found["filters"] == {"severity": "low and above"}
    assert found["breaks"] == [break_object(row, as_of=AS_OF) for row in rows]
    assert found["quarantine"] == [quarantine_object(row) for row in unread]
    proof = found["runs"][0].pop("proof")
    assert found["runs"] == [{**run_object(run), "pending": None}]
    assert proof["external"]["reasons"] == ["short"]
    assert proof["internal"]["inputs"][0]["size"] == 182_044


def test_an_empty_report_is_valid_json(tmp_path: Path) -> None:
    found = json.loads(write(report(runs=[]), tmp_path / "r.json").read_text())
    assert (found["runs"], found["breaks"], found["quarantine"]) == ([], [], [])


def test_ages_are_measured_at_each_reconciliations_own_run(tmp_path: Path) -> None:
    rows = [
        break_row("a"),
        break_row("b", reconciliation="other"),
        break_row("c", reconciliation="no run"),
    ]
    other = replace(run_row(reconciliation="other"), as_of=AS_OF + timedelta(hours=1))
    path = write(report(rows, runs=[run_row(rows), other]), tmp_path / "b.ndjson")
    ages = [json.loads(line)["age_seconds"] for line in path.read_text().splitlines()]
    assert ages == [4 * 3600, 5 * 3600, 4 * 3600 + 300]


# CSV


@pytest.mark.parametrize("text", FORMULAS)
def test_a_csv_cell_runs_no_formula(tmp_path: Path, text: str) -> None:
    (row,) = read_csv(write(report([hostile(text)]), tmp_path / "r.csv"))
    assert row["internal.trade_id"] == row["key.symbol"] == "'" + text


@pytest.mark.parametrize(
    "text", ["-12.5", "-0.000000000000000001", "-1", "100", "T-1", "a=b", "x@y"]
)
def test_numbers_and_plain_texts_stay_as_they_are(tmp_path: Path, text: str) -> None:
    (row,) = read_csv(write(report([hostile(text)]), tmp_path / "r.csv"))
    assert row["internal.trade_id"] == text
    assert row["internal.price"] == "-12.5"


@given(st.text())
def test_no_guarded_cell_begins_like_a_formula_unless_it_is_a_number(text: str) -> None:
    cell = guarded(text)
    assert cell.endswith(text)
    assert not cell.lstrip().startswith(("=", "+", "-", "@", "\uff1d")) or is_number(cell)


def test_a_csv_row_has_both_sides_and_every_difference(tmp_path: Path) -> None:
    records = [
        part("internal", trade("T-1", quantity="1500")),
        part("internal", trade("T-1", quantity="1500"), "duplicate"),
        part("external", trade("T-1", quantity="1050", side=None)),
    ]
    differences = [difference("quantity", "1500", "1050", "450"), difference("side", "buy", None)]
    rows = [break_row("T-1", kind="QUANTITY", records=records, differences=differences)]
    (row,) = read_csv(write(report(rows), tmp_path / "r.csv"))
    assert (row["internal.quantity"], row["external.quantity"]) == ("1500", "1050")
    assert (row["difference.quantity"], row["external.side"]) == ("450", "")
    assert row["fields"] == "quantity side"
    assert json.loads(row["differences"]) == differences
    assert json.loads(row["records"]) == [records[1]]
    assert (row["value.amount"], row["value.currency"], row["age_seconds"]) == (
        "10",
        "USD",
        "14400",
    )


def test_csv_columns_are_those_of_all_breaks(tmp_path: Path) -> None:
    balance = {"account": "MM-01", "currency": "USD", "total": "5"}
    rows = [break_row("T-1"), break_row("USD", kind="BALANCE", records=[part("external", balance)])]
    first, second = read_csv(write(report(rows), tmp_path / "r.csv"))
    assert first["external.total"] == "" and second["external.total"] == "5"
    assert second["internal.price"] == ""


# Parquet


def test_parquet_is_typed_and_nests_as_json(tmp_path: Path) -> None:
    rows = [break_row("T-1", value=("12345678901234567890.123456789012345678", "USD")),
            break_row("T-2", kind="MISSING_INTERNAL", records=[part("external", trade("T-2"))],
                      value=None, doubt=True)]  # fmt: skip
    first, second = pq.read_table(write(report(rows), tmp_path / "b.parquet")).to_pylist()
    assert first["value_amount"] == "12345678901234567890.123456789012345678"
    assert (first["first_seen"], first["age_seconds"]) == (AS_OF - timedelta(hours=4), 14_400)
    assert json.loads(first["differences"])[0]["field"] == "price"
    assert second["internal"] is None and json.loads(second["external"])["trade_id"] == "T-2"
    assert (second["value_amount"], second["value_currency"], second["doubt"]) == (None, None, True)


def test_parquet_without_breaks_has_its_columns(tmp_path: Path) -> None:
    table = pq.read_table(write(report(), tmp_path / "b.parquet"))
    assert table.num_rows == 0 and "severity" in table.column_names


# XLSX


@pytest.mark.parametrize("text", [*FORMULAS, HOSTILE, "https://127.0.0.1/x", "0042", "1e5", "12"])
def test_an_xlsx_cell_is_the_text_itself(tmp_path: Path, text: str) -> None:
    path = write(report([hostile(text)]), tmp_path / "r.xlsx")
    head, row = sheet(path, "breaks")
    assert row[head.index("internal.trade_id")] == text
    assert b"<f>" not in _xml(path) and b"<hyperlink" not in _xml(path)


def _xml(path: Path) -> bytes:
    with ZipFile(path) as archive:
        return b"".join(archive.read(name) for name in archive.namelist() if "sheet" in name)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("-12.5", -12.5),
        ("123456789012345", 123456789012345.0),
        ("1234567890123456", "1234567890123456"),
        ("0.000000000000000001", 1e-18),
        ("12345678901234567890.123456789012345678", "12345678901234567890.123456789012345678"),
    ],
)
def test_a_number_is_real_when_a_spreadsheet_keeps_its_digits(
    tmp_path: Path, text: str, cell: float | str
) -> None:
    records = [part("internal", trade(price=text)), part("external", trade(price="1"))]
    rows = [break_row(records=records, differences=[difference("price", text, "1", "0.5")])]
    path = write(report(rows), tmp_path / "r.xlsx")
    head, row = sheet(path, "breaks")
    assert row[head.index("internal.price")] == cell
    head, row = sheet(path, "differences")
    assert dict(zip(head, row, strict=True)) == {
        "break_id": rows[0].id,
        "reconciliation": rows[0].reconciliation,
        "kind": "PRICE",
        "severity": "medium",
        "field": "price",
        "internal": cell,
        "external": 1.0,
        "difference": 0.5,
    }


def test_the_first_sheet_says_what_the_file_is(tmp_path: Path) -> None:
    rows = [break_row(f"T-{n}") for n in range(3)]
    run = run_row(rows)
    data = report(rows, runs=[run], quarantine=[unreadable()], filters={"kind": "PRICE"})
    path = write(data, tmp_path / "r.xlsx")
    assert CalamineWorkbook.from_path(path).sheet_names == [
        "report",
        "runs",
        "breaks",
        "differences",
        "quarantine",
    ]
    lines = {row[0]: row[1:] for row in sheet(path, "report")}
    assert lines["filter: kind"][0] == "PRICE"
    assert lines["rows: breaks"][0] == lines["rows: differences"][0] == "3"
    assert lines["rows: quarantine"][0] == "1"
    assert lines[run.reconciliation] == [
        run.run_id,
        "breaks",
        "2026-03-02",
        run.digest,
        run.rules_digest,
    ]
    head, cells = sheet(path, "runs")
    assert cells[head.index("breaks.open")] == 3.0
    assert cells[head.index("match_rate.count")] == 0.998502994011


def test_rows_beyond_a_sheet_go_on_in_the_next_one(tmp_path: Path) -> None:
    rows = [break_row(f"T-{n}") for n in range(7)]
    path = tmp_path / "r.xlsx"
    XlsxReport(rows=3).write(report(rows), str(path))
    names = CalamineWorkbook.from_path(path).sheet_names
    assert [name for name in names if name.startswith("breaks")] == [
        "breaks",
        "breaks 2",
        "breaks 3",
    ]
    found = [row[0] for name in names if name.startswith("breaks") for row in sheet(path, name)[1:]]
    assert found == [row.id for row in rows]
    assert next(row for row in sheet(path, "report") if row[0] == "rows: breaks")[1:3] == [
        "7",
        "in 3 sheets",
    ]


def test_a_text_too_long_for_a_cell_says_that_it_is_cut(tmp_path: Path) -> None:
    path = write(report([hostile("x" * 40_000)]), tmp_path / "r.xlsx")
    head, row = sheet(path, "breaks")
    cell = row[head.index("internal.trade_id")]
    assert len(cell) == 32_767
    assert cell.endswith("[cut here: 40000 characters; the JSON report has them all]")


# All of them


@pytest.mark.parametrize("suffix", ALL)
def test_a_file_is_whole_or_as_it_was(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    path.write_text("yesterday's")

    def failing() -> Iterator[BreakRow]:
        yield break_row("T-1")
        raise RuntimeError("the store went away")

    data = replace(report(), breaks=failing, total_breaks=2)
    with pytest.raises(RuntimeError, match="went away"):
        write(data, path)
    assert path.read_text() == "yesterday's"
    assert os.listdir(tmp_path) == [path.name]  # noqa: PTH208


@pytest.mark.parametrize("suffix", ALL)
def test_a_path_that_cannot_be_written_is_an_error_for_people(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "nowhere" / f"out{suffix}"
    with pytest.raises(UsageError) as error:
        write(report(), path)
    assert str(path) in str(error.value)
    assert "No such file or directory" in str(error.value)
    (tmp_path / f"a{suffix}").mkdir()
    with pytest.raises(UsageError, match="directory"):
        write(report(), tmp_path / f"a{suffix}")


@pytest.mark.parametrize("suffix", ALL)
def test_a_full_disk_is_an_error_for_people(suffix: str) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    with pytest.raises(UsageError):
        write(report(), full / f"x{suffix}")


@pytest.mark.parametrize("suffix", ALL)
def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "other").touch()
    path = write(report(), tmp_path / f"out{suffix}")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "other").stat().st_mode)


@pytest.mark.parametrize("suffix", ALL)
def test_a_link_stays_a_link(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"out{suffix}").symlink_to(tmp_path / f"real{suffix}")
    write(report([break_row()]), tmp_path / f"out{suffix}")
    assert (tmp_path / f"out{suffix}").is_symlink()
    assert (tmp_path / f"real{suffix}").stat().st_size > 0


@pytest.mark.parametrize("suffix", ALL)
def test_any_text_can_be_written(tmp_path: Path, suffix: str) -> None:
    """Lone surrogates, control characters and separators break no format."""
    odd = "a\udcffb\x00\x1f\n\"',;|\u2028</x>"
    data = report([hostile(odd)], quarantine=[unreadable(raw=odd)])
    assert write(data, tmp_path / f"out{suffix}").stat().st_size > 0


def test_a_lone_surrogate_survives_json(tmp_path: Path) -> None:
    path = write(report([hostile("a\udcffb")]), tmp_path / "b.ndjson")
    assert json.loads(path.read_bytes())["key"]["trade_id"] == "a\udcffb"


@pytest.mark.parametrize("suffix", [".ndjson", ".csv", ".json", ".xlsx"])
def test_memory_does_not_grow_with_the_number_of_breaks(tmp_path: Path, suffix: str) -> None:
    """20 times the breaks take no more than twice the memory."""

    def peak(count: int) -> int:
        row = break_row()
        data = replace(
            report(),
            breaks=lambda: (replace(row, id=f"{n:032x}") for n in range(count)),
            total_breaks=count,
        )
        tracemalloc.start()
        write(data, tmp_path / f"out{suffix}")
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    peak(10)  # imports
    assert peak(2_000) < 2 * peak(100) + 500_000


@pytest.mark.parametrize("name", ["r.pdf", "r", "r.parquet"])
def test_another_suffix_names_those_there_are(name: str) -> None:
    with pytest.raises(UsageError, match="suffix") as error:
        report_writer(name)
    assert ".html, .xlsx, .csv, .json" in str(error.value)


def test_break_files_have_their_own_suffixes() -> None:
    assert [break_writer(f"b{suffix.upper()}").suffix for suffix in BREAK_FILES] == [*BREAK_FILES]
    with pytest.raises(UsageError, match="suffix"):
        break_writer("b.json")
