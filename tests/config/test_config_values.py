"""What one value of a configuration means: numbers, times, tolerances, tables, and what is warned of."""

from __future__ import annotations

import sys
from datetime import date, time
from decimal import Decimal
from pathlib import Path

import pytest
from config_documents import SMALL, small

from tieout.config import FileOptions, parse
from tieout.core.canonical import rules_digest
from tieout.core.model import Kind, Severity
from tieout.core.rules import (
    BusinessDeadline,
    Calendar,
    Duration,
    Measure,
    Tolerance,
)
from tieout.core.text import NumberStyle
from tieout.errors import ConfigError


def test_a_deadline_in_business_days() -> None:
    text = small(
        reconciliation="calendar: everyday\n"
        'deadline: {business_days: 1, at: "09:00", timezone: Europe/London, cutoff: "17:30"}'
    )
    rules = parse(text, environ={}).reconciliations["trades"].rules
    assert rules.deadline == BusinessDeadline(
        1, time(9), "Europe/London", Calendar("everyday", frozenset()), time(17, 30)
    )


def test_holidays_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "days.txt").write_text("# Christmas\n2026-12-25\n\n2026-12-28  # in lieu\n")
    settings = parse(small(document="calendars: {uk: {holidays: days.txt}}"), tmp_path, {})
    assert settings.calendars["uk"].holidays == {date(2026, 12, 25), date(2026, 12, 28)}


@pytest.mark.parametrize("written", ["0.005", '"0.005"', "'0.005'", "5e-3", ".005"])
def test_a_number_is_exact_however_it_is_written(written: str) -> None:
    rules = parse(small(reconciliation=f"compare: {{price: {{within: {written}}}}}"), environ={})
    given = rules.reconciliations["trades"].rules.compare["price"]
    assert given == Tolerance(Measure.ABSOLUTE, Decimal("0.005"))


@pytest.mark.parametrize(
    ("written", "measure", "amount"),
    [
        ("exact", Measure.EXACT, "0"),
        ("{relative: 0.01%}", Measure.RELATIVE, "0.0001"),
        ("{relative: 100 %}", Measure.RELATIVE, "1"),
        ("{ticks: 1}", Measure.TICKS, "1"),
        ("{within: 0.123456789012345678}", Measure.ABSOLUTE, "0.123456789012345678"),
    ],
)
def test_every_measure_of_a_tolerance(written: str, measure: Measure, amount: str) -> None:
    rules = parse(small(reconciliation=f"compare: {{price: {written}}}"), environ={})
    given = rules.reconciliations["trades"].rules.compare["price"]
    assert given == Tolerance(measure, Decimal(amount))


@pytest.mark.parametrize(
    ("written", "nanoseconds"),
    [
        ("1ns", 1),
        ("2us", 2000),
        ("100ms", 10**8),
        ("1.5s", 15 * 10**8),
        ("5m", 300 * 10**9),
        ("1h", 3600 * 10**9),
        ("2d", 172_800 * 10**9),
    ],
)
def test_every_unit_of_a_length_of_time(written: str, nanoseconds: int) -> None:
    rules = parse(small(reconciliation=f"deadline: {written}"), environ={})
    assert rules.reconciliations["trades"].rules.deadline == Duration(nanoseconds)


def test_words_stay_words() -> None:
    settings = parse(small("constants: {account: no, venue: off}"), environ={})
    assert settings.sources["ours"].mapping.constants == {"account": "no", "venue": "off"}


def test_anchors_and_merges() -> None:
    text = SMALL.replace("ours: {", "ours: &common {").replace(
        "theirs: {type: file, path: theirs.csv, timezone: UTC}",
        "theirs: {<<: *common, path: theirs.csv}",
    )
    assert parse(text, environ={}).sources["theirs"].timezone == "UTC"
    options = parse(text, environ={}).sources["theirs"].options
    assert isinstance(options, FileOptions)
    assert options.paths[0].endswith("theirs.csv")


