"""The worked examples of docs/severity.md come out as the page says."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import pytest
from docs.pages import ROOT, tables

import tieout
from tieout.core.rules import Preset

PAGE = ROOT / "docs" / "severity.md"
AS_OF = datetime(2026, 11, 18, 12, tzinfo=UTC)
TIME = "2026-11-18T{}Z"
BANDS = {"quantity": {"medium": "1%", "high": "5%", "critical": "10%", "min_value": {"USD": 10}}}
UNSHOWN: dict[str, dict[str, str]] = {
    "trades": {
        "symbol": "AAPL",
        "side": "buy",
        "quantity": "100",
        "price": "10",
        "price_currency": "USD",
        "fee": "1",
        "fee_currency": "USD",
        "timestamp": TIME.format("10:00:00"),
    },
    "positions": {
        "symbol": "AAPL",
        "quantity": "100",
        "average_price": "10",
        "cost": "1000",
        "cost_currency": "USD",
        "as_of": TIME.format("10:00:00"),
    },
    "balances": {"currency": "USD", "total": "1000", "as_of": TIME.format("10:00:00")},
    "orders": {
        "symbol": "AAPL",
        "side": "buy",
        "quantity": "10",
        "filled": "5",
        "status": "open",
        "created_at": TIME.format("10:00:00"),
    },
}
WHOLE = {"trades": "quantity", "positions": "quantity", "balances": "total"}
NOTHING = "\N{EN DASH}"
ID = {"trades": "trade_id", "orders": "order_id"}

EXAMPLES = {
    (table.headings[-1], records): list(rows)
    for table in tables(PAGE.read_text(encoding="utf-8"))
    if table.header[0] == "records"
    for records, rows in groupby(table.dicts(), key=lambda row: row["records"])
}


def test_every_preset_has_examples() -> None:
    assert {title for title, _ in EXAMPLES} == {*map(str, Preset), "Bands of your own"}


@pytest.mark.parametrize(("title", "records"), EXAMPLES)
def test_the_examples_of_a_preset(title: str, records: str) -> None:
    examples = EXAMPLES[title, records]
    sides: dict[str, list[dict[str, Any]]] = {"internal": [], "external": []}
    for number, example in enumerate(examples):
        for name, rows in sides.items():
            if (row := record(example, name, records, number)) is not None:
                rows.append(row)
    preset = {"preset": title} if title in map(str, Preset) else BANDS
    rules = {"records": records, "severity": preset, "reporting_currency": "USD"}
    report = tieout.reconcile(sides["internal"], sides["external"], rules, as_of=AS_OF)
    got = {str(number): ("none", "") for number in range(len(examples))}
    for each in report.to_dicts():
        shown = each["internal"] or each["external"]
        got[shown["account"]] = (each["kind"], each["severity"])
    want = {str(number): (each["kind"], each["severity"]) for number, each in enumerate(examples)}
    assert got == want


def record(
    example: dict[str, str], side: str, records: str, number: int
) -> dict[str, str | None] | None:
    """One side of an example: what is not shown, and the field that is; the account tells it."""
    field, _, currency = example["field"].partition(" ")
    shown: str | None = None if example[side] == NOTHING else example[side]
    if field == "record" and shown is None:
        return None
    row: dict[str, str | None] = {**UNSHOWN[records], "account": str(number)}
    row[WHOLE[records] if field == "record" else field] = shown
    if field == "timestamp" and shown is not None:
        row[field] = TIME.format(shown)
    if currency:
        row["currency"] = currency
    if records in ID:
        row[ID[records]] = f"T{number}"
    return row
