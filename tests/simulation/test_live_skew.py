"""A venue whose clock is not ours: what it dates by its own is compared as if it were ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from live_world import KEY, SECRET, Seen, World, every, reconciliation

from tieout import wiring
from tieout.adapters.books.ledger import LedgerBook
from tieout.core.canonical import nanoseconds
from tieout.core.journal import EVERYTHING, journal_entry
from tieout.core.live import Ask
from tieout.testing import virtual
from tieout.testing.exchange import Exchange, booked
from tieout.testing.exchange.faults import Fault, Faults, Trouble
from tieout.testing.exchange.planting import Drift, Plant
from tieout.wiring import live

D = Decimal
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
SKEWS = (-6.0, -2.5, 2.5, 3.0, 25.0)
"""Seconds that the venue is ahead; more than the grace, and more than the lag, both ways."""

GRACE = 2
KINDS = ("positions", "balances", "orders", "trades")


def _skewed(skew: float, seed: int = 1) -> Faults:
    return Faults(seed, [Fault(Trouble.SKEW, seconds=(skew, skew))])


def _all_kinds() -> str:
    return "\n".join(
        reconciliation(
            records, grace=f"{GRACE}s", lag="600ms", every="8s", lookback="20s", full="60s"
        ).replace("  it:", f"  {records}:")
        for records in KINDS
    )


def _busy(tmp_path: Path, monkeypatch: Any, skew: float, plants: Iterable[Plant]) -> Seen:
    """A market that moves while it is watched, and a book that hears of it a little later."""
    return World(
        tmp_path,
        _all_kinds(),
        rate=4.0,
        warm=40.0,
        seconds=60.0,
        visibility=(0.0, 0.5),
        delay=(0.0, 0.8),
        plants=list(plants),
        faults=lambda seed: _skewed(skew, seed),
    ).run(monkeypatch)


@pytest.mark.parametrize("skew", SKEWS)
def test_sides_that_agree_are_clean(tmp_path: Path, monkeypatch: Any, skew: float) -> None:
    seen = _busy(tmp_path, monkeypatch, skew, [])
    assert seen.fills > 100
    assert [(name, row.status.value) for name, row, breaks in seen.runs if breaks] == []
    assert {row.counts.after_cut for _, row, _ in seen.runs} == {0}
    for name in KINDS:
        rows = [row for row, _ in seen.of(name)]
        clean = [row for row in rows if row.status.value == "clean"]
        assert len(clean) * 3 >= len(rows) * 2, [(row.status.value, row.reasons) for row in rows]
        assert all(row.counts.matched > 0 for row in clean), name


@pytest.mark.parametrize("skew", SKEWS)
def test_a_fill_that_the_book_lacks_is_a_break_of_just_its_size(
    tmp_path: Path, monkeypatch: Any, skew: float
) -> None:
    seen = _busy(tmp_path, monkeypatch, skew, [Plant(Drift.UNHEARD, at=60.0, symbol=BTC)])
    (planted,) = seen.truth
    for name in KINDS:
        (found,) = seen.of(name)[-1][1]
        if name == "trades":
            assert found.content["kind"] == "MISSING_INTERNAL"
            assert planted.trade_id in found.content["key"].values()
        elif name == "orders":
            assert planted.order_id in found.content["key"].values()
        else:
            amounts = planted.positions if name == "positions" else planted.balances
            (amount,) = amounts.values()
            assert D(found.content["differences"][0]["difference"]) == amount


# The embedded ledger, which hears of a fill at once: what it has of the venue is dated by the venue


@asynccontextmanager
async def _desk(settings: Any, skew: float) -> AsyncIterator[Any]:
    clock = virtual.VirtualClock()
    exchange = Exchange(clock, limits=False, faults=_skewed(skew))
    account = exchange.open("binance", "main", key=KEY, secret=SECRET)
    account.deposit("USDT", D(100_000), wallet="futures")
    world = live.World(clock=clock, transport=exchange.transport(), every=every, inline=True)
    with closing(wiring.open_store("sqlite://")) as store:
        book = LedgerBook("book", store.journal, clock=clock, account="main", venue="binance")
        async with live.supervised(settings, store, feeds={"book": book}, world=world) as found:
            (monitor,) = found.monitors
            writer = _Writer(store.journal, monitor.setup.external)
            yield account, monitor, writer


class _Writer:
    """Writes into the journal what the venue says."""

    def __init__(self, journal: Any, venue: Any) -> None:
        self._journal, self._venue, self.deaf = journal, venue, False

    async def opens(self) -> None:
        """What there is now, as the opening."""
        place = {"account": "main", "venue": "binance"}
        for records, name, amount, part in (
            ("positions", "symbol", "quantity", {"leg": "net"}),
            ("balances", "currency", "total", {"wallet": "futures"}),
        ):
            answer = await self._venue.fetch(Ask(records))
            rest = {**place, **part, name: EVERYTHING, amount: D(0)}
            rows = [*(dict(row.values) for row in answer.records), rest]
            self._journal.append(
                journal_entry(
                    records, {**row, "as_of": answer.answered_at}, source="test",
                    at=answer.answered_at, opening=True, approved_by="ada", **place,
                )
                for row in rows
            )  # fmt: skip

    def hears(self, account: Any, event: Any) -> None:
        """Of an event at the venue, at once."""
        if self.deaf:
            return
        if event.order is not None:
            told = booked.order(account, event.order)
            self._journal.append([journal_entry("orders", told, source="test")])
        if event.fill is not None:
            told = booked.trade(account, event.fill, event.sequence)
            self._journal.append([journal_entry("trades", told, source="test")])


@pytest.fixture
def keyed(monkeypatch: Any) -> None:
    monkeypatch.setenv("VENUE_KEY", KEY)
    monkeypatch.setenv("VENUE_SECRET", SECRET)


@pytest.mark.usefixtures("keyed")
@pytest.mark.parametrize("records", ["positions", "balances", "trades"])
@pytest.mark.parametrize("skew", SKEWS)
def test_a_ledger_believes_what_it_heard_whatever_its_time(
    tmp_path: Path, skew: float, records: str
) -> None:
    settings = World(tmp_path, reconciliation(records, grace=f"{GRACE}s", lag="1s")).settings()

    async def main() -> None:
        async with _desk(settings, skew) as (account, monitor, book):

            async def verdict() -> tuple[str, list[str], int]:
                outcome = await monitor.compare()
                kinds = [each.content["kind"] for each in outcome.breaks()]
                assert outcome.row.counts.after_cut == 0
                return outcome.row.status.value, kinds, outcome.row.counts.matched

            await asyncio.sleep(30)
            account.trade(BTC, "buy", D(1))
            await asyncio.sleep(30)
            await book.opens()
            account.listeners.append(book.hears)
            await asyncio.sleep(30)
            for wait in (0, 1, 5):
                account.trade(BTC, "buy", D("0.5"))
                await asyncio.sleep(wait)
                status, kinds, _ = await verdict()
                assert (status, kinds) == ("clean", [])
            book.deaf = True
            account.trade(ETH, "sell", D(3))
            await asyncio.sleep(0.5)
            status, kinds, _ = await verdict()
            if records == "trades":
                assert (status, kinds) == ("clean", []), "it is given its grace"
                await asyncio.sleep(GRACE)
                status, kinds, matched = await verdict()
                assert matched == 3
            expected = {"positions": "MISSING_INTERNAL", "balances": "BALANCE"}
            assert (status, kinds) == ("breaks", [expected.get(records, "MISSING_INTERNAL")])

    virtual.run(main())


@pytest.mark.usefixtures("keyed")
@pytest.mark.parametrize("skew", SKEWS)
def test_orders_of_a_ledger(tmp_path: Path, skew: float) -> None:
    settings = World(tmp_path, reconciliation("orders", grace=f"{GRACE}s", lag="1s")).settings()

    async def main() -> None:
        async with _desk(settings, skew) as (account, monitor, book):
            await asyncio.sleep(30)
            await book.opens()
            account.listeners.append(book.hears)
            account.place(BTC, "buy", D(1), D(50_000))
            outcome = await monitor.compare()
            assert (outcome.row.status.value, outcome.row.counts.matched) == ("clean", 1)
            book.deaf = True
            account.place(BTC, "buy", D(2), D(50_000))
            outcome = await monitor.compare()
            assert [each.content["kind"] for each in outcome.breaks()] == ["MISSING_INTERNAL"]

    virtual.run(main())


@pytest.mark.usefixtures("keyed")
def test_a_run_is_dated_by_our_clock(tmp_path: Path) -> None:
    settings = World(tmp_path, reconciliation("trades")).settings()

    async def main() -> None:
        async with _desk(settings, 25.0) as (_, monitor, book):
            await book.opens()
            clock = virtual.VirtualClock()
            before = nanoseconds(clock.now())
            outcome = await monitor.compare()
            assert before <= nanoseconds(outcome.row.as_of) <= nanoseconds(clock.now())

    virtual.run(main())
