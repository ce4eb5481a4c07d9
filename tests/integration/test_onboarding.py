"""`tieout init` and the run of what it wrote, unedited: nothing that differs is clean."""

from __future__ import annotations

from pathlib import Path

import pytest
import xlsxwriter
from integration.world import cli

from tieout import wiring
from tieout.errors import SourceError

OWN = """trade_id,symbol,side,quantity,price,timestamp
7001,SAP,buy,100,220.50,2025-11-18T10:00:07Z
7002,SAP,sell,50,221.10,2025-11-18T11:00:08Z
7003,BAYN,buy,1200,30.25,2025-11-18T12:00:09Z
"""
HEADER = ("Trade Ref", "Ticker", "Side", "Qty", "Price", "Trade Time")
ROWS = [
    (7001, "SAP", "Buy", 100, 220.5, "2025-11-18T10:00:07Z"),
    (7002, "SAP", "Sell", 50, 221.1, "2025-11-18T11:00:08Z"),
    (7003, "BAYN", "Buy", 1200, 30.25, "2025-11-18T12:00:09Z"),
]


def sheet(path: Path, above: list[tuple[object, ...]]) -> None:
    with xlsxwriter.Workbook(path) as book:
        page = book.add_worksheet("Trades")
        for number, row in enumerate([*above, HEADER, *ROWS]):
            page.write_row(number, 1, row)


@pytest.mark.parametrize(
    ("above", "skipped"),
    [
        ([], 0),
        ([("ACME Prime Brokerage - Daily Trade Report",), ("Date: 18-Nov-2025",), ()], 3),
        ([("Account", "U1", "Report", "Trades"), ("Account", "U1", "Report", "Trades")], 2),
    ],
)
def test_titles_above_the_header_of_a_sheet_are_found(
    tmp_path: Path, above: list[tuple[object, ...]], skipped: int
) -> None:
    sheet(tmp_path / "broker.xlsx", above)
    (tmp_path / "own.csv").write_text(OWN, encoding="utf-8")
    found = wiring.sample(str(tmp_path / "broker.xlsx"), name="broker", limit=10)
    assert (found.skip_rows, found.sample.header) == (skipped, HEADER)
    cli(tmp_path, "init", "own.csv", "broker.xlsx", code=0)
    done = cli(tmp_path, "run", "tieout.yaml", "--business-date", "2025-11-18", code=0)
    assert "3 exact" in done.out


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        ("trades.xml", b"\xef\xbb\xbf<?xml version='1.0'?>\n<Trades/>", "XML"),
        ("trades.xls", b"\n<HTML><body>", "HTML"),
        ("trades.pdf", b"%PDF-1.7 1,2,3", "a PDF"),
        ("trades.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel file of the old kind"),
    ],
)
def test_what_is_not_read_is_named(tmp_path: Path, name: str, content: bytes, form: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=f"{name} is {form}.*, which is not read"):
        wiring.sample(str(tmp_path / name), name="trades", limit=10)
