"""What a hostile reader of the live comparisons tried: windows, edges, doubt, restarts."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from live_world import reconciliation
from review_world import MAIN, SECOND, Stage, broken, play

from tieout.core.live import Ask
from tieout.core.valuation import Instrument

HOUR = 3600


def test_a_book_that_dates_trades_otherwise_loses_no_partner_at_the_edge_of_a_window(
    tmp_path: Path,
) -> None:
    async def story(stage: Stage) -> None:
        ours: list[Any] = stage.book.rows.setdefault("trades", [])
        theirs: list[Any] = stage.venue.rows.setdefault("trades", [])

        async def trading() -> None:
            for number in range(60):  # the book says that each happened a minute earlier
                at = stage.now()
                theirs.append(stage.trade(str(number), at))
                ours.append(stage.trade(str(number), at - 60 * SECOND))
                await asyncio.sleep(420)

        trades = asyncio.create_task(trading())
        found = []
        for _ in range(40):
            await asyncio.sleep(301)
            _, breaks = await stage.compare()
            found += breaks
        await trades
        assert found == []

    play(tmp_path, reconciliation("trades", compare="{timestamp: {within: 5m}}"), story)


def test_a_trade_that_both_windows_saw_too_early_is_found_by_the_next_full_one(
    tmp_path: Path,
) -> None:
    async def story(stage: Stage) -> None:
        await stage.supervisor.start()
        await asyncio.sleep(55 * 60)
        at = stage.now()
        await asyncio.sleep(10 * 60)  # a full one came in between, and saw nothing
        stage.venue.rows["trades"] = [stage.trade("1", at)]
        await asyncio.sleep(HOUR)
        _, breaks = stage.seen.runs[-1][1:]
        assert [each.content["kind"] for each in breaks] == ["MISSING_INTERNAL"]

    lines = reconciliation("trades", every="5m", lookback="1m", full="1h")
    play(tmp_path, lines, story)


def test_a_trade_in_a_market_that_the_book_never_had_is_looked_for_when_a_balance_moved(
    tmp_path: Path,
) -> None:
    async def story(stage: Stage) -> None:
        stage.venue.narrow = True

        async def instruments() -> dict[str, Instrument]:
            return {"ETH/USDT": Instrument(), "BTC/USDT": Instrument()}

        stage.venue.instruments = instruments  # type: ignore[attr-defined]
        start = stage.now()
        await asyncio.sleep(60)
        by = {each.name: each for each in stage.supervisor.monitors}
        balance = {**MAIN, "currency": "USDT", "wallet": "spot", "as_of": start}
        stage.book.rows["balances"] = [{**balance, "total": Decimal(1000)}]
        eth = {**balance, "currency": "ETH", "total": Decimal(1)}
        stage.venue.rows["balances"] = [{**balance, "total": Decimal(900)}, eth]
        stage.venue.rows["trades"] = [stage.trade("1", start, symbol="ETH/USDT")]
        await by["balances"].compare()
        outcome = await by["trades"].compare()
        assert outcome is not None, by["trades"].trouble
        assert [each.content["kind"] for each in outcome.breaks()] == ["MISSING_INTERNAL"]

    lines = "\n".join(
        reconciliation(each).replace("  it:", f"  {each}:") for each in ("balances", "trades")
    )
    play(tmp_path, lines, story)


def test_a_window_that_the_venue_does_not_give_whole_is_not_clean(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(10 * HOUR)
        now = stage.now()
        stage.venue.window = (now - HOUR * SECOND, now)
        row, breaks = await stage.compare()
        assert (row.status.value, breaks) == ("incomplete", [])
        assert stage.store.monitors.cursor("it") is None

    play(tmp_path, reconciliation("trades"), story)


def test_a_venue_whose_clock_is_behind_is_no_gap(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(HOUR)
        stage.venue.window = (0, stage.now() - 2 * SECOND)
        row, breaks = await stage.compare()
        assert (row.status.value, breaks) == ("clean", [])

    play(tmp_path, reconciliation("trades"), story)


def test_a_trade_that_waits_for_its_fee_waits_in_the_next_run_as_well(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        at = stage.now()
        other = stage.trade("0", at)
        waiting = stage.trade("1", at, fee=None, fee_currency=None)
        stage.book.rows["trades"] = [other, waiting]
        stage.venue.rows["trades"] = [other]
        await asyncio.sleep(1)
        row, breaks = await stage.compare()  # the venue does not list it yet: it is carried
        assert (row.counts.expected, breaks) == (1, [])
        stage.venue.rows["trades"] = [other, stage.trade("1", at)]
        row, breaks = await stage.compare()
        assert (row.counts.expected, breaks) == (1, [])
        row, breaks = await stage.compare()
        assert (row.counts.expected, breaks) == (1, [])
        await asyncio.sleep(20)
        row, breaks = await stage.compare()
        assert len(breaks) == 1, (row.reasons, row.counts)
        stage.book.rows["trades"] = [other, stage.trade("1", at)]
        row, breaks = await stage.compare()
        assert (row.status.value, breaks) == ("clean", [])

    play(tmp_path, reconciliation("trades"), story)


def test_open_trades_go_over_midnight(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        at = stage.now()
        stage.venue.rows["trades"] = [stage.trade("1", at), stage.trade("2", at)]
        stage.book.rows["trades"] = [stage.trade("2", at), stage.trade("3", at)]
        await asyncio.sleep(30)
        _, first = await stage.compare()
        assert len(first) == 2
        for _ in range(3):
            await asyncio.sleep(20)
            row, breaks = await stage.compare()
            assert {each.id for each in breaks} == {each.id for each in first}
        assert row.as_of.day == 2
        stage.book.rows["trades"].append(stage.trade("1", at))
        await asyncio.sleep(2 * HOUR)
        _, breaks = await stage.compare()
        assert [each.content["kind"] for each in breaks] == ["MISSING_EXTERNAL"]
        await asyncio.sleep(50 * HOUR)
        _, later = await stage.compare()
        assert [each.id for each in later] == [each.id for each in breaks]

    play(
        tmp_path,
        reconciliation("trades"),
        story,
        start=datetime(2026, 1, 1, 23, 59, 20, tzinfo=UTC),
    )


def test_a_price_that_differs_stays_a_break_while_its_position_moves(tmp_path: Path) -> None:
    symbol = "BTC/USDT:USDT"

    def position(price: str, quantity: int) -> dict[str, Any]:
        return {
            **MAIN, "symbol": symbol, "leg": "net", "quantity": Decimal(quantity),
            "average_price": Decimal(price), "as_of": 0,
        }  # fmt: skip

    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        stage.book.rows["positions"] = [position("100", 1)]
        stage.venue.rows["positions"] = [position("200", 1)]
        _, first = await stage.compare()
        assert [each.content["kind"] for each in first] == ["PRICE"] or len(first) == 1
        await asyncio.sleep(60)

        def fill(ask: Ask) -> None:  # after the venue's snapshot, before the book is read
            if ask.records == "trades" and not stage.venue.rows.get("trades"):
                trade = stage.trade("1", stage.now() - SECOND, symbol=symbol)
                stage.venue.rows["trades"] = stage.book.rows["trades"] = [trade]
                stage.book.rows["positions"] = [position("100", 2)]

        stage.venue.before = fill
        row, second = await stage.compare()
        assert [each.id for each in second] == [each.id for each in first], row.reasons

    play(tmp_path, reconciliation("positions", lag="2s"), story)


def test_a_comparison_of_some_symbols_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    def position(symbol: str, quantity: int) -> dict[str, Any]:
        return {**MAIN, "symbol": symbol, "leg": "net", "quantity": Decimal(quantity), "as_of": 0}

    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        a, b = "BTC/USDT:USDT", "ETH/USDT:USDT"
        stage.book.rows["positions"] = [position(a, 1), position(b, 1)]
        stage.venue.rows["positions"] = [position(a, 2)]
        _, first = await stage.compare()
        assert len(first) == 2
        stage.venue.rows["positions"] = []
        _, second = await stage.compare(symbols=frozenset({a}))
        assert len(second) == 2
        stage.venue.rows["positions"] = [position(a, 1), position(b, 1)]
        _, third = await stage.compare(symbols=frozenset({a}))
        assert [each.content["key"]["symbol"] for each in third] == [b]

    play(tmp_path, reconciliation("positions"), story)


def test_symbols_mean_their_currencies_to_balances(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        balance = {**MAIN, "currency": "BTC", "wallet": "spot", "as_of": 0}
        stage.book.rows["balances"] = [{**balance, "total": Decimal(1)}]
        stage.venue.rows["balances"] = [{**balance, "total": Decimal(2)}]
        (outcome,) = await stage.supervisor.compare(symbols=frozenset({"BTC/USDT"}))
        assert len(list(outcome.breaks())) == 1

    play(tmp_path, reconciliation("balances"), story)


def order(id_: str, at: int, **values: Any) -> dict[str, Any]:
    return {
        **MAIN, "symbol": "BTC/USDT", "order_id": id_, "side": "buy", "quantity": Decimal(100),
        "filled": Decimal(0), "price": Decimal(5), "status": "open", "created_at": at,
        "updated_at": at, **values,
    }  # fmt: skip


def test_a_broken_order_is_not_cleared_by_growing_old(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        at = stage.now()
        stage.venue.rows["orders"] = [order("1", at, status="filled", filled=Decimal(100))]
        known = [order("0", at - HOUR * SECOND, status="cancelled")]
        stage.book.rows["orders"] = known
        stage.venue.rows["orders"] += known
        await asyncio.sleep(60)
        _, first = await stage.compare()
        assert [each.content["kind"] for each in first] == ["MISSING_INTERNAL"]
        await asyncio.sleep(30 * HOUR)
        _, later = await stage.compare()
        assert [each.id for each in later] == [each.id for each in first]
        stage.book.rows["orders"] = stage.venue.rows["orders"]
        row, none = await stage.compare()
        assert (row.status.value, none) == ("clean", [])

    play(tmp_path, reconciliation("orders"), story)


def test_an_orphan_order_is_found_while_it_fills(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        orphan = order("1", stage.now() - 60 * SECOND)
        stage.venue.rows["orders"] = [orphan]

        def more(ask: Ask) -> None:
            if ask.since is not None:
                orphan.update(filled=orphan["filled"] + 1, status="partially_filled")

        stage.venue.before = more
        _, found = await stage.compare()
        assert [each.content["kind"] for each in found] == ["MISSING_INTERNAL"]

    play(tmp_path, reconciliation("orders"), story)


def test_a_wrong_quantity_is_found_while_the_order_fills(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        ours, theirs = (
            order("1", stage.now() - 60 * SECOND),
            order("1", stage.now() - 60 * SECOND, quantity=Decimal(90)),
        )
        stage.book.rows["orders"], stage.venue.rows["orders"] = [ours], [theirs]

        def more(ask: Ask) -> None:
            if ask.since is not None:
                for each in (ours, theirs):
                    each.update(filled=each["filled"] + 1, status="partially_filled")

        stage.venue.before = more
        _, found = await stage.compare()
        assert [each.content["kind"] for each in found] == ["QUANTITY"]

    play(tmp_path, reconciliation("orders"), story)


def test_orders_that_are_suddenly_gone_break_in_doubt(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        stage.book.rows["orders"] = [order("1", stage.now() - 60 * SECOND)]
        stage.venue.doubt = "suddenly no orders at all"
        _, found = await stage.compare()
        assert [each.doubt for each in found] == [True]

    play(tmp_path, reconciliation("orders"), story)


def test_a_trade_that_does_not_say_what_it_moved_fails_a_run_and_nothing_else(
    tmp_path: Path,
) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        stage.book.rows["trades"] = [stage.trade("1", stage.now(), side=None)]
        stage.book.rows["positions"] = [
            {**MAIN, "symbol": "BTC/USDT:USDT", "leg": "net", "quantity": Decimal(1), "as_of": 0}
        ]
        row, _ = await stage.compare()
        assert row.status.value in ("failed", "incomplete")

    play(tmp_path, reconciliation("positions"), story)


def test_a_side_that_is_down_at_the_start_keeps_no_other_from_its_intervals(
    tmp_path: Path,
) -> None:
    async def story(stage: Stage) -> None:
        by = {each.name: each for each in stage.supervisor.monitors}
        held = asyncio.Event()
        asked = by["orders"].setup.external.fetch

        async def slow(ask: Ask) -> Any:
            if ask.records == "orders":
                await held.wait()
            return await asked(ask)

        stage.venue.fetch = slow  # type: ignore[method-assign]
        starting = asyncio.create_task(stage.supervisor.start())
        await asyncio.sleep(200)
        runs = [name for name, *_ in stage.seen.runs]
        assert runs.count("positions") > 3
        held.set()
        await starting

    lines = "\n".join(
        reconciliation(each).replace("  it:", f"  {each}:") for each in ("positions", "orders")
    )
    play(tmp_path, lines, story)


def test_an_order_of_no_answer_fails_and_keeps_what_was_open(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        stage.book.rows["orders"] = [order("1", stage.now() - 60 * SECOND)]
        _, first = await stage.compare()
        stage.venue.down = broken()
        row, second = await stage.compare()
        assert row.status.value == "failed"
        assert [each.id for each in second] == [each.id for each in first]

    play(tmp_path, reconciliation("orders"), story)


def test_a_movement_without_a_symbol_is_missed_and_found_again(tmp_path: Path) -> None:
    def deposit(id_: str, at: int) -> dict[str, Any]:
        return {
            **MAIN, "movement_id": id_, "type": "interest", "currency": "USDT", "wallet": "spot",
            "amount": Decimal(5), "timestamp": at, "symbol": None,
        }  # fmt: skip

    async def story(stage: Stage) -> None:
        at = stage.now()
        stage.book.rows["trades"] = [stage.trade("1", at)]  # so that a symbol is known
        await asyncio.sleep(2 * HOUR)
        at = stage.now() - 600 * SECOND
        ours, theirs = [deposit("1", at), deposit("2", at)], [deposit("2", at), deposit("3", at)]
        stage.book.rows["movements"], stage.venue.rows["movements"] = ours, theirs
        row, breaks = await stage.compare()
        found = sorted(each.content["kind"] for each in breaks)
        assert found == ["MISSING_EXTERNAL", "MISSING_INTERNAL"], row.reasons
        ours.append(deposit("3", at))
        theirs.append(deposit("1", at))
        await asyncio.sleep(60)
        row, breaks = await stage.compare()
        assert (row.status.value, breaks) == ("clean", [])

    play(tmp_path, reconciliation("movements"), story)
