"""Orders under one name: a client id that several have, and one of a cancel and replace."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from live_world import reconciliation
from review_world import SECOND, Stage, play
from test_live_review_orders import order

from tieout.core.live import Ask
from tieout.core.rows import BreakFilter

ORDERS = reconciliation("orders")


def always_filling(stage: Stage, moving: str) -> None:
    """The venue goes on filling an order, and the book is always behind."""
    fills = iter(range(1, 100))

    def before(ask: Ask) -> None:
        for row in stage.venue.rows["orders"]:
            if row["order_id"] == moving:
                row |= {"filled": Decimal(next(fills)), "status": "partially_filled"}

    stage.venue.before = before


def kinds(breaks: list[Any]) -> list[tuple[str, str]]:
    return sorted((each.content["key"]["order_id"], each.content["kind"]) for each in breaks)


@pytest.mark.parametrize("shared", ["0", None])
def test_an_order_that_moves_hides_no_other_one_of_its_client_id(
    tmp_path: Path, shared: str | None
) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        at = stage.now() - 30 * SECOND

        def row(id_: str, **values: Any) -> dict[str, Any]:
            return order(id_, at, client_order_id=shared, **values)

        stage.book.rows["orders"] = [row("A", quantity=Decimal(7)), row("B"), row("C")]
        stage.venue.rows["orders"] = [row("A"), row("B"), row("C")]
        _, breaks = await stage.compare()
        assert kinds(breaks) == [("A", "QUANTITY")]
        always_filling(stage, "B")
        await asyncio.sleep(60)
        found, breaks = await stage.compare()
        assert kinds(breaks) == [("A", "QUANTITY")], "nothing says that it is gone"
        assert (found.counts.matched, found.counts.expected) == (1, 1)
        stage.book.rows["orders"][2]["quantity"] = Decimal(3)
        stage.venue.rows["orders"].append(row("D"))
        await asyncio.sleep(60)
        found, breaks = await stage.compare()
        assert kinds(breaks) == [("A", "QUANTITY"), ("C", "QUANTITY"), ("D", "MISSING_INTERNAL")]
        assert found.status.value == "breaks"

    play(tmp_path, ORDERS, story)


def test_edge_29_a_replacement_that_moves_hides_nothing_of_what_it_replaced(
    tmp_path: Path,
) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        at = stage.now() - 30 * SECOND
        old = order("1", at, client_order_id="a", status="cancelled", filled=Decimal(40))
        new = order("2", at, client_order_id="a")
        stage.venue.rows["orders"] = [old, dict(new)]
        stage.book.rows["orders"] = [{**old, "filled": Decimal(10)}, dict(new)]
        always_filling(stage, "2")
        for _ in range(2):
            found, breaks = await stage.compare()
            assert kinds(breaks) == [("1", "QUANTITY")], found.reasons
            assert found.counts.expected == 1
            await asyncio.sleep(60)

    play(tmp_path, ORDERS, story)


def test_an_order_that_is_not_told_of_any_more_takes_no_other_one_with_it(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        at = stage.now()

        def row(id_: str, **values: Any) -> dict[str, Any]:
            return order(id_, at, client_order_id="0", **values)

        stage.book.rows["orders"] = [row("1"), row("2"), row("3")]
        stage.venue.rows["orders"] = [row("1"), row("2", status="cancelled"), row("3")]
        await asyncio.sleep(60)
        _, breaks = await stage.compare()
        assert kinds(breaks) == [("2", "STATUS")]
        del stage.venue.rows["orders"][1]
        stage.book.rows["orders"][2]["quantity"] = Decimal(5)
        found, breaks = await stage.compare()
        assert kinds(breaks) == [("2", "STATUS"), ("3", "QUANTITY")]
        assert (found.counts.matched, found.counts.unknown) == (1, 1), found.reasons

    play(tmp_path, ORDERS, story)


def test_an_order_that_a_book_has_now_and_then_is_undecided_and_keeps_its_break(
    tmp_path: Path,
) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        stage.book.rows["orders"] = [order("1", stage.now())]
        await asyncio.sleep(60)
        _, breaks = await stage.compare()
        assert kinds(breaks) == [("1", "MISSING_EXTERNAL")]
        given = stage.book.rows["orders"]
        # Both questions of a reading get one answer, and the next reading the other one.
        since = [None]

        def before(ask: Ask) -> None:
            if ask.since is not None and since[-1] != stage.now():
                since.append(stage.now())  # type: ignore[arg-type]
                stage.book.rows["orders"] = given if len(since) % 2 else []

        stage.book.before = before
        _, breaks = await stage.compare()
        assert len(since) == 6, "it was read until nothing more is read"
        assert stage.book.rows["orders"] == [], "and lacks it in the last reading"
        assert kinds(breaks) == [("1", "MISSING_EXTERNAL")]
        stage.book.before = lambda ask: None
        stage.book.rows["orders"] = []
        found, breaks = await stage.compare()
        assert (found.status.value, breaks) == ("clean", []), "several readings lack it"
        assert [row.state for row in stage.store.breaks(BreakFilter("it"))] == ["resolved"]

    play(tmp_path, ORDERS, story)
