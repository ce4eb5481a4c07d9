"""Orders under one name: a client id that several have, one of a cancel and replace, and the id of
two orders in two markets of a venue that counts per market."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from live_world import reconciliation
from review_world import SECOND, Side, Stage, play
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


def named(breaks: list[Any]) -> list[tuple[str | None, str]]:
    return sorted((each.content["key"].get("symbol"), each.content["kind"]) for each in breaks)


def counted(stage: Stage, symbol: str, quantity: int, **values: Any) -> dict[str, Any]:
    """The first order of a market, which has the id that the first one of each market has."""
    own = {"symbol": symbol, "quantity": Decimal(quantity), **values}
    return order("28", stage.now() - 30 * SECOND, **own)


BTC, ETH = "BTC/USDT", "ETH/USDT"


@pytest.fixture
def per_symbol(monkeypatch: Any) -> None:
    monkeypatch.setattr(Side, "orders_by_symbol", True, raising=False)


@pytest.mark.usefixtures("per_symbol")
@pytest.mark.parametrize("book", [(BTC,), (ETH,), (BTC, ETH), ()])
def test_orders_of_one_id_in_two_markets_are_two(tmp_path: Path, book: tuple[str, ...]) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        both = {BTC: counted(stage, BTC, 1), ETH: counted(stage, ETH, 2)}
        stage.venue.rows["orders"] = [dict(row) for row in both.values()]
        stage.book.rows["orders"] = [both[symbol] for symbol in book]
        found, breaks = await stage.compare()
        lacks = sorted(both.keys() - set(book))
        assert named(breaks) == [(symbol, "MISSING_INTERNAL") for symbol in lacks], found.reasons
        assert found.counts.matched == len(book)

    play(tmp_path, ORDERS, story)


@pytest.mark.usefixtures("per_symbol")
def test_an_order_that_moves_hides_none_of_its_id_in_another_market(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        stage.book.rows["orders"] = [counted(stage, BTC, 1), counted(stage, ETH, 2)]
        stage.venue.rows["orders"] = [counted(stage, BTC, 7), counted(stage, ETH, 2)]
        _, breaks = await stage.compare()
        assert named(breaks) == [(BTC, "QUANTITY")]
        fills = iter(range(1, 100))

        def before(ask: Ask) -> None:
            stage.venue.rows["orders"][1]["filled"] = Decimal(next(fills)) / 100

        stage.venue.before = before
        found, breaks = await stage.compare()
        assert named(breaks) == [(BTC, "QUANTITY")]
        assert found.counts.expected == 1
        # The other way round: what is open of the one that moves stays, too.
        fills = iter(range(1, 100))
        stage.venue.before = lambda ask: stage.venue.rows["orders"][0].update(
            filled=Decimal(next(fills)) / 100
        )
        found, breaks = await stage.compare()
        assert (found.counts.expected, named(breaks)[0]) == (1, (BTC, "QUANTITY"))

    play(tmp_path, ORDERS, story)


@pytest.mark.usefixtures("per_symbol")
def test_an_order_is_not_there_because_one_of_its_id_is_in_another_market(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        gone = counted(stage, BTC, 1, status="cancelled")
        stage.book.rows["orders"] = [counted(stage, BTC, 1), counted(stage, ETH, 2)]
        stage.venue.rows["orders"] = [gone, counted(stage, ETH, 2)]
        _, breaks = await stage.compare()
        assert named(breaks) == [(BTC, "STATUS")]
        del stage.venue.rows["orders"][0]  # it had told of it
        found, breaks = await stage.compare()
        assert (named(breaks), found.counts.unknown) == ([(BTC, "STATUS")], 1)
        assert found.counts.matched == 1, "the other one"

    play(tmp_path, ORDERS, story)


@pytest.mark.parametrize("alone", [True, False])
def test_breaks_from_before_ids_counted_per_symbol_go_on(
    tmp_path: Path, monkeypatch: Any, alone: bool
) -> None:
    store = f"sqlite:///{tmp_path}/store.db"
    ids = []

    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        if not alone:
            stage.book.rows["orders"] = [counted(stage, BTC, 1)]
        stage.venue.rows["orders"] = [counted(stage, BTC, 3)]
        _, breaks = await stage.compare()
        (brk,) = breaks
        ids.append((brk.id, brk.first_seen))

    play(tmp_path, ORDERS, story, store=store)
    monkeypatch.setattr(Side, "orders_by_symbol", True, raising=False)
    play(tmp_path, ORDERS, story, store=store)
    (before, since), (after, still) = ids
    assert before != after
    assert since == still, "it keeps its age"


def test_elsewhere_an_order_of_a_wrong_symbol_is_found_by_its_id(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        stage.book.rows["orders"] = [counted(stage, BTC, 1)]
        stage.venue.rows["orders"] = [counted(stage, ETH, 1)]
        _, breaks = await stage.compare()
        assert [each.content["kind"] for each in breaks] == ["SYMBOL"]

    play(tmp_path, ORDERS, story)
