"""What a hostile reader tried with orders: old ones, and venues that want a symbol."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from edge_world import PERP, SPOT, Desk, tell
from live_world import reconciliation
from msgspec.structs import replace
from review_world import MAIN, SECOND, Stage, play

from tieout.core.live import Ask
from tieout.core.model import Record
from tieout.service.live.orders import _matters

ORDERS = reconciliation("orders")
HOUR = 3600


@pytest.mark.parametrize("product", ["perp", "spot"])
def test_an_order_that_was_placed_before_the_window_and_ended_in_it_is_not_missing(
    tmp_path: Path, monkeypatch: Any, product: str
) -> None:
    symbol = PERP if product == "perp" else SPOT

    async def story(desk: Desk) -> None:
        old = desk.account.place(symbol, "buy", "1", "50000")
        gone = desk.account.place(symbol, "buy", "2", "40000")
        await asyncio.sleep(30 * HOUR)
        desk.account.fill(old, "1", "50000")
        desk.account.fill(gone, "0.5", "40000")
        desk.account.cancel(gone)
        new = desk.account.place(symbol, "buy", "1", "50000")
        desk.account.fill(new, "1", "50000")
        desk.believe()
        await asyncio.sleep(60)
        found = await desk.compare()
        assert found.kinds == [], found.row.reasons

    tell(tmp_path, monkeypatch, ORDERS, story, product=product)


def order(id_: str, at: int, **values: Any) -> dict[str, Any]:
    return {
        **MAIN, "symbol": "BTC/USDT", "order_id": id_, "side": "buy", "quantity": Decimal(100),
        "filled": Decimal(0), "price": Decimal(5), "status": "open", "created_at": at,
        "updated_at": at, **values,
    }  # fmt: skip


def test_a_venue_that_wants_a_symbol_for_its_orders_is_judged_by_those_it_was_asked_for(
    tmp_path: Path,
) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        asked = stage.venue.fetch

        async def by_symbol(ask: Ask) -> Any:
            answer = await asked(ask)
            if ask.records != "orders":
                return answer
            names = ask.symbols or frozenset()
            rows = tuple(each for each in answer.records if each.values["symbol"] in names)
            return replace(answer, symbols=names, records=rows)

        stage.venue.fetch = by_symbol  # type: ignore[method-assign]
        at = stage.now() - 60 * SECOND
        stage.book.rows["orders"] = [order("1", at), order("2", at)]
        stage.venue.rows["orders"] = [order("1", at)]
        row, breaks = await stage.compare()
        assert [each.content["kind"] for each in breaks] == ["MISSING_EXTERNAL"], row.reasons
        stage.venue.rows["orders"].append(order("2", at))
        row, breaks = await stage.compare()
        assert (row.status.value, breaks) == ("clean", [])

    play(tmp_path, ORDERS, story)


@pytest.mark.parametrize(
    ("status", "filled", "matters"),
    [
        ("open", None, True),
        ("filled", None, True),  # that it does not say how much is no reason to drop it
        ("cancelled", None, False),
        ("cancelled", Decimal(0), False),
        ("cancelled", Decimal("0.1"), True),
    ],
)
def test_what_an_order_that_the_other_side_lacks_says(
    status: str, filled: Any, *, matters: bool
) -> None:
    assert _matters(Record({"status": status, "filled": filled}, {})) is matters
