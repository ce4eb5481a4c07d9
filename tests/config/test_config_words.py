"""Configurations in words, and the reference page."""

from __future__ import annotations

from pathlib import Path

import pytest
from config_documents import FULL, SMALL, loaded, small

from tieout.config import load, parse
from tieout.config.explain import explain
from tieout.config.reference import EXAMPLE, reference
from tieout.config.words import duration, severities
from tieout.core.model import Kind
from tieout.core.rules import Preset, SeverityRules

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "configuration.md"


def said(text: str) -> list[str]:
    return [line.strip() for each in explain(parse(text, environ={})) for line in each.lines()]


def test_an_explanation_says_what_will_be_done(tmp_path: Path) -> None:
    [explanation] = explain(loaded(tmp_path, FULL))
    lines = "\n".join(explanation.lines())
    for expected in (
        "symbol is its ticker",
        "pass 1: the same trade_id; and account and venue, where both sides have them",
        "price: within 0.005\n",
        "timestamp: within 100ms\n",
        "fee: exact, where both sides have it",
        "|price x quantity - commission - pnl_impact| < 1, with the row of 'pnl'",
        "expected until 60s after its own time",
        "QUANTITY                       medium from 1%, high from 5%, critical from 10%, else low;"
        " at most low under 10 USD (yours)",
        "MISSING_INTERNAL               critical (yours)",
        "1. critical: halt",
        "3. QUANTITY: propose a correction of the internal side,"
        " at most quantity 0.01, 100 USD, 20 a run",
        "prices older than 1h do not count",
    ):
        assert expected in lines


def test_an_explanation_says_how_a_source_is_read_and_when_it_is_late() -> None:
    lines = said(
        small(
            "constants: {venue: x}, formats: {timestamp: ms}, quantity_sign: side,"
            " identity: [trade_id, side], only: {kind: [B, A]}, skip: {kind: C},"
            " covers: everything, due_by: '18:00'",
            "overrides: {X: {price: {ticks: 2}}}\n"
            "checks: [{pnl: cash, source: pnl, tolerance: 0.5}]\n"
            "deadline: {business_days: 2, at: '09:00', timezone: UTC, cutoff: '17:00'}\n"
            "policy: [{do: {sync: external}, limit: {per_day: 2}}]",
        )
        .replace("sources:\n", "sources:\n  pnl: {type: frame, records: pnl}\n")
        .replace("path: theirs.csv", "path: theirs.csv, covers: everything")
    )
    for expected in (
        "venue is always x",
        "timestamp is written as ms",
        "a negative quantity is a sell",
        "the same trade_id and side is the same record",
        "only rows whose kind is A or B",
        "not the rows whose kind is C",
        "covers the whole history",
        "due by 18:00 UTC, on the same day (calendar weekdays)",
        "own tolerances for 1 symbol",
        "|-sign x price x quantity x multiplier - commission - pnl_impact| <= 0.5, with the row of"
        " 'pnl' that has the same trade_id; none: no break",
        "a record without a partner is expected until 09:00 UTC, 2 business days later (calendar"
        " weekdays); from 17:00 on a record counts for the next day",
        "1. every break: propose orders that move the external side, at most 2 a day",
    ):
        assert expected in lines


def test_an_explanation_says_how_cells_are_read_and_what_must_be_there() -> None:
    lines = said(
        small(
            "decimal: ',', thousands: '.', values: {side: {K: buy, V: sell}},"
            " symbols: {BTCUSDT: BTC/USDT}, trailer: 'TRL,(?P<rows>\\d+)', cutoff: '17:00',"
            " expect: {rows: 2, totals: {quantity: '1.50'}, symbols: [B, A]}, allow_empty: true,"
            " quantity_sign: {column: kind, negative: [short, s], positive: [long]}"
        )
    )
    for expected in (
        "the decimal point of its numbers is ',', '.' groups thousands",
        "side says K for buy, V for sell",
        "its symbols: BTCUSDT is BTC/USDT",
        "a symbol that is not mapped is quarantined",
        "quantities are negative where kind is s or short, positive where it is long",
        "its last line must match TRL,(?P<rows>\\d+)",
        "must have 2 records",
        "the sum of quantity must be 1.5",
        "must have records of A, B",
        "no records at all is a valid answer",
        "records from 17:00 UTC on are of the next business date (calendar weekdays): until then"
        " they are expected of it",
    ):
        assert expected in lines


def test_an_explanation_shows_a_few_of_many_symbols() -> None:
    pairs = ", ".join(f"N{n}: S{n}" for n in range(7))
    [line] = [each for each in said(small(f"symbols: {{{pairs}}}")) if each.startswith("its symb")]
    assert line.endswith("N4 is S4, and 2 more")


def test_ignored_columns_and_presets_are_named() -> None:
    lines = said(small(reconciliation="severity: exchange-validation\nignore: [fee]"))
    assert "never: fee" in lines
    assert not [line for line in lines if line.startswith("fee:")]
    assert "quantity: within 0.1% of the larger (preset exchange-validation)" in lines


def test_a_secret_is_not_explained() -> None:
    text = SMALL.replace("type: file, path: ours.csv", "type: sql, url: env:BOOK, query: SELECT 1")
    assert "trades of ours: SELECT 1 on env:BOOK" in said(text)


@pytest.mark.parametrize("preset", list(Preset))
def test_every_kind_has_a_severity_in_every_preset(preset: Preset) -> None:
    named = {kind.split(" ")[0] for kind, _ in severities(SeverityRules(preset))}
    assert named == {kind.value for kind in Kind}


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0s"),
        (1, "1ns"),
        (10**8, "100ms"),
        (60 * 10**9, "60s"),
        (300 * 10**9, "5m"),
        (86_400 * 10**9, "1d"),
        (1_500 * 10**6, "1500ms"),
    ],
)
def test_a_length_of_time_in_words(nanoseconds: int, text: str) -> None:
    assert duration(nanoseconds) == text


def test_the_reference_page_is_current() -> None:
    """Regenerate it: python -m tieout.config.reference > docs/reference/configuration.md"""
    assert PAGE.read_text(encoding="utf-8") == reference() + "\n"


def test_the_example_of_the_reference_loads(tmp_path: Path) -> None:
    file = tmp_path / "tieout.yaml"
    file.write_text(EXAMPLE)
    assert load(file, {}).warnings == ()
