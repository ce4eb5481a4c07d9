"""The market and the simulated book: deterministic, exact, and wrong only where it was planted."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from simulation.exchange_clients import (
    KEYS,
    START,
    binance,
    bybit,
    client,
    kraken,
    opened,
    signed_binance,
)

from tieout.core.live import Ask
from tieout.errors import SourceError
from tieout.ports import Book, Clock
from tieout.testing import virtual
from tieout.testing.exchange import (
    Account,
    Drift,
    Exchange,
    Fault,
    Faults,
    Market,
    Plant,
    SimulatedBook,
    Trouble,
    __main__,
)
from tieout.testing.exchange.server import serve
from tieout.testing.virtual import VirtualClock

D = Decimal
STEPS = 20


def world(seed: int, **options: Any) -> tuple[Exchange, Account]:
    exchange = Exchange(VirtualClock(), seed=seed, visibility=(0, 0.5), **options)
    account = opened(exchange, "binance")
    return exchange, account


def bytes_of(seed: int, steps: int = STEPS) -> list[str]:
    """All that a venue answers over half a minute, with faults."""

    async def main() -> list[str]:
        plan = [
            Fault(Trouble.TIMEOUT, rate=0.05),
            Fault(Trouble.STALE, rate=0.2),
            Fault(Trouble.SERVER_ERROR, rate=0.05),
            Fault(Trouble.LATE_FILL, rate=0.01),
            Fault(Trouble.LIQUIDATION, rate=0.1),
        ]
        exchange, account = world(seed, faults=Faults(seed, plan))
        Market(exchange, [account], seed=seed, rate=100, funding=10).endow()
        transport = exchange.transport("binance", timeout=2)
        said = []
        for _ in range(steps):
            for path in ("/fapi/v3/positionRisk", "/fapi/v3/balance", "/fapi/v1/userTrades"):
                url, headers = signed_binance(exchange, path, {"symbol": "BTCUSDT"})
                try:
                    said.append(str(await transport("GET", url, headers)))
                except TimeoutError:
                    said.append("timeout")
            await asyncio.sleep(30 / steps)
        return [*said, *map(str, exchange.faults.injected)]

    return virtual.run(main(), START)


def test_equal_seeds_give_equal_bytes_and_others_do_not() -> None:
    first = bytes_of(1)
    assert first == bytes_of(1)
    assert first != bytes_of(2)


def test_what_happens_does_not_depend_on_who_looks_how_often() -> None:
    def fills(looks: int) -> list[Any]:
        async def main() -> list[Any]:
            plan = [Fault(Trouble.LIQUIDATION, rate=0.2), Fault(Trouble.MISSING_FILL, rate=0.01)]
            exchange, account = world(4, faults=Faults(4, plan))
            Market(exchange, [account], seed=4, rate=200, funding=7, transfers=3).endow()
            for _ in range(looks):
                await asyncio.sleep(16 / looks)
                exchange.advance()
            return account.history.events

        return virtual.run(main(), START)

    once = fills(1)
    assert once == fills(64)
    assert sum(event.fill is not None for event in once) > 2500


def test_the_market_trades_at_its_rate_over_all_symbols_and_stops() -> None:
    async def main() -> None:
        exchange, account = world(1)
        market = Market(exchange, [account], seed=1, rate=500, until=10)
        market.endow()
        await asyncio.sleep(10)
        exchange.advance()
        assert 4500 < market.fills < 5500
        assert len(account.executions) == 24
        assert all(total >= 0 for total in account.state.wallets.values())
        makers = sum(fill.maker for each in account.executions.values() for fill in each.fills)
        assert makers > 100
        before = market.fills
        await asyncio.sleep(10)
        exchange.advance()
        assert market.fills == before

    virtual.run(main(), START)


async def drift(book: SimulatedBook, account: Account) -> tuple[dict[Any, D], dict[Any, D]]:
    """What the book has too much of: positions and balances."""
    state = account.state
    positions = {key: held.quantity for key, held in state.positions.items()}
    found: list[dict[Any, D]] = []
    for records, truth in (("positions", positions), ("balances", state.wallets)):
        answer = await book.fetch(Ask(records))
        names = ("symbol", "leg") if records == "positions" else ("wallet", "currency")
        amount = "quantity" if records == "positions" else "total"
        believed = {
            tuple(record.values[name] for name in names): record.values[amount]
            for record in answer.records
        }
        off = {key: believed.get(key, D(0)) - truth.get(key, D(0)) for key in {**believed, **truth}}
        found.append({key: value for key, value in off.items() if value})
    return found[0], found[1]


def planted(book: SimulatedBook) -> tuple[dict[Any, D], dict[Any, D]]:
    """The same, by what was planted."""
    totals: tuple[dict[Any, D], dict[Any, D]] = ({}, {})
    for each in book.truth:
        for total, part in zip(totals, (each.positions, each.balances), strict=True):
            for key, amount in part.items():
                total[key] = total.get(key, D(0)) + amount
    positions, balances = totals
    return {k: v for k, v in positions.items() if v}, {k: v for k, v in balances.items() if v}


@pytest.mark.parametrize("venue", ["binance", "bybit", "kraken"])
def test_a_book_without_plants_has_heard_everything_in_the_end(venue: str) -> None:
    async def main() -> None:
        exchange = Exchange(VirtualClock(), seed=3)
        account = opened(exchange, venue)
        book = SimulatedBook(exchange, [account], seed=3)
        Market(exchange, [account], seed=3, rate=100, funding=5, transfers=3, until=30).endow()
        await asyncio.sleep(29)
        assert await drift(book, account) != ({}, {})  # it is late
        await asyncio.sleep(4)
        assert await drift(book, account) == ({}, {})
        listed = await book.fetch(Ask("trades"))
        ids = {tuple(record.identity.values()) for record in listed.records}
        fills = [fill for each in account.executions.values() for fill in each.fills]
        assert len(ids) == len(listed.records) == len(fills)
        orders = await book.fetch(Ask("orders"))
        assert {record.values["client_order_id"] for record in orders.records} == {
            order.client_id for order in account.state.orders.values()
        }

    virtual.run(main(), START)


@pytest.mark.parametrize("seed", range(4))
def test_what_the_book_gets_wrong_is_what_was_planted_to_the_last_digit(seed: int) -> None:
    async def main() -> None:
        exchange, account = world(seed)
        plants = [Plant(kind, 2 + 3 * n) for n, kind in enumerate((*Drift, *Drift))]
        book = SimulatedBook(exchange, [account], seed=seed, plants=plants)
        Market(exchange, [account], seed=seed, rate=150, until=28).endow()
        await asyncio.sleep(40)
        assert await drift(book, account) == planted(book)
        assert sorted(each.kind for each in book.truth) == sorted((*Drift, *Drift))
        for each in book.truth:
            assert each.off
            assert each.at <= each.heard <= each.at + 2000
        await book.aclose()
        await book.aclose()

    virtual.run(main(), START)


def test_edge_32_what_a_person_or_the_venue_traded_is_not_in_the_book() -> None:
    async def main() -> None:
        exchange, account = world(1)
        book = SimulatedBook(exchange, [account], deaf=("manual", "liquidation"))
        account.trade("BTC/USDT:USDT", "buy", "3")
        account.trade("BTC/USDT:USDT", "buy", "2", client_id="web_x1")
        account.liquidate("BTC/USDT:USDT")
        account.place("BTC/USDT", "buy", "1", "80000.00", client_id="web_x2")
        await asyncio.sleep(3)
        assert (await drift(book, account)) == planted(book)
        assert planted(book)[0] == {("BTC/USDT:USDT", "net"): D(3)}
        assert [each.kind for each in book.truth] == [Drift.UNHEARD, Drift.UNHEARD]
        orders = await book.fetch(Ask("orders", since=0))
        assert len(orders.records) == 1

    virtual.run(main(), START)


def test_the_book_answers_windows_products_and_symbols() -> None:
    async def main() -> None:
        exchange, account = world(6)
        everything = SimulatedBook(exchange, [account], seed=6)
        perps = SimulatedBook(exchange, [account], name="perps", seed=6, product="perp")
        Market(exchange, [account], seed=6, rate=100, funding=4, until=20).endow()
        await asyncio.sleep(30)
        began = exchange.began * 1_000_000
        since, until = began + 5_000_000_000, began + 9_000_000_000
        part = await everything.fetch(Ask("trades", since, until))
        times = [record.values["timestamp"] for record in part.records]
        assert part.window == (since, until)
        assert all(since <= time <= until for time in times)
        fills = [fill for each in account.executions.values() for fill in each.fills]
        assert len(times) == sum(since <= fill.at * 1_000_000 <= until for fill in fills)
        one = await everything.fetch(Ask("trades", symbols=frozenset({"BTC/USDT"})))
        assert len(one.records) == len(account.executions["BTC/USDT"].fills)
        kept = await perps.fetch(Ask("balances"))
        assert {record.values["wallet"] for record in kept.records} == {"futures"}
        moved = await perps.fetch(Ask("movements"))
        total = sum(record.values["amount"] for record in moved.records)
        fees = sum(fill.fee for fill in fills if ":" in fill.symbol)
        assert total - fees == account.state.wallets["futures", "USDT"]
        with pytest.raises(SourceError):
            await everything.fetch(Ask("prices"))
        assert await everything.version() == await everything.version()

    virtual.run(main(), START)


Rows = dict[str, D]


def income_rows(exchange: Exchange) -> Rows:
    rows = binance(exchange, "/fapi/v1/income", {"limit": 1000})[2]
    return {
        f"{row['incomeType']}:{row['tranId']}:{row['symbol']}": D(row["income"])
        for row in rows
        if row["incomeType"] != "COMMISSION"
    }


def log_rows(exchange: Exchange) -> Rows:
    """Of the transaction log what no fill of a contract says: its PnL, and all else."""
    found: Rows = {}
    asked: dict[str, str] = {"limit": "50"}
    while True:
        result = bybit(exchange, "/v5/account/transaction-log", asked)[2]["result"]
        for row in result["list"]:
            contract = row["category"] == "linear" and row["type"] != "SETTLEMENT"
            amount = D(row["cashFlow"] if contract else row["change"])
            if amount:
                found[row["id"]] = amount
        if not result["nextPageCursor"]:
            return found
        asked["cursor"] = result["nextPageCursor"]


def ledger_rows(exchange: Exchange) -> Rows:
    found: Rows = {}
    for nonce in range(1, 100):
        asked = {"ofs": len(found)}
        page = kraken(exchange, "/0/private/Ledgers", asked, nonce=nonce)[2]["result"]["ledger"]
        if not page:
            break
        found |= {name: (row["type"], D(row["amount"])) for name, row in page.items()}
    return {name: amount for name, (kind, amount) in found.items() if kind == "margin" and amount}


@pytest.mark.parametrize(
    ("venue", "rows"), [("binance", income_rows), ("bybit", log_rows), ("kraken", ledger_rows)]
)
def test_the_movements_of_the_book_have_the_ids_that_the_venue_lists(
    venue: str, rows: Callable[[Exchange], Rows]
) -> None:
    async def main() -> None:
        exchange = Exchange(VirtualClock(), seed=7, limits=False)
        account = opened(exchange, venue)
        book = SimulatedBook(exchange, [account], seed=7, product="perp")
        pace = {"rate": 20, "funding": 5, "transfers": 4, "margin": 0.5, "until": 20}
        Market(exchange, [account], seed=7, **pace).endow()
        await asyncio.sleep(30)
        told = await book.fetch(Ask("movements"))
        listed = rows(exchange)
        assert {r.values["movement_id"]: r.values["amount"] for r in told.records} == listed
        assert len(listed) > 20
        held = await book.fetch(Ask("positions"))
        state = {key: each.quantity for key, each in account.state.positions.items()}
        assert {
            (r.values["symbol"], r.values["leg"]): r.values["quantity"] for r in held.records
        } == {key: quantity for key, quantity in state.items() if quantity}

    virtual.run(main(), START)


def test_the_book_and_the_clock_are_the_ports() -> None:
    async def main() -> None:
        exchange, account = world(1)
        book: Book = SimulatedBook(exchange, [account])
        clock: Clock = VirtualClock()
        assert book.name == "book"
        assert (await book.fetch(Ask("orders"))).records == ()
        assert clock.now() == START

    virtual.run(main(), START)


# The command


def test_the_command_serves_all_three_venues() -> None:
    async def main() -> dict[str, Any]:
        chosen = __main__.options(["--rate", "50", "--port", "0", "--fault", "html=0"])
        exchange = __main__.built(chosen)
        found = {}
        async with serve(exchange, port=chosen.port) as server:
            for venue, (key, secret) in __main__.KEYS.items():
                reader = client(venue, server)
                reader.apiKey, reader.secret = key, secret
                try:
                    found[venue] = await reader.fetch_balance()
                finally:
                    await reader.close()
        return found

    assert set(asyncio.run(main())) == set(KEYS)


def test_an_unknown_fault_is_named_with_those_that_there_are() -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"nope=1: write KIND=SHARE.*timeout"):
        __main__.planned("nope=1")
