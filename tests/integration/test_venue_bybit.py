"""Bybit's unified account at the simulated exchange."""

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
from tieout.errors import VenueMalformed, VenueRefused
from tieout.testing.exchange import FeePlan

SPOT, PERP = "bybit_spot", "bybit_perp"
TRADES, MOVED = Ask("trades", since=EVERYTHING), Ask("movements", since=EVERYTHING)


def body(**result: Any) -> dict[str, Any]:
    return {"retCode": 0, "retMsg": "OK", "result": result, "time": NOW_MS}


def nothing(_: World) -> None:
    """An account in which nothing happened."""


def test_the_balance_of_the_one_wallet_is_explained_by_either_adapter() -> None:
    async def asked(world: World) -> None:
        account, at = world.account, NOW_MS - 8 * DAY
        account.deposit("USDT", "100000", at=at)
        account.trade("BTC/USDT", "buy", "0.51234", "90000.01", at=at + 2)
        account.trade("BTC/USDT", "sell", "0.1", "91000", maker=True, at=at + DAY)
        account.trade("BTC/USDT:USDT", "buy", "0.3", "90000", at=at + 2 * DAY)
        account.trade("BTC/USDT:USDT", "sell", "0.1", "91234.5", at=at + 3 * DAY)
        account.fund("BTC/USDT:USDT", "0.0001", at=at + 4 * DAY)
        account.withdraw("BTC", "0.2", fee="0.0005", at=at + 7 * DAY)
        for name, fills in ((SPOT, 2), (PERP, 2)):
            feed = world.feed(name)
            trades, moved = await feed.fetch(TRADES), await feed.fetch(MOVED)
            assert len(trades.records) == fills
            held = [await feed.fetch(Ask("balances"))]
            assert held[0].together
            if name == PERP:
                held.append(await feed.fetch(Ask("positions")))
            assert explained(trades, moved) == totals(*held)
            await feed.aclose()

    live(SPOT, asked)


def test_edge_32_liquidations_and_deleveraging_are_among_the_trades() -> None:
    def happened(world: World) -> None:
        account, at = world.account, NOW_MS - HOUR
        account.deposit("USDT", "100000", at=at)
        account.trade("BTC/USDT:USDT", "buy", "0.3", "90000", at=at + 1)
        account.liquidate("BTC/USDT:USDT", at=at + 2)
        account.trade("ETH/USDT:USDT", "sell", "3", "3000", at=at + 3)
        account.liquidate("ETH/USDT:USDT", execution="adl", at=at + 4)
        account.fund("BTC/USDT:USDT", "0.0001", at=at + 5)

    found = answer(PERP, happened, TRADES)
    assert sorted(told(found, "symbol", "side", "exec_type")) == [
        ("BTC/USDT:USDT", "buy", "trade"),
        ("BTC/USDT:USDT", "sell", "liquidation"),
        ("ETH/USDT:USDT", "buy", "adl"),
        ("ETH/USDT:USDT", "sell", "trade"),
    ]
    assert found.symbols is None


def test_edge_09_2500_fills_with_shared_milliseconds_are_all_there_once() -> None:
    def happened(world: World) -> None:
        for number in range(2_500):
            at = NOW_MS - 8 * DAY + number // 7
            world.account.trade("BTC/USDT", "buy", "0.001", at=at)

    found = answer(SPOT, happened, TRADES)
    assert len({each[0] for each in told(found, "trade_id")}) == len(found.records) == 2_500
    assert found.complete


