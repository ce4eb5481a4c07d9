"""Edge cases of orders, end to end: the simulated exchange, its adapter, a book, a monitor."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from edge_world import PERP, Desk, Later, all_of, tell
from live_world import reconciliation

from tieout.core.live import Answer, Ask
from tieout.core.model import Severity
from tieout.testing.book import MemoryBook
from tieout.testing.exchange.faults import Fault, Faults, Trouble

ORDERS = reconciliation("orders")


def test_edge_04_an_order_that_left_the_open_list_waits_for_its_trade(
    tmp_path: Path, monkeypatch: Any
) -> None:
    async def story(desk: Desk) -> None:
        order = desk.account.place(PERP, "buy", "1", "50000")
        desk.believe()
        desk.account.fill(order, "1", "50000")  # gone from the open list, not listed yet
        desk.believe("positions", "trades", "movements")
        early = await desk.compare("trades")
        assert (early.kinds, early.row.counts.expected) == ([], 1)
        held = await desk.compare("positions")
        assert (held.status, held.row.counts.matched) == ("clean", 1)
        async with Later(3, desk.believe):  # the book hears while the orders are read again
            assert (await desk.compare("orders")).status == "clean"
        await asyncio.sleep(10)
        found = await desk.compare("trades")
        assert (found.status, found.row.counts.matched) == ("clean", 1)

    lines = all_of("orders", "trades", "positions", grace="9s", lag="9s")
    tell(tmp_path, monkeypatch, lines, story, visibility=(8.0, 8.0))


@pytest.mark.parametrize("ids", ["some", "none"])
def test_edge_25_a_submit_that_timed_out_is_asked_for_by_client_id(
    tmp_path: Path, monkeypatch: Any, ids: str
) -> None:
    async def story(desk: Desk) -> None:
        desk.account.place(PERP, "buy", "2", "40000", client_id="other")
        desk.account.place(PERP, "buy", "1", "40000", client_id="mine")
        # The answer to the submit never came: there is no id of the venue's, and no rejection.
        rows = desk.rows("orders")
        rows[1] |= {"order_id": None, "status": "pending", "filled": None}
        if ids == "none":
            rows[0]["order_id"] = None
        desk.book.put("orders", *rows)
        found = await desk.compare()
        assert (found.kinds, found.row.counts.matched) == (["STATUS"], 1)
        assert found.only.content["key"]["order_id"] == desk.rows("orders")[1]["order_id"]
        desk.believe()
        assert (await desk.compare()).status == "clean"

    tell(tmp_path, monkeypatch, ORDERS, story)


def test_edge_25_what_nobody_has_under_the_client_id_is_missing_and_no_error_of_others(
    tmp_path: Path, monkeypatch: Any
) -> None:
    async def story(desk: Desk) -> None:
        desk.account.place(PERP, "buy", "2", "40000", client_id="other")
        row = {**desk.rows("orders")[0], "client_order_id": "mine", "status": "pending"}
        row |= {"order_id": None, "filled": None}
        desk.book.put("orders", *desk.rows("orders"), row)
        found = await desk.compare()
        assert (found.kinds, found.row.counts.matched) == (["MISSING_EXTERNAL"], 1)
        (record,) = found.only.content["records"]
        assert record["record"]["client_order_id"] == "mine"

    tell(tmp_path, monkeypatch, ORDERS, story)


def test_edge_26_a_network_error_is_not_not_found(tmp_path: Path, monkeypatch: Any) -> None:
    async def story(desk: Desk) -> None:
        desk.account.place(PERP, "buy", "1", "40000")
        desk.believe()
        assert await _failed(desk)
        desk.book.put("orders")
        assert await _failed(desk)
        await asyncio.sleep(200)
        desk.believe()
        found = await desk.compare()
        assert (found.status, found.row.counts.matched) == ("clean", 1)

    async def _failed(desk: Desk) -> bool:
        found = await desk.compare()
        return (found.status, found.kinds) == ("failed", [])

    faults = Faults(1, [Fault(Trouble.SERVER_ERROR, between=[(0, 200)], paths=["rder"])])
    tell(tmp_path, monkeypatch, ORDERS, story, faults=faults)


def test_edge_27_partially_filled_then_cancelled_keeps_its_fills(
    tmp_path: Path, monkeypatch: Any
) -> None:
    async def story(desk: Desk) -> None:
        order = desk.account.place(PERP, "buy", "1", "50000")
        desk.account.fill(order, "0.4", "50000")
        desk.account.cancel(order)
        desk.believe()
        for name in ("orders", "trades", "positions"):
            found = await desk.compare(name)
            assert (found.status, found.row.counts.matched) == ("clean", 1), name
        desk.change("orders", filled=Decimal(0))  # a book that forgot the fills with the order
        found = await desk.compare("orders")
        assert (found.kinds, found.difference("filled")) == (["QUANTITY"], "-0.4")

    tell(tmp_path, monkeypatch, all_of("orders", "trades", "positions"), story)


@pytest.mark.parametrize("known", ["0", "0.99", "1"])
def test_edge_28_cancelled_yet_filled_is_critical(
    tmp_path: Path, monkeypatch: Any, known: str
) -> None:
    async def story(desk: Desk) -> None:
        # Nothing but this order tells the book's side of the symbol.
        order = desk.account.place(PERP, "buy", "1", "50000")
        desk.account.fill(order, "1", "50000")
        desk.change("orders", status="cancelled", filled=Decimal(known))
        found = await desk.compare()
        assert (found.kinds, found.severity) == (["STATUS"], Severity.CRITICAL)

    tell(tmp_path, monkeypatch, ORDERS, story)


def test_edge_29_the_old_leg_of_a_cancel_replace_was_not_cancelled(
    tmp_path: Path, monkeypatch: Any
) -> None:
    async def story(desk: Desk) -> None:
        old = desk.account.place(PERP, "buy", "1", "40000", client_id="a")
        desk.account.cancel(old)
        desk.account.place(PERP, "buy", "1", "41000", client_id="b")
        rows = desk.rows("orders")
        rows[0]["status"], rows[1]["replaces"] = "replaced", rows[0]["order_id"]
        desk.book.put("orders", *rows)
        found = await desk.compare()
        assert (found.status, found.row.counts.matched) == ("clean", 2)
        # The new leg is gone at the venue, and the book does not know it: that is one.
        desk.account.cancel(int(str(rows[1]["order_id"])))
        found = await desk.compare()
        assert found.kinds == ["STATUS"]
        assert found.only.content["key"]["order_id"] == rows[1]["order_id"]

    tell(tmp_path, monkeypatch, ORDERS, story)


def test_edge_29_a_replacement_under_the_same_client_id_is_the_order(
    tmp_path: Path, monkeypatch: Any
) -> None:
    async def story(desk: Desk) -> None:
        old = desk.account.place(PERP, "buy", "1", "40000", client_id="a")
        desk.account.cancel(old)
        desk.account.place(PERP, "buy", "1", "41000", client_id="a")
        desk.book.put("orders", desk.rows("orders")[1])
        found = await desk.compare()
        assert (found.status, found.row.counts.matched) == ("clean", 1)
        # The book names it by the client id only.
        desk.book.put("orders", {**desk.rows("orders")[1], "order_id": None})
        found = await desk.compare()
        assert (found.status, found.row.counts.matched) == ("clean", 1)

    tell(tmp_path, monkeypatch, ORDERS, story)


def test_edge_30_more_filled_than_ordered(tmp_path: Path, monkeypatch: Any) -> None:
    async def story(desk: Desk) -> None:
        order = desk.account.place(PERP, "buy", "1", "50000")
        desk.account.fill(order, "1", "50000")
        desk.believe()
        desk.account.fill(order, "0.2", "50000")
        found = await desk.compare()
        assert (found.kinds, found.severity) == (["OVERFILL"], Severity.HIGH)
        assert found.difference("filled") == "-0.2"
        desk.believe()  # that both know of it does not make it right
        found = await desk.compare()
        assert (found.kinds, found.difference("filled")) == (["OVERFILL"], "0")

    tell(tmp_path, monkeypatch, ORDERS, story)


def test_edge_31_a_working_order_is_kept_whatever_else_breaks(
    tmp_path: Path, monkeypatch: Any
) -> None:
    async def story(desk: Desk) -> None:
        desk.account.trade(PERP, "buy", "1")
        desk.account.place(PERP, "buy", "1", "40000")
        desk.believe()
        desk.change("positions", quantity=Decimal(5))
        desk.book.put("orders", *desk.rows("orders")[1:])
        assert (await desk.compare("positions")).kinds == ["QUANTITY"]
        for _ in range(2):
            found = await desk.compare("orders")
            assert found.kinds == ["MISSING_INTERNAL"]
            assert found.row.counts.matched == 1, "the working order, as if nothing else were"

    tell(tmp_path, monkeypatch, all_of("orders", "positions"), story)


def test_edge_32_a_manual_order_is_external_and_counts_once(
    tmp_path: Path, monkeypatch: Any
) -> None:
    async def story(desk: Desk) -> None:
        desk.account.trade(PERP, "buy", "1", client_id="bot-1")
        desk.believe()
        order = desk.account.place(PERP, "buy", "1", "50000", client_id="web_abc")
        desk.account.fill(order, "0.4", "50000")  # the rest of it still works
        await asyncio.sleep(60)
        for name in ("orders", "trades"):
            found = await desk.compare(name)
            assert (found.kinds, found.only.cause) == (["MISSING_INTERNAL"], "external_activity")
        found = await desk.compare("positions")
        assert (found.kinds, found.difference("quantity")) == (["QUANTITY"], "-0.4")

    tell(tmp_path, monkeypatch, all_of("orders", "trades", "positions"), story)


def test_edge_32_a_liquidation_is_external_and_counts_once(
    tmp_path: Path, monkeypatch: Any
) -> None:
    async def story(desk: Desk) -> None:
        desk.account.trade(PERP, "buy", "1", client_id="bot-1")
        desk.believe()
        desk.account.liquidate(PERP)
        await asyncio.sleep(60)
        for name in ("orders", "trades"):
            found = await desk.compare(name)
            assert (found.kinds, found.only.cause) == (["MISSING_INTERNAL"], "external_activity")
        found = await desk.compare("positions")
        assert (found.kinds, found.severity) == (["MISSING_EXTERNAL"], Severity.CRITICAL)
        assert found.only.content["records"][0]["record"]["quantity"] == "1"

    tell(tmp_path, monkeypatch, all_of("orders", "trades", "positions"), story)


def test_edge_32_one_s_own_lost_order_is_not_external(tmp_path: Path, monkeypatch: Any) -> None:
    async def story(desk: Desk) -> None:
        desk.account.trade(PERP, "buy", "1", client_id="bot-1")
        desk.believe()
        rows = desk.rows("orders")
        desk.account.trade(PERP, "buy", "1", client_id="bot-2")
        # The book sent it, and has no answer: it may be the one that the venue filled.
        lost = {**rows[0], "order_id": None, "client_order_id": "bot-2", "status": "pending"}
        desk.book.put("orders", *rows, lost)
        await asyncio.sleep(60)
        found = await desk.compare()
        assert (found.kinds, found.only.cause) == (["MISSING_INTERNAL"], "unknown")

    tell(tmp_path, monkeypatch, reconciliation("trades"), story)


class Behind(MemoryBook):
    """A venue whose list of closed orders is behind its list of open ones."""

    async def fetch(self, ask: Ask) -> Answer:
        answer = await super().fetch(ask)
        if ask.records == "orders" and ask.since is not None:
            for row in answer.records:
                row.values["filled"] = Decimal("0.5")  # type: ignore[index]
        return answer


def test_edge_33_a_stale_report_with_less_filled_changes_nothing(
    tmp_path: Path, monkeypatch: Any
) -> None:
    venue = Behind(None, name="binance", venue="binance")  # type: ignore[arg-type]

    async def story(desk: Desk) -> None:
        order = desk.account.place(PERP, "buy", "1", "50000")
        desk.account.fill(order, "0.8", "50000")
        desk.believe()
        venue.put("orders", *desk.rows("orders"))
        found = await desk.compare()
        assert (found.status, found.row.counts.matched) == ("clean", 1)

    tell(tmp_path, monkeypatch, ORDERS, story, stated=venue)


def test_a_book_that_is_stale_is_unknown_and_no_break(tmp_path: Path, monkeypatch: Any) -> None:
    async def story(desk: Desk) -> None:
        desk.account.place(PERP, "buy", "1", "50000")
        desk.believe()
        assert (await desk.compare()).status == "clean"
        desk.account.place(PERP, "buy", "2", "50000")
        desk.book.doubt = "the book heard nothing since noon"
        found = await desk.compare()
        assert (found.status, found.kinds) == ("incomplete", [])
        assert found.row.counts.unknown == 1
        assert desk.book.doubt in " ".join(found.row.reasons)
        desk.book.doubt = None
        assert (await desk.compare()).kinds == ["MISSING_INTERNAL"]

    tell(tmp_path, monkeypatch, ORDERS, story)
