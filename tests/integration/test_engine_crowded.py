"""Many records of both sides under one key: their pairs are more than any memory holds."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

import tieout

ROWS = 4_000


def side(*, off: int = 0) -> pl.DataFrame:
    """Trades of one order, each with an id of its own; the last ten are off by that much."""
    return pl.DataFrame(
        {
            "trade_id": [f"t{n}" for n in range(ROWS)],
            "order_id": ["1"] * (ROWS - 100) + [f"o{n}" for n in range(100)],
            "symbol": "BTC/USDT",
            "side": "buy",
            "quantity": [Decimal(n + (off if n >= ROWS - 10 else 0)) for n in range(ROWS)],
            "price": Decimal("1.5"),
            "timestamp": datetime(2026, 3, 2, 10, tzinfo=UTC),
        }
    )


@pytest.mark.parametrize("on", [["order_id"], ["symbol"], ["symbol", "order_id"]])
def test_a_crowded_key_needs_memory_for_its_records_only(monkeypatch: Any, on: list[str]) -> None:
    monkeypatch.setenv("TIEOUT_MEMORY_LIMIT", "200MB")
    rules = {"records": "trades", "match": [{"on": on}]}
    report = tieout.reconcile(side(), side(off=1), rules, as_of="2026-03-03T00:00:00Z")
    # Under one key they are paired by their ids, which both sides have.
    assert (report.matched, len(report.breaks)) == (ROWS - 10, 10)