def test_positions_are_asked_for_by_every_settlement_coin_and_category() -> None:
    async def asked(world: World) -> tuple[Answer, list[str]]:
        world.account.trade("BTC/USDT:USDT", "sell", "0.3", "90000")
        feed = world.feed()
        found = await feed.fetch(Ask("positions"))
        asked = [path.split("?")[1] for path in world.asked if "position/list" in path]
        return found, asked

    found, queries = live(PERP, asked)
    assert told(found, "symbol", "leg", "quantity", "average_price") == [
        ("BTC/USDT:USDT", "net", "-0.3", "90000")
    ]
    assert len(queries) == 3
    assert sum("settleCoin=USDT" in each for each in queries) == 1
    assert sum("settleCoin=USDC" in each for each in queries) == 1
    assert sum("category=inverse" in each for each in queries) == 1
    assert not found.together, "three questions are three moments"


def test_edge_34_hedge_legs_and_rows_without_a_size() -> None:
    def rows(true: Any) -> Any:
        if true["result"].get("category") != "linear":
            return true
        base = {"symbol": "BTCUSDT", "avgPrice": "90000.5", "positionIM": "10", "markPrice": "1"}
        return body(
            category="linear",
            nextPageCursor="",
            list=[
                {**base, "positionIdx": 1, "side": "Buy", "size": "0.3"},
                {**base, "positionIdx": 2, "side": "Sell", "size": "0.2"},
                {**base, "symbol": "ETHUSDT", "positionIdx": 0, "side": "", "size": "0"},
            ],
        )

    async def asked(world: World) -> Answer:
        world.instead["/v5/position/list"] = rows
        return await world.feed(options={"settle": ["USDT"]}).fetch(Ask("positions"))

    found = live(PERP, asked)
    assert sorted(told(found, "leg", "quantity", "average_price", "margin")) == [
        ("long", "0.3", "90000.5", "10"),
        ("short", "-0.2", "90000.5", "10"),
    ]
    assert found.complete


def test_inverse_contracts_are_counted_in_contracts() -> None:
    listed = {
        "symbol": "BTCUSD", "contractType": "InversePerpetual", "baseCoin": "BTC",
        "quoteCoin": "USD", "settleCoin": "BTC", "priceFilter": {"tickSize": "0.50"},
        "lotSizeFilter": {"qtyStep": "1", "minOrderQty": "1"}, "status": "Trading",
    }  # fmt: skip
    held = {"symbol": "BTCUSD", "positionIdx": 0, "side": "Sell", "size": "1500", "avgPrice": "9"}

    def markets(true: Any) -> Any:
        inverse = true["result"]["category"] == "inverse"
        return body(category="inverse", nextPageCursor="", list=[listed]) if inverse else true

    def positions(true: Any) -> Any:
        inverse = true["result"].get("category") == "inverse"
        return body(category="inverse", nextPageCursor="", list=[held]) if inverse else true

    async def asked(world: World) -> None:
        world.instead |= {
            "/v5/market/instruments-info": markets,
            "/v5/position/list": positions,
        }
        feed = world.feed()
        known = (await feed.instruments())["BTC/USD:BTC"]
        assert (known.inverse, known.multiplier, known.currency) == (True, 1, "USD")
        found = await feed.fetch(Ask("positions"))
        assert told(found, "symbol", "quantity") == [("BTC/USD:BTC", "-1500")]

    live(PERP, asked)


def test_a_market_order_to_buy_counts_the_quote_currency_and_is_what_it_filled() -> None:
    row = {
        "orderId": "1", "orderLinkId": "mine", "symbol": "BTCUSDT", "side": "Buy",
        "orderType": "Market", "qty": "4500", "cumExecQty": "0.05", "price": "0",
        "avgPrice": "90000.1", "orderStatus": "PartiallyFilledCanceled", "marketUnit": "",
        "createdTime": str(NOW_MS - 9), "updatedTime": str(NOW_MS - 8),
    }  # fmt: skip

    async def asked(world: World) -> Answer:
        world.instead["/v5/order/history"] = body(list=[row], nextPageCursor="")
        return await world.feed().fetch(Ask("orders", since=(NOW_MS - DAY) * MILLI))

    found = live(SPOT, asked)
    assert told(found, "quantity", "filled", "price", "average_price", "status") == [
        ("0.05", "0.05", None, "90000.1", "cancelled")
    ]


