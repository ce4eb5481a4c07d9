"""Breaks of orders that a venue does not list any more: kept, asked for by id, never aged away."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from edge_world import PERP, SPOT, Desk, tell
from live_world import reconciliation
from review_world import SECOND, Stage, play
from test_live_review_orders import order

from tieout.core.asked import answered, identified
from tieout.core.live import Answer, Ask
from tieout.core.model import Record
from tieout.errors import VenueError

ORDERS = reconciliation("orders")
DAY = 24 * 3600


def asked_back(stage: Stage) -> float:
    """Days that the widest question of the venue went back."""
    since = [ask.since for ask in stage.venue.calls if ask.records == "orders" and ask.since]
    return (stage.now() - min(since)) / (DAY * SECOND)


def forgets(stage: Stage, days: int) -> None:
    """The venue lists no closed order that is older; a wider question it refuses."""
    asked = stage.venue.fetch

    async def fetch(ask: Ask) -> Answer:
        first = stage.now() - days * DAY * SECOND
        if ask.since is not None and ask.since < first:
            raise VenueError("the window is too long", venue="binance", method="orders")
        rows = stage.venue.rows["orders"]
        stage.venue.rows["orders"] = [
            row for row in rows if row["status"] == "open" or row["created_at"] >= first
        ]
        try:
            return await asked(ask)
        finally:
            stage.venue.rows["orders"] = rows

    stage.venue.fetch = fetch  # type: ignore[method-assign]


async def broken(stage: Stage) -> tuple[list[dict[str, Any]], str]:
    """Three orders, of which one has a break: open in the book, cancelled at the venue."""
    await asyncio.sleep(60)
    at = stage.now()
    stage.book.rows["orders"] = [order("1", at), order("2", at)]
    stage.venue.rows["orders"] = [order("1", at), order("2", at, status="cancelled")]
    await asyncio.sleep(60)
    row, breaks = await stage.compare()
    assert [each.content["kind"] for each in breaks] == ["STATUS"], row.reasons
    return stage.venue.rows["orders"], breaks[0].id


def test_the_break_of_an_order_that_is_no_longer_listed_stays_as_it_is(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        _, known = await broken(stage)
        forgets(stage, 8)
        for days in (5, 5, 60):
            await asyncio.sleep(days * DAY)
            stage.venue.calls.clear()
            row, breaks = await stage.compare()
            assert [(each.id, each.content["kind"]) for each in breaks] == [(known, "STATUS")]
            assert row.status.value == "breaks", row.reasons
            assert asked_back(stage) < 8
        assert row.external is not None
        assert [note for note in row.external.notes if "not told of" in note] == [
            "not told of by the venue any more, and left as they are: order 2,"
            " the oldest of 2026-01-01"
        ]
        assert row.counts.unknown == 1
        # Not even where the book has forgotten it too: that nobody says anything clears nothing.
        stage.book.rows["orders"] = stage.book.rows["orders"][:1]
        _, breaks = await stage.compare()
        assert [each.id for each in breaks] == [known]

    play(tmp_path, ORDERS, story)


@pytest.mark.parametrize("heals", [True, False])
def test_an_old_order_is_asked_for_by_its_id(tmp_path: Path, heals: bool) -> None:
    async def story(stage: Stage) -> None:
        rows, known = await broken(stage)
        forgets(stage, 8)
        asked: list[tuple[str, str]] = []

        async def by_id(symbol: str, order_id: str) -> Answer:
            asked.append((symbol, order_id))
            given = [Record(row, {}) for row in rows if row["order_id"] == order_id]
            records, _ = identified(given, "orders", source="binance", place="rows")
            return answered(
                "binance", Ask("orders", since=0), records, [], asked_at=0, answered_at=stage.now()
            )

        stage.venue.order = by_id  # type: ignore[attr-defined]
        await asyncio.sleep(20 * DAY)
        row, breaks = await stage.compare()
        assert [(each.id, each.content["kind"]) for each in breaks] == [(known, "STATUS")]
        assert set(asked) == {("BTC/USDT", "2")}, "the other one is listed, being open"
        assert row.counts.unknown == 0
        if heals:
            stage.book.rows["orders"][1]["status"] = "cancelled"
            row, breaks = await stage.compare()
            assert (row.status.value, breaks) == ("clean", []), row.reasons
        else:  # the book forgets it, the venue does not: it is still different
            rows[1] |= {"status": "filled", "filled": Decimal(100)}
            stage.book.rows["orders"].pop()
            _, breaks = await stage.compare()
            assert [each.content["kind"] for each in breaks] == ["MISSING_INTERNAL"]

    play(tmp_path, ORDERS, story)


def test_a_venue_that_does_not_know_the_id_any_more_clears_nothing(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        _, known = await broken(stage)
        forgets(stage, 8)

        async def by_id(symbol: str, order_id: str) -> Answer:
            raise VenueError(
                "Order does not exist.", venue="binance", method=f"{symbol} {order_id}"
            )

        stage.venue.order = by_id  # type: ignore[attr-defined]
        await asyncio.sleep(20 * DAY)
        row, breaks = await stage.compare()
        assert [each.id for each in breaks] == [known]
        assert row.counts.unknown == 1

    play(tmp_path, ORDERS, story)


@pytest.mark.parametrize("product", ["perp", "spot"])
def test_binance_is_asked_for_an_order_of_long_ago(
    tmp_path: Path, monkeypatch: Any, product: str
) -> None:
    symbol = PERP if product == "perp" else SPOT

    async def story(desk: Desk) -> None:
        old = desk.account.place(symbol, "buy", "1", "50000")
        desk.account.fill(old, "1", "50000")
        await asyncio.sleep(30 * DAY)
        venue: Any = desk.supervisor.monitors[0].setup.external
        answer = await venue.order(symbol, str(old.id))
        assert [(row.values["order_id"], row.values["status"]) for row in answer.records] == [
            (str(old.id), "filled")
        ]
        assert await venue.order("NO/SUCH", "1") is None
        with pytest.raises(VenueError):
            await venue.order(symbol, "999999999")

    tell(tmp_path, monkeypatch, ORDERS, story, product=product)
