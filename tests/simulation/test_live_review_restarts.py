"""What a hostile reader tried: restarts, leases, ends, boundaries, unknown openings, merging."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from live_world import reconciliation
from msgspec import structs
from review_world import MAIN, SECOND, Stage, play

from tieout.adapters.books.ledger import LedgerBook
from tieout.core.journal import journal_entry
from tieout.core.live import Ask
from tieout.service.book import read_opening

HOUR = 3600


def position(symbol: str, quantity: int, **values: Any) -> dict[str, Any]:
    return {
        **MAIN, "symbol": symbol, "leg": "net", "quantity": Decimal(quantity), "as_of": 0, **values
    }  # fmt: skip


def test_a_lease_that_is_lost_while_it_reads_stores_nothing(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        stage.book.rows["positions"] = [position("BTC/USDT:USDT", 1)]
        stage.venue.rows["positions"] = [position("BTC/USDT:USDT", 2)]
        comparing = asyncio.create_task(stage.monitor.compare())
        await asyncio.sleep(1)
        stage.store.monitors.release(stage.monitor._lease)
        taken = stage.store.monitors.acquire("it", "other", seconds=60, now=stage.now())
        assert taken is not None
        assert await comparing is None
        assert stage.monitor.trouble is not None
        statuses = [row.status.value for row in stage.store.runs(reconciliation="it", limit=9)]
        assert "running" not in statuses
        assert "breaks" not in statuses
        stage.store.monitors.release(taken)
        row, breaks = await stage.compare()
        assert (row.status.value, len(breaks)) == ("breaks", 1)

    play(tmp_path, reconciliation("positions"), story)


def test_who_waits_for_a_lease_of_a_clock_that_was_ahead_says_how_to_break_it(
    tmp_path: Path,
) -> None:
    async def story(stage: Stage) -> None:
        late = stage.now() + HOUR * SECOND
        assert stage.store.monitors.acquire("it", "host:1::x", seconds=30, now=late) is not None
        assert await stage.monitor.compare() is None
        assert stage.monitor.trouble is not None
        assert "host:1::x holds its lease until 2026-01-01T01:00:30" in stage.monitor.trouble
        assert "`tieout lease break it`" in stage.monitor.trouble

    play(tmp_path, reconciliation("positions"), story)


def test_an_end_in_the_middle_leaves_nothing_half_written(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        never = asyncio.Event()
        asked = stage.venue.fetch

        async def stuck(ask: Ask) -> Any:
            await never.wait()
            return await asked(ask)

        stage.venue.fetch = stuck  # type: ignore[method-assign]
        comparing = asyncio.create_task(stage.monitor.compare())
        following = asyncio.create_task(stage.monitor.compare())
        await asyncio.sleep(1)
        await stage.monitor.aclose()
        assert (await comparing, await following) == (None, None)
        assert [row.status for row in stage.store.runs(reconciliation="it", limit=9)] == []
        assert stage.store.monitors.acquire("it", "other", seconds=60, now=stage.now())
        assert await stage.monitor.compare() is None

    play(tmp_path, reconciliation("positions"), story)


def test_who_stops_waiting_takes_nothing_from_the_others(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        one = asyncio.create_task(stage.monitor.compare())
        await asyncio.sleep(0.1)
        two = asyncio.create_task(stage.monitor.compare(symbols=frozenset({"A"})))
        three = asyncio.create_task(stage.monitor.compare())
        await asyncio.sleep(0.5)
        two.cancel()
        first, third = await one, await three
        assert first is not None
        assert third is not None
        assert first.row.run_id != third.row.run_id
        whole = [ask for ask in stage.venue.calls if ask.records == "positions"]
        assert {ask.symbols for ask in whole} == {None}, "one asked for everything"

    play(tmp_path, reconciliation("positions"), story)


def test_edge_19_what_was_open_outlives_a_restart_longer_than_the_window(tmp_path: Path) -> None:
    lines = reconciliation("trades", lookback="1m", full="1h")
    url = f"sqlite:///{tmp_path / 'store.db'}"
    known: list[str] = []
    trades: list[dict[str, Any]] = []

    async def first(stage: Stage) -> None:
        await asyncio.sleep(60)
        at = stage.now()
        trades[:] = [stage.trade("1", at), stage.trade("2", at)]
        stage.venue.rows["trades"] = trades
        stage.book.rows["trades"] = trades[1:]
        await asyncio.sleep(30)
        _, breaks = await stage.compare()
        known.extend(each.id for each in breaks)
        assert len(known) == 1

    async def second(stage: Stage) -> None:
        await asyncio.sleep(5 * HOUR)
        early = stage.trade("3", stage.now() - 4 * HOUR * SECOND)  # while nothing ran
        stage.venue.rows["trades"] = [*trades, early]
        stage.book.rows["trades"] = trades[1:]
        _, breaks = await stage.compare()
        assert len(breaks) == 2
        assert known[0] in {each.id for each in breaks}
        stage.book.rows["trades"] = [*trades, early]
        row, breaks = await stage.compare()
        assert (row.status.value, breaks) == ("clean", [])

    play(tmp_path, lines, first, store=url)
    play(tmp_path, lines, second, store=url)


def test_a_trade_at_the_very_edge_of_a_window_is_in_it(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(2 * HOUR)
        edge = stage.now() - HOUR * SECOND  # `full`
        stage.venue.rows["trades"] = [
            stage.trade("at", edge),
            stage.trade("before", edge - 1),
            stage.trade("now", stage.now()),
        ]
        row, breaks = await stage.compare()
        assert [each.content["key"]["trade_id"] for each in breaks] == ["at"]
        assert row.counts.expected == 1
        await asyncio.sleep(10)
        _, breaks = await stage.compare()
        assert {each.content["key"]["trade_id"] for each in breaks} == {"at", "now"}

    play(tmp_path, reconciliation("trades", lookback="1m", full="1h"), story)


def test_edge_38_a_wallet_without_an_opening_is_unknown_beside_one_that_has_one(
    tmp_path: Path,
) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        spot = {**MAIN, "currency": "USDT", "wallet": "spot", "total": Decimal(5), "as_of": 1}
        opened = journal_entry(
            "balances", spot, source="test", at=stage.now(), opening=True, approved_by="me"
        )
        stage.store.journal.append([opened])
        ledger = LedgerBook(
            "book", stage.store.journal, clock=stage.clock, account="main", venue="binance"
        )
        stage.monitor.setup = replace(stage.monitor.setup, internal=ledger)
        await asyncio.sleep(60)
        stage.venue.rows["balances"] = [spot, {**spot, "wallet": "funding", "total": Decimal(7)}]
        row, breaks = await stage.compare()
        assert breaks == []
        assert row.status.value == "incomplete"

    play(tmp_path, reconciliation("balances"), story)


def test_edge_38_a_market_that_was_opened_in_one_wallet_says_nothing_of_another(
    tmp_path: Path,
) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        spot = {**MAIN, "currency": "*", "wallet": "spot", "total": Decimal(0), "as_of": 1}
        opened = journal_entry(
            "balances", spot, source="test", at=stage.now(), opening=True, approved_by="me"
        )
        stage.store.journal.append([opened])
        ledger = LedgerBook(
            "book", stage.store.journal, clock=stage.clock, account="main", venue="binance"
        )
        stage.monitor.setup = replace(stage.monitor.setup, internal=ledger)
        await asyncio.sleep(60)
        funding = {**spot, "currency": "USDT", "wallet": "funding", "total": Decimal(7)}
        stage.venue.rows["balances"] = [funding]
        row, breaks = await stage.compare()
        assert breaks == []
        assert row.status.value == "incomplete"

    play(tmp_path, reconciliation("balances"), story)


def test_an_unknown_key_that_is_traded_is_not_taken_for_flat(tmp_path: Path) -> None:
    symbol = "BTC/USDT:USDT"

    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        ledger = LedgerBook(
            "book", stage.store.journal, clock=stage.clock, account="main", venue="binance"
        )
        stage.monitor.setup = replace(stage.monitor.setup, internal=ledger)
        theirs = position(symbol, 10)
        stage.venue.rows["positions"], stage.venue.rows["trades"] = [theirs], []

        def happens() -> None:
            number = str(len(stage.venue.rows["trades"]))
            trade = stage.trade(number, stage.now(), symbol=symbol)
            stage.venue.rows["trades"].append(trade)
            stage.store.journal.append([journal_entry("trades", trade, source="test")])
            theirs["quantity"] += 1

        async def trading() -> None:
            while True:
                happens()
                await asyncio.sleep(0.7)

        trades = asyncio.create_task(trading())
        await asyncio.sleep(10)
        for _ in range(4):
            row, breaks = await stage.compare()
            assert (row.status.value, breaks) == ("incomplete", [])
            assert row.counts.unknown >= 1, row.reasons
        trades.cancel()

    play(tmp_path, reconciliation("positions"), story)


def test_an_order_that_fills_for_hours_is_summed_whole(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        stage.monitor.setup = replace(stage.monitor.setup, summed=True)
        fills = []
        for hour in range(10):
            fills.append(stage.trade(str(hour), stage.now(), order_id="7"))
            stage.venue.rows["trades"] = list(fills)
            total = stage.trade("order:7", stage.now(), order_id="7")
            total["quantity"] = Decimal(len(fills))
            stage.book.rows["trades"] = [total]
            await asyncio.sleep(HOUR)
            row, breaks = await stage.compare()
            assert (hour, breaks) == (hour, []), row.reasons

    play(tmp_path, reconciliation("trades"), story)


def test_what_stays_undecided_is_told_to_somebody(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        stage.book.rows["positions"] = [position("BTC/USDT:USDT", 1)]
        stage.venue.rows["positions"] = [position("BTC/USDT:USDT", 1)]
        stage.venue.reasons = ("a part of it did not come",)
        for _ in range(8):
            await stage.compare()
            await asyncio.sleep(60)
        assert [title for _, title in stage.seen.alerts] == [
            "it: comparisons have left something open for 5 minutes"
        ]
        stage.venue.reasons = ()
        row, _ = await stage.compare()
        assert row.status.value == "clean"

    play(tmp_path, reconciliation("positions"), story)


def test_an_error_of_a_socket_that_nobody_expected_does_not_end_the_listening(
    tmp_path: Path,
) -> None:
    async def story(stage: Stage) -> None:
        times = 0

        async def signals() -> Any:
            nonlocal times
            times += 1
            if times == 1:
                raise KeyError("s")
            await asyncio.sleep(1e6)
            yield None

        stage.supervisor._signals = {"binance": signals}
        await stage.supervisor.start()
        before = len(stage.seen.runs)
        await asyncio.sleep(50)
        assert times == 2
        assert len(stage.seen.runs) > before, "what happened meanwhile was looked for"

    play(tmp_path, reconciliation("positions", every="1h"), story)


def test_a_book_that_names_neither_account_nor_venue_is_of_those_beside_it(tmp_path: Path) -> None:
    symbol = "BTC/USDT:USDT"

    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        theirs = position(symbol, 10)
        ours = {"symbol": symbol, "leg": "net", "quantity": Decimal(10), "as_of": 0}
        stage.book.rows["positions"], stage.venue.rows["positions"] = [ours], [theirs]
        fills: list[dict[str, Any]] = []

        async def trading() -> None:
            while True:
                fills.append(stage.trade(str(len(fills)), stage.now(), symbol=symbol))
                stage.venue.rows["trades"] = list(fills)
                theirs["quantity"] += 1
                await asyncio.sleep(0.4)
                told = [{**each, "account": None, "venue": None} for each in fills]
                stage.book.rows["trades"] = [
                    {name: each for name, each in row.items() if name not in MAIN} for row in told
                ]
                ours["quantity"] += 1
                await asyncio.sleep(2)

        trades = asyncio.create_task(trading())
        await asyncio.sleep(30)
        statuses = []
        for _ in range(8):
            row, breaks = await stage.compare()
            assert breaks == [], row.reasons
            statuses.append(row.status.value)
            await asyncio.sleep(7)
        assert statuses.count("clean") >= 6, statuses
        trades.cancel()

    play(tmp_path, reconciliation("positions"), story)


def test_an_opening_speaks_of_the_wallets_that_were_empty_as_well(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        spot = {**MAIN, "currency": "USDT", "wallet": "spot", "total": Decimal(5), "as_of": 1}
        stage.venue.rows["balances"] = [spot]
        stage.venue.offers = frozenset({"balances"})
        asked = stage.venue.fetch

        async def of_two(ask: Ask) -> Any:
            return structs.replace(await asked(ask), wallets=frozenset({"spot", "funding"}))

        stage.venue.fetch = of_two  # type: ignore[method-assign]
        entries = await read_opening(stage.venue, clock=stage.clock, approved_by="me", pause=0.1)
        told = {(each.values["currency"], each.values["wallet"]) for each in entries}
        assert told == {("USDT", "spot"), ("*", "spot"), ("*", "funding")}

    play(tmp_path, reconciliation("balances"), story)


def test_a_wallet_that_is_not_told_of_any_more_clears_nothing(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        spot = {**MAIN, "currency": "BTC", "wallet": "spot", "total": Decimal(5), "as_of": 1}
        earn = {**spot, "wallet": "earn"}
        stage.book.rows["balances"] = [spot, {**earn, "total": Decimal(7)}]
        stage.venue.rows["balances"] = [spot, earn]
        asked, wallets = stage.venue.fetch, {"spot", "earn"}

        async def of(ask: Ask) -> Any:
            answer = await asked(ask)
            return structs.replace(answer, wallets=frozenset(wallets))

        stage.venue.fetch = of  # type: ignore[method-assign]
        await asyncio.sleep(60)
        _, first = await stage.compare()
        assert len(first) == 1
        stage.venue.rows["balances"] = [spot]
        wallets.remove("earn")
        _, second = await stage.compare()
        assert [each.id for each in second] == [each.id for each in first]
        stage.venue.rows["balances"] = [spot, {**earn, "total": Decimal(7)}]
        wallets.add("earn")
        row, third = await stage.compare()
        assert (row.status.value, third) == ("clean", [])

    play(tmp_path, reconciliation("balances"), story)