def test_open_orders_of_many_pages() -> None:
    def happened(world: World) -> None:
        for number in range(130):
            world.account.place("BTC/USDT:USDT", "buy", "0.01", D(80_000 + number))

    found = answer(PERP, happened, Ask("orders"))
    assert len(found.records) == 130


def test_a_page_that_repeats_is_an_error() -> None:
    row = {
        "symbol": "BTCUSDT", "execId": "e1", "orderId": "o1", "side": "Buy", "execType": "Trade",
        "execQty": "1", "execPrice": "2", "execFee": "0", "execTime": str(NOW_MS - 1),
    }  # fmt: skip
    cursors = iter(f"c{number}" for number in range(100))

    async def asked(world: World) -> None:
        world.instead["/v5/execution/list"] = lambda _: body(
            list=[row], nextPageCursor=next(cursors)
        )
        with pytest.raises(VenueMalformed, match="repeats"):
            await world.feed().fetch(Ask("trades"))

    live(SPOT, asked)


def test_an_execution_of_an_unknown_kind_is_quarantined() -> None:
    row = {
        "symbol": "BTCUSDT", "execId": "e1", "orderId": "o1", "side": "Buy", "execType": "Odd",
        "execQty": "1", "execPrice": "2", "execFee": "0", "execTime": str(NOW_MS - 1),
    }  # fmt: skip

    async def asked(world: World) -> Answer:
        world.instead["/v5/execution/list"] = body(list=[row], nextPageCursor="")
        return await world.feed().fetch(Ask("trades"))

    found = live(SPOT, asked)
    assert [each.field for each in found.quarantined] == ["exec_type"]


def test_the_fee_of_a_contract_is_in_what_it_settles_in_where_none_is_named() -> None:
    def happened(world: World) -> None:
        world.account.deposit("USDT", "1000")
        world.account.trade("BTC/USDT:USDT", "buy", "0.1", "90000")

    found = answer(PERP, happened, TRADES, fees=FeePlan())
    assert told(found, "fee", "fee_currency") == [("4.5", "USDT")]


def test_a_clock_that_is_off_is_measured_and_asked_again() -> None:
    async def asked(world: World) -> None:
        feed = world.feed()
        await feed.fetch(Ask("balances"))
        said = iter([{"retCode": 10002, "retMsg": "invalid request", "result": {}}])
        world.instead["/v5/account/wallet-balance"] = lambda true: next(said, true)
        before = sum("market/time" in path for path in world.asked)
        assert (await feed.fetch(Ask("balances"))).complete
        assert sum("market/time" in path for path in world.asked) == before + 1

    live(SPOT, asked)


def test_a_missing_permission_does_not_stop_what_is_permitted() -> None:
    async def asked(world: World) -> None:
        feed = world.feed()
        denied = {"retCode": 10005, "retMsg": "Permission denied", "result": {}}
        world.instead["/v5/position/list"] = denied
        with pytest.raises(VenueRefused, match="Permission denied"):
            await feed.fetch(Ask("positions"))
        assert (await feed.fetch(Ask("balances"))).complete

    live(PERP, asked)


def test_all_at_once_on_one_client() -> None:
    async def asked(world: World) -> None:
        world.account.deposit("USDT", "1000")
        feeds = [world.feed(SPOT), world.feed(PERP)]
        questions = [feed.fetch(Ask(records)) for feed in feeds for records in sorted(feed.offers)]
        assert all(found.complete for found in await asyncio.gather(*questions))
        for feed in feeds:
            await feed.aclose()

    live(SPOT, asked)


def test_permissions_are_what_the_venue_says() -> None:
    async def asked(world: World) -> None:
        found = await world.feed().permissions()
        assert (found.read, found.trade, found.withdraw) == (True, False, False)
        assert found.expires_at is not None

    live(SPOT, asked)
