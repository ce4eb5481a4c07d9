"""Edge cases of positions, balances and cash, end to end on the live path."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from edge_world import PERP, SPOT, Desk, Told, all_of, tell
from live_world import reconciliation
from msgspec.structs import replace

from tieout.core.journal import journal_entry
from tieout.core.live import Answer, Ask
from tieout.core.model import Severity
from tieout.testing.book import MemoryBook
from tieout.testing.exchange.terms import FeePlan

ETH = "ETH/USDT:USDT"
POSITIONS, BALANCES = reconciliation("positions"), reconciliation("balances")


def test_edge_10_a_provisional_settlement_that_is_voided_later(
    tmp_path: Path, monkeypatch: Any
) -> None:
    venue = Told(None, name="binance", venue="binance")  # type: ignore[arg-type]

    async def story(desk: Desk) -> None:
        venue.tape = desk.book.tape = True
        bought = trade("1", "buy", "2", desk)
        settled = trade("2", "sell", "2", desk) | {"exec_type": "settlement"}
        for side in (venue, desk.book):
            side.put("trades", bought, settled)
            side.put("positions")
        found = [await desk.compare(name) for name in ("trades", "positions")]
        assert [each.status for each in found] == ["clean", "clean"]
        await asyncio.sleep(60)
        # The venue voids the settlement, and the position is there again.
        void = {**settled, "trade_id": "3", "exec_type": "bust", "supersedes": "2"}
        void["timestamp"] = desk.nanoseconds()
        venue.add("trades", void)
        held = {"symbol": PERP, "leg": "net", "quantity": Decimal(2)}
        venue.put("positions", held)
        assert (await desk.compare("positions")).kinds == [], "the book has not heard of it yet"
        await asyncio.sleep(60)
        found = [await desk.compare(name) for name in ("trades", "positions")]
        assert found[0].kinds == ["MISSING_EXTERNAL"]
        assert found[0].only.content["key"]["trade_id"] == "2"
        assert found[1].kinds == ["MISSING_INTERNAL"]
        desk.book.add("trades", void)
        desk.book.put("positions", held)
        found = [await desk.compare(name) for name in ("trades", "positions")]
        assert [each.status for each in found] == ["clean", "clean"]

    tell(tmp_path, monkeypatch, all_of("trades", "positions"), story, stated=venue)


def test_edge_10_a_break_of_what_the_ledger_voids_clears(tmp_path: Path, monkeypatch: Any) -> None:
    venue = Told(None, name="binance", venue="binance")  # type: ignore[arg-type]

    async def story(desk: Desk) -> None:
        said = {"account": "main", "venue": "binance", "source": "test"}
        wrong = trade("2", "sell", "2", desk)
        desk.store.journal.append([journal_entry("trades", wrong, **said)])
        await asyncio.sleep(60)
        assert (await desk.compare()).kinds == ["MISSING_EXTERNAL"]
        void = {**wrong, "trade_id": "3", "exec_type": "bust", "supersedes": "2"}
        void["timestamp"] = desk.nanoseconds()
        desk.store.journal.append([journal_entry("trades", void, **said)])
        await asyncio.sleep(60)
        assert (await desk.compare()).status == "clean"

    tell(tmp_path, monkeypatch, reconciliation("trades"), story, stated=venue, ledger=True)


def trade(number: str, side: str, quantity: str, desk: Desk) -> dict[str, Any]:
    return {
        "symbol": PERP,
        "trade_id": number,
        "side": side,
        "quantity": Decimal(quantity),
        "price": Decimal(50000),
        "fee": Decimal(0),
        "fee_currency": "USDT",
        "timestamp": desk.nanoseconds(),
    }


def test_edge_34_equal_net_and_different_legs_break_each(tmp_path: Path, monkeypatch: Any) -> None:
    async def story(desk: Desk) -> None:
        desk.account.trade(PERP, "buy", "2", leg="long")
        desk.account.trade(PERP, "sell", "1", leg="short")
        desk.believe()
        found = await desk.compare()
        assert (found.status, found.row.counts.matched) == ("clean", 2)
        rows = desk.rows("positions")
        for row in rows:  # both legs smaller by 0.5: the net is the same
            size = row["quantity"]
            assert isinstance(size, Decimal)
            row["quantity"] = size - Decimal("0.5").copy_sign(size)
        desk.book.put("positions", *rows)
        found = await desk.compare()
        assert found.kinds == ["QUANTITY", "QUANTITY"]
        legs = {
            each.content["key"]["leg"]: each.content["differences"][0]["difference"]
            for each in found.breaks
        }
        assert legs == {"long": "-0.5", "short": "0.5"}

    tell(tmp_path, monkeypatch, POSITIONS, story, hedged=True)


def test_edge_36_a_flip_in_one_fill_then_an_add(tmp_path: Path, monkeypatch: Any) -> None:
    async def story(desk: Desk) -> None:
        await desk.opened()
        desk.account.trade(PERP, "buy", "1", "50000")
        desk.account.trade(PERP, "sell", "3", "52000")
        desk.account.trade(PERP, "sell", "2", "54000")
        desk.journal()
        found = await desk.compare("positions")
        assert (found.status, found.row.counts.matched) == ("clean", 1)
        assert (await desk.compare("balances")).status == "clean"
        desk.account.trade(PERP, "sell", "4", "56000")
        await asyncio.sleep(30)
        found = await desk.compare("positions")
        ours, theirs = (each["record"] for each in found.only.content["records"])
        assert (ours["quantity"], ours["average_price"]) == ("-4", "53000")
        assert (theirs["quantity"], theirs["average_price"]) == ("-8", "54500")

    tell(tmp_path, monkeypatch, all_of("positions", "balances"), story, ledger=True)


def test_edge_37_close_and_reopen_in_one_millisecond(tmp_path: Path, monkeypatch: Any) -> None:
    async def story(desk: Desk) -> None:
        await desk.opened()
        desk.account.trade(PERP, "buy", "1", "50000")
        await asyncio.sleep(1)
        desk.account.trade(PERP, "sell", "1", "51000")
        desk.account.trade(PERP, "buy", "1", "53000")
        fills = [each.fill for each in desk.account.history.events if each.fill]
        assert fills[-1].at == fills[-2].at
        # By time alone either may come first: then the average would be 51500.
        desk.journal(backwards=True)
        found = await desk.compare()
        assert (found.status, found.row.counts.matched) == ("clean", 1)

    tell(tmp_path, monkeypatch, POSITIONS, story, ledger=True)


def test_edge_38_opening_fills_outside_the_window(tmp_path: Path, monkeypatch: Any) -> None:
    async def story(desk: Desk) -> None:
        desk.account.trade(PERP, "buy", "2", "50000")
        await asyncio.sleep(100_000)  # beyond every window
        await desk.opened(average=Decimal(50000))
        desk.account.trade(PERP, "buy", "2", "60000")
        desk.journal(since=1)
        found = await desk.compare()
        assert (found.status, found.row.counts.matched) == ("clean", 1)

    tell(tmp_path, monkeypatch, POSITIONS, story, ledger=True)


def test_edge_38_without_an_average_none_is_invented(tmp_path: Path, monkeypatch: Any) -> None:
    async def story(desk: Desk) -> None:
        desk.account.trade(PERP, "buy", "2", "50000")
        desk.account.trade(ETH, "buy", "2", "3000")
        await asyncio.sleep(60)
        await desk.opened(average=None)
        desk.account.trade(ETH, "sell", "2", "3000")
        desk.account.trade(ETH, "buy", "1", "3100")  # of this one it is known again
        desk.journal(since=2)
        found = await desk.compare()
        assert (found.kinds, found.row.counts.matched) == (["COST_BASIS"], 1)
        (difference,) = found.only.content["differences"]
        assert (difference["field"], difference["internal"]) == ("average_price", None)

    tell(tmp_path, monkeypatch, POSITIONS, story, ledger=True)


def test_edge_39_partials_of_an_open_order_count_once(tmp_path: Path, monkeypatch: Any) -> None:
    async def story(desk: Desk) -> None:
        order = desk.account.place(PERP, "buy", "1", "50000")
        desk.account.fill(order, "0.4", "50000")
        desk.believe()
        for name in ("positions", "orders", "balances"):
            found = await desk.compare(name)
            assert (found.status, found.row.counts.matched) == ("clean", 1), name
        await asyncio.sleep(30)
        desk.change("positions", quantity=Decimal("0.8"))
        found = await desk.compare("positions")
        assert found.difference("quantity") == "0.4"

    tell(tmp_path, monkeypatch, all_of("positions", "orders", "balances"), story)


def test_edge_44_dust_is_low_and_does_not_flip_flop(tmp_path: Path, monkeypatch: Any) -> None:
    async def story(desk: Desk) -> None:
        desk.account.trade(PERP, "buy", "0.0001", "90000")
        desk.believe()
        desk.book.put("positions")
        first = await desk.compare()
        assert (first.kinds, first.severity) == (["MISSING_INTERNAL"], Severity.LOW)
        for _ in range(5):
            await asyncio.sleep(30)
            again = await desk.compare()
            assert again.severity is Severity.LOW
            assert (again.only.id, again.only.opened_at) == (first.only.id, first.only.opened_at)
            assert (again.row.breaks.carried, again.row.breaks.cleared) == (1, 0)

    tell(tmp_path, monkeypatch, reconciliation("positions", dust="{USDT: 10}"), story)


def test_edge_45_a_fee_in_a_third_asset_is_no_break_of_the_position(
    tmp_path: Path, monkeypatch: Any
) -> None:
    async def story(desk: Desk) -> None:
        desk.account.deposit("BNB", "10")
        desk.account.trade(SPOT, "buy", "1", "50000")
        desk.believe()
        assert desk.rows("trades")[0]["fee_currency"] == "BNB"
        for name, matched in (("trades", 1), ("balances", 3)):
            found = await desk.compare(name)
            assert (found.status, found.row.counts.matched) == ("clean", matched)
        # A book that does not know the fee yet: it may be BNB or either currency of the market.
        desk.account.trade(SPOT, "buy", "1", "50000")
        desk.believe()
        desk.change("trades", fee=None, fee_currency=None)
        desk.book.put("balances", *without_fee(desk))
        found = await desk.compare("balances")
        assert found.kinds == []
        await asyncio.sleep(60)
        found = await desk.compare("balances")
        assert found.kinds == ["BALANCE"]
        assert found.only.content["key"]["currency"] == "BNB"

    def without_fee(desk: Desk) -> list[dict[str, Any]]:
        fee = desk.rows("trades")[-1]["fee"]
        rows = desk.rows("balances")
        return [
            {**row, "total": row["total"] + fee} if row["currency"] == "BNB" else row  # type: ignore[operator]
            for row in rows
        ]

    tell(
        tmp_path, monkeypatch, all_of("trades", "balances"), story, product="spot",
        fees=FeePlan(asset="BNB"),
    )  # fmt: skip


def test_edge_46_a_fee_that_comes_late_is_expected_until_the_deadline(
    tmp_path: Path, monkeypatch: Any
) -> None:
    async def story(desk: Desk) -> None:
        desk.account.trade(PERP, "buy", "1", "50000")
        await asyncio.sleep(20)
        desk.account.trade(PERP, "buy", "1", "50000")
        desk.believe()
        desk.change("trades", fee=None, fee_currency=None)
        early = await desk.compare()
        assert (early.kinds, early.row.counts.expected) == ([], 1)
        await asyncio.sleep(30)
        late = await desk.compare()
        assert (late.kinds, late.row.counts.expected) == (["FEE"], 0)
        desk.believe()
        found = await desk.compare()
        assert (found.status, found.row.counts.matched) == ("clean", 2)

    tell(tmp_path, monkeypatch, reconciliation("trades", grace="10s"), story)


def test_edge_46_another_difference_beside_the_fee_does_not_wait(
    tmp_path: Path, monkeypatch: Any
) -> None:
    async def story(desk: Desk) -> None:
        desk.account.trade(PERP, "buy", "1", "50000")
        desk.account.trade(PERP, "buy", "1", "50000")
        desk.believe()
        desk.change("trades", fee=None, fee_currency=None, quantity=Decimal(2))
        assert (await desk.compare()).kinds == ["QUANTITY"]

    tell(tmp_path, monkeypatch, reconciliation("trades", grace="10s"), story)


def test_edge_47_two_symbols_funded_in_one_instant(tmp_path: Path, monkeypatch: Any) -> None:
    async def story(desk: Desk) -> None:
        desk.account.trade(PERP, "buy", "1", "50000")
        desk.account.trade(ETH, "sell", "10", "3000")
        await asyncio.sleep(1)
        desk.account.fund(PERP, "0.0001")
        desk.account.fund(ETH, "0.0001")
        desk.believe()
        for name, matched in (("movements", 3), ("balances", 1)):
            found = await desk.compare(name)
            assert (found.status, found.row.counts.matched) == ("clean", matched)
        desk.forget("movements")
        desk.change("balances", total=desk.account.state.wallets["futures", "USDT"] - 5)
        await asyncio.sleep(30)
        found = await desk.compare("movements")
        assert (found.kinds, found.row.counts.matched) == (["MISSING_INTERNAL"], 2)
        assert found.only.content["records"][0]["record"]["symbol"] == ETH
        assert (await desk.compare("balances")).difference("total") == "-5"

    tell(tmp_path, monkeypatch, all_of("movements", "balances"), story)


def test_edge_48_funding_after_partial_exits_is_of_what_is_left(
    tmp_path: Path, monkeypatch: Any
) -> None:
    async def story(desk: Desk) -> None:
        await desk.opened()
        desk.account.trade(PERP, "sell", "2", "50000")
        desk.account.trade(PERP, "buy", "1.5", "50000")
        await asyncio.sleep(1)
        desk.account.fund(PERP, "0.0002")  # a short gets it
        desk.journal()
        desk.journal()  # what is told twice is booked once
        found = await desk.compare("movements")
        funding = [row for row in desk.rows("movements") if row["type"] == "funding"]
        assert [row["amount"] for row in funding] == [Decimal("9.125")]
        assert found.status == "clean"
        assert (await desk.compare("balances")).status == "clean"

    tell(tmp_path, monkeypatch, all_of("movements", "balances"), story, ledger=True)


def test_edge_49_a_deposit_is_a_transfer_and_no_profit(tmp_path: Path, monkeypatch: Any) -> None:
    async def story(desk: Desk) -> None:
        desk.account.trade(SPOT, "buy", "0.1", "50000")  # the venue is asked about a symbol then
        desk.believe()
        desk.account.deposit("USDT", "500")
        await asyncio.sleep(30)
        found = await desk.compare("movements")
        assert (found.kinds, found.only.cause) == (["MISSING_INTERNAL"], "transfer")
        assert found.only.content["records"][0]["record"]["type"] == "transfer"
        assert (await desk.compare("balances")).difference("total") == "-500"
        desk.believe()
        for name in ("movements", "balances"):
            assert (await desk.compare(name)).status == "clean"

    tell(tmp_path, monkeypatch, all_of("movements", "balances"), story, product="spot")


def test_edge_49_a_deposit_is_of_no_symbol(tmp_path: Path, monkeypatch: Any) -> None:
    venue = Partial(None, name="binance", venue="binance")  # type: ignore[arg-type]
    venue.about = frozenset({SPOT})

    async def story(desk: Desk) -> None:
        desk.account.deposit("USDT", "500")
        venue.put("movements", *desk.rows("movements"))
        desk.forget("movements")
        await asyncio.sleep(60)
        assert (await desk.compare()).kinds == ["MISSING_INTERNAL"]
        desk.believe()
        found = await desk.compare()
        assert (found.status, found.kinds) == ("clean", [])

    lines = reconciliation("movements")
    tell(tmp_path, monkeypatch, lines, story, product="spot", stated=venue)


def test_edge_50_unsettled_cash_is_compared_with_its_like(tmp_path: Path, monkeypatch: Any) -> None:
    venue = MemoryBook(None, name="binance", venue="binance")  # type: ignore[arg-type]

    async def story(desk: Desk) -> None:
        cash = {"currency": "USD", "wallet": "spot", "total": Decimal(1000)}
        venue.put("balances", cash)
        desk.book.put("balances", cash | {"settled": Decimal(600)})
        found = await desk.compare()
        assert found.status == "clean", "a total is no settled amount: it has none to compare"
        venue.put("balances", cash | {"settled": Decimal(1000)})
        found = await desk.compare()
        assert (found.kinds, found.difference("settled")) == (["BALANCE"], "-400")
        desk.book.put("balances", cash | {"settled": Decimal(1000)})
        assert (await desk.compare()).status == "clean"

    tell(tmp_path, monkeypatch, BALANCES, story, stated=venue)


class Partial(MemoryBook):
    """A venue whose answers are about some symbols or currencies only."""

    about: frozenset[str] | None = None

    async def fetch(self, ask: Ask) -> Answer:
        answer = await super().fetch(ask)
        return replace(answer, symbols=self.about)


def test_edge_52_a_currency_that_the_answer_is_not_about_is_unknown(
    tmp_path: Path, monkeypatch: Any
) -> None:
    venue = Partial(None, name="binance", venue="binance")  # type: ignore[arg-type]

    async def story(desk: Desk) -> None:
        rows = [
            {"currency": name, "wallet": "spot", "total": Decimal(10)} for name in ("BTC", "ETH")
        ]
        desk.book.put("balances", *rows)
        venue.put("balances", rows[0])
        venue.about = frozenset({"BTC"})
        found = await desk.compare()
        assert (found.status, found.kinds, found.row.counts.matched) == ("incomplete", [], 1)
        assert "ETH" in " ".join(found.row.reasons)
        venue.about = None  # now it says that there is nothing else
        assert (await desk.compare()).kinds == ["MISSING_EXTERNAL"]
        venue.about = frozenset({"BTC"})
        found = await desk.compare()
        assert (found.status, found.kinds) == ("incomplete", ["MISSING_EXTERNAL"]), "it stays"

    tell(tmp_path, monkeypatch, BALANCES, story, stated=venue)


def test_a_margin_is_compared_only_when_asked_for(tmp_path: Path, monkeypatch: Any) -> None:
    async def story(desk: Desk) -> None:
        desk.account.trade(PERP, "buy", "1", "50000")
        desk.believe()
        desk.change("positions", margin=Decimal(1))
        found = await desk.compare("positions")
        assert (found.status, found.row.counts.matched) == ("clean", 1)
        found = await desk.compare("asked")
        assert found.kinds == ["MARGIN"]

    asked = reconciliation("positions", compare="{margin: exact}").replace("  it:", "  asked:")
    lines = f"{all_of('positions')}\n{asked}"
    tell(tmp_path, monkeypatch, lines, story)


@pytest.mark.parametrize("records", ["positions", "balances", "trades"])
def test_a_book_that_is_stale_is_unknown_and_no_break(
    tmp_path: Path, monkeypatch: Any, records: str
) -> None:
    async def story(desk: Desk) -> None:
        desk.account.trade(PERP, "buy", "1", "50000")
        desk.believe()
        assert (await desk.compare()).status == "clean"
        desk.account.trade(PERP, "buy", "1", "50000")
        desk.book.doubt = "the book heard nothing since noon"
        await asyncio.sleep(60)
        found = await desk.compare()
        assert (found.status, found.kinds) == ("incomplete", [])
        assert found.row.counts.unknown == 1
        assert desk.book.doubt in " ".join((*found.row.reasons, *found.row.internal.reasons))
        desk.book.doubt = None
        assert len((await desk.compare()).kinds) == 1

    tell(tmp_path, monkeypatch, reconciliation(records), story)