def test_the_digest_does_not_depend_on_how_the_yaml_is_written() -> None:
    one = parse(small(reconciliation='compare: {price: {within: "0.50"}}'), environ={})
    other = parse(
        small(reconciliation="# a remark\ncompare:\n  price:\n    within: 0.5"), environ={}
    )
    third = parse(small(reconciliation="compare: {price: {within: 0.51}}"), environ={})
    digests = [rules_digest(each.reconciliations["trades"].rules) for each in (one, other, third)]
    assert digests[0] == digests[1] != digests[2]


def test_overrides_in_place_and_from_a_table_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(
        "symbol,column,measure,amount\n"
        "BTC/USDT,price,ticks,1\nBTC/USDT,quantity,within,0.00001\n"
        "ETH/USDT,timestamp,within,250ms\nSOL/USDT,price,relative,0.01%\nXRP/USDT,price,exact,\n"
    )
    in_place = """\
overrides:
  BTC/USDT: {price: {ticks: 1}, quantity: {within: 0.00001}}
  ETH/USDT: {timestamp: {within: 250ms}}
  SOL/USDT: {price: {relative: 0.01%}}
  XRP/USDT: {price: exact}
"""
    table = parse(small(reconciliation="overrides: own.csv"), tmp_path, {})
    written = parse(small(reconciliation=in_place), tmp_path, {})
    assert table.reconciliations == written.reconciliations
    rules = table.reconciliations["trades"].rules
    assert rules.tolerance("price", "BTC/USDT") == Tolerance(Measure.TICKS, Decimal(1))


def test_symbols_from_a_table_and_from_a_source(tmp_path: Path) -> None:
    (tmp_path / "names.csv").write_text("native,symbol\nXBTUSD,BTC/USD\n\nETHUSD,ETH/USD\n")
    settings = parse(small("symbols: names.csv"), tmp_path, {})
    assert settings.sources["ours"].mapping.symbols == {"XBTUSD": "BTC/USD", "ETHUSD": "ETH/USD"}
    text = small("symbols: listed").replace(
        "sources:\n", "sources:\n  listed: {type: file, path: i.csv, records: instruments}\n"
    )
    source = parse(text, tmp_path, {}).sources["ours"]
    assert source.mapping.symbols_from == "listed"
    assert source.reading("trades", {"A": "B"}).symbols == {"A": "B"}


@pytest.mark.parametrize(
    ("bands", "below"),
    [
        ("medium: 1%", Severity.LOW),
        ("low: 1%", Severity.INFO),
        ("high: 1%, below: info", Severity.INFO),
    ],
)
def test_what_is_under_the_first_band(bands: str, below: Severity) -> None:
    text = small(reconciliation=f"severity: {{price: {{{bands}}}}}")
    found = parse(text, environ={}).reconciliations["trades"].rules.severity.bands[Kind.PRICE]
    assert found.below is below


def test_number_styles() -> None:
    numbers = parse(small("decimal: ',', thousands: space"), environ={}).sources["ours"].mapping
    assert numbers.numbers == NumberStyle(",", " ")


def test_the_holidays_of_a_market_are_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    text = small(document="calendars: {us: {market: XNYS, holidays: [2026-02-02]}}")
    monkeypatch.setitem(sys.modules, "holidays", None)
    with pytest.raises(ConfigError, match=r"tieout\[calendars\]"):
        parse(text, environ={})
    monkeypatch.undo()
    pytest.importorskip("holidays")
    holidays = parse(text, environ={}).calendars["us"].holidays
    assert {date(2026, 2, 2), date(2026, 12, 25)} <= holidays
    assert date(2026, 12, 24) not in holidays
    with pytest.raises(ConfigError, match="unknown market `XNYZ`"):
        parse(text.replace("XNYS", "XNYZ"), environ={})


def test_a_holiday_file_names_its_wrong_line(tmp_path: Path) -> None:
    (tmp_path / "days.txt").write_text("2026-12-25\nBoxing Day\n")
    text = small(document="calendars: {uk: {holidays: days.txt}}")
    with pytest.raises(ConfigError, match=r"days\.txt:2: 'Boxing Day' is not a date"):
        parse(text, tmp_path, {})
