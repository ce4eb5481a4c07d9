"""The embedded ledger just after it was opened: what its opening entries hold counts once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from live_world import KEY, SECRET, World, every, reconciliation
from msgspec import structs
from review_world import MAIN, Stage, play

from tieout import wiring
from tieout.adapters.books.ledger import LedgerBook
from tieout.core.canonical import nanoseconds
from tieout.core.journal import EVERYTHING, JournalEntry, journal_entry
from tieout.core.live import Ask
from tieout.service.book import read_opening
from tieout.testing import virtual
from tieout.testing.exchange import Exchange
from tieout.wiring import live

D = Decimal
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


async def _opened(venue: Any, clock: Any) -> list[JournalEntry]:
    """Opening entries of what the venue says now."""
    at = nanoseconds(clock.now())
    place = {"account": "main", "venue": "binance"}
    entries = []
    for records, name, amount in (
        ("positions", "symbol", "quantity"),
        ("balances", "currency", "total"),
    ):
        answer = await venue.fetch(Ask(records))
        rows = [dict(row.values) for row in answer.records]
        part = {"leg": "net"} if records == "positions" else {"wallet": "futures"}
        rows.append({**place, **part, name: EVERYTHING, amount: D(0), "as_of": at})
        entries += [
            journal_entry(
                records,
                {**row, "as_of": at},
                source="test",
                at=at,
                opening=True,
                approved_by="somebody",
                **place,
            )
            for row in rows
        ]
    return entries


@asynccontextmanager
async def _desk(settings: Any) -> AsyncIterator[tuple[Any, Any, Any]]:
    """An account, a monitor of it, and what opens the ledger beside it with what there is now."""
    clock = virtual.VirtualClock()
    exchange = Exchange(clock, limits=False)
    account = exchange.open("binance", "main", key=KEY, secret=SECRET)
    account.deposit("USDT", D(100_000), wallet="futures")
    world = live.World(clock=clock, transport=exchange.transport(), every=every, inline=True)
    with closing(wiring.open_store("sqlite://")) as store:
        book = LedgerBook("book", store.journal, clock=clock, account="main", venue="binance")
        async with live.supervised(
            settings, store, feeds={"book": book}, world=world
        ) as supervisor:
            (monitor,) = supervisor.monitors

            async def open_book() -> None:
                store.journal.append(await _opened(monitor.setup.external, clock))

            yield account, monitor, open_book


@pytest.fixture
def keyed(monkeypatch: Any) -> None:
    monkeypatch.setenv("VENUE_KEY", KEY)
    monkeypatch.setenv("VENUE_SECRET", SECRET)


@pytest.mark.usefixtures("keyed")
@pytest.mark.parametrize("records", ["positions", "balances", "trades"])
def test_what_an_opening_holds_is_not_added_again(tmp_path: Path, records: str) -> None:
    settings = World(tmp_path, reconciliation(records)).settings()

    async def main() -> None:
        async with _desk(settings) as (account, monitor, open_book):
            await asyncio.sleep(30)
            account.trade(BTC, "buy", D("0.5"))
            account.trade(ETH, "sell", D("3"))
            await asyncio.sleep(3)
            await open_book()
            await asyncio.sleep(1)
            outcome = await monitor.compare()
            assert list(outcome.breaks()) == []
            assert outcome.row.status.value == "clean", outcome.row.reasons
            account.trade(BTC, "buy", D("0.25"))  # and what comes after it does count
            await asyncio.sleep(20)
            outcome = await monitor.compare()
            assert len(list(outcome.breaks())) == 1

    virtual.run(main())


@pytest.mark.usefixtures("keyed")
def test_a_market_that_was_opened_later_lacks_nothing_of_before(tmp_path: Path) -> None:
    settings = World(tmp_path, reconciliation("trades")).settings()

    async def main() -> None:
        async with _desk(settings) as (account, monitor, open_book):
            await asyncio.sleep(30)
            await open_book()
            await asyncio.sleep(30)
            account.trade(BTC, "buy", D("0.5"))
            await asyncio.sleep(30)
            await open_book()
            await asyncio.sleep(1)
            outcome = await monitor.compare()
            assert (outcome.row.status.value, list(outcome.breaks())) == ("clean", [])

    virtual.run(main())


def test_edge_52_a_coin_that_was_listed_and_empty_at_the_opening_is_known_from_zero(
    tmp_path: Path,
) -> None:
    """One that the venue did not know then stays unknown: nobody has ever said what it was."""

    async def story(stage: Stage) -> None:
        listed = {"USDT", "BTC"}
        usdt = {**MAIN, "currency": "USDT", "wallet": "spot", "total": D(1000), "as_of": 1}
        stage.venue.rows["balances"] = [usdt]
        asked = stage.venue.fetch

        async def of_listed(ask: Ask) -> Any:
            answer = await asked(ask)
            if ask.records != "balances":
                return answer
            return structs.replace(answer, symbols=frozenset(listed), wallets=frozenset({"spot"}))

        stage.venue.fetch = of_listed  # type: ignore[method-assign]
        await asyncio.sleep(60)
        stage.venue.offers = frozenset({"balances"})
        opening = await read_opening(stage.venue, clock=stage.clock, approved_by="me", pause=1)
        stage.venue.offers = frozenset({"balances", "trades", "movements"})
        stage.store.journal.append(opening)
        ledger = LedgerBook("book", stage.store.journal, clock=stage.clock, **MAIN)
        stage.monitor.setup = replace(stage.monitor.setup, internal=ledger)
        await asyncio.sleep(60)
        row, breaks = await stage.compare()
        assert (row.status.value, breaks) == ("clean", []), row.reasons

        bought = stage.trade("1", stage.now())
        stage.venue.rows["trades"] = [bought]
        btc = {**usdt, "currency": "BTC", "total": D(1)}
        stage.venue.rows["balances"] = [{**usdt, "total": D(900)}, btc]
        stage.store.journal.append([journal_entry("trades", bought, source="test")])
        await asyncio.sleep(60)
        row, breaks = await stage.compare()
        assert (row.status.value, breaks) == ("clean", []), row.reasons

        btc["total"] = D(3)  # what came without the book's knowing is a break, and not unknown
        row, breaks = await stage.compare()
        assert [each.content["kind"] for each in breaks] == ["BALANCE"], row.reasons
        btc["total"] = D(1)

        listed.add("NEW")
        stage.venue.rows["balances"].append({**usdt, "currency": "NEW", "total": D(7)})
        row, breaks = await stage.compare()
        assert (row.status.value, breaks) == ("incomplete", [])
        assert "NEW" in str(row.reasons)

    play(tmp_path, reconciliation("balances"), story)
