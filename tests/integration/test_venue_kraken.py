"""Kraken spot and margin at the simulated exchange."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from venue_world import (
    DAY,
    EVERYTHING,
    HOUR,
    MILLI,
    NOW_MS,
    D,
    World,
    answer,
    explained,
    live,
    told,
    totals,
)

from tieout.core.live import Answer, Ask
from tieout.errors import VenueRateLimited, VenueRefused
from tieout.testing.exchange import FeePlan

SPOT, MARGIN = "kraken_spot", "kraken_margin"
TRADES, MOVED = Ask("trades", since=EVERYTHING), Ask("movements", since=EVERYTHING)
QUOTE = FeePlan(asset="quote")


def body(result: Any) -> dict[str, Any]:
    return {"error": [], "result": result}


def test_edge_09_all_pages_up_to_the_count() -> None:
    def happened(world: World) -> None:
        for number in range(330):
            world.account.trade("BTC/USD", "buy", "0.001", at=NOW_MS - 5_000 + number // 60)

    found = answer(SPOT, happened, TRADES)
    assert len({each[0] for each in told(found, "trade_id")}) == len(found.records) == 330
    assert found.complete


def test_trades_that_come_while_it_is_read_lose_none() -> None:
    async def asked(world: World) -> Answer:
        for number in range(120):
            world.account.trade("BTC/USD", "buy", "0.001", at=NOW_MS - 5_000 + number)

        def growing(true: Any) -> Any:
            world.account.trade("BTC/USD", "buy", "0.002")
            return true

        world.instead["/0/private/TradesHistory"] = growing
        return await world.feed().fetch(TRADES)

    found = live(SPOT, asked)
    assert sum(each[0] == "0.001" for each in told(found, "quantity")) == 120


@pytest.mark.parametrize(
    ("fees", "expected"),
    [(FeePlan(), [("0.0005", "BTC")]), (QUOTE, [("45", "USD")])],
    ids=["fee in base", "fee in quote"],
)
def test_edge_46_the_fee_is_what_the_ledger_says(fees: FeePlan, expected: Any) -> None:
    def happened(world: World) -> None:
        world.account.trade("BTC/USD", "buy", "0.5", "90000")

    found = answer(SPOT, happened, TRADES, fees=fees)
    assert told(found, "fee", "fee_currency") == expected


def test_edge_46_a_fee_that_the_ledger_does_not_have_yet_is_not_known() -> None:
    async def asked(world: World) -> Answer:
        world.account.trade("BTC/USD", "buy", "0.5", "90000")
        world.instead["/0/private/Ledgers"] = body({"ledger": {}, "count": 0})
        return await world.feed().fetch(TRADES)

    assert told(live(SPOT, asked), "fee", "fee_currency") == [(None, None)]


def test_buckets_of_one_currency_stay_apart() -> None:
    async def asked(world: World) -> tuple[Answer, Answer]:
        held = {
            "XXBT": "1.5", "XBT.F": "0.25", "XBT.M": "0.05", "ETH2.S": "32", "ZUSD": "0.0000",
            "XXDG": "10", "USD.HOLD": "7", "SOL.NEW": "1",
        }  # fmt: skip
        world.instead["/0/private/BalanceEx"] = body(
            {name: {"balance": total, "hold_trade": "0"} for name, total in held.items()}
        )
        feed = world.feed()
        found = await feed.fetch(Ask("balances"))
        world.instead["/0/private/BalanceEx"] = body({})
        return found, await feed.fetch(Ask("balances"))

    found, emptied = live(SPOT, asked)
    assert sorted(told(found, "currency", "wallet", "total")) == [
        ("BTC", "earn", "0.3"),
        ("BTC", "spot", "1.5"),
        ("DOGE", "spot", "10"),
        ("ETH2", "staked", "32"),
        ("SOL", "new", "1"),
        ("USD", "hold", "7"),
    ]
    assert found.complete
    # Also when nothing is in them: what the book has there is missing at the venue.
    assert emptied.wallets == found.wallets
    assert found.wallets is not None
    assert {"spot", "earn", "staked", "hold", "new"} <= found.wallets
    assert found.together


def test_all_that_moves_a_balance_is_among_the_events() -> None:
    async def asked(world: World) -> None:
        account, at = world.account, NOW_MS - DAY
        account.deposit("USD", "100000", at=at)
        account.deposit("BTC", "1", at=at + 1)
        account.trade("BTC/USD", "buy", "0.5", "90000", at=at + 2)
        account.trade("ETH/USD", "buy", "2", "3000.5", maker=True, at=at + 3)
        account.trade("BTC/USD", "sell", "0.25", "91000", at=at + 4)
        account.withdraw("BTC", "0.2", fee="0.0005", at=at + 5)
        account.trade("BTC/USD", "buy", "0.3", "91000", margin=True, at=at + 6)
        account.trade("BTC/USD", "sell", "0.1", "92000", margin=True, at=at + 7)
        feed = world.feed()
        trades, moved = await feed.fetch(TRADES), await feed.fetch(MOVED)
        assert len(trades.records) == 3, "those on margin are of the other adapter"
        assert explained(trades, moved) == totals(await feed.fetch(Ask("balances")))

    live(SPOT, asked)


def test_a_position_is_what_was_opened_less_what_is_closed() -> None:
    async def asked(world: World) -> None:
        account, at = world.account, NOW_MS - HOUR
        account.deposit("USD", "100000", at=at)
        account.trade("BTC/USD", "buy", "0.5", "90000", margin=True, at=at + 1)
        account.trade("BTC/USD", "sell", "0.2", "92000", margin=True, at=at + 2)
        account.trade("ETH/USD", "sell", "3", "3000", margin=True, at=at + 3)
        feed = world.feed()
        found = await feed.fetch(Ask("positions"))
        assert sorted(told(found, "symbol", "leg", "quantity", "average_price")) == [
            ("BTC/USD", "net", "0.3", "90000"),
            ("ETH/USD", "net", "-3", "3000"),
        ]
        trades = await feed.fetch(TRADES)
        assert len(trades.records) == 3
        moved = await feed.fetch(MOVED)
        made = explained(trades, moved)
        assert (made["BTC/USD", "net"], made["ETH/USD", "net"]) == (D("0.3"), D("-3"))
        assert [each for each in told(moved, "type", "amount") if each[0] != "settlement"] == []

    live(MARGIN, asked)


def test_several_positions_of_a_market_are_one_with_their_average() -> None:
    def lot(kind: str, volume: str, closed: str, cost: str) -> dict[str, Any]:
        return {
            "pair": "XXBTZUSD", "type": kind, "vol": volume, "vol_closed": closed, "cost": cost,
            "margin": "10.5", "fee": "1", "posstatus": "open",
        }  # fmt: skip

    async def asked(world: World) -> Answer:
        world.instead["/0/private/OpenPositions"] = body(
            {
                "T1": lot("buy", "10", "4", "1000"),
                "T2": lot("buy", "2", "0", "230"),
                "T3": lot("buy", "1", "1", "99"),
            }
        )
        return await world.feed().fetch(Ask("positions"))

    # 6 at 100 and 2 at 115; what is closed counts no more.
    assert told(live(MARGIN, asked), "quantity", "average_price") == [("8", "103.75")]


def test_orders_with_and_without_margin_are_told_apart() -> None:
    def happened(world: World) -> None:
        account, at = world.account, NOW_MS - HOUR
        part = account.place("BTC/USD", "buy", "0.4", "80000", client_id="mine", at=at)
        account.fill(part, "0.1", "80000", at=at + 1)
        account.place("BTC/USD", "sell", "0.2", "99000", margin=True, at=at + 2)
        gone = account.place("BTC/USD", "sell", "0.2", "98000", at=at + 3)
        account.cancel(gone, at=at + 4)

    columns = ("client_order_id", "side", "quantity", "filled", "price", "status")
    assert told(answer(SPOT, happened, Ask("orders")), *columns) == [
        ("mine", "buy", "0.4", "0.1", "80000", "partially_filled")
    ]
    found = answer(MARGIN, happened, Ask("orders"))
    assert told(found, *columns[1:]) == [("sell", "0.2", "0", "99000", "open")]
    closed = answer(SPOT, happened, Ask("orders", since=(NOW_MS - DAY) * MILLI))
    assert sorted(told(closed, "price", "status")) == [
        ("80000", "partially_filled"),
        ("98000", "cancelled"),
    ]


@pytest.mark.parametrize("label", [0, 7])
def test_a_label_that_orders_share_is_no_client_id(label: int) -> None:
    def labelled(true: Any) -> Any:
        for raw in true["result"]["open"].values():
            own = raw["cl_ord_id"] if raw["cl_ord_id"] == "mine" else None
            raw |= {"userref": label, "cl_ord_id": own}
        return true

    def happened(world: World) -> None:
        world.account.place("BTC/USD", "buy", "0.4", "80000", client_id="mine")
        world.account.place("BTC/USD", "buy", "0.2", "80000")
        world.instead["/0/private/OpenOrders"] = labelled

    found = told(answer(SPOT, happened, Ask("orders")), "quantity", "client_order_id")
    assert sorted(found) == [("0.2", None), ("0.4", "mine")]


def test_an_order_from_before_the_window_that_ended_in_it_is_found() -> None:
    def happened(world: World) -> None:
        old = world.account.place("BTC/USD", "sell", "0.2", "98000", at=NOW_MS - 9 * DAY)
        world.account.cancel(old, at=NOW_MS - HOUR)

    found = answer(SPOT, happened, Ask("orders", since=(NOW_MS - DAY) * MILLI))
    assert told(found, "status") == [("cancelled",)]


def test_questions_at_the_same_time_go_out_one_by_one_and_none_is_refused() -> None:
    async def asked(world: World) -> None:
        world.account.trade("BTC/USD", "buy", "0.5", "90000")
        spot, margin = world.feed(SPOT), world.feed(MARGIN)
        assert spot._client is margin._client
        found = await asyncio.gather(
            *(feed.fetch(Ask(records)) for feed in (spot, margin) for records in feed.offers)
        )
        assert all(each.complete for each in found)
        await spot.aclose()
        await margin.aclose()

    live(SPOT, asked)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("EAPI:Invalid key", VenueRefused),
        ("EAPI:Invalid signature", VenueRefused),
        ("EGeneral:Temporary lockout", VenueRateLimited),
    ],
)
def test_an_error_with_http_200_is_one(error: str, expected: type[Exception]) -> None:
    async def asked(world: World) -> None:
        world.instead["/0/private/BalanceEx"] = {"error": [error]}
        feed = world.feed()
        for _ in range(2):
            with pytest.raises(expected):
                await feed.fetch(Ask("balances"))
        assert sum("BalanceEx" in path for path in world.asked) == 1

    live(SPOT, asked)


def test_permissions_are_what_the_venue_says_or_not_known() -> None:
    async def asked(world: World) -> None:
        feed = world.feed()
        found = await feed.permissions()
        assert (found.read, found.trade, found.withdraw) == (True, False, False)
        world.instead["/0/private/GetApiKeyInfo"] = {"error": ["EGeneral:Unknown method"]}
        assert (await feed.permissions()).read is None
        world.instead["/0/private/GetApiKeyInfo"] = {"error": ["EGeneral:Permission denied"]}
        assert (await feed.permissions()).read is None
        world.instead["/0/private/GetApiKeyInfo"] = {"error": ["EAPI:Invalid key"]}
        with pytest.raises(VenueRefused):
            await world.feed(account="other").permissions()

    live(SPOT, asked)


def test_the_clock_tells_seconds_and_measuring_again_narrows_it() -> None:
    async def asked(world: World) -> None:
        feed = world.feed()
        clock = feed._client.clock
        await feed.skew()
        low, high = clock.between()
        now = clock.nanoseconds()
        assert low <= now <= high
        assert high - low > 1_000_000_000
        for _ in range(20):
            await asyncio.sleep(0.37)
            await feed.skew()
        low, high = clock.between()
        now = clock.nanoseconds()
        assert low <= now <= high
        assert high - low < 500_000_000

    live(SPOT, asked)


def test_instruments_have_tick_and_lot() -> None:
    async def asked(world: World) -> None:
        known = (await world.feed().instruments())["BTC/USD"]
        assert (known.tick, known.lot, known.currency) == (D("0.01"), D("1e-8"), "USD")

    live(SPOT, asked)
