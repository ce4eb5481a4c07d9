"""Transfers between one's own places, on the live path: expected in transit until their deadline."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from edge_world import Desk, Row, all_of, tell
from live_world import reconciliation

from tieout.core.journal import journal_entry

BALANCES = reconciliation("balances", transit="30m")
HERE = {"account": "main", "venue": "binance", "wallet": "spot"}
THERE = {"account": "main", "venue": "kraken", "wallet": "spot"}


def leg(desk: Desk, name: str, amount: str, place: dict[str, str]) -> Row:
    return {
        "movement_id": name,
        "type": "transfer",
        "currency": "USDT",
        "amount": Decimal(amount),
        "timestamp": desk.nanoseconds(),
        **place,
    }


def believe(desk: Desk, *more: Row, off: str = "0") -> None:
    """The book is right, and believes some more movements; `off`: in a balance too much."""
    own = desk.rows("movements")
    desk.book.put("movements", *[{"reference": None, **row} for row in (*own, *more)])
    rows = desk.rows("balances")
    total = rows[0]["total"]
    assert isinstance(total, Decimal)
    desk.book.put("balances", {**rows[0], "total": total + Decimal(off)})


def test_a_transfer_that_is_not_there_yet_is_expected(tmp_path: Path, monkeypatch: Any) -> None:
    async def story(desk: Desk) -> None:
        out, into = leg(desk, "t:out", "-500", THERE), leg(desk, "t:in", "500", HERE)
        believe(desk, out, into, off="500")
        await asyncio.sleep(60)
        found = await desk.compare()
        assert (found.status, found.kinds) == ("clean", [])
        assert (found.row.counts.expected, found.row.counts.matched) == (1, 0)
        await asyncio.sleep(600)
        desk.account.deposit("USDT", "500")
        desk.book.put("balances", *desk.rows("balances"))
        await asyncio.sleep(60)
        found = await desk.compare()
        assert (found.status, found.row.counts.matched) == ("clean", 1)
        assert found.row.counts.expected == 0

    tell(tmp_path, monkeypatch, BALANCES, story, product="spot")


def test_a_transfer_that_never_comes_is_a_break(tmp_path: Path, monkeypatch: Any) -> None:
    async def story(desk: Desk) -> None:
        out, into = leg(desk, "t:out", "-500", THERE), leg(desk, "t:in", "500", HERE)
        believe(desk, out, into, off="500")
        await asyncio.sleep(1700)
        assert (await desk.compare()).kinds == []
        await asyncio.sleep(120)
        found = await desk.compare()
        assert (found.kinds, found.difference("total")) == (["BALANCE"], "500")

    tell(tmp_path, monkeypatch, BALANCES, story, product="spot")


def test_drift_beside_a_transfer_is_a_break_of_its_own_size(
    tmp_path: Path, monkeypatch: Any
) -> None:
    async def story(desk: Desk) -> None:
        out, into = leg(desk, "t:out", "-500", THERE), leg(desk, "t:in", "500", HERE)
        believe(desk, out, into, off="507")
        await asyncio.sleep(60)
        found = await desk.compare()
        assert (found.kinds, found.difference("total")) == (["BALANCE"], "7")

    tell(tmp_path, monkeypatch, BALANCES, story, product="spot")


@pytest.mark.parametrize("other", ["nothing", "another amount", "the same place"])
def test_money_that_left_no_place_of_one_s_own_is_not_expected(
    tmp_path: Path, monkeypatch: Any, other: str
) -> None:
    async def story(desk: Desk) -> None:
        outs = {
            "nothing": [],
            "another amount": [leg(desk, "t:out", "-400", THERE)],
            "the same place": [leg(desk, "t:out", "-500", HERE)],
        }
        believe(desk, *outs[other], leg(desk, "t:in", "500", HERE), off="500")
        await asyncio.sleep(60)
        found = await desk.compare()
        assert (found.kinds, found.difference("total")) == (["BALANCE"], "500")

    tell(tmp_path, monkeypatch, BALANCES, story, product="spot")


def test_what_left_here_and_is_not_taken_yet_is_expected(tmp_path: Path, monkeypatch: Any) -> None:
    async def story(desk: Desk) -> None:
        out, into = leg(desk, "t:out", "-500", HERE), leg(desk, "t:in", "500", THERE)
        believe(desk, out, into, off="-500")
        await asyncio.sleep(60)
        found = await desk.compare()
        assert (found.status, found.row.counts.expected) == ("clean", 1)

    tell(tmp_path, monkeypatch, BALANCES, story, product="spot")


def test_what_arrived_before_the_book_heard_is_expected(tmp_path: Path, monkeypatch: Any) -> None:
    async def story(desk: Desk) -> None:
        believe(desk, leg(desk, "t:out", "-500", THERE))
        desk.account.deposit("USDT", "500")
        await asyncio.sleep(60)
        for name in ("balances", "movements"):
            found = await desk.compare(name)
            assert (found.status, found.row.counts.expected) == ("clean", 1), name
        await asyncio.sleep(1800)
        found = await desk.compare("movements")
        assert (found.kinds, found.only.cause) == (["MISSING_INTERNAL"], "transfer")
        assert (await desk.compare("balances")).difference("total") == "-500"

    lines = all_of("balances", "movements", transit="30m")
    tell(tmp_path, monkeypatch, lines, story, product="spot")


def test_a_movement_that_is_on_its_way_is_expected(tmp_path: Path, monkeypatch: Any) -> None:
    async def story(desk: Desk) -> None:
        believe(desk, leg(desk, "t:out", "-500", THERE), leg(desk, "t:in", "500", HERE))
        # What it believes of the other venue is not among what is compared here.
        for _ in range(3):
            await asyncio.sleep(300)
            found = await desk.compare()
            assert (found.kinds, found.row.counts.expected) == ([], 1)
        await asyncio.sleep(1200)
        found = await desk.compare()
        assert found.kinds == ["MISSING_EXTERNAL"]
        assert found.only.content["key"]["movement_id"] == "t:in"

    lines = reconciliation("movements", transit="30m")
    tell(tmp_path, monkeypatch, lines, story, product="spot")


def test_the_ledger_knows_both_ends(tmp_path: Path, monkeypatch: Any) -> None:
    async def story(desk: Desk) -> None:
        await desk.opened()
        for row in (leg(desk, "t:out", "-500", THERE), leg(desk, "t:in", "500", HERE)):
            desk.store.journal.append([journal_entry("movements", row, source="test")])
        await asyncio.sleep(60)
        for name in ("balances", "movements"):
            found = await desk.compare(name)
            assert (found.status, found.row.counts.expected) == ("clean", 1), name
        await asyncio.sleep(1800)
        assert (await desk.compare("balances")).kinds == ["BALANCE"]
        assert (await desk.compare("movements")).kinds == ["MISSING_EXTERNAL"]

    lines = all_of("balances", "movements", transit="30m")
    tell(tmp_path, monkeypatch, lines, story, product="spot", ledger=True)
