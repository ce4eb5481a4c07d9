"""`tieout init` and the run of what it wrote, unedited: nothing that differs is clean."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import xlsxwriter
from integration.world import cli

from tieout import wiring
from tieout.errors import SourceError
from tieout.service.onboarding import onboard

NOW = datetime(2026, 11, 20, tzinfo=UTC)
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
    done = cli(tmp_path, "init", "own.csv", "broker.xlsx", code=0)
    assert "  tieout run tieout.yaml --business-date 2025-11-18\n" in done.out
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


def test_the_day_of_a_trade_is_compared_where_its_time_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(OWN, encoding="utf-8")
    broker = """Ref;Wertpapier;Kauf/Verkauf;Stück;Kurs;Datum;Uhrzeit
7001;SAP;Kauf;100;220,50;18.11.2025;10:00:07
7002;SAP;Verkauf;50;221,10;18.11.2025;11:00:08
7003;BAYN;Kauf;1.200;30,25;{day}.11.2025;12:00:09
"""
    theirs, day = tmp_path / "broker.csv", ("--business-date", "2025-11-18")
    theirs.write_bytes(broker.format(day=18).encode("cp1252"))
    cli(tmp_path, "init", "own.csv", "broker.csv", code=0)
    assert "3 exact" in cli(tmp_path, "run", "tieout.yaml", *day, code=0).out
    theirs.write_bytes(broker.format(day=17).encode("cp1252"))
    done = cli(tmp_path, "run", "tieout.yaml", *day, "--fail-on", "low", code=1)
    assert "trade_date 2025-11-18 / 2025-11-17" in done.out


def test_the_first_run_is_proposed_for_the_latest_date_that_is_not_in_the_future(
    tmp_path: Path,
) -> None:
    (tmp_path / "own.csv").write_text(OWN, encoding="utf-8")
    wrong = OWN.replace("2025-11-18T12", "2205-11-18T12").replace("2025-11-18T11", "2025-11-17T11")
    (tmp_path / "broker.csv").write_text(wrong, encoding="utf-8")
    paths = str(tmp_path / "own.csv"), str(tmp_path / "broker.csv")
    assert str(onboard(*paths, wiring.sample, now=NOW).business_date) == "2025-11-18"


def test_the_written_file_tells_the_command_that_runs_it(tmp_path: Path) -> None:
    for name in ("own.csv", "broker.csv"):
        (tmp_path / name).write_text(OWN, encoding="utf-8")
    done = cli(tmp_path, "init", "own.csv", "broker.csv", "-o", "my recon.yaml", code=0)
    assert "  tieout run 'my recon.yaml' --business-date 2025-11-18\n" in done.out
    first = (tmp_path / "my recon.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first.endswith("then: tieout run 'my recon.yaml'")
